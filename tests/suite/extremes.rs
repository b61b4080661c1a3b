//! Values at the edge of what JSON, DuckDB and Arrow can say: each comes through exactly, or is counted by column.

use std::fmt::Write as _;

use crate::world::{Run, Scripted, World};

fn extract(rows: String) -> (World, Run) {
    let server = Scripted::list("/pipeline/leads", move || rows.clone());
    let world = World::new();
    let run = world.run_against(&server, &["extract", "leads"]);
    (world, run)
}

/// The remarks that `meta.columns` has on a column: blanks, impossible dates, inexact values.
fn remarks(world: &World, column: &str) -> String {
    let query =
        "SELECT blanks, impossible_dates, inexact FROM meta.columns WHERE resource = 'leads' AND column_name = ";
    world.ask(&format!("{query}'{column}'"))
}

#[test]
fn extreme_values_come_through_exactly() {
    let long = "x".repeat(3_000_000);
    let name = "ä".repeat(70_000);
    let row = format!(
        r#"[{{"id":"1","nul":"a\u0000b","rtl":"\u202eevil\u200f","description":"{long}","name":"{name}",
            "first":"0001-01-01T00:00:00Z","last":"9999-12-31T23:59:59.999999Z","day":"0001-01-01","end":"9999-12-31",
            "least":-9223372036854775808,"digits":123456789012345678901234567890,"huge":1e308,"tiny":5e-324,
            "money":0.10,"pair":"\ud83d\ude00","slash":"\/","exponent":1.5e3}}]"#
    );
    let (world, run) = extract(row);
    assert_eq!(run.whole().err.matches("WARN").count(), 1, "the missing form only");
    for (expression, expected) in [
        ("nul = 'a' || chr(0) || 'b'", "true"),
        ("rtl = chr(8238) || 'evil' || chr(8207)", "true"),
        ("length(description)", "3000000"),
        ("length(name)", "70000"),
        ("first::VARCHAR || last::VARCHAR", "0001-01-01 00:00:009999-12-31 23:59:59.999999"),
        ("day::VARCHAR || end_::VARCHAR", "0001-01-019999-12-31"),
        ("least", "-9223372036854775808"),
        ("digits", "123456789012345678901234567890"),
        ("huge = 1e308::DOUBLE AND tiny = 5e-324::DOUBLE", "true"),
        ("money", "0.10"),
        ("unicode(pair)", "128512"),
        ("slash", "/"),
        ("exponent", "1500"),
    ] {
        assert_eq!(world.ask(&format!("SELECT {expression} FROM crm.leads")), expected, "{expression}");
    }
    assert!(world.text("SELECT description FROM crm.leads") == Some(long));
    assert!(world.text("SELECT name FROM crm.leads") == Some(name));
    assert_eq!(world.ask("SELECT sum(blanks + impossible_dates + inexact) FROM meta.columns"), "0");
}

#[test]
fn what_a_column_cannot_show_is_counted_and_told_once() {
    let rows = r#"[{"id":"1","at":"2024-05-01T10:00:00.1234567Z","text":"a\ud800b","zero":-0.0,"whole":-0,"twice":1,"twice":2,
                    "blank":"","due":"2025-02-30","null_last":5,"null_last":null,"tags":[{"id":"t","text":"x","color":"red"}]},
                   {"id":"2","at":"2024-05-01T10:00:00.1234560Z","text":"b","zero":1.5,"whole":3,"twice":3,
                    "blank":"2024-01-01","due":"2025-02-28","tags":["y"]}]"#;
    let server = Scripted::list("/pipeline/leads", move || rows.to_owned());
    let world = World::new();
    let first = world.run_against(&server, &["extract", "leads"]).whole();
    for (column, expected) in [
        ("at_", "0,0,1"),
        ("text", "0,0,1"),
        ("zero", "0,0,1"),
        ("whole", "0,0,1"),
        ("twice", "0,0,1"),
        ("null_last", "0,0,1"),
        ("blank", "1,0,0"),
        ("due", "0,1,0"),
        ("tags", "0,0,1"),
    ] {
        assert_eq!(remarks(&world, column), expected, "{column}");
        let is_told = first.err.contains(&format!("leads.{column}: 1 values"));
        assert_eq!(is_told, column != "blank", "{column}: {}", first.err);
    }
    assert!(!first.err.contains("2025-02-30") && !first.err.contains("red"), "{}", first.err);
    assert_eq!(
        world.ask("SELECT at_, text, zero, whole, twice, null_last, blank, due, tags[1] FROM crm.leads WHERE id = '1'"),
        "2024-05-01T10:00:00.123456,a\u{fffd}b,0.0,0,2,,,2025-02-30,x"
    );
    let second = world.run_against(&server, &["extract", "leads"]).whole();
    assert!(!second.err.contains("values"), "{}", second.err);
    assert_eq!(remarks(&world, "at_"), "0,0,1");
    // Rows that are served again unchanged are what they were.
    assert_eq!(world.ask("SELECT count(*) FROM history.leads"), "2");
}

#[test]
fn a_row_that_cannot_be_one_does_not_end_the_others() {
    let mut deep = String::from("1");
    for _ in 0..200 {
        deep = format!("[{deep}]");
    }
    let mut rows = String::from("[");
    for bad in [
        format!(r#"{{"id":"deep","a":{deep}}}"#),
        r#"{"id":"\udead","a":1}"#.to_owned(),
        r#"{"id":"key","a":{"\ud800":1},"b":2}"#.to_owned(),
    ] {
        write!(rows, "{bad},").unwrap();
    }
    let (world, run) = extract(format!(r#"{rows}{{"id":"fine","a":1}}]"#));
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(world.ask("SELECT id, a FROM crm.leads"), "fine,1");
    assert_eq!(
        world.ask("SELECT reason FROM meta.rejects ORDER BY ALL"),
        "it is nested more than 128 levels deep\nits id is not text\none of its keys is not text"
    );
    assert_eq!(
        world.text("SELECT raw FROM meta.rejects WHERE reason LIKE 'its id%'").unwrap(),
        r#"{"id":"\udead","a":1}"#
    );
}

#[test]
fn of_two_sightings_the_later_by_its_own_time_counts() {
    let (world, run) = extract(
        r#"[{"id":"1","n":"new","lastUpdatedOn":"2024-05-02T00:00:00Z"},{"id":"1","n":"old","lastUpdatedOn":"2024-05-01T00:00:00Z"},
            {"id":"2","n":"first","lastUpdatedOn":"2024-05-02T00:00:00Z"},{"id":"2","n":"second"}]"#
            .to_owned(),
    );
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(world.ask("SELECT id, n FROM crm.leads ORDER BY id"), "1,new\n2,second");
}

#[test]
fn users_are_one_row_each_with_what_was_seen_last() {
    let (world, run) = extract(
        r#"[{"id":"1","owner":{"id":"u","name":"Ann Old","email":"old@x.example"},"lastUpdatedOn":"2023-01-01T00:00:00Z"},
            {"id":"2","owner":{"id":"u","name":"Ann New","email":null},"lastUpdatedOn":"2025-01-01T00:00:00Z"},
            {"id":"3","owner":{"id":"u","name":"Ann Older","email":"older@x.example"},"lastUpdatedOn":"2022-01-01T00:00:00Z"},
            {"id":"4","owner":{"id":"v","name":"Bo","email":"bo@x.example"},"contact":{"id":"c","name":"Cy","email":"cy@y.example"},
             "contacts":[{"id":"d","name":"Di","email":"di@y.example"}],"watchers":[{"id":"w","name":"Wu","email":"wu@x.example"}]}]"#
            .to_owned(),
    );
    run.whole();
    assert_eq!(
        world.ask("SELECT id, name, email, first_seen = last_seen FROM crm.users ORDER BY id"),
        "u,Ann New,old@x.example,false\nv,Bo,bo@x.example,false\nw,Wu,wu@x.example,false"
    );
}
