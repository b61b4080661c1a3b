//! What a page's rows are to a sweep: identities, in their order.

use twox_hash::XxHash3_128;

use super::{RowId, Sighting, verdict::Order};
use crate::{
    catalog,
    json::{self, Kind},
};

/// Distinguishes rows told apart by their text from rows told apart by an id of the same text.
const WITHOUT_ID: u64 = 1;
const WITH_ID: u64 = 0;

/// The rows of a checked array.
pub fn sight(items: &str, total: Option<u64>) -> Sighting {
    let mut sighting = Sighting { total, ..Sighting::default() };
    let (mut updated, mut created) = (Run::default(), Run::default());
    for row in json::elements(items).map_while(Result::ok) {
        let mut id = None;
        if json::kind(row) == Kind::Object {
            for (key, value) in json::members(row).map_while(Result::ok) {
                match key.as_ref() {
                    catalog::KEY => id = id_text(value),
                    catalog::LAST_UPDATED => updated.next(value),
                    catalog::CREATED => created.next(value),
                    _ => {}
                }
            }
        }
        sighting.without_id += u64::from(id.is_none());
        sighting.ids.push(match &id {
            Some(id) => hash(id.as_bytes(), WITH_ID),
            None => hash(row.as_bytes(), WITHOUT_ID),
        });
    }
    sighting.order = match (updated.is_sorted(), created.is_sorted()) {
        // Where no row tells when it was updated, or all tell the same, nothing is sorted by it.
        (true, false) if updated.differs() => Order::ByLastUpdate,
        (true, _) => Order::Unknown,
        (false, _) => Order::Other,
    };
    sighting
}

/// Whether the values of a field only rise, or only fall, from row to row.
#[derive(Default)]
struct Run<'a> {
    previous: Option<&'a str>,
    rises: bool,
    falls: bool,
}

impl<'a> Run<'a> {
    /// Moments in ISO 8601, all in one notation, compare as text.
    fn next(&mut self, raw: &'a str) {
        if let Some(previous) = self.previous.replace(raw) {
            self.rises |= previous < raw;
            self.falls |= previous > raw;
        }
    }

    fn is_sorted(&self) -> bool {
        !(self.rises && self.falls)
    }

    fn differs(&self) -> bool {
        self.rises || self.falls
    }
}

/// A record's id as text: a string as given, a number as its digits. Anything else, and nothing, is no id.
pub fn id_text(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    match json::kind(raw) {
        // Two ids that differ in what is no character would become one.
        Kind::String => Some(json::text(raw)).filter(|id| !id.text.is_empty() && !id.replaced).map(|id| id.text),
        Kind::Number => Some(raw.into()),
        _ => None,
    }
}

fn hash(bytes: &[u8], seed: u64) -> RowId {
    XxHash3_128::oneshot_with_seed(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_sorted_by_its_last_update_is_recognised() {
        let page = |rows: &[(&str, &str)]| {
            let rows: Vec<_> = rows
                .iter()
                .map(|(created, updated)| format!(r#"{{"id":1,"createdOn":"{created}","lastUpdatedOn":"{updated}"}}"#))
                .collect();
            sight(&format!("[{}]", rows.join(",")), None).order
        };
        assert_eq!(page(&[("1", "9"), ("3", "8"), ("2", "7")]), Order::ByLastUpdate);
        assert_eq!(page(&[("1", "1"), ("2", "2")]), Order::Unknown);
        assert_eq!(page(&[("1", "3"), ("2", "1"), ("3", "2")]), Order::Other);
        assert_eq!(page(&[("1", "9"), ("3", "9"), ("2", "9")]), Order::Unknown);
        let undated = r#"[{"createdOn":"1"},{"createdOn":"3"},{"createdOn":"2"}]"#;
        assert_eq!(sight(undated, None).order, Order::Unknown);
        assert_eq!(sight("[]", None).order, Order::Unknown);
    }

    #[test]
    fn ids_are_compared_as_given_and_numbers_by_their_digits() {
        let seen = sight(r#"[{"id":"a"},{"id":7},{"id":"7"},{"id":""},{"id":null},{},5,{"id":"\u0061"}]"#, Some(9));
        assert_eq!(seen.ids.len(), 8);
        assert_eq!(seen.without_id, 4);
        assert_eq!(seen.total, Some(9));
        assert_eq!(seen.ids[1], seen.ids[2]);
        assert_eq!(seen.ids[0], seen.ids[7]);
        assert_ne!(seen.ids[5], seen.ids[6]);
    }
}
