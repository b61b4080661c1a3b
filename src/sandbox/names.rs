//! Words that the sandbox's records are made of. Nobody and no company here exists.

pub(super) const FIRST_NAMES: &[&str] = &[
    "Amélie",
    "Björn",
    "Chiara",
    "Dmitri",
    "Élodie",
    "Fatima",
    "Grzegorz",
    "Hana",
    "İpek",
    "Jürgen",
    "Katarzyna",
    "Lars",
    "María",
    "Noé",
    "Oisín",
    "Pilar",
    "Quỳnh",
    "René",
    "Søren",
    "Tomáš",
    "Ursula",
    "Věra",
    "William",
    "Xiu",
    "Yuki",
    "Zoë",
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Felix",
];
pub(super) const LAST_NAMES: &[&str] = &[
    "Åkesson",
    "Bianchi",
    "Çelik",
    "Dvořák",
    "Eriksson",
    "Fernández",
    "Günther",
    "Hernández",
    "Ibrahim",
    "Jørgensen",
    "Kowalski",
    "Łukasik",
    "Müller",
    "Nguyễn",
    "O'Brien",
    "Petrović",
    "Quintana",
    "Rossi",
    "Señor",
    "Tanaka",
    "Urbán",
    "Vögele",
    "Weiß",
    "Ximénez",
    "Yıldız",
    "Zieliński",
    "Smith",
    "Brown",
    "Martin",
    "Meyer",
];
pub(super) const ORGANIZATIONS: &[&str] = &[
    "Aurora",
    "Bergström",
    "Cascade",
    "Delta",
    "Étoile",
    "Fjord",
    "Granit",
    "Helix",
    "Isar",
    "Jupiter",
    "Kestrel",
    "Lumière",
    "Meridian",
    "Nordwind",
    "Orion",
    "Polaris",
    "Quartz",
    "Rhône",
    "Sólheim",
    "Tundra",
    "Umbra",
    "Vega",
    "Weser",
    "Xenon",
    "Ypsilon",
    "Zephyr",
];
pub(super) const FORMS_OF_BUSINESS: &[&str] = &["GmbH", "AB", "S.A.", "Ltd", "B.V.", "Inc.", "K.K.", "s.r.o."];
pub(super) const INDUSTRIES: &[&str] =
    &["Manufacturing", "Software", "Healthcare", "Retail", "Energy", "Logistics", "Education", "Finance"];
pub(super) const CITIES: &[(&str, &str, &str)] = &[
    ("München", "80331", "Germany"),
    ("Göteborg", "411 03", "Sweden"),
    ("Lyon", "69001", "France"),
    ("Kraków", "30-001", "Poland"),
    ("Dublin", "D02", "Ireland"),
    ("大阪", "530-0001", "Japan"),
    ("Austin", "78701", "United States"),
    ("Genève", "1201", "Switzerland"),
];
pub(super) const JOBS: &[&str] =
    &["CEO", "Head of Purchasing", "IT Manager", "CFO", "Operations Lead", "Directrice générale", "Buyer"];
pub(super) const SOURCES: &[(&str, f64)] = &[
    ("Website", 0.34),
    ("Referral", 0.22),
    ("Trade fair", 0.14),
    ("Cold call", 0.16),
    ("Partner", 0.09),
    ("Teams", 0.05),
];
pub(super) const LOST_REASONS: &[&str] = &["Price", "Competitor", "No budget", "No decision", "Missing feature"];
pub(super) const PRODUCTS: &[(&str, &str, f64)] = &[
    ("CRM-S", "Starter licence", 19.0),
    ("CRM-P", "Professional licence", 49.5),
    ("CRM-E", "Enterprise licence", 89.95),
    ("SRV-ON", "Onboarding", 2_400.0),
    ("SRV-TR", "Training day", 1_150.25),
    ("SRV-SU", "Premium support", 310.0),
];
pub(super) const DEALS: &[&str] = &["rollout", "renewal", "pilot", "expansion", "migration", "upgrade"];
pub(super) const REGIONS: &[&str] = &["DACH", "Nordics", "Iberia", "North America", "日本"];
pub(super) const NEXT_STEPS: &[&str] = &["Send offer", "Call back", "Arrange demo", "Legal review", "Négociation"];
/// The stages of the sales pipeline, with their probability in per cent.
pub(super) const STAGES: &[(&str, u64)] =
    &[("Qualification", 10), ("Discovery", 25), ("Proposal", 50), ("Negotiation", 75)];
/// The stages of the pipeline of renewals.
pub(super) const RENEWAL_STAGES: &[(&str, u64)] = &[("Upcoming", 60), ("Quoted", 80), ("Verbal agreement", 95)];
/// What becomes of a lead until it is decided.
pub(super) const LEAD_STATUSES: &[&str] = &["New", "Contacted", "Qualified"];
