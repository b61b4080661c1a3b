//! A CRM with a past: a year and a half of leads and deals, made from a seed.
//!
//! Deals come and go with the seasons, move through stages with plausible odds, and belong to owners of different
//! strength. Some values are missing, as they are in life.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up durations and head counts: any number will do"
)]

use jiff::{Span, Timestamp, civil::Date, tz::Offset};
use rand::{RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal};
use serde_json::{Map, Value, json};

use super::names as words;

/// Days of history.
const DAYS: i64 = 540;
/// How much busier or quieter a month is than the average, January first.
const SEASONS: [f64; 12] = [0.8, 0.9, 1.15, 1.0, 1.0, 1.1, 0.8, 0.6, 1.1, 1.15, 1.2, 1.2];
/// How often each owner wins, one after the other.
const STRENGTHS: [f64; 8] = [0.55, 0.48, 0.42, 0.38, 0.33, 0.28, 0.22, 0.15];

/// The field ids of the custom fields, as the forms name them.
pub(super) const FIELD_REGION: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0001";
const FIELD_NEXT_STEP: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0002";
const FIELD_MONTHS: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0003";
const FIELD_RENEWAL: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0004";
const FIELD_NEWSLETTER: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0005";
const FIELD_TIER: &str = "5f1c0a52-7d0e-4b43-9a1b-2f3f5d1e0006";

/// Everything that a sandbox serves.
#[derive(Clone, Debug)]
pub struct Crm {
    pub(super) rng: ChaCha8Rng,
    /// The moment up to which the past reaches.
    pub(super) now: Timestamp,
    pub(super) tenant: String,
    pub(super) users: Vec<Value>,
    pub(super) leads: Vec<Value>,
    pub(super) opportunities: Vec<Value>,
    pub(super) contacts: Vec<Value>,
    pub(super) organizations: Vec<Value>,
    pub(super) pipelines: Vec<Value>,
    pub(super) tags: Vec<(&'static str, Vec<Value>)>,
    pub(super) forms: Vec<(&'static str, Value)>,
}

impl Crm {
    /// Makes a CRM. Scale 1 has about 400 records; the last day of its past is `today`.
    pub fn generate(seed: u64, scale: u32, today: Date) -> Self {
        let midnight = Offset::UTC.to_timestamp(today.at(0, 0, 0, 0)).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut crm = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: midnight,
            tenant: String::new(),
            users: Vec::new(),
            leads: Vec::new(),
            opportunities: Vec::new(),
            contacts: Vec::new(),
            organizations: Vec::new(),
            pipelines: Vec::new(),
            tags: Vec::new(),
            forms: Vec::new(),
        };
        crm.tenant = crm.id();
        crm.users = (0..STRENGTHS.len()).map(|index| crm.user(index)).collect();
        crm.pipeline();
        crm.forms_and_tags();
        let scale = scale.max(1) as usize;
        for _ in 0..40 * scale {
            let organization = crm.organization();
            crm.organizations.push(organization);
        }
        for _ in 0..100 * scale {
            let contact = crm.contact();
            crm.contacts.push(contact);
        }
        for _ in 0..120 * scale {
            let at = crm.moment_of_the_past();
            let opportunity = crm.opportunity(at);
            crm.opportunities.push(opportunity);
        }
        for _ in 0..140 * scale {
            let at = crm.moment_of_the_past();
            let lead = crm.lead(at);
            crm.leads.push(lead);
        }
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

    fn weighted(&mut self, from: &[(&'static str, f64)]) -> &'static str {
        from.choose_weighted(&mut self.rng, |entry| entry.1).map_or("", |entry| entry.0)
    }

    fn money(&mut self, median: f64, spread: f64) -> f64 {
        let amount = LogNormal::new(median.ln(), spread).map_or(median, |values| values.sample(&mut self.rng));
        if self.chance(0.7) { (amount / 50.0).round() * 50.0 } else { (amount * 100.0).round() / 100.0 }
    }

    fn moment_of_the_past(&mut self) -> Timestamp {
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

    fn pipeline(&mut self) {
        let stages: Vec<Value> = words::STAGES
            .iter()
            .zip(1u64..)
            .map(|((name, probability), order)| {
                json!({"id": self.id(), "name": name, "probability": probability, "order": order})
            })
            .collect();
        let pipeline = json!({"id": self.id(), "tenantId": self.tenant, "name": "Sales", "stages": stages});
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

    fn common(&mut self, created: Timestamp, updated: Timestamp) -> Map<String, Value> {
        let (owner, _) = self.owner();
        let (editor, _) = self.owner();
        let mut record = Map::new();
        record.insert("id".into(), self.id().into());
        record.insert("tenantId".into(), self.tenant.clone().into());
        record.insert("createdOn".into(), written(created).into());
        record.insert("createdBy".into(), owner);
        record.insert("lastUpdatedOn".into(), written(updated).into());
        record.insert("lastUpdatedBy".into(), editor);
        record
    }

    fn tags_of(&mut self, name: &str) -> Value {
        let Some((_, tags)) = self.tags.iter().find(|(of, _)| *of == name) else { return Value::Null };
        let tags = tags.clone();
        tags.iter().filter(|_| self.chance(0.2)).map(|tag| tag["text"].clone()).collect()
    }

    fn organization(&mut self) -> Value {
        let at = self.moment_of_the_past();
        let mut record = self.common(at, at);
        let word = self.pick(words::ORGANIZATIONS);
        let name = format!("{word} {} {}", self.pick(words::INDUSTRIES), self.pick(words::FORMS_OF_BUSINESS));
        let (city, postal_code, country) = self.pick(words::CITIES);
        let (owner, _) = self.owner();
        record.insert("owner".into(), owner);
        record.insert("website".into(), format!("https://{}.example", ascii(word)).into());
        record.insert("name".into(), name.into());
        record.insert("industry".into(), maybe(self.chance(0.9), self.pick(words::INDUSTRIES)));
        let employees = self.money(120.0, 1.2).round() as u64;
        record.insert("employees".into(), maybe(self.chance(0.8), employees));
        let revenue = self.money(4_000_000.0, 1.4);
        record.insert("annualRevenue".into(), maybe(self.chance(0.6), revenue));
        record.insert("phone".into(), format!("+49 89 {:07}", self.rng.random_range(0..10_000_000)).into());
        record.insert(
            "address".into(),
            json!({"street": format!("{} {}", self.pick(words::DEALS), self.rng.random_range(1..200)), "city": city,
                   "state": null, "postalCode": postal_code, "country": country}),
        );
        record.insert("tags".into(), self.tags_of("organizations"));
        let tier = self.pick(&["A", "B", "C"]);
        record.insert("customFields".into(), json!({FIELD_TIER: maybe(self.chance(0.7), tier)}));
        record.into()
    }

    fn contact(&mut self) -> Value {
        let at = self.moment_of_the_past();
        let mut record = self.common(at, at);
        let (first, last) = (self.pick(words::FIRST_NAMES), self.pick(words::LAST_NAMES));
        let organization = self.organization_reference();
        let (owner, _) = self.owner();
        record.insert("owner".into(), owner);
        record.insert("firstName".into(), first.into());
        record.insert("lastName".into(), last.into());
        record.insert("email".into(), maybe(self.chance(0.92), email(first, last, "customer.example")));
        record.insert(
            "phone".into(),
            maybe(self.chance(0.7), format!("+33 1 {:08}", self.rng.random_range(0..100_000_000))),
        );
        record.insert("jobTitle".into(), maybe(self.chance(0.8), self.pick(words::JOBS)));
        record.insert("organization".into(), organization);
        record.insert("tags".into(), self.tags_of("contacts"));
        // The other notation that the API is assumed to have.
        record.insert("customFields".into(), json!([{"id": FIELD_NEWSLETTER, "value": self.chance(0.5)}]));
        record.into()
    }

    pub(super) fn organization_reference(&mut self) -> Value {
        if self.organizations.is_empty() || self.chance(0.05) {
            return Value::Null;
        }
        let organization = &self.organizations[self.rng.random_range(0..self.organizations.len())];
        json!({"id": organization["id"], "name": organization["name"]})
    }

    pub(super) fn opportunity(&mut self, created: Timestamp) -> Value {
        let (owner, strength) = self.owner();
        let cycle = LogNormal::new(55f64.ln(), 0.5).map_or(55.0, |days| days.sample(&mut self.rng));
        let age = (self.now.as_second() - created.as_second()) as f64 / 86_400.0;
        let progress = age / cycle;
        let won = self.chance(strength);
        let closed = progress >= 1.0;
        let close = created + Span::new().minutes((cycle * 1_440.0) as i64);
        let last = words::STAGES.len() - 1;
        // A lost deal ends somewhere on its way, a won one at the end.
        let reached = if closed && !won { self.rng.random_range(0..=last) } else { last };
        let stage = if closed { reached } else { ((progress * words::STAGES.len() as f64) as usize).min(last) };
        let updated = if closed { close } else { created + Span::new().minutes((age * 700.0) as i64) };
        let mut record = self.common(created, updated);
        let organization = self.organization_reference();
        let deal = self.pick(words::DEALS);
        let title = match organization["name"].as_str() {
            Some(name) => format!("{name}: {deal}"),
            None => format!("New {deal}"),
        };
        let slip = self.rng.random_range(-20i64..35);
        let expected = Offset::UTC.to_datetime(close + Span::new().hours(24 * slip)).date();
        let status = if closed { if won { "Won" } else { "Lost" } } else { "Open" };
        record.insert("title".into(), title.into());
        record.insert("status".into(), status.into());
        record.insert("owner".into(), owner);
        let pipeline = json!({"id": self.pipelines[0]["id"], "name": self.pipelines[0]["name"]});
        record.insert("pipeline".into(), pipeline);
        record.insert("stage".into(), self.stage(stage));
        record.insert("probability".into(), self.pipelines[0]["stages"][stage]["probability"].clone());
        let amount = self.money(18_000.0, 0.9);
        record.insert("amount".into(), maybe(self.chance(0.97), amount));
        record.insert("currency".into(), self.weighted(&[("EUR", 0.6), ("USD", 0.25), ("GBP", 0.15)]).into());
        record.insert("source".into(), self.weighted(words::SOURCES).into());
        record.insert("expectedCloseDate".into(), maybe(self.chance(0.95), expected.to_string()));
        record.insert("closedOn".into(), maybe(closed, written(close)));
        record.insert("lostReason".into(), maybe(closed && !won, self.pick(words::LOST_REASONS)));
        record.insert("organization".into(), organization);
        record.insert("contacts".into(), self.contact_references());
        record.insert("products".into(), self.products());
        record.insert("tags".into(), self.tags_of("opportunities"));
        let renewal = expected.checked_add(Span::new().years(1)).unwrap_or(expected).to_string();
        let months = self.pick(&[12u64, 24, 36]);
        record.insert(
            "customFields".into(),
            json!({
                FIELD_REGION: self.pick(words::REGIONS),
                FIELD_NEXT_STEP: maybe(!closed && self.chance(0.6), self.pick(words::NEXT_STEPS)),
                FIELD_MONTHS: months,
                FIELD_RENEWAL: maybe(won && closed, renewal),
            }),
        );
        record.insert("leadId".into(), Value::Null);
        record.into()
    }

    pub(super) fn stage(&self, index: usize) -> Value {
        let stage = &self.pipelines[0]["stages"][index];
        json!({"id": stage["id"], "name": stage["name"]})
    }

    fn contact_references(&mut self) -> Value {
        let count = self.rng.random_range(0..3);
        (0..count)
            .filter_map(|_| {
                let index = self.rng.random_range(0..self.contacts.len().max(1));
                let contact = self.contacts.get(index)?;
                let name = format!("{} {}", contact["firstName"].as_str()?, contact["lastName"].as_str()?);
                Some(json!({"id": contact["id"], "name": name}))
            })
            .collect()
    }

    fn products(&mut self) -> Value {
        let count = self.rng.random_range(0..4);
        (0..count)
            .map(|_| {
                let (sku, name, price) = self.pick(words::PRODUCTS);
                let quantity = self.rng.random_range(1..40u64);
                let discount = maybe(self.chance(0.3), self.pick(&[5.0, 7.5, 10.0]));
                json!({"sku": sku, "name": name, "quantity": quantity, "unitPrice": price, "discount": discount})
            })
            .collect()
    }

    pub(super) fn lead(&mut self, created: Timestamp) -> Value {
        let age = (self.now.as_second() - created.as_second()) as f64 / 86_400.0;
        let decided = age > self.rng.random_range(2.0..40.0);
        let converted = decided && self.chance(0.35);
        let decision = created + Span::new().minutes((age * 720.0) as i64);
        let mut record = self.common(created, if decided { decision } else { created });
        let (first, last) = (self.pick(words::FIRST_NAMES), self.pick(words::LAST_NAMES));
        let organization = self.organization_reference();
        let (owner, _) = self.owner();
        record.insert("title".into(), format!("{first} {last}, {}", self.pick(words::DEALS)).into());
        let status = match (decided, converted) {
            (true, true) => "Converted",
            (true, false) => "Disqualified",
            (false, _) => self.pick(&["New", "Contacted", "Qualified"]),
        };
        record.insert("status".into(), status.into());
        record.insert("owner".into(), owner);
        record.insert("source".into(), self.weighted(words::SOURCES).into());
        let value = self.money(9_000.0, 0.8);
        record.insert("value".into(), maybe(self.chance(0.6), value));
        record.insert("currency".into(), self.weighted(&[("EUR", 0.6), ("USD", 0.25), ("GBP", 0.15)]).into());
        record.insert("isArchived".into(), (decided && !converted && self.chance(0.5)).into());
        record.insert(
            "contact".into(),
            json!({"id": self.id(), "name": format!("{first} {last}"), "email": email(first, last, "prospect.example")}),
        );
        record.insert("organization".into(), organization);
        record.insert("convertedOn".into(), maybe(converted, written(decision)));
        let opportunity = if converted && !self.opportunities.is_empty() {
            let index = self.rng.random_range(0..self.opportunities.len());
            self.opportunities[index]["leadId"] = record["id"].clone();
            self.opportunities[index]["id"].clone()
        } else {
            Value::Null
        };
        record.insert("opportunityId".into(), opportunity);
        record.insert("tags".into(), self.tags_of("leads"));
        record.insert("customFields".into(), json!({FIELD_REGION: maybe(self.chance(0.5), self.pick(words::REGIONS))}));
        if self.chance(0.1) {
            record
                .insert("description".into(), format!("<p>Met at the fair. {}…</p>", "Lorem ipsum ".repeat(40)).into());
        }
        record.into()
    }
}

/// A moment as the API writes it.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn maybe(there: bool, value: impl Into<Value>) -> Value {
    if there { value.into() } else { Value::Null }
}

fn email(first: &str, last: &str, domain: &str) -> String {
    format!("{}.{}@{domain}", ascii(first), ascii(last))
}

fn ascii(word: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    word.nfkd().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_crm() {
        let today = jiff::civil::date(2026, 6, 1);
        let (first, second) = (Crm::generate(7, 1, today), Crm::generate(7, 1, today));
        assert_eq!(first.opportunities, second.opportunities);
        assert_eq!(first.leads, second.leads);
        assert_ne!(first.leads, Crm::generate(8, 1, today).leads);
    }

    #[test]
    fn it_looks_like_a_business() {
        let crm = Crm::generate(1, 5, jiff::civil::date(2026, 6, 1));
        let count = |status: &str| crm.opportunities.iter().filter(|deal| deal["status"] == status).count();
        let (open, won, lost) = (count("Open"), count("Won"), count("Lost"));
        assert_eq!(open + won + lost, 600);
        assert!(open > 30 && won > 100 && lost > won / 2, "{open} open, {won} won, {lost} lost");
    }
}
