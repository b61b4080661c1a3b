//! What must hold of an answer, whatever bytes it is made of: the fuzz target's one function, and its corpus as a test.

use std::collections::BTreeSet;

use crmlake::{
    batch::{self, Fields, KnownColumn, Limits, Plan, Remarks, Shape, plan},
    json,
    pages::{
        envelope::{self, Hints},
        sighting::sight,
    },
};

/// Leads an answer from bytes to batches, twice: as the first sweep, and as the one after it.
pub fn take_apart(bytes: &[u8]) {
    let Ok(answer) = json::check(bytes) else { return };
    let hints = Hints { names: vec!["leads"], ..Hints::default() };
    let Ok(opened) = envelope::open(answer, &hints) else { return };
    let rows = sight(opened.items, opened.total).ids.len();
    let first = decoded(opened.items, rows, &[]);
    let known: Vec<KnownColumn> = first
        .tables()
        .flat_map(|table| {
            let columns = table.columns.iter().cloned();
            columns.map(|column| KnownColumn { table: table.name.clone(), column, remarks: Remarks::default() })
        })
        .collect();
    let second = decoded(opened.items, rows, &known);
    assert_eq!(described(&first), described(&second), "the same sweep again changes nothing");
}

/// Every column of a plan with its type, whatever their order.
fn described(plan: &Plan) -> BTreeSet<String> {
    let columns = plan.tables().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    columns
        .map(|(table, column)| format!("{}.{} {:?} {}", table.name, column.name, column.kind, column.is_list))
        .collect()
}

fn decoded(items: &str, rows: usize, known: &[KnownColumn]) -> Plan {
    let limits = Limits { flatten_depth: 3 };
    let mut shape: Shape = plan::known_shape("leads", known);
    let rejected = batch::watch(&mut shape, items, limits, |id| assert!(!id.is_empty()));
    let plan = plan::plan("leads", &shape, known, &Fields::new());
    for table in plan.tables() {
        let mut names = BTreeSet::new();
        for column in &table.columns {
            assert!(column.name.starts_with(|first: char| first.is_ascii_lowercase()), "{:?}", column.name);
            assert!(column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
            assert!(names.insert(&column.name), "{} twice", column.name);
        }
    }
    let batches = batch::decode(&plan, items, 0).unwrap();
    assert_eq!(batches.rejects.len() as u64, rejected);
    assert_eq!(batches.main.num_rows() + batches.rejects.len(), rows, "every entry is a row or a reject");
    plan
}

#[test]
fn every_answer_of_the_corpus_comes_apart() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut answers = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        take_apart(&std::fs::read(file.unwrap().path()).unwrap());
        answers += 1;
    }
    assert!(answers > 10, "{answers} answers");
}
