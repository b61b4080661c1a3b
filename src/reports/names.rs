//! Names of files and sheets: plain, not too long, and unique without regard to case.

use std::collections::HashSet;

/// A name without what file systems or sheets refuse.
pub fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ') { c } else { '_' }).collect()
}

/// The names given so far.
#[derive(Debug)]
pub struct Names {
    taken: HashSet<String>,
    longest: usize,
}

impl Names {
    /// Names of at most so many bytes.
    pub fn up_to(longest: usize) -> Self {
        Self { taken: HashSet::new(), longest }
    }

    /// The name wanted, or, where that is too long or taken, its beginning and a number.
    pub fn give(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1_u32;
        while name.len() > self.longest || self.taken.contains(&name.to_lowercase()) {
            number += 1;
            let suffix = format!("~{number}");
            let mut end = wanted.len().min(self.longest.saturating_sub(suffix.len()));
            while !wanted.is_char_boundary(end) {
                end -= 1;
            }
            name = format!("{}{suffix}", &wanted[..end]);
        }
        self.taken.insert(name.to_lowercase());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_without_regard_to_case_and_never_too_long() {
        let mut names = Names::up_to(31);
        let long = "crm.opportunities__products_and_services";
        assert_eq!(names.give("crm.leads"), "crm.leads");
        assert_eq!(names.give("CRM.Leads"), "CRM.Leads~2");
        assert_eq!(names.give(long), "crm.opportunities__products_a~2");
        assert_eq!(names.give(&format!("{long}_too")), "crm.opportunities__products_a~3");
        assert_eq!(names.give(&"ä".repeat(30)), format!("{}~2", "ä".repeat(14)));
        assert_eq!(plain("a/b:c*d"), "a_b_c_d");
    }
}
