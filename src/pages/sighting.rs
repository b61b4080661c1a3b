//! What a page's rows are to a sweep: identities, in their order.

use twox_hash::XxHash3_128;

use super::{RowId, Sighting};
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
    for row in json::elements(items).map_while(Result::ok) {
        let id = json::member(row, catalog::KEY).and_then(id_text);
        sighting.without_id += u64::from(id.is_none());
        sighting.ids.push(match &id {
            Some(id) => hash(id.as_bytes(), WITH_ID),
            None => hash(row.as_bytes(), WITHOUT_ID),
        });
    }
    sighting
}

/// A record's id as text: a string as given, a number as its digits. Anything else, and nothing, is no id.
pub fn id_text(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    match json::kind(raw) {
        Kind::String => Some(json::text(raw).text).filter(|id| !id.is_empty()),
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
