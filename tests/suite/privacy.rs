//! What `[privacy]` keeps out is in no byte of what a run leaves, and what was there before leaves too.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use crate::{
    secrets::assert_nowhere,
    world::{KEY, Run, Scripted, World},
};

const PRIVACY_KEY: &str = "hashes-are-made-with-this-4f1d";
const CONTACTS: &str = "/directory/contacts";
const FORM: &str = "/directory/forms/contacts";

/// What a server answers to a path, as a test changes it.
type Served = Arc<Mutex<Vec<(&'static str, String)>>>;

/// A server of lists, whole on page 1, and of single documents; what it does not have is an empty list or a missing form.
fn server(paths: &[(&'static str, &str)]) -> (Scripted, Served) {
    let answers: Served = Arc::new(Mutex::new(paths.iter().map(|(path, body)| (*path, (*body).to_owned())).collect()));
    let shown = answers.clone();
    let server = Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let found = shown.lock().unwrap().iter().find(|(known, _)| *known == path).map(|(_, body)| body.clone());
        match found {
            Some(body) if !query.contains("page=") || query.contains("page=1&") => (200, "", body),
            None if path.contains("/forms/") || path.matches('/').count() > 2 => (404, "", String::new()),
            _ => (200, "", "[]".to_owned()),
        }
    });
    (server, answers)
}

fn serve(answers: &Served, path: &'static str, body: &str) {
    let mut answers = answers.lock().unwrap();
    answers.retain(|(known, _)| *known != path);
    answers.push((path, body.to_owned()));
}

fn extract(world: &World, server: &Scripted, resources: &[&str]) -> Run {
    let mut command = world.command();
    command.env("CRMLAKE_BASE_URL", &server.url).env("CRMLAKE_API_KEY", KEY);
    Run::from(command.env("CRMLAKE_PRIVACY_KEY", PRIVACY_KEY).args(["extract", "-vv"]).args(resources))
}

fn columns(world: &World, table: &str) -> String {
    world.ask(&format!(
        "SELECT coalesce(string_agg(column_name, ' ' ORDER BY column_index), '') FROM duckdb_columns()
         WHERE schema_name = 'history' AND table_name = '{table}' AND NOT starts_with(column_name, '_')"
    ))
}

#[test]
fn what_is_dropped_is_in_no_byte_and_what_is_hashed_joins() {
    let (server, _) = server(&[
        (
            CONTACTS,
            r#"[{"id":"1","name":"Ann","email":"ann@secret.example","phone":"SECRET-1","address":{"city":"SECRET-2"},
                 "deep":{"a":{"b":{"c":{"d":{"phone":"SECRET-3","open":"yes"}}}}},"customFields":{"f1":"SECRET-4","f2":"kept"}},
                {"id":"2","name":"Bob","email":"","phone":null,"customFields":[{"id":"f1","value":"SECRET-5"}]},
                {"name":"no id","phone":"SECRET-6"},"SECRET-7"]"#,
        ),
        (FORM, r#"{"fields":[{"id":"f1","label":"National ID"},{"id":"f2","label":"Region"}]}"#),
        (
            "/pipeline/leads",
            r#"[{"id":"9","contact":{"email":"ann\u0040secret.example"},"owner":{"id":"u","name":"Olga","email":"o@secret.example"}}]"#,
        ),
        (
            "/pipeline/opportunities",
            r#"[{"id":"5","products":[{"sku":"SECRET-8","n":1}],"people":[{"email":"SECRET-9"}]}]"#,
        ),
    ]);
    let world = World::new();
    world.configure(
        r#"[privacy]
           drop = ["contacts.phone", "contacts.address", "contacts.deep.a.b.c.d.phone", "contacts.cf_national_id",
                   "opportunities__products.sku", "opportunities.people"]
           hash = ["*.email", "leads.contact.email", "*.owner_email"]"#,
    );
    let run = extract(&world, &server, &[]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(!run.err.contains("matches nothing"), "{}", run.err);
    for secret in ["SECRET", "secret.example", PRIVACY_KEY] {
        assert_nowhere(&world, secret);
        assert!(!run.err.contains(secret) && !run.out.contains(secret), "{}{}", run.out, run.err);
    }
    let joined = "SELECT c.name FROM crm.contacts c JOIN crm.leads l ON l.contact_email = c.email";
    assert_eq!(world.ask(joined), "Ann");
    assert_eq!(
        world.ask("SELECT length(email), coalesce(cf_region, '-') FROM crm.contacts ORDER BY id"),
        "64,kept\n0,-"
    );
    assert_eq!(world.ask("SELECT length(email), name FROM crm.users"), "64,Olga");
    assert_eq!(world.ask("SELECT n FROM crm.opportunities__products"), "1");
    assert_eq!(columns(&world, "opportunities__people"), "\"\"");
    assert_eq!(world.ask("SELECT deep_a_b_c_d FROM crm.contacts WHERE id = '1'"), r#""{""open"":""yes""}""#);
    assert_eq!(
        world.ask("SELECT reason, contains(raw, 'no id') FROM meta.rejects ORDER BY ALL"),
        "it has no id,true\nit is not an object,false"
    );
    let versions = "SELECT (SELECT count(*) FROM history.contacts), (SELECT count(*) FROM meta.changes)";
    let before = world.ask(versions);
    extract(&world, &server, &[]);
    assert_eq!(world.ask(versions), before);
}

#[test]
fn a_record_that_was_asked_for_is_looked_through_as_well() {
    let rows = |first: u32| {
        let rows: Vec<_> = (first..20).map(|id| format!(r#"{{"id":"{id}","phone":"SECRET"}}"#)).collect();
        format!("[{}]", rows.join(","))
    };
    let (server, answers) = server(&[(CONTACTS, &rows(0))]);
    let world = World::new();
    world.configure("[privacy]\ndrop = [\"contacts.phone\"]\n");
    extract(&world, &server, &["contacts"]).whole();
    serve(&answers, CONTACTS, &rows(1));
    serve(&answers, "/directory/contacts/0", r#"{"id":"0","name":"found","phone":"SECRET"}"#);
    extract(&world, &server, &["contacts"]).whole();
    assert_eq!(world.ask("SELECT id FROM crm.contacts WHERE name = 'found'"), "0");
    assert_nowhere(&world, "SECRET");
}

/// Contacts as they came before anybody thought of privacy, in two versions.
const BEFORE: [&str; 2] = [
    r#"[{"id":"1","name":"Ann","email":"old@secret.example","phone":"SECRET-A","born":"1990-01-02","seen":"2026-01-05T10:00:00Z",
         "score":1.5,"labels":["SECRET-B"],"family":[{"name":"SECRET-C","age":3}],"cars":[{"plate":"SECRET-D"}],
         "deep":{"a":{"b":{"c":{"d":{"note":"SECRET-E","open":1}}}}},"customFields":{"f1":"SECRET-F"}},
        {"id":"2","name":"Bob","email":"bob@secret.example","phone":"","score":2},{"phone":"SECRET-G"},"SECRET-H"]"#,
    r#"[{"id":"1","name":"Ann B","email":"ann@secret.example","phone":"SECRET-I","born":"1990-01-03","seen":"2026-01-06T10:00:00Z",
         "score":2.25,"labels":["SECRET-J"],"family":[{"name":"SECRET-K","age":4}],"cars":[{"plate":"SECRET-L"}],
         "deep":{"a":{"b":{"c":{"d":{"note":"SECRET-M","open":1}}}}},"customFields":{"f1":"SECRET-N"}},
        {"id":"2","name":"Bob","email":"bob@secret.example","phone":"","score":2},{"phone":"SECRET-G"},"SECRET-H"]"#,
];

#[test]
fn what_came_in_before_there_was_a_rule_leaves_with_all_its_versions() {
    let (server, answers) =
        server(&[(CONTACTS, BEFORE[0]), (FORM, r#"{"fields":[{"id":"f1","label":"National ID"}]}"#)]);
    let world = World::new();
    for rows in BEFORE {
        serve(&answers, CONTACTS, rows);
        extract(&world, &server, &["contacts"]);
    }
    let held = fs::read(world.path("crmlake.duckdb")).unwrap();
    assert!(held.windows(8).any(|window| window == b"SECRET-A"));
    let versions = "SELECT count(*), count(_valid_to) FROM history.contacts";
    assert_eq!(world.ask(versions), "3,1");
    world.configure(
        r#"[privacy]
           drop = ["contacts.phone", "contacts.cf_national_id", "contacts__cars", "contacts.family.name", "contacts.deep.a.b.c.d.note"]
           hash = ["contacts.email", "contacts.labels", "contacts.born", "contacts.seen", "contacts.score"]"#,
    );
    let run = extract(&world, &server, &["contacts"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(!run.err.contains("matches nothing"), "{}", run.err);
    for secret in ["SECRET", "secret.example", "1990-01-0", PRIVACY_KEY] {
        assert_nowhere(&world, secret);
    }
    assert_eq!(world.ask(versions), "3,1");
    assert_eq!(columns(&world, "contacts"), "id name email born seen score labels deep_a_b_c_d");
    assert_eq!(columns(&world, "contacts__family"), "age");
    assert_eq!(world.ask("SELECT count(*) FROM duckdb_views() WHERE view_name = 'contacts__cars'"), "0");
    let types = "SELECT string_agg(type, ' ' ORDER BY column_name) FROM meta.columns WHERE resource = 'contacts'
         AND column_name IN ('email', 'labels', 'born', 'seen', 'score')";
    assert_eq!(world.ask(types), "text text text[] text text");
    assert_eq!(world.ask("SELECT count(DISTINCT email), count(DISTINCT score) FROM history.contacts"), "3,3");
    assert_eq!(
        world.ask(
            "SELECT column_name, coalesce(old_value, '-') = coalesce(new_value, '-') FROM meta.changes ORDER BY ALL"
        ),
        "born,false\nemail,false\nfamily,false\nlabels,false\nname,false\nscore,false\nseen,false"
    );
    assert_eq!(world.ask("SELECT old_value FROM meta.changes WHERE column_name = 'family'"), r#""[{""age"":3}]""#);
    assert_eq!(world.ask("SELECT count(DISTINCT raw), count(*) FROM meta.rejects WHERE raw LIKE '%SECRET%'"), "0,0");
    // The first email is that of no other, and its hash is that of a new row with the same.
    serve(&answers, "/pipeline/leads", r#"[{"id":"9","email":"old@secret.example"}]"#);
    world.configure(
        r#"[privacy]
           drop = ["contacts.phone", "contacts.cf_national_id", "contacts__cars", "contacts.family.name", "contacts.deep.a.b.c.d.note"]
           hash = ["*.email", "contacts.labels", "contacts.born", "contacts.seen", "contacts.score"]"#,
    );
    let again = extract(&world, &server, &["contacts", "leads"]);
    assert!(!again.err.contains("taken out"), "{}", again.err);
    assert_eq!(world.ask("SELECT h.name FROM history.contacts h JOIN crm.leads l USING (email)"), "Ann");
    assert_eq!(world.ask(versions), "3,1");
    // What changes from now on is a change, and a rule that is gone lets its column come back.
    world.configure("[privacy]\nhash = [\"contacts.email\"]\n");
    extract(&world, &server, &["contacts"]);
    assert_eq!(world.ask("SELECT coalesce(phone, '-') FROM crm.contacts ORDER BY id"), "SECRET-I\n\"\"");
    assert_eq!(world.ask(versions), "5,3");
}

#[test]
fn rows_of_an_instance_that_is_read_later_get_no_versions_either() {
    let rows = r#"[{"id":"1","phone":"SECRET-1"},{"id":"2","phone":"SECRET-2"}]"#;
    let ((one, _), (two, answers)) = (server(&[(CONTACTS, rows)]), server(&[(CONTACTS, rows)]));
    let world = World::new();
    let instances = format!(
        "[[instance]]\nname = \"one\"\nbase_url = \"{}\"\n[[instance]]\nname = \"two\"\nbase_url = \"{}\"\n",
        one.url, two.url
    );
    let run = |arguments: &[&str]| {
        let mut command = world.command();
        command.env("CRMLAKE_API_KEY", KEY).args(["extract", "contacts"]).args(arguments);
        Run::from(&mut command).whole()
    };
    world.configure(&instances);
    run(&[]);
    world.configure(&format!("{instances}[privacy]\ndrop = [\"contacts.phone\"]\n"));
    run(&["--instance", "one"]);
    assert_nowhere(&world, "SECRET");
    serve(&answers, CONTACTS, r#"[{"id":"1","phone":"SECRET-3"},{"id":"2","phone":"SECRET-2","name":"new"}]"#);
    run(&[]);
    let versions = "SELECT _instance, id, count(*) FROM history.contacts GROUP BY ALL ORDER BY ALL";
    assert_eq!(world.ask(versions), "one,1,1\none,2,1\ntwo,1,1\ntwo,2,2");
}

#[test]
fn a_field_stays_out_whatever_becomes_of_its_label() {
    let form =
        |label: &str| format!(r#"{{"fields":[{{"id":"f1","label":"{label}"}},{{"id":"f2","label":"Region"}}]}}"#);
    let (server, answers) = server(&[(CONTACTS, r#"[{"id":"1","customFields":{"f1":"SECRET","f2":"north"}}]"#)]);
    let world = World::new();
    world.configure("[privacy]\ndrop = [\"contacts.cf_national_id\"]\n");
    // No form: nobody knows which field it is.
    let run = extract(&world, &server, &["contacts"]);
    assert!(run.err.contains("their form was never read"), "{}", run.err);
    assert_nowhere(&world, "SECRET");
    for label in ["National ID", "Passport"] {
        serve(&answers, FORM, &form(label));
        let run = extract(&world, &server, &["contacts"]).whole();
        assert!(!run.err.contains("never read") && !run.err.contains("matches nothing"), "{}", run.err);
        assert_eq!(columns(&world, "contacts"), "id cf_region");
        assert_nowhere(&world, "SECRET");
    }
}

#[test]
fn an_entry_that_matches_nothing_and_another_key_are_told() {
    let (server, _) = server(&[(CONTACTS, r#"[{"id":"1","phone":"123","email":"a@b"}]"#)]);
    let world = World::new();
    world.configure("[privacy]\ndrop = [\"contacts.fone\", \"leads.x\"]\nhash = [\"contacts.email\"]\n");
    let run = extract(&world, &server, &["contacts", "leads"]).whole();
    assert_eq!(run.err.matches("matches nothing").count(), 1, "{}", run.err);
    assert!(run.err.contains("\"contacts.fone\" matches nothing"), "{}", run.err);
    let mut command = world.command();
    command.env("CRMLAKE_BASE_URL", &server.url).env("CRMLAKE_API_KEY", KEY);
    command.env("CRMLAKE_PRIVACY_KEY", "quite another key of hashes").args(["extract", "contacts"]);
    let run = Run::from(&mut command).whole();
    assert!(run.err.contains("is not the one of earlier runs"), "{}", run.err);
    assert_eq!(world.ask("SELECT count(*) FROM history.contacts"), "2");
}

#[test]
fn errors_of_the_configuration_name_the_entry() {
    let world = World::new();
    let told = |privacy: &str, key: Option<&str>| {
        world.configure(&format!("[privacy]\n{privacy}\n"));
        let mut command = world.command();
        command.env("CRMLAKE_BASE_URL", "http://127.0.0.1:9").env("CRMLAKE_API_KEY", KEY).arg("extract");
        command.envs(key.map(|key| ("CRMLAKE_PRIVACY_KEY", key)));
        let run = Run::from(&mut command);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
        run.err
    };
    insta::assert_snapshot!(told("hash = ['contacts.email']", None), @r"
    error: [privacy] hash needs a key: set CRMLAKE_PRIVACY_KEY, or CRMLAKE_PRIVACY_KEY_FILE to a file that holds it
    hint: `openssl rand -hex 32` makes one; keep it: hashes of another key do not join with those there are
    ");
    insta::assert_snapshot!(told("hash = ['contacts.email']", Some("short")), @"error: CRMLAKE_PRIVACY_KEY: a key of fewer than 16 characters can be guessed, and with it what was hashed; `openssl rand -hex 32` makes a good one");
    insta::assert_snapshot!(told("drop = ['contact.email']", None), @r#"error: [privacy] drop "contact.email": no resource is called "contact"; there is form_fields_opportunities, form_fields_contacts, form_fields_organizations, leads, opportunities, contacts, organizations, pipelines, tags_leads, tags_opportunities, tags_contacts, tags_organizations"#);
    insta::assert_snapshot!(told("drop = ['contacts']", None), @r#"error: [privacy] drop "contacts": write <resource>.<column>, such as contacts.phone"#);
    insta::assert_snapshot!(told("drop = ['*.id']", None), @r#"error: [privacy] drop "*.id": the key of a record can be neither dropped nor hashed"#);
    insta::assert_snapshot!(told("drop = ['leads.a']\nhash = ['leads.a']", Some(PRIVACY_KEY)), @r#"error: [privacy] hash "leads.a": stands in drop and in hash"#);
}

#[test]
fn names_of_tags_leave_too() {
    let tagged = r#"[{"id":"1","tags":[{"id":"t1","name":"SECRET"}]}]"#;
    for rule in ["drop = [\"contacts.tags.name\"]\n", "hash = [\"contacts.tags.name\"]\n"] {
        let (server, _) = server(&[(CONTACTS, tagged)]);
        let world = World::new();
        extract(&world, &server, &["contacts"]).whole();
        assert_eq!(world.ask("SELECT tags[1] FROM crm.contacts"), "SECRET");
        world.configure(&format!("[privacy]\n{rule}"));
        extract(&world, &server, &["contacts"]).whole();
        assert_nowhere(&world, "SECRET");
    }
}
