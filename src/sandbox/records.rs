//! The records themselves: what an organization, a contact, a deal and a lead look like when they are made.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up durations and head counts: any number will do"
)]

use jiff::{Span, Timestamp, tz::Offset};
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_distr::{Distribution as _, LogNormal};
use serde_json::{Map, Value, json};

use super::{
    generate::{
        Crm, FIELD_MONTHS, FIELD_NEWSLETTER, FIELD_NEXT_STEP, FIELD_REGION, FIELD_RENEWAL, FIELD_TIER, RENEWALS, ascii,
        email, maybe, written,
    },
    names as words,
};

impl Crm {
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

    pub(super) fn organization(&mut self, at: Timestamp) -> Value {
        let mut record = self.common(at, at);
        let word = self.pick(words::ORGANIZATIONS);
        let (business, form) = (self.pick(words::INDUSTRIES), self.pick(words::FORMS_OF_BUSINESS));
        let (city, postal_code, country) = self.pick(words::CITIES);
        let (owner, _) = self.owner();
        record.insert("owner".into(), owner);
        let (name, site) = self.name_of_its_own(&[word, business], city);
        record.insert("website".into(), format!("https://{site}").into());
        record.insert("name".into(), format!("{name} {form}").into());
        record.insert("industry".into(), maybe(self.chance(0.9), self.pick(words::INDUSTRIES)));
        let employees = self.money(120.0, 1.2).round() as u64;
        let is_known = self.chance(0.8);
        record.insert("employees".into(), maybe(is_known, employees));
        let revenue = self.money(4_000_000.0, 1.4);
        record.insert("annualRevenue".into(), maybe(self.chance(0.6), revenue));
        record.insert("phone".into(), format!("+49 89 {:07}", self.rng.random_range(0..10_000_000)).into());
        record.insert(
            "address".into(),
            json!({"street": format!("{} {}", self.pick(words::DEALS), self.rng.random_range(1..200)), "city": city,
                   "state": null, "postalCode": postal_code, "country": country}),
        );
        record.insert("segment".into(), maybe(is_known, segment(employees)));
        record.insert("lastActivityOn".into(), self.last_activity(at));
        record.insert("tags".into(), self.tags_of("organizations"));
        let tier = self.pick(&["A", "B", "C"]);
        record.insert("customFields".into(), json!({FIELD_TIER: maybe(self.chance(0.7), tier)}));
        record.into()
    }

    /// A name and a host name that no other organization has: the words, then the city too, then a number.
    fn name_of_its_own(&mut self, stem: &[&str], city: &str) -> (String, String) {
        let with_city: Vec<&str> = stem.iter().copied().chain([city]).collect();
        let numbered = (2..).map(|number| (with_city.join(" "), Some(number)));
        let names = [(stem.join(" "), None), (with_city.join(" "), None)].into_iter().chain(numbered);
        for (name, number) in names {
            let name = number.map_or(name.clone(), |number: u32| format!("{name} {number}"));
            let slugs: Vec<String> = name.split(' ').map(ascii).filter(|slug| !slug.is_empty()).collect();
            let site = format!("{}.example", slugs.join("-"));
            if self.sites.insert(site.clone()) {
                return (name, site);
            }
        }
        // Numbers do not run out.
        (String::new(), String::new())
    }

    /// When somebody last dealt with a record: lately, long ago, or never.
    fn last_activity(&mut self, created: Timestamp) -> Value {
        let days_ago = if self.whim(0.25) { 180..420i64 } else { 0..90 };
        let minutes = self.whims.random_range(days_ago.start * 1_440..days_ago.end * 1_440);
        let at = (self.now - Span::new().minutes(minutes)).max(created);
        maybe(!self.whim(0.15), written(at))
    }

    pub(super) fn contact(&mut self, at: Timestamp) -> Value {
        let mut record = self.common(at, at);
        let (first, last) = (self.pick(words::FIRST_NAMES), self.pick(words::LAST_NAMES));
        let organization = self.any_organization();
        let site =
            organization.and_then(|index| self.organizations[index]["website"].as_str()?.strip_prefix("https://"));
        let address = email(first, last, site.unwrap_or("customer.example"));
        let organization = self.reference(organization);
        let (owner, _) = self.owner();
        record.insert("owner".into(), owner);
        record.insert("firstName".into(), first.into());
        record.insert("lastName".into(), last.into());
        record.insert("email".into(), maybe(self.chance(0.92), address));
        record.insert(
            "phone".into(),
            maybe(self.chance(0.7), format!("+33 1 {:08}", self.rng.random_range(0..100_000_000))),
        );
        record.insert("jobTitle".into(), maybe(self.chance(0.8), self.pick(words::JOBS)));
        record.insert("organization".into(), organization);
        record.insert("lastActivityOn".into(), self.last_activity(at));
        record.insert("tags".into(), self.tags_of("contacts"));
        // The other notation that the API is assumed to have.
        record.insert("customFields".into(), json!([{"id": FIELD_NEWSLETTER, "value": self.chance(0.5)}]));
        record.into()
    }

    /// The organization that a record is about, by its place; a few records are about none.
    fn any_organization(&mut self) -> Option<usize> {
        if self.organizations.is_empty() || self.chance(0.05) {
            return None;
        }
        Some(self.rng.random_range(0..self.organizations.len()))
    }

    fn reference(&self, organization: Option<usize>) -> Value {
        organization.map_or(Value::Null, |index| {
            let organization = &self.organizations[index];
            json!({"id": organization["id"], "name": organization["name"]})
        })
    }

    fn segment_of(&self, organization: Option<usize>) -> Value {
        organization.map_or(Value::Null, |index| self.organizations[index]["segment"].clone())
    }

    pub(super) fn opportunity(&mut self, created: Timestamp, pipeline: usize) -> Value {
        let (owner, strength) = self.owner();
        let strength = if pipeline == RENEWALS { strength + 0.35 } else { strength };
        let stages = self.stages(pipeline);
        let cycle = LogNormal::new(55f64.ln(), 0.5).map_or(55.0, |days| days.sample(&mut self.rng));
        let age = (self.now.as_second() - created.as_second()) as f64 / 86_400.0;
        let progress = age / cycle;
        let won = self.chance(strength);
        let closed = progress >= 1.0;
        let close = created + Span::new().minutes((cycle * 1_440.0) as i64);
        let last = stages - 1;
        // A lost deal ends somewhere on its way, a won one at the end.
        let reached = if closed && !won { self.rng.random_range(0..=last) } else { last };
        let stage = if closed { reached } else { ((progress * stages as f64) as usize).min(last) };
        let updated = if closed { close } else { created + Span::new().minutes((age * 700.0) as i64) };
        let mut record = self.common(created, updated);
        let organization = self.any_organization();
        let segment = self.segment_of(organization);
        let organization = self.reference(organization);
        let deal = self.pick(words::DEALS);
        let deal = if pipeline == RENEWALS { "renewal" } else { deal };
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
        record.insert("pipeline".into(), self.reference_to(pipeline));
        record.insert("stage".into(), self.stage(pipeline, stage));
        let probability = self.probability(pipeline, stage);
        record.insert("probability".into(), probability.into());
        record.insert("forecastCategory".into(), self.forecast_category(probability));
        let amount = self.money(18_000.0, 0.9);
        record.insert("amount".into(), maybe(self.chance(0.97), amount));
        record.insert("currency".into(), self.weighted(&[("EUR", 0.6), ("USD", 0.25), ("GBP", 0.15)]).into());
        record.insert("source".into(), self.weighted(words::SOURCES).into());
        record.insert("expectedCloseDate".into(), maybe(self.chance(0.95), expected.to_string()));
        record.insert("closedOn".into(), maybe(closed, written(close)));
        record.insert("lostReason".into(), maybe(closed && !won, self.pick(words::LOST_REASONS)));
        record.insert("organization".into(), organization);
        record.insert("segment".into(), segment);
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

    /// How many stages a pipeline has.
    pub(super) fn stages(&self, pipeline: usize) -> usize {
        self.pipelines[pipeline]["stages"].as_array().map_or(0, Vec::len)
    }

    pub(super) fn stage(&self, pipeline: usize, index: usize) -> Value {
        let stage = &self.pipelines[pipeline]["stages"][index];
        json!({"id": stage["id"], "name": stage["name"]})
    }

    pub(super) fn probability(&self, pipeline: usize, stage: usize) -> u64 {
        self.pipelines[pipeline]["stages"][stage]["probability"].as_u64().unwrap_or(0)
    }

    fn reference_to(&self, pipeline: usize) -> Value {
        let pipeline = &self.pipelines[pipeline];
        json!({"id": pipeline["id"], "name": pipeline["name"]})
    }

    /// What the owner thinks of a deal: mostly what its stage suggests, sometimes nothing.
    pub(super) fn forecast_category(&mut self, probability: u64) -> Value {
        let odds = match probability {
            75.. => [("commit", 0.65), ("best case", 0.2), ("pipeline", 0.05), ("", 0.1)],
            50..75 => [("commit", 0.1), ("best case", 0.6), ("pipeline", 0.2), ("", 0.1)],
            _ => [("commit", 0.01), ("best case", 0.1), ("pipeline", 0.74), ("", 0.15)],
        };
        let category = odds.choose_weighted(&mut self.whims, |entry| entry.1).map_or("", |entry| entry.0);
        maybe(!category.is_empty(), category)
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
        let organization = self.any_organization();
        let segment = self.segment_of(organization);
        let organization = self.reference(organization);
        let (owner, _) = self.owner();
        record.insert("title".into(), format!("{first} {last}, {}", self.pick(words::DEALS)).into());
        let status = match (decided, converted) {
            (true, true) => "Converted",
            (true, false) => "Disqualified",
            (false, _) => self.pick(words::LEAD_STATUSES),
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
        record.insert("segment".into(), segment);
        record.insert("convertedOn".into(), maybe(converted, written(decision)));
        record.insert("opportunityId".into(), Value::Null);
        record.insert("tags".into(), self.tags_of("leads"));
        record.insert("customFields".into(), json!({FIELD_REGION: maybe(self.chance(0.5), self.pick(words::REGIONS))}));
        if self.chance(0.1) {
            record
                .insert("description".into(), format!("<p>Met at the fair. {}…</p>", "Lorem ipsum ".repeat(40)).into());
        }
        record.into()
    }
}

/// What a firm of so many people counts as.
fn segment(employees: u64) -> &'static str {
    match employees {
        500.. => "Enterprise",
        100..500 => "Mid-market",
        _ => "Small",
    }
}
