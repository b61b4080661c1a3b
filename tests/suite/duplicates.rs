//! Any contacts: the groups of `duplicate_contacts` are those that a walk from each to all that are the same finds, however
//! long the chains are. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more, and for the same again.

use std::collections::BTreeSet;

use crmlake::library::{Shelf, shelf};
use duckdb::{Connection, params};
use proptest::prelude::*;

/// A contact's instance, and what its e-mail address and its phone number are of, if it has them.
type Contact = (bool, Option<usize>, Option<usize>);
/// The contacts of a group, by their places.
type Groups = BTreeSet<BTreeSet<usize>>;

fn expected(contacts: &[Contact]) -> Groups {
    let is_same = |left: &Contact, right: &Contact| {
        left.0 == right.0 && (left.1.is_some() && left.1 == right.1 || left.2.is_some() && left.2 == right.2)
    };
    let mut groups = Groups::new();
    let mut left: BTreeSet<usize> = (0..contacts.len()).collect();
    while let Some(first) = left.pop_first() {
        let (mut group, mut found) = (BTreeSet::from([first]), vec![first]);
        while let Some(near) = found.pop() {
            let same: Vec<usize> =
                left.iter().copied().filter(|far| is_same(&contacts[near], &contacts[*far])).collect();
            for far in same {
                left.remove(&far);
                group.insert(far);
                found.push(far);
            }
        }
        if group.len() > 1 {
            groups.insert(group);
        }
    }
    groups
}

/// What the report says of a table of these contacts.
fn reported(statement: &str, contacts: &[Contact]) -> Groups {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE SCHEMA model;
             CREATE TABLE model.contacts (
                 _instance VARCHAR, id VARCHAR, first_name VARCHAR, last_name VARCHAR, email VARCHAR, phone VARCHAR,
                 organization_name VARCHAR, owner_name VARCHAR, created_at TIMESTAMP, updated_at TIMESTAMP
             )",
        )
        .unwrap();
    let mut insert =
        connection.prepare("INSERT INTO model.contacts SELECT ?, ?, 'Zoë', ?, ?, ?, NULL, NULL, NULL, NULL").unwrap();
    for (place, (is_second, email, phone)) in contacts.iter().enumerate() {
        // The same is written in several ways.
        let last = if place % 2 == 0 { "Núñez" } else { "nunez " };
        let email = email
            .map(|email| if place % 3 == 0 { format!("A{email}@B.example ") } else { format!("a{email}@b.example") });
        let phone =
            phone.map(
                |phone| {
                    if place % 5 == 0 { format!("(030) {phone:04}-0000") } else { format!("+49 30 {phone:04}0000") }
                },
            );
        let instance = if *is_second { "second" } else { "first" };
        insert.execute(params![instance, place.to_string(), last, email, phone]).unwrap();
    }
    let mut report = connection.prepare(statement).unwrap();
    let rows = report
        .query_map([contacts.len()], |row| Ok((row.get::<_, usize>("group_number")?, row.get::<_, String>("id")?)));
    let mut groups: Vec<BTreeSet<usize>> = Vec::new();
    for row in rows.unwrap() {
        let (number, id) = row.unwrap();
        groups.resize(groups.len().max(number), BTreeSet::new());
        groups[number - 1].insert(id.parse().unwrap());
    }
    assert!(groups.is_sorted_by(|left, right| left.len() >= right.len()), "the largest come first");
    groups.into_iter().collect()
}

#[test]
fn contacts_are_grouped_along_any_chain() {
    let files = shelf(Shelf::Reports, None).unwrap();
    let statement = &files.iter().find(|file| file.name == "duplicate_contacts").unwrap().body;
    // As many keys as contacts make chains; fewer make one group of nearly all, more make pairs.
    let contacts = (2..60_usize, 1..90_usize).prop_flat_map(|(count, keys)| {
        let key = || proptest::option::weighted(0.9, 0..keys);
        proptest::collection::vec((proptest::bool::weighted(0.2), key(), key()), count)
    });
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40);
    proptest!(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }, |(contacts in contacts)| {
        prop_assert_eq!(reported(statement, &contacts), expected(&contacts));
    });
}
