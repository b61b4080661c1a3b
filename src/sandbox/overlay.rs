//! What is laid over the records once all are there: renewals, conversions, deals on hold, and records entered twice.

use std::collections::BTreeSet;

use jiff::{Span, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    changes::moment,
    generate::{Crm, RENEWALS, ascii, written},
    names as words,
};

impl Crm {
    /// Makes a business of the records; there are `scale` times as many as in the smallest CRM.
    pub(super) fn lay_over(&mut self, scale: usize) {
        self.pipeline("Renewals", words::RENEWAL_STAGES);
        self.tie_conversions();
        for _ in 0..8 * scale {
            let at = self.moment_of_the_past();
            let renewal = self.opportunity(at, RENEWALS);
            self.opportunities.push(renewal);
        }
        let open: Vec<usize> =
            (0..self.opportunities.len()).filter(|index| self.opportunities[*index]["status"] == "Open").collect();
        for _ in 0..scale.min(open.len()) {
            let index = open[self.whims.random_range(0..open.len())];
            self.opportunities[index]["status"] = json!("On hold");
        }
        for _ in 0..3 * scale {
            let index = self.whims.random_range(0..self.organizations.len());
            let twin = self.organization_twin(index);
            self.organizations.push(twin);
        }
        for _ in 0..5 * scale {
            let index = self.whims.random_range(0..self.contacts.len());
            let twin = self.contact_twin(index);
            self.contacts.push(twin);
        }
    }

    /// Ties each converted lead to a deal of its own, which was created when the lead was converted. A few were tied by
    /// hand to a deal that was there before them, and a few to none.
    fn tie_conversions(&mut self) {
        let created = self.opportunities.iter().map(|deal| moment(&deal["createdOn"]));
        let mut free: BTreeSet<(Timestamp, usize)> = created.zip(0..).collect();
        for lead in 0..self.leads.len() {
            if self.leads[lead]["status"] != "Converted" {
                continue;
            }
            let created = moment(&self.leads[lead]["createdOn"]);
            let after = created + Span::new().hours(self.whims.random_range(2i64..24 * 20));
            let by_hand = self.whim(0.03);
            let tied = if by_hand {
                free.range(..(created, 0)).next_back().copied()
            } else {
                free.range((after, 0)..).next().copied()
            };
            let Some(key @ (at, index)) = tied else { continue };
            free.remove(&key);
            let (lead, deal) = (&mut self.leads[lead], &mut self.opportunities[index]);
            deal["leadId"] = lead["id"].clone();
            lead["opportunityId"] = deal["id"].clone();
            for member in ["source", "organization", "segment"] {
                lead[member] = deal[member].clone();
            }
            if !by_hand {
                lead["convertedOn"] = json!(written(at));
                lead["lastUpdatedOn"] = json!(written(at));
            }
        }
    }

    /// The same organization, entered again later and written in another way.
    fn organization_twin(&mut self, index: usize) -> Value {
        let mut twin = self.twin(&self.organizations[index].clone());
        let name = twin["name"].as_str().unwrap_or_default().to_owned();
        let (stem, form) = name.rsplit_once(' ').unwrap_or((&name, ""));
        let other_form = if form == "GmbH" { "AG" } else { "GmbH" };
        let other = match self.whims.random_range(0..4) {
            0 => name.to_uppercase(),
            1 => format!("{stem} {other_form}"),
            2 => stem.replacen(' ', "-", 1),
            _ => name.split(' ').map(plain).collect::<Vec<_>>().join("  "),
        };
        twin["name"] = json!(other);
        // Whoever enters a firm in haste leaves out what can be left out.
        if self.whim(0.5) {
            for member in ["annualRevenue", "employees", "segment"] {
                twin[member] = Value::Null;
            }
        }
        twin
    }

    /// The same person, entered again later.
    pub(super) fn contact_twin(&mut self, index: usize) -> Value {
        let mut twin = self.twin(&self.contacts[index].clone());
        if let Some(email) = twin["email"].as_str() {
            twin["email"] = json!(if self.whim(0.5) { email.to_uppercase() } else { capitalized(email) });
        }
        if self.whim(0.4) {
            twin["jobTitle"] = Value::Null;
        }
        twin
    }

    fn twin(&mut self, record: &Value) -> Value {
        let mut twin = record.clone();
        let created = moment(&record["createdOn"]);
        let share = self.whims.random_range(0.0..1.0);
        let at = created + (self.now.duration_since(created)).mul_f64(share);
        let (owner, _) = self.owner();
        twin["id"] = json!(self.id());
        twin["createdOn"] = json!(written(at));
        twin["lastUpdatedOn"] = json!(written(at));
        twin["lastActivityOn"] = Value::Null;
        twin["createdBy"] = owner.clone();
        twin["owner"] = owner;
        twin
    }
}

/// A word without its accents, capital again; a word of other letters stays.
fn plain(word: &str) -> String {
    let plain = ascii(word);
    if plain.is_empty() { word.to_owned() } else { capitalized(&plain) }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
