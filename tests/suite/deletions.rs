//! Rows that are gone, that seem to be, and that come back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::world::{Scripted, World};

/// A server with so many leads on one page as `count` says, the first ones missing once `gone` are gone. Single records
/// are answered by `one`.
fn leads(
    count: usize,
    gone: &Arc<AtomicUsize>,
    one: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> Scripted {
    let gone = gone.clone();
    Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        if let Some(id) = path.strip_prefix("/pipeline/leads/") {
            let (status, body) = one(id);
            return (status, "", body);
        }
        if path != "/pipeline/leads" {
            return if path.contains("/forms/") { (404, "", String::new()) } else { (200, "", "[]".to_owned()) };
        }
        let rows = (gone.load(Ordering::SeqCst)..count).map(|id| format!(r#"{{"id":"{id}"}}"#));
        let rows = if query.contains("page=1&") { rows.collect::<Vec<_>>().join(",") } else { String::new() };
        (200, "", format!("[{rows}]"))
    })
}

#[test]
fn more_missing_rows_than_can_be_asked_for_are_deleted_after_a_proven_sweep() {
    let gone = Arc::new(AtomicUsize::new(0));
    let server = leads(1_000, &gone, |_| (500, String::new()));
    let world = World::new();
    world.run_against(&server, &["extract", "leads"]).whole();
    gone.store(150, Ordering::SeqCst);
    world.run_against(&server, &["extract", "leads"]).whole();
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "850");
    assert_eq!(world.ask("SELECT count(*) FROM history.leads WHERE _deleted"), "150");
    let verdicts = "SELECT string_agg(verdict, ' ' ORDER BY run_id) FROM meta.sweeps WHERE resource = 'leads'";
    assert_eq!(world.ask(verdicts), "counted proven");
    // More than the share that may go at once: no proof helps, and none is made.
    gone.store(500, Ordering::SeqCst);
    let run = world.run_against(&server, &["extract", "leads"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "850");
    world.run_against(&server, &["extract", "leads", "--allow-mass-delete"]).whole();
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "500");
}

#[test]
fn a_list_that_is_suddenly_empty_deletes_nothing() {
    let gone = Arc::new(AtomicUsize::new(0));
    let server = leads(40, &gone, |_| (404, String::new()));
    let world = World::new();
    world.run_against(&server, &["extract", "leads"]).whole();
    gone.store(40, Ordering::SeqCst);
    let run = world.run_against(&server, &["extract", "leads"]);
    assert_eq!(run.code, 3);
    assert!(run.err.contains("40 of 40 rows are missing"), "{}", run.err);
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "40");
}

#[test]
fn a_record_that_comes_back_is_a_new_version_of_the_same_id() {
    let gone = Arc::new(AtomicUsize::new(0));
    let server = leads(20, &gone, |_| (404, String::new()));
    let world = World::new();
    for missing in [0, 2, 0] {
        gone.store(missing, Ordering::SeqCst);
        world.run_against(&server, &["extract", "leads"]).whole();
    }
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "20");
    let versions = "SELECT string_agg(_deleted || ' ' || (_valid_to IS NULL), ', ' ORDER BY _valid_from) FROM history.leads WHERE id = '1'";
    assert_eq!(world.text(versions).unwrap(), "true false, false true");
    let changes = "SELECT string_agg(column_name || ': ' || old_value || ' > ' || new_value, '; ' ORDER BY observed_at) FROM meta.changes WHERE id = '1'";
    assert_eq!(world.text(changes).unwrap(), "_deleted: false > true; _deleted: true > false");
}

#[test]
fn a_record_that_was_merged_says_into_which() {
    let gone = Arc::new(AtomicUsize::new(0));
    let server = leads(20, &gone, |_| (200, r#"{"id":"7"}"#.to_owned()));
    let world = World::new();
    for missing in [0, 1] {
        gone.store(missing, Ordering::SeqCst);
        world.run_against(&server, &["extract", "leads"]).whole();
    }
    assert_eq!(world.ask("SELECT count(*) FROM crm.leads"), "19");
    let changes = "SELECT string_agg(column_name || ': ' || new_value, '; ' ORDER BY column_name) FROM meta.changes WHERE id = '0'";
    assert_eq!(world.text(changes).unwrap(), "_deleted: true; _merged_into: 7");
}

#[test]
fn a_record_that_turns_out_to_exist_is_loaded_from_that_answer() {
    let gone = Arc::new(AtomicUsize::new(0));
    let server = leads(20, &gone, |id| (200, format!(r#"{{"id":"{id}","status":"Converted"}}"#)));
    let world = World::new();
    for missing in [0, 1] {
        gone.store(missing, Ordering::SeqCst);
        world.run_against(&server, &["extract", "leads"]).whole();
    }
    assert_eq!(world.ask("SELECT id, status FROM crm.leads WHERE status IS NOT NULL"), "0,Converted");
    assert_eq!(world.ask("SELECT count(*) FROM history.leads WHERE _deleted"), "0");
}
