//! Who is forgotten takes nobody else along, and is found however records write them.

use crate::{
    forget::{CONTACTS, Crm, DEALS, LEADS, occurrences},
    world::{KEY, Run, World},
};

const PRIVACY_KEY: &str = "hashes-are-made-with-this-4f1d";

#[test]
fn whom_a_lead_was_about_first_takes_nobody_along_who_came_after() {
    let xanna = r#"{"id":"1","name":"Xanna Qschmidt","email":"xanna@example.com"}"#;
    let bob = r#"{"id":"2","name":"Bob Meier","email":"bob@example.com"}"#;
    let lead = |contact: &str| format!(r#"[{{"id":"5","name":"Inquiry","contact":{contact}}}]"#);
    let third = r#"{"id":"3","name":"Carl Coe","notes":"ask Bob Meier (bob@example.com)"}"#;
    for arguments in [&["--email", "xanna@example.com"][..], &["--id", "5", "--resource", "leads"]] {
        let crm = Crm::new(&[
            (CONTACTS, &format!("[{xanna},{bob},{third}]")),
            (DEALS, &format!(r#"[{{"id":"9","title":"Deal with Bob Meier","contact":{bob}}}]"#)),
        ]);
        let world = World::new();
        let by_email = arguments[0] == "--email";
        let (first, then) = if by_email { (xanna, bob) } else { (bob, xanna) };
        crm.serve(LEADS, &lead(first));
        crm.extract(&world);
        crm.serve(LEADS, &lead(then));
        crm.extract(&world);
        world.run(&[&["forget"], arguments].concat()).whole();
        assert_eq!(world.ask("SELECT count(*) FROM history.leads"), "0", "{arguments:?}");
        assert_eq!(
            world.ask("SELECT id, name, email, notes FROM crm.contacts WHERE name IS NOT NULL ORDER BY id"),
            "2,Bob Meier,bob@example.com,\n3,Carl Coe,,ask Bob Meier (bob@example.com)"
        );
        assert_eq!(
            world.ask("SELECT title, contact_name, contact_email FROM crm.opportunities"),
            "Deal with Bob Meier,Bob Meier,bob@example.com"
        );
        assert_eq!(occurrences(&world, "qschmidt"), 0, "{arguments:?}");
    }
}

#[test]
fn who_shares_a_mailbox_keeps_it_and_their_name() {
    for arguments in [&["--email", "xanna@example.com"][..], &["--id", "1"]] {
        let crm = Crm::new(&[
            (
                CONTACTS,
                r#"[{"id":"1","firstName":"Xanna","lastName":"Qschmidt","email":"info@firm.com","emails":["xanna@example.com"]},
                    {"id":"2","firstName":"Bob","lastName":"Meier","email":"info@firm.com"},
                    {"id":"4","firstName":"Dora","lastName":"Doe","notes":"Ola Ner called, not Xanna Qschmidt"}]"#,
            ),
            (
                DEALS,
                r#"[{"id":"7","title":"for Bob Meier by Ola Ner","contact":{"name":"Xanna Qschmidt","email":"info@firm.com"},
                     "owner":{"id":"u9","name":"Ola Ner","email":"info@firm.com"}}]"#,
            ),
        ]);
        let world = World::new();
        crm.extract(&world);
        let run = world.run(&[&["forget"], arguments].concat()).whole();
        assert!(run.out.contains("who keep it: contacts 2, user u9"), "{}", run.out);
        assert_eq!(
            world.ask("SELECT id, first_name, last_name, email, notes FROM crm.contacts ORDER BY id"),
            "2,Bob,Meier,info@firm.com,\n4,Dora,Doe,,\"Ola Ner called, not [forgotten]\""
        );
        assert_eq!(
            world.ask("SELECT title, owner_name, owner_email, contact_name FROM crm.opportunities"),
            "for Bob Meier by Ola Ner,Ola Ner,info@firm.com,"
        );
        assert_eq!(occurrences(&world, "xanna"), 0);
    }
}

#[test]
fn ids_count_within_their_instance_and_their_list() {
    let main = Crm::new(&[
        (
            CONTACTS,
            r#"[{"id":"1","name":"Xanna Qschmidt","email":"xanna@example.com"},{"id":"2","name":"Xanna Qschmidt","email":"other@example.com"}]"#,
        ),
        (
            DEALS,
            r#"[{"id":"8","contactId":"2","organizationId":1,"log":[0,{"organization":{"id":1}}],"note":"for Xanna Qschmidt"},
                {"id":"9","contactId":"1","organizationId":2,"note":"for Xanna Qschmidt","owner":{"id":"77","name":"Own Er","email":"own@x.example"}},
                {"id":"10","log":[0,{"contacts":[{"id":1}]}],"note":"for Xanna Qschmidt"}]"#,
        ),
    ]);
    let bob = r#"{"id":"1","name":"Bob Meier","email":"bob@example.com"}"#;
    let us = Crm::new(&[
        (CONTACTS, &format!("[{bob}]")),
        (
            DEALS,
            &format!(
                r#"[{{"id":"9","contact":{bob},"contacts":[{bob}],"owner":{{"id":"77","name":"Other Us","email":"us@x.example"}}}}]"#
            ),
        ),
    ]);
    let world = World::new();
    let instance = |name: &str, url: &str| {
        format!("[[instance]]\nname = \"{name}\"\nbase_url = \"{url}\"\nkey_env = \"CRMLAKE_API_KEY\"\n")
    };
    world.configure(&(instance("main", &main.server.url) + &instance("us", &us.server.url)));
    let run = Run::from(world.command().env("CRMLAKE_API_KEY", KEY).args(["extract"]));
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    world.run(&["forget", "--id", "1", "--resource", "contacts", "--instance", "main"]).whole();
    world.run(&["forget", "--email", "own@x.example"]).whole();
    assert_eq!(
        world.ask("SELECT _instance, id, name FROM history.contacts ORDER BY ALL"),
        "main,2,Xanna Qschmidt\nus,1,Bob Meier"
    );
    assert_eq!(
        world.ask("SELECT note FROM history.opportunities WHERE _instance = 'main' ORDER BY id::INT"),
        "for Xanna Qschmidt\nfor [forgotten]\nfor [forgotten]"
    );
    assert_eq!(
        world.ask("SELECT contact_name, owner_name FROM history.opportunities WHERE _instance = 'us'"),
        "Bob Meier,Other Us"
    );
    assert_eq!(world.ask("SELECT name FROM history.opportunities__contacts"), "Bob Meier");
    assert_eq!(occurrences(&world, "own er"), 0);
}

#[test]
fn first_and_last_name_in_keys_of_their_own_are_found_together() {
    let xanna = r#"{"id":"1","firstName":"Xanna","lastName":"Qschmidt","email":"xanna@example.com"}"#;
    let bob = r#"{"id":"2","firstName":"Bob","lastName":"Meier","email":"bob@example.com"}"#;
    let deal = |who: &str| {
        format!(r#"[{{"id":"7","contact":{who},"contacts":[{who}],"mixed":[1,{{"a":{{"people":[{who}]}}}}]}}]"#)
    };
    let reject = r#"{"firstName":"Xanna","lastName":"Qschmidt","email":"other@example.com"}"#;
    let crm = Crm::new(&[(CONTACTS, &format!("[{xanna},{bob},{reject}]")), (DEALS, &deal(xanna))]);
    let world = World::new();
    crm.extract(&world);
    crm.serve(DEALS, &deal(bob));
    crm.extract(&world);
    assert!(world.ask("SELECT count(*) FROM meta.changes WHERE old_value = 'Xanna'") == "1");
    world.run(&["forget", "--email", "xanna@example.com"]).whole();
    assert_eq!((occurrences(&world, "xanna"), occurrences(&world, "qschmidt")), (0, 0));
    assert_eq!(world.ask("SELECT count(*) FROM meta.rejects"), "0");
    assert_eq!(world.ask("SELECT contact_first_name, contact_last_name FROM crm.opportunities"), "Bob,Meier");
    assert_eq!(world.ask("SELECT count(*) FROM meta.changes WHERE new_value = 'Bob'"), "1");
}

#[test]
fn a_name_is_found_however_it_is_written() {
    let crm = Crm::new(&[(
        CONTACTS,
        r#"[{"id":"1","name":{"firstName":"Jürgen","middleName":"Maria","lastName":"O'Qmüller"},"email":"j@example.com"},
            {"id":"2","name":{"firstName":"Bob","lastName":"Meier"},"a":"<p>J&uuml;rgen O&apos;Qm&uuml;ller rief an</p>",
             "b":"knows Jürgen Maria O'Qmüller","c":"j&commat;example.com &amp; Jürgen Meier"}]"#,
    )]);
    let world = World::new();
    crm.extract(&world);
    world.run(&["forget", "--email", "j@example.com"]).whole();
    assert_eq!(
        world.ask("SELECT a, b, c FROM crm.contacts"),
        "<p>[forgotten] rief an</p>,knows [forgotten],[forgotten] &amp; Jürgen Meier"
    );
}

#[test]
fn a_hashed_address_is_found_with_the_key_and_told_without() {
    let crm = Crm::new(&[(
        CONTACTS,
        r#"[{"id":"1","name":"Xanna Qschmidt","email":"Xanna@Example.com"},{"id":"2","name":"Bob Meier","email":"bob@example.com",
             "notes":"Xanna Qschmidt xanna@example.com"}]"#,
    )]);
    let world = World::new();
    world.configure("[privacy]\nhash = [\"contacts.email\"]\n");
    let mut command = world.command();
    command
        .env("CRMLAKE_BASE_URL", &crm.server.url)
        .env("CRMLAKE_API_KEY", KEY)
        .env("CRMLAKE_PRIVACY_KEY", PRIVACY_KEY);
    Run::from(command.arg("extract")).whole();
    let run = world.run(&["forget", "--email", "Xanna@Example.com", "--dry-run"]).whole();
    assert!(run.out.contains("could not be searched") && run.out.contains("contacts.email"), "{}", run.out);
    let mut command = world.command();
    command.env("CRMLAKE_PRIVACY_KEY", PRIVACY_KEY);
    let run = Run::from(command.args(["forget", "--email", "Xanna@Example.com"])).whole();
    assert!(!run.out.contains("could not be searched"), "{}", run.out);
    assert_eq!(world.ask("SELECT id, notes FROM crm.contacts"), "2,[forgotten] [forgotten]");
    assert_eq!(occurrences(&world, "qschmidt"), 0);
}
