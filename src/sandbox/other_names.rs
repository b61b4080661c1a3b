//! What the other instance calls its fields and writes into them.
//!
//! Only what the API's own structure names is the same: `id`, the lists' envelopes, forms, `customFields` with the ids of
//! its fields, and the lists `stages` and `contacts`, which are tables of their own.

use super::{
    generate::{FIELD_NEXT_STEP, FIELD_REGION},
    renaming::{Member, Words},
};

/// The members of a resource's records.
pub(super) fn members(resource: &str) -> &'static [Member] {
    match resource {
        "opportunities" => OPPORTUNITY,
        "leads" => LEAD,
        "contacts" => CONTACT,
        "organizations" => ORGANIZATION,
        "pipelines" => PIPELINE,
        form if form.starts_with("form_fields_") => FORM,
        tags if tags.starts_with("tags_") => TAG,
        _ => &[],
    }
}

const AGENT: &[Member] =
    &[Member::named("id", "agentId"), Member::named("name", "fullName"), Member::named("email", "mail")];
const ACCOUNT: &[Member] = &[Member::named("id", "accountId"), Member::named("name", "label")];

const OPPORTUNITY: &[Member] = &[
    Member::named("tenantId", "mandate"),
    Member::named("createdOn", "openedAt"),
    Member::holding("createdBy", "openedBy", AGENT),
    Member::named("lastUpdatedOn", "touchedAt"),
    Member::holding("lastUpdatedBy", "touchedBy", AGENT),
    Member::named("title", "dealName"),
    Member::worded("status", "dealState", DEAL_STATES),
    Member::holding("owner", "salesAgent", AGENT),
    Member::holding("pipeline", "funnel", &[Member::named("id", "funnelId"), Member::worded("name", "label", FUNNELS)]),
    Member::holding("stage", "phase", &[Member::named("id", "phaseId"), Member::worded("name", "label", PHASES)]),
    Member::named("probability", "winChance"),
    Member::worded("forecastCategory", "commit", COMMITS),
    Member::named("amount", "dealValue"),
    Member::named("currency", "iso"),
    Member::worded("source", "channel", CHANNELS),
    Member::named("expectedCloseDate", "targetDate"),
    Member::named("closedOn", "endedAt"),
    Member::worded("lostReason", "whyLost", REASONS),
    Member::holding("organization", "account", ACCOUNT),
    Member::worded("segment", "tier", TIERS),
    Member::holding("contacts", "contacts", &[Member::named("id", "personId"), Member::named("name", "label")]),
    Member::holding(
        "products",
        "lines",
        &[
            Member::named("sku", "article"),
            Member::named("name", "label"),
            Member::named("quantity", "pieces"),
            Member::named("unitPrice", "listPrice"),
            Member::named("discount", "rebate"),
        ],
    ),
    Member::worded("tags", "marks", MARKS),
    Member::holding(
        "customFields",
        "customFields",
        &[
            Member::worded(FIELD_REGION, FIELD_REGION, REGIONS),
            Member::worded(FIELD_NEXT_STEP, "followUp", FOLLOW_UPS).lifted(),
        ],
    ),
    Member::named("leadId", "inquiryRef"),
];

const LEAD: &[Member] = &[
    Member::named("tenantId", "mandate"),
    Member::named("createdOn", "arrivedAt"),
    Member::holding("createdBy", "arrivedBy", AGENT),
    Member::named("lastUpdatedOn", "touchedAt"),
    Member::holding("lastUpdatedBy", "touchedBy", AGENT),
    Member::named("title", "inquiry"),
    Member::worded("status", "inquiryState", LEAD_STATES),
    Member::holding("owner", "salesAgent", AGENT),
    Member::worded("source", "channel", CHANNELS),
    Member::named("value", "worth"),
    Member::named("currency", "iso"),
    Member::named("isArchived", "shelved"),
    Member::holding(
        "contact",
        "prospect",
        &[Member::named("id", "prospectId"), Member::named("name", "fullName"), Member::named("email", "mail")],
    ),
    Member::holding("organization", "account", ACCOUNT),
    Member::worded("segment", "tier", TIERS),
    Member::named("convertedOn", "promotedAt"),
    Member::named("opportunityId", "dealRef"),
    Member::worded("tags", "marks", MARKS),
    Member::holding("customFields", "customFields", &[Member::worded(FIELD_REGION, FIELD_REGION, REGIONS)]),
    Member::named("description", "memo"),
];

const CONTACT: &[Member] = &[
    Member::named("tenantId", "mandate"),
    Member::named("createdOn", "addedAt"),
    Member::holding("createdBy", "addedBy", AGENT),
    Member::named("lastUpdatedOn", "editedAt"),
    Member::holding("lastUpdatedBy", "editedBy", AGENT),
    Member::holding("owner", "caretaker", AGENT),
    Member::named("firstName", "vorname"),
    Member::named("lastName", "nachname"),
    Member::named("email", "mail"),
    Member::named("phone", "dial"),
    Member::worded("jobTitle", "role", ROLES),
    Member::holding("organization", "account", ACCOUNT),
    Member::named("lastActivityOn", "lastTalk"),
    Member::worded("tags", "marks", MARKS),
];

const ORGANIZATION: &[Member] = &[
    Member::named("tenantId", "mandate"),
    Member::named("createdOn", "registeredAt"),
    Member::holding("createdBy", "registeredBy", AGENT),
    Member::named("lastUpdatedOn", "revisedAt"),
    Member::holding("lastUpdatedBy", "revisedBy", AGENT),
    Member::holding("owner", "caretaker", AGENT),
    Member::named("website", "homepage"),
    Member::named("name", "firm"),
    Member::worded("industry", "trade", TRADES),
    Member::named("employees", "heads"),
    Member::named("annualRevenue", "turnover"),
    Member::named("phone", "dial"),
    Member::holding(
        "address",
        "seat",
        &[
            Member::named("street", "road"),
            Member::named("city", "town"),
            Member::named("state", "province"),
            Member::named("postalCode", "zip"),
            Member::named("country", "land"),
        ],
    ),
    Member::worded("segment", "tier", TIERS),
    Member::named("lastActivityOn", "lastTalk"),
    Member::worded("tags", "marks", MARKS),
];

const PIPELINE: &[Member] = &[
    Member::named("tenantId", "mandate"),
    Member::worded("name", "label", FUNNELS),
    Member::holding(
        "stages",
        "stages",
        &[
            Member::named("id", "phaseId"),
            Member::worded("name", "label", PHASES),
            Member::named("probability", "winChance"),
            Member::named("order", "rank"),
        ],
    ),
];

/// Forms are documented: only what the customer has written is other.
const FORM: &[Member] = &[Member::holding("fields", "fields", &[Member::worded("label", "label", LABELS)])];

const TAG: &[Member] = &[Member::worded("text", "mark", MARKS)];

const DEAL_STATES: Words = &[("Open", "In Arbeit"), ("Won", "Gewonnen"), ("Lost", "Verloren"), ("On hold", "Pausiert")];
const LEAD_STATES: Words = &[
    ("New", "Neu"),
    ("Contacted", "Angesprochen"),
    ("Qualified", "Geprüft"),
    ("Converted", "Übernommen"),
    ("Disqualified", "Verworfen"),
];
const FUNNELS: Words = &[("Sales", "Neugeschäft"), ("Renewals", "Verlängerungen")];
const PHASES: Words = &[
    ("Qualification", "Erstgespräch"),
    ("Discovery", "Bedarf"),
    ("Proposal", "Angebot"),
    ("Negotiation", "Verhandlung"),
    ("Upcoming", "Fällig"),
    ("Quoted", "Angeboten"),
    ("Verbal agreement", "Mündlich zugesagt"),
];
const COMMITS: Words = &[("commit", "zugesagt"), ("best case", "möglich"), ("pipeline", "offen")];
const TIERS: Words = &[("Enterprise", "Konzern"), ("Mid-market", "Mittelstand"), ("Small", "Kleinbetrieb")];
const CHANNELS: Words = &[
    ("Website", "Netz"),
    ("Referral", "Empfehlung"),
    ("Trade fair", "Messe"),
    ("Cold call", "Kaltanruf"),
    ("Partner", "Vertriebspartner"),
    ("Teams", "Chat"),
];
const REASONS: Words = &[
    ("Price", "Preis"),
    ("Competitor", "Wettbewerber"),
    ("No budget", "Kein Budget"),
    ("No decision", "Keine Entscheidung"),
    ("Missing feature", "Funktion fehlt"),
];
const FOLLOW_UPS: Words = &[
    ("Send offer", "Angebot senden"),
    ("Call back", "Zurückrufen"),
    ("Arrange demo", "Vorführung vereinbaren"),
    ("Legal review", "Rechtsprüfung"),
    ("Négociation", "Nachverhandeln"),
];
const ROLES: Words = &[
    ("CEO", "Geschäftsführung"),
    ("Head of Purchasing", "Einkaufsleitung"),
    ("IT Manager", "IT-Leitung"),
    ("CFO", "Finanzleitung"),
    ("Operations Lead", "Betriebsleitung"),
    ("Directrice générale", "Generaldirektion"),
    ("Buyer", "Einkauf"),
];
const TRADES: Words = &[
    ("Manufacturing", "Fertigung"),
    ("Software", "Softwarebau"),
    ("Healthcare", "Gesundheit"),
    ("Retail", "Handel"),
    ("Energy", "Energie"),
    ("Logistics", "Logistik"),
    ("Education", "Bildung"),
    ("Finance", "Finanzen"),
];
const REGIONS: Words = &[
    ("DACH", "Mitteleuropa"),
    ("Nordics", "Norden"),
    ("Iberia", "Iberien"),
    ("North America", "Nordamerika"),
    ("日本", "Japan"),
];
const MARKS: Words = &[
    ("hot", "heiß"),
    ("event", "Veranstaltung"),
    ("inbound", "Eingang"),
    ("strategic", "strategisch"),
    ("at risk", "gefährdet"),
    ("renewal", "Verlängerung"),
    ("champion", "Fürsprecher"),
    ("newsletter", "Rundbrief"),
    ("décideur", "Entscheider"),
    ("customer", "Kunde"),
    ("partner", "Partnerfirma"),
    ("prospect", "Interessent"),
];
const LABELS: Words = &[
    ("Sales region", "Gebiet"),
    ("Next step", "Nachfassen"),
    ("Contract months", "Laufzeit in Monaten"),
    ("Renewal date", "Verlängert sich am"),
    ("Newsletter", "Rundbrief erwünscht"),
    ("Customer tier", "Kundenklasse"),
];
