//! People who are forgotten: nothing of them is left, and everything of everybody else is.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use crate::world::{Run, Sandbox, Scripted, World, count};

/// A CRM of which a test writes the lists.
pub(super) struct Crm {
    pub(super) server: Scripted,
    lists: Arc<Mutex<HashMap<&'static str, String>>>,
}

impl Crm {
    pub(super) fn new(lists: &[(&'static str, &str)]) -> Self {
        let lists_now = Arc::new(Mutex::new(HashMap::new()));
        let hand = lists_now.clone();
        let server = Scripted::start(move |asked| {
            let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
            let lists: std::sync::MutexGuard<'_, HashMap<&str, String>> = lists_now.lock().unwrap();
            match lists.get(path) {
                Some(rows) if query.contains("page=1&") => (200, "", rows.clone()),
                Some(rows) if rows.ends_with(' ') => (
                    403,
                    "",
                    r#"{"message":"Out of call volume quota. Quota will be replenished in 01:00:00."}"#.into(),
                ),
                None if path.contains("/forms/") || path.matches('/').count() > 2 => (404, "", String::new()),
                _ => (200, "", "[]".to_owned()),
            }
        });
        let crm = Self { server, lists: hand };
        for (path, rows) in lists {
            crm.serve(path, rows);
        }
        crm
    }

    pub(super) fn serve(&self, path: &'static str, rows: &str) {
        self.lists.lock().unwrap().insert(path, rows.to_owned());
    }

    pub(super) fn extract(&self, world: &World) -> Run {
        let run = world.run_against(&self.server, &["extract"]);
        assert!([0, 3].contains(&run.code), "{}{}", run.out, run.err);
        run
    }
}

pub(super) const CONTACTS: &str = "/directory/contacts";
pub(super) const LEADS: &str = "/pipeline/leads";
pub(super) const DEALS: &str = "/pipeline/opportunities";

/// How often a text stands in the bytes of the world's files and in the rows of the warehouse's tables, in any case.
pub(super) fn occurrences(world: &World, text: &str) -> usize {
    fn walk(folder: &Path, text: &str) -> usize {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let inside = |path: std::path::PathBuf| {
            if path.is_dir() {
                return walk(&path, text);
            }
            String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase().matches(text).count()
        };
        entries.map(inside).sum()
    }
    let text = text.to_lowercase();
    let warehouse = world.warehouse();
    let tables =
        "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'";
    let mut statement = warehouse.prepare(tables).unwrap();
    let tables: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let rows = tables.iter().map(|table| {
        let query = format!("SELECT count(*) FROM {table} t WHERE contains(lower(t::VARCHAR), '{text}')");
        usize::try_from(count(&warehouse, &query)).unwrap()
    });
    rows.sum::<usize>() + walk(&world.path(""), &text)
}

fn bytes(world: &World) -> Vec<u8> {
    fs::read(world.path("crmlake.duckdb")).unwrap()
}

/// A person in every place that there is, before and after a change of their address.
fn everywhere() -> (Crm, World) {
    let crm = Crm::new(&[
        (
            CONTACTS,
            r#"[{"id":"c1","firstName":"Jürgen","lastName":"Groß","email":" J.Gross@Old.example","phone":"+49 1",
                 "owner":{"id":"u1","name":"Olga Ivanova","email":"olga@crm.example"},
                 "emails":[{"type":"private","value":"jg@home.example"}],"tags":["vip"]},
                {"id":"c2","firstName":"Anna","lastName":"Maier","email":"anna@y.example",
                 "note":"Partner of J\u00fcrgen Gro\u00df <J.GROSS@old.example>","emails":[],
                 "owner":{"id":"u1","name":"Olga Ivanova","email":"olga@crm.example"}},
                {"id":"c3","firstName":"Jürgen","lastName":"Großmann","email":"x.j.gross@old.example","emails":[]},
                {"name":"J\u00fcrgen Gro\u00df"},{"name":"Karl Kraus"}]"#,
        ),
        (
            LEADS,
            r#"[{"id":"l1","title":"Website for jg@home.example","contact":{"id":"x1","name":"Jürgen Groß","email":"jg@home.example"}},
                {"id":"l2","title":"Anna again","contact":{"id":"x2","name":"Anna Maier","email":"anna@y.example"}}]"#,
        ),
        (
            DEALS,
            r#"[{"id":"o1","title":"GROSS, JÜRGEN: new website","amount":12.50,"description":"<p>Call J&uuml;rgen, i.e. Jürgen&nbsp;Groß!</p>",
                 "contacts":[{"id":"c1","name":"Jürgen Groß"},{"id":"c2","name":"Anna Maier"}],
                 "watchers":["Jürgen Groß","Anna Maier",null],"log":[1,{"by":"J\u00fcrgen Gro\u00df","to":"jg\u0040home.example"}],
                 "link":"https://x.example/?to=jg%40home.example","signedBy":"Jürgen Groß"},
                {"id":"o2","title":"Something else","amount":7,"contacts":[],"watchers":["Anna Maier"],"log":[2]}]"#,
        ),
    ]);
    let world = World::new();
    crm.extract(&world);
    let change = |path, from: &str, to: &str| {
        let rows = crm.lists.lock().unwrap()[path].replace(from, to);
        crm.serve(path, &rows);
    };
    change(CONTACTS, " J.Gross@Old.example", "juergen@new.example");
    change(CONTACTS, "\"tags\":[\"vip\"]", "\"tags\":[]");
    change(DEALS, "GROSS, JÜRGEN: new website", "New website (Jürgen  Groß)");
    change(DEALS, "\"name\":\"Jürgen Groß\"},", "\"name\":\"Jürgen  Groß\"},");
    crm.extract(&world);
    (crm, world)
}

const TEXTS: [&str; 8] = [
    "jürgen groß",
    "gross, jürgen",
    "jürgen&nbsp;groß",
    "j\\u00fcrgen gro\\u00df",
    "jürgen  groß",
    "juergen@new.example",
    "jg@home.example",
    "jg%40home.example",
];

#[test]
fn a_person_is_gone_from_every_byte_and_everybody_else_stays() {
    let (crm, world) = everywhere();
    for text in TEXTS {
        assert!(occurrences(&world, text) > 0, "{text}");
    }
    let before = bytes(&world);
    let dry = world.run(&["forget", "--email", "Juergen@New.example", "--dry-run"]).whole();
    assert!(dry.out.contains("nothing was changed"), "{}", dry.out);
    assert!(bytes(&world) == before && fs::read_dir(world.path(".crmlake/write")).unwrap().next().is_none());

    let run = world.run(&["forget", "--email", "Juergen@New.example"]).whole();
    for line in dry.out.lines().filter(|line| line.starts_with('│')) {
        assert!(run.out.contains(line), "{line} not in {}", run.out);
    }
    for told in
        ["history.contacts ", "history.contacts__emails", "meta.rejects", "an address of theirs also stood in leads l1"]
    {
        assert!(run.out.contains(told), "{told} not in {}", run.out);
    }
    assert!(run.err.is_empty() && !run.out.to_lowercase().contains("gro"), "{}{}", run.out, run.err);
    for text in TEXTS {
        assert_eq!(occurrences(&world, text), 0, "{text}");
    }
    // The one with a longer address is somebody else, and is told.
    assert!(run.out.contains("history.contacts: "), "{}", run.out);
    assert_eq!(
        world.ask("SELECT id, last_name, email FROM crm.contacts WHERE id = 'c3'"),
        "c3,Großmann,x.j.gross@old.example"
    );
    assert_eq!(world.ask("SELECT note FROM crm.contacts WHERE id = 'c2'"), "Partner of [forgotten] <[forgotten]>");
    let deal = "SELECT title, amount, description, link, signed_by IS NULL, log, to_json(watchers)::VARCHAR FROM crm.opportunities WHERE id = 'o1'";
    assert_eq!(
        world.ask(deal),
        "New website ([forgotten]),12.50,\"<p>Call J&uuml;rgen, i.e. [forgotten]!</p>\",https://x.example/?to=[forgotten],true,\
         \"[1,{\"\"by\"\":\"\"[forgotten]\"\",\"\"to\"\":\"\"[forgotten]\"\"}]\",\"[null,\"\"Anna Maier\"\",null]\""
    );
    assert_eq!(world.ask("SELECT id, name FROM crm.opportunities__contacts ORDER BY _position"), "c1,\nc2,Anna Maier");
    assert_eq!(
        world.ask("SELECT title, contact_id, contact_name, contact_email FROM crm.leads WHERE id = 'l1'"),
        "Website for [forgotten],x1,,"
    );
    assert_eq!(world.ask("SELECT count(*) FROM meta.changes WHERE resource = 'contacts'"), "0");
    assert_eq!(
        world.ask("SELECT string_agg(DISTINCT raw, '') FROM meta.rejects"),
        "\"{\"\"name\"\":\"\"Karl Kraus\"\"}\""
    );
    assert_eq!(world.ask("SELECT count(DISTINCT owner_email) FROM crm.contacts"), "1");
    world.run(&["report", "pipeline_by_stage"]).whole();
    assert_eq!(
        world.run(&["sql", "--as-of", "today", "SELECT count(*) FROM crm.contacts"]).whole().out,
        "count_star()\n2\n"
    );

    let before = bytes(&world);
    let again = world.run(&["forget", "--email", "Juergen@New.example"]).whole();
    assert!(again.out.contains("nothing found") && bytes(&world) == before, "{}", again.out);

    // Records that did not change bring nothing back; one that the CRM still has comes back as a new one.
    let rows = crm.lists.lock().unwrap()[CONTACTS].replacen("{\"id\":\"c1\"", "{\"gone\":\"c1\"", 1);
    crm.serve(CONTACTS, &rows.replace("Jürgen", "J").replace("J\\u00fcrgen", "J").replace("juergen@new.example", ""));
    let versions = world.ask("SELECT count(*) FROM history.opportunities");
    crm.extract(&world);
    assert_eq!(world.ask("SELECT count(*) FROM history.opportunities"), versions);
    assert_eq!(occurrences(&world, "jürgen groß"), 0);
}

#[test]
fn an_earlier_address_finds_the_person_too_and_standard_input_keeps_it_from_others() {
    let (_crm, world) = everywhere();
    fs::write(world.path("address"), "j.gross@OLD.example\n").unwrap();
    let mut command = world.command();
    let input = fs::File::open(world.path("address")).unwrap();
    Run::from(command.args(["forget", "--email", "-"]).stdin(input)).whole();
    fs::remove_file(world.path("address")).unwrap();
    for text in TEXTS {
        assert_eq!(occurrences(&world, text), 0, "{text}");
    }
    for arguments in
        [&["--email", "juergen"][..], &["--email", "a@b.c, d@e.f"], &["--email", "a@b.c", "--id", "1"], &[]]
    {
        let run = world.run(&[&["forget"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.out, run.err);
    }
}

#[test]
fn a_namesake_keeps_their_name() {
    let crm = Crm::new(&[
        (
            CONTACTS,
            r#"[{"id":"c1","name":"Anna Schmidt","email":"anna@a.example"},{"id":"c2","name":"Anna Schmidt","email":"as@b.example"},
                {"id":"c3","name":"Ben","email":"ben@a.example"}]"#,
        ),
        (
            DEALS,
            r#"[{"id":"o1","title":"Anna Schmidt one","contactId":"c1","people":["Anna Schmidt","Ben"]},
                {"id":"o2","title":"Anna Schmidt two","contactId":"c2","people":["Anna Schmidt"]},
                {"id":"o3","title":"Anna Schmidt three, anna@a.example","contactId":null,"people":[]},
                {"id":"o4","title":"Anna Schmidt four","contactId":null,"people":[]}]"#,
        ),
    ]);
    let world = World::new();
    crm.extract(&world);
    let run = world.run(&["forget", "--id", "c1"]).whole();
    assert!(run.out.contains("somebody else's too, who keeps it: contacts c2;"), "{}", run.out);
    assert_eq!(world.ask("SELECT id, name FROM crm.contacts ORDER BY id"), "c2,Anna Schmidt\nc3,Ben");
    assert_eq!(
        world.ask("SELECT string_agg(title, '; ' ORDER BY id) FROM crm.opportunities"),
        "\"[forgotten] one; Anna Schmidt two; [forgotten] three, [forgotten]; Anna Schmidt four\""
    );
    let people = "SELECT string_agg(to_json(people)::VARCHAR, ' ' ORDER BY id) FROM crm.opportunities";
    assert_eq!(world.text(people).unwrap(), r#"[null,"Ben"] ["Anna Schmidt"] [] []"#);
    // Now nobody else has the name.
    let run = world.run(&["forget", "--email", "as@b.example"]).whole();
    assert!(!run.out.contains("somebody else"), "{}", run.out);
    assert_eq!(occurrences(&world, "anna schmidt"), 0);
    let run = world.run(&["forget", "--id", "c3"]).whole();
    assert!(run.out.contains("a name of one word"), "{}", run.out);
    assert_eq!(world.text(people).unwrap(), r#"[null,"Ben"] [null] [] []"#);
}

#[test]
fn a_user_of_the_crm_loses_name_and_address_and_the_deals_stay() {
    let deal = |id: u32, owner: &str| {
        format!(
            r#"{{"id":"{id}","status":"open","amount":{id},"owner":{owner},"createdBy":{{"id":"u1","name":"Olga"}}}}"#
        )
    };
    let olga = r#"{"id":"u1","name":"Olga Ivanova","email":"olga@crm.example"}"#;
    let rows = [deal(1, olga), deal(2, olga), deal(3, r#"{"id":"u2","name":"Igor Stein","email":"igor@crm.example"}"#)];
    let crm = Crm::new(&[(DEALS, &format!("[{}]", rows.join(",")))]);
    let world = World::new();
    crm.extract(&world);
    world.run(&["forget", "--email", "OLGA@crm.example"]).whole();
    let owners = "SELECT owner_id, owner_name, owner_email, sum(amount), count(created_by_name) FROM crm.opportunities GROUP BY ALL ORDER BY 1";
    assert_eq!(world.ask(owners), "u1,,,3,0\nu2,Igor Stein,igor@crm.example,3,0");
    assert_eq!(occurrences(&world, "olga"), 0);
    world.run(&["report", "owner_leaderboard"]).whole();
    assert_eq!(world.ask("SELECT id, name FROM crm.users ORDER BY id"), "u1,\nu2,Igor Stein");
    // The same records again bring nothing back.
    crm.extract(&world);
    assert_eq!(world.ask(owners), "u1,,,3,0\nu2,Igor Stein,igor@crm.example,3,0");
}

#[test]
fn an_id_that_several_lists_have_must_be_told_apart() {
    let crm = Crm::new(&[
        (CONTACTS, r#"[{"id":"1","name":"Anna Schmidt"},{"id":"2","name":"Ben Alt"}]"#),
        (LEADS, r#"[{"id":"1","title":"A lead"}]"#),
        (DEALS, r#"[{"id":"9","title":"For Anna Schmidt","lines":[{"text":"x"}]}]"#),
    ]);
    let world = World::new();
    crm.extract(&world);
    let before = bytes(&world);
    let run = world.run(&["forget", "--id", "1"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("contacts of main, leads of main") && run.err.contains("--resource"), "{}", run.err);
    assert_eq!(world.run(&["forget", "--id", "1", "--resource", "people"]).code, 2);
    assert!(bytes(&world) == before);
    world.run(&["forget", "--id", "1", "--resource", "contacts"]).whole();
    assert_eq!(world.ask("SELECT id FROM crm.contacts UNION ALL SELECT title FROM crm.leads"), "2\nA lead");
    assert_eq!(occurrences(&world, "anna schmidt"), 0);
    let run = world.run(&["forget", "--id", "9"]).whole();
    assert!(run.out.contains("not about a person"), "{}", run.out);
    assert_eq!(world.ask("SELECT count(*) FROM history.opportunities"), "0");
    assert_eq!(world.ask("SELECT count(*) FROM history.opportunities__lines"), "0");
    assert!(world.run(&["forget", "--id", "77"]).whole().out.contains("nothing found"));
}

#[test]
fn another_run_keeps_it_out_and_what_a_stopped_run_fetched_is_gone() {
    let contacts = r#"[{"id":"1","email":"anna@a.example"}]"#;
    let crm = Crm::new(&[(CONTACTS, contacts)]);
    let world = World::new();
    assert_eq!(world.run(&["forget", "--email", "anna@a.example"]).code, 2);
    assert!(!world.path(".crmlake").exists());
    crm.extract(&world);
    // The list goes on, and the quota is used up.
    crm.serve(CONTACTS, r#"{"items":[{"id":"2","email":"new@a.example"}],"itemCount":9} "#);
    assert_eq!(world.run_against(&crm.server, &["extract", "contacts"]).code, 5);
    let spool = world.path(".crmlake/spool/main/contacts.spool");
    assert!(spool.exists());
    let before = bytes(&world);
    let lock = fs::File::options().write(true).open(world.path(".crmlake/lock")).unwrap();
    lock.lock().unwrap();
    let run = world.run(&["forget", "--email", "anna@a.example"]);
    assert_eq!(run.code, 7, "{}{}", run.out, run.err);
    assert!(bytes(&world) == before && spool.exists());
    drop(lock);
    // Not in the warehouse, and in the spool nevertheless.
    let run = world.run(&["forget", "--email", "new@a.example"]).whole();
    assert!(run.out.contains("nothing found") && bytes(&world) == before && !spool.exists(), "{}", run.out);
    // Who reads meanwhile goes on.
    let reader = world.warehouse();
    world.run(&["forget", "--email", "anna@a.example"]).whole();
    assert_eq!(count(&reader, "SELECT count(*) FROM crm.contacts"), 1);
    assert_eq!(world.ask("SELECT count(*) FROM crm.contacts"), "0");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&world.path("crmlake.duckdb").metadata().unwrap().permissions())
            & 0o777,
        0o600
    );
    crm.serve(CONTACTS, contacts);
    crm.extract(&world);
    assert_eq!(world.ask("SELECT count(*) FROM crm.contacts"), "1");
}

#[test]
fn a_contact_of_a_whole_crm_is_forgotten() {
    let sandbox = Sandbox::start(&["--seed", "6", "--scale", "3"]);
    let world = World::new();
    for _ in 0..2 {
        world.run_with(&sandbox, &["extract"]).whole();
        sandbox.day();
    }
    // Somebody whose name nobody else has.
    let unique = "email IS NOT NULL AND id IN (SELECT id FROM crm.opportunities__contacts)
        AND first_name || ' ' || last_name NOT IN (
            SELECT name FROM crm.users UNION ALL SELECT contact_name FROM history.leads
            UNION ALL SELECT first_name || ' ' || last_name FROM crm.contacts c WHERE c.id <> contacts.id)
        ORDER BY id LIMIT 1";
    let person = |what: &str| world.text(&format!("SELECT {what} FROM crm.contacts WHERE {unique}")).unwrap();
    let (name, email) = (person("first_name || ' ' || last_name"), person("email"));
    let deals = world.ask("SELECT count(*) FROM crm.opportunities");
    let run = world.run(&["forget", "--email", &email]).whole();
    assert!(run.out.contains("history.opportunities__contacts"), "{}", run.out);
    assert_eq!((occurrences(&world, &email), occurrences(&world, &name)), (0, 0), "{}", run.out);
    assert_eq!(world.ask("SELECT count(*) FROM crm.opportunities"), deals);
    world.run(&["report"]).whole();
    world.run_with(&sandbox, &["extract"]).whole();
    world.run(&["report"]).whole();
}
