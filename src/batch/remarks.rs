//! What a column cannot show of the values served, counted: nothing is changed in silence.

use std::ops::AddAssign;

/// Counts of one column's values in a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Empty strings that are null in a typed column.
    pub blanks: u64,
    /// Texts with the shape of a date or a moment that are none, such as February 30th. They make the column text.
    pub impossible: u64,
    /// Values that the column holds less exactly than they were served: a moment beyond microseconds, half of a surrogate
    /// pair, a negative zero, the earlier one of two values under the same key, the members of a tag beside its text.
    pub inexact: u64,
}

impl AddAssign for Remarks {
    fn add_assign(&mut self, other: Self) {
        self.blanks += other.blanks;
        self.impossible += other.impossible;
        self.inexact += other.inexact;
    }
}

/// The remarks on every column of a plan: of the main table, then of each child, in the plan's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRemarks(pub Vec<Vec<Remarks>>);

impl AddAssign for PlanRemarks {
    fn add_assign(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
}
