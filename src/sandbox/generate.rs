//! A CRM with a past: a year and a half of leads and deals, made from a seed.
//!
//! Deals come and go with the seasons, move through stages with plausible odds, and belong to owners of different
//! strength. Some values are missing, as they are in life.

use std::collections::HashSet;

use jiff::{Span, Timestamp, civil::Date, tz::Offset};
use rand::{RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal};
use serde_json::{Value, json};

use super::names as words;

/// Days of history.
const DAYS: i64 = 540;
/// How much busier or quieter a month is than the average, January first.
const SEASONS: [f64; 12] = [0.8, 0.9, 1.15, 1.0, 1.0, 1.1, 0.8, 0.6, 1.1, 1.15, 1.2, 1.2];
/// How often each owner wins, one after the other.
pub(super) const STRENGTHS: [f64; 8] = [0.55, 0.48, 0.42, 0.38, 0.33, 0.28, 0.22, 0.15];

/// The field ids of the custom fields, as the forms name them.
pub(super) const FIELD_REGION: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0001";
pub(super) const FIELD_NEXT_STEP: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0002";
pub(super) const FIELD_MONTHS: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0003";
pub(super) const FIELD_RENEWAL: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0004";
pub(super) const FIELD_NEWSLETTER: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0005";
pub(super) const FIELD_TIER: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0006";

/// The pipeline that new business goes through, by its place in `pipelines`.
pub(super) const SALES: usize = 0;
/// The pipeline of contracts that run out.
pub(super) const RENEWALS: usize = 1;

/// Everything that a sandbox serves.
#[derive(Clone, Debug)]
pub struct Crm {
    pub(super) rng: ChaCha8Rng,
    /// A second stream for what is laid over the records, so that it can grow and a seed still makes the same records.
    pub(super) whims: ChaCha8Rng,
    /// The moment up to which the past reaches.
    pub(super) now: Timestamp,
    pub(super) tenant: String,
    pub(super) users: Vec<Value>,
    pub(super) leads: Vec<Value>,
    pub(super) opportunities: Vec<Value>,
    pub(super) contacts: Vec<Value>,
    pub(super) organizations: Vec<Value>,
    /// The host names of the organizations' websites, each of which is one organization's.
    pub(super) sites: HashSet<String>,
    pub(super) pipelines: Vec<Value>,
    pub(super) tags: Vec<(&'static str, Vec<Value>)>,
    pub(super) forms: Vec<(&'static str, Value)>,
}

impl Crm {
    /// Makes a CRM. Scale 1 has about 400 records; the last day of its past is `today`.
    pub fn generate(seed: u64, scale: u32, today: Date) -> Self {
        let midnight = Offset::UTC.to_timestamp(today.at(0, 0, 0, 0)).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut whims = ChaCha8Rng::seed_from_u64(seed);
        whims.set_stream(1);
        let mut crm = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            whims,
            now: midnight,
            tenant: String::new(),
            users: Vec::new(),
            leads: Vec::new(),
            opportunities: Vec::new(),
            contacts: Vec::new(),
            organizations: Vec::new(),
            sites: HashSet::new(),
            pipelines: Vec::new(),
            tags: Vec::new(),
            forms: Vec::new(),
        };
        crm.tenant = crm.id();
        crm.users = (0..STRENGTHS.len()).map(|index| crm.user(index)).collect();
        crm.pipeline("Sales", words::STAGES);
        crm.forms_and_tags();
        let scale = scale.max(1) as usize;
        for _ in 0..40 * scale {
            let at = crm.moment_of_the_past();
            let organization = crm.organization(at);
            crm.organizations.push(organization);
        }
        for _ in 0..100 * scale {
            let at = crm.moment_of_the_past();
            let contact = crm.contact(at);
            crm.contacts.push(contact);
        }
        for _ in 0..120 * scale {
            let at = crm.moment_of_the_past();
            let opportunity = crm.opportunity(at, SALES);
            crm.opportunities.push(opportunity);
        }
        for _ in 0..140 * scale {
            let at = crm.moment_of_the_past();
            let lead = crm.lead(at);
            crm.leads.push(lead);
        }
        crm.lay_over(scale);
        for list in [&mut crm.leads, &mut crm.opportunities, &mut crm.contacts, &mut crm.organizations] {
            list.sort_by(|left, right| left["createdOn"].as_str().cmp(&right["createdOn"].as_str()));
        }
        crm
    }

    pub(super) fn id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.random()).into_uuid().to_string()
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        // The lists of words are not empty.
        from[self.rng.random_range(0..from.len())]
    }

    /// As `chance`, from the second stream.
    pub(super) fn whim(&mut self, probability: f64) -> bool {
        self.whims.random_bool(probability)
    }

    pub(super) fn weighted(&mut self, from: &[(&'static str, f64)]) -> &'static str {
        from.choose_weighted(&mut self.rng, |entry| entry.1).map_or("", |entry| entry.0)
    }

    pub(super) fn money(&mut self, median: f64, spread: f64) -> f64 {
        let amount = LogNormal::new(median.ln(), spread).map_or(median, |values| values.sample(&mut self.rng));
        if self.chance(0.7) { (amount / 50.0).round() * 50.0 } else { (amount * 100.0).round() / 100.0 }
    }

    pub(super) fn moment_of_the_past(&mut self) -> Timestamp {
        loop {
            let minutes = self.rng.random_range(0..DAYS * 24 * 60);
            let at = self.now - Span::new().minutes(minutes);
            let month = Offset::UTC.to_datetime(at).month();
            let season = SEASONS[usize::try_from(month - 1).unwrap_or(0)];
            if self.rng.random_range(0.0..1.2) < season {
                return at;
            }
        }
    }

    fn user(&mut self, index: usize) -> Value {
        let first = words::FIRST_NAMES[index * 3 % words::FIRST_NAMES.len()];
        let last = words::LAST_NAMES[index * 7 % words::LAST_NAMES.len()];
        json!({"id": self.id(), "name": format!("{first} {last}"), "email": email(first, last, "sales.example")})
    }

    pub(super) fn owner(&mut self) -> (Value, f64) {
        let index = self.rng.random_range(0..STRENGTHS.len());
        (self.users[index].clone(), STRENGTHS[index])
    }

    pub(super) fn pipeline(&mut self, name: &str, stages: &[(&str, u64)]) {
        let stages: Vec<Value> = stages
            .iter()
            .zip(1u64..)
            .map(|((name, probability), order)| {
                json!({"id": self.id(), "name": name, "probability": probability, "order": order})
            })
            .collect();
        let pipeline = json!({"id": self.id(), "tenantId": self.tenant, "name": name, "stages": stages});
        self.pipelines.push(pipeline);
    }

    fn forms_and_tags(&mut self) {
        let field = |id: &str, label: &str, kind: &str| json!({"id": id, "label": label, "type": kind});
        let forms = [
            (
                "opportunities",
                vec![
                    field(FIELD_REGION, "Sales region", "text"),
                    field(FIELD_NEXT_STEP, "Next step", "text"),
                    field(FIELD_MONTHS, "Contract months", "number"),
                    field(FIELD_RENEWAL, "Renewal date", "date"),
                ],
            ),
            ("contacts", vec![field(FIELD_NEWSLETTER, "Newsletter", "boolean")]),
            ("organizations", vec![field(FIELD_TIER, "Customer tier", "text")]),
        ];
        for (name, fields) in forms {
            let form = json!({"id": self.id(), "tenantId": self.tenant, "fields": fields});
            self.forms.push((name, form));
        }
        for (name, texts) in [
            ("leads", ["hot", "event", "inbound"]),
            ("opportunities", ["strategic", "at risk", "renewal"]),
            ("contacts", ["champion", "newsletter", "décideur"]),
            ("organizations", ["customer", "partner", "prospect"]),
        ] {
            let tags = texts.iter().map(|text| json!({"id": self.id(), "text": text})).collect();
            self.tags.push((name, tags));
        }
    }
}

/// A moment as the API writes it.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(super) fn maybe(there: bool, value: impl Into<Value>) -> Value {
    if there { value.into() } else { Value::Null }
}

pub(super) fn email(first: &str, last: &str, domain: &str) -> String {
    format!("{}.{}@{domain}", ascii(first), ascii(last))
}

pub(super) fn ascii(word: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    word.nfkd().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}
