//! A working day in the sandbox: deals move, amounts change, records come and go.

use jiff::Span;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    generate::{Crm, written},
    names::STAGES,
};

/// What a day changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Deals that moved a stage further, or were closed.
    pub moved: usize,
    /// Deals whose amount changed.
    pub repriced: usize,
    /// Records created.
    pub created: usize,
    /// Records deleted.
    pub deleted: usize,
}

impl Crm {
    /// Lets a day pass.
    pub fn pass_a_day(&mut self) -> Day {
        self.now += Span::new().hours(24);
        let mut day = Day::default();
        let open: Vec<usize> =
            (0..self.opportunities.len()).filter(|index| self.opportunities[*index]["status"] == "Open").collect();
        for index in open {
            if self.chance(0.15) {
                self.advance(index);
                day.moved += 1;
            } else if self.chance(0.08) {
                let amount = self.opportunities[index]["amount"].as_f64().unwrap_or(10_000.0);
                let factor = self.rng.random_range(0.7..1.4);
                self.touch(index, "amount", json!((amount * factor * 100.0).round() / 100.0));
                day.repriced += 1;
            }
        }
        for _ in 0..self.rng.random_range(2..5) {
            let at = self.now - Span::new().hours(self.rng.random_range(1..24));
            let deal = self.opportunity(at);
            self.opportunities.push(deal);
            let lead = self.lead(at);
            self.leads.push(lead);
            day.created += 2;
        }
        for _ in 0..self.rng.random_range(1..4) {
            let index = self.rng.random_range(0..self.leads.len());
            self.leads.remove(index);
            let index = self.rng.random_range(0..self.contacts.len());
            self.contacts.remove(index);
            day.deleted += 2;
        }
        day
    }

    /// The records of a list, or the fields of a form.
    pub(super) fn list_mut(&mut self, name: &str) -> Option<&mut Vec<Value>> {
        if let Some(of) = name.strip_prefix("form_fields_") {
            let (_, form) = self.forms.iter_mut().find(|(form, _)| *form == of)?;
            return form["fields"].as_array_mut();
        }
        if let Some(of) = name.strip_prefix("tags_") {
            return self.tags.iter_mut().find(|(tags, _)| *tags == of).map(|(_, tags)| tags);
        }
        Some(match name {
            "leads" => &mut self.leads,
            "opportunities" => &mut self.opportunities,
            "contacts" => &mut self.contacts,
            "organizations" => &mut self.organizations,
            "pipelines" => &mut self.pipelines,
            _ => return None,
        })
    }

    /// Creates or deletes a record of a resource, anywhere in its list; `below` draws a number below its argument.
    pub(super) fn churn(&mut self, resource: &str, mut below: impl FnMut(usize) -> usize) {
        let at = self.now;
        let new = match resource {
            "leads" => self.lead(at),
            "opportunities" => self.opportunity(at),
            _ => return,
        };
        let list = if resource == "leads" { &mut self.leads } else { &mut self.opportunities };
        if below(2) == 0 || list.is_empty() {
            list.insert(below(list.len() + 1), new);
        } else {
            list.remove(below(list.len()));
        }
    }

    fn advance(&mut self, index: usize) {
        let name = self.opportunities[index]["stage"]["name"].as_str().unwrap_or_default().to_owned();
        let stage = STAGES.iter().position(|(stage, _)| *stage == name).unwrap_or(0);
        if stage + 1 < STAGES.len() && self.chance(0.8) {
            let next = self.stage(stage + 1);
            self.touch(index, "stage", next);
            self.touch(index, "probability", json!(STAGES[stage + 1].1));
            return;
        }
        let won = self.chance(0.5);
        let at = self.now - Span::new().hours(1);
        self.touch(index, "status", json!(if won { "Won" } else { "Lost" }));
        self.touch(index, "closedOn", json!(written(at)));
        self.touch(index, "lostReason", if won { Value::Null } else { json!("Price") });
    }

    fn touch(&mut self, index: usize, field: &str, value: Value) {
        let at = written(self.now - Span::new().hours(1));
        let deal = &mut self.opportunities[index];
        deal[field] = value;
        deal["lastUpdatedOn"] = json!(at);
    }
}
