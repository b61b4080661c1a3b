//! The same business under wholly other names: by configuration alone, reports answer the same.

use serde_json::Value;

use crate::world::{Sandbox, World};

/// What the other instance calls its fields.
const FIELDS: &str = r#"
[fields.opportunities]
title = "dealName"
status = "dealState"
stage = "phase.label"
stage_id = "phase.phaseId"
pipeline = "funnel.label"
pipeline_id = "funnel.funnelId"
probability = "winChance"
amount = "dealValue"
currency = "iso"
owner_id = "salesAgent.agentId"
owner_name = "salesAgent.fullName"
owner_email = "salesAgent.mail"
organization_id = "account.accountId"
organization_name = "account.label"
source = "channel"
lost_reason = "whyLost"
created_at = "openedAt"
updated_at = "touchedAt"
expected_close_date = "targetDate"
closed_at = "endedAt"
forecast_category = "commit"
next_step = "followUp"
segment = "tier"
lead_id = "inquiryRef"

[fields.leads]
title = "inquiry"
status = "inquiryState"
source = "channel"
amount = "worth"
currency = "iso"
owner_id = "salesAgent.agentId"
owner_name = "salesAgent.fullName"
owner_email = "salesAgent.mail"
organization_id = "account.accountId"
organization_name = "account.label"
contact_email = "prospect.mail"
contact_name = "prospect.fullName"
created_at = "arrivedAt"
updated_at = "touchedAt"
converted_at = "promotedAt"
opportunity_id = "dealRef"
segment = "tier"

[fields.contacts]
first_name = "vorname"
last_name = "nachname"
email = "mail"
phone = "dial"
job_title = "role"
owner_id = "caretaker.agentId"
owner_name = "caretaker.fullName"
owner_email = "caretaker.mail"
organization_id = "account.accountId"
organization_name = "account.label"
created_at = "addedAt"
updated_at = "editedAt"
last_activity_at = "lastTalk"

[fields.organizations]
name = "firm"
website = "homepage"
industry = "trade"
employees = "heads"
annual_revenue = "turnover"
phone = "dial"
city = "seat.town"
country = "seat.land"
owner_id = "caretaker.agentId"
owner_name = "caretaker.fullName"
owner_email = "caretaker.mail"
created_at = "registeredAt"
updated_at = "revisedAt"
segment = "tier"
last_activity_at = "lastTalk"

[fields.pipelines]
name = "label"

[fields.stages]
id = "phaseId"
name = "stages[].label"
probability = "winChance"
stage_order = "rank"

[fields.opportunity_contacts]
contact_id = "personId"
"#;

const STAGES: &[(&str, &str)] = &[
    ("Qualification", "Erstgespräch"),
    ("Discovery", "Bedarf"),
    ("Proposal", "Angebot"),
    ("Negotiation", "Verhandlung"),
    ("Upcoming", "Fällig"),
    ("Quoted", "Angeboten"),
    ("Verbal agreement", "Mündlich zugesagt"),
];
const PIPELINES: &[(&str, &str)] = &[("Sales", "Neugeschäft"), ("Renewals", "Verlängerungen")];
const SOURCES: &[(&str, &str)] = &[
    ("Website", "Netz"),
    ("Referral", "Empfehlung"),
    ("Trade fair", "Messe"),
    ("Cold call", "Kaltanruf"),
    ("Partner", "Vertriebspartner"),
    ("Teams", "Chat"),
];
const SEGMENTS: &[(&str, &str)] =
    &[("Enterprise", "Konzern"), ("Mid-market", "Mittelstand"), ("Small", "Kleinbetrieb")];

/// What the other instance writes for the same values.
const VALUES: &[(&str, &[(&str, &str)])] = &[
    ("opportunities.status", &[("open", "In Arbeit"), ("won", "Gewonnen"), ("lost", "Verloren")]),
    ("opportunities.stage", STAGES),
    ("opportunities.pipeline", PIPELINES),
    ("opportunities.source", SOURCES),
    ("opportunities.segment", SEGMENTS),
    ("opportunities.forecast_category", &[("commit", "zugesagt"), ("best case", "möglich"), ("pipeline", "offen")]),
    (
        "opportunities.lost_reason",
        &[
            ("Price", "Preis"),
            ("Competitor", "Wettbewerber"),
            ("No budget", "Kein Budget"),
            ("No decision", "Keine Entscheidung"),
            ("Missing feature", "Funktion fehlt"),
        ],
    ),
    (
        "opportunities.next_step",
        &[
            ("Send offer", "Angebot senden"),
            ("Call back", "Zurückrufen"),
            ("Arrange demo", "Vorführung vereinbaren"),
            ("Legal review", "Rechtsprüfung"),
            ("Négociation", "Nachverhandeln"),
        ],
    ),
    ("leads.status", &[("converted", "Übernommen"), ("disqualified", "Verworfen")]),
    ("leads.source", SOURCES),
    ("leads.segment", SEGMENTS),
    ("organizations.segment", SEGMENTS),
    (
        "contacts.job_title",
        &[
            ("CEO", "Geschäftsführung"),
            ("Head of Purchasing", "Einkaufsleitung"),
            ("IT Manager", "IT-Leitung"),
            ("CFO", "Finanzleitung"),
            ("Operations Lead", "Betriebsleitung"),
            ("Directrice générale", "Generaldirektion"),
            ("Buyer", "Einkauf"),
        ],
    ),
    (
        "organizations.industry",
        &[
            ("Manufacturing", "Fertigung"),
            ("Software", "Softwarebau"),
            ("Healthcare", "Gesundheit"),
            ("Retail", "Handel"),
            ("Energy", "Energie"),
            ("Logistics", "Logistik"),
            ("Education", "Bildung"),
            ("Finance", "Finanzen"),
        ],
    ),
    ("stages.name", STAGES),
    ("pipelines.name", PIPELINES),
];

fn configuration() -> String {
    let mut text = FIELDS.to_owned();
    for (column, values) in VALUES {
        text.push_str(&format!("\n[values.{column}]\n"));
        for (canonical, written) in *values {
            text.push_str(&format!("\"{canonical}\" = [\"{written}\"]\n"));
        }
    }
    // Several words for one value stand in one list.
    text.replace("[values.leads.status]\n", "[values.leads.status]\nopen = [\"Neu\", \"Angesprochen\", \"Geprüft\"]\n")
}

/// Reports about the warehouse itself, whose answers name columns of `crm` or the runs.
const OF_THE_WAREHOUSE: [&str; 2] = ["changes_since_last_run", "run_health"];

/// Rows without the moment of a history's first extraction, which another minute may have begun at.
fn timeless(rows: &Value) -> Value {
    match rows {
        Value::String(text) if text.starts_with("history begins ") => "history begins".into(),
        Value::Array(values) => values.iter().map(timeless).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), timeless(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn an_instance_with_other_names_gets_the_same_answers_by_configuration_alone() {
    let start = |names: &str| Sandbox::start(&["--seed", "11", "--today", "2026-11-01", "--names", names]);
    let (usual, other) = (start("usual"), start("other"));
    let (here, there) = (World::new(), World::new());
    for (world, sandbox) in [(&here, &usual), (&there, &other)] {
        world.run_with(sandbox, &["extract"]).whole();
        sandbox.day();
        world.run_with(sandbox, &["extract"]).whole();
    }
    // Without configuration the other one's deals have no amount, and doctor says how to give them one.
    assert_eq!(there.ask("SELECT count(lost_reason) FROM model.opportunities"), "0");
    there.configure(&configuration());
    let answers = |world: &World| -> Vec<Value> {
        let run = world.run(&["report", "--format", "json", "--param", "today=2026-11-02"]).whole();
        serde_json::from_str(&run.out).unwrap()
    };
    let (expected, found) = (answers(&here), answers(&there));
    assert!(expected.len() > 40, "{} reports", expected.len());
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(&found) {
        let name = expected["report"].as_str().unwrap();
        assert_eq!(expected["report"], found["report"]);
        if !OF_THE_WAREHOUSE.contains(&name) {
            assert_eq!(timeless(&expected["rows"]), timeless(&found["rows"]), "{name}");
        }
    }
    // What the layer calls a user is found through the owners there.
    let owners = "SELECT id, name, email FROM model.users WHERE id IN (SELECT owner_id FROM model.leads) ORDER BY id";
    assert_eq!(here.ask(owners), there.ask(owners));
    assert_eq!(there.ask("SELECT count(*) > 5 FROM model.users"), "true");
    // Nothing that reports need most is missing there that is not missing here.
    let gaps = |world: &World| {
        let diagnosis = world.run(&["doctor", "--format", "json"]).whole().out;
        serde_json::from_str::<Value>(&diagnosis).unwrap()["gaps"].clone()
    };
    assert_eq!(gaps(&here), gaps(&there));
}
