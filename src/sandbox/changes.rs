//! Working days in the sandbox: deals and leads go their ways, records come and go, and people are called.

use std::{collections::HashSet, ops::Range};

use jiff::{Span, Timestamp};
use rand::RngExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    generate::{Crm, RENEWALS, SALES, written},
    names as words,
};

/// What one day, or several, changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Deals that moved a stage further, or were closed.
    pub moved: usize,
    /// Deals whose amount changed.
    pub repriced: usize,
    /// Records created.
    pub created: usize,
    /// Records deleted.
    pub deleted: usize,
    /// Deals that went back a stage.
    pub back: usize,
    /// Deals won.
    pub won: usize,
    /// Deals lost.
    pub lost: usize,
    /// Lost deals that were taken up again.
    pub reopened: usize,
    /// Deals put on hold.
    pub held: usize,
    /// Deals whose expected close date was put off.
    pub slipped: usize,
    /// Deals that got another owner.
    pub reassigned: usize,
    /// Deals that got another next step.
    pub stepped: usize,
    /// Leads converted, each into a deal that was created.
    pub converted: usize,
    /// Leads disqualified.
    pub disqualified: usize,
}

impl Crm {
    /// Lets days pass.
    pub fn pass_days(&mut self, days: u32) -> Day {
        let mut counts = Day::default();
        for _ in 0..days {
            self.now += Span::new().hours(24);
            for index in 0..self.opportunities.len() {
                self.live(index, &mut counts);
            }
            self.work_the_leads(&mut counts);
            self.arrive(&mut counts);
            self.depart(&mut counts);
            self.call_people();
        }
        counts
    }

    /// Some moment of the working hours of the day that passes.
    pub(super) fn moment_of_the_day(&mut self) -> Timestamp {
        self.now - Span::new().hours(24) + Span::new().minutes(self.rng.random_range(7 * 60..18 * 60i64))
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
            "opportunities" => self.opportunity(at, SALES),
            _ => return,
        };
        let list = if resource == "leads" { &mut self.leads } else { &mut self.opportunities };
        if below(2) == 0 || list.is_empty() {
            list.insert(below(list.len() + 1), new);
        } else {
            list.remove(below(list.len()));
        }
    }

    /// Leads are answered, qualified, and decided.
    fn work_the_leads(&mut self, counts: &mut Day) {
        for index in 0..self.leads.len() {
            let status = self.leads[index]["status"].as_str().unwrap_or_default();
            let Some(step) = words::LEAD_STATUSES.iter().position(|known| *known == status) else { continue };
            if self.chance(0.02) {
                self.touch_lead(index, "status", json!("Disqualified"));
                counts.disqualified += 1;
            } else if let Some(next) = words::LEAD_STATUSES.get(step + 1) {
                if self.chance(0.12) {
                    self.touch_lead(index, "status", json!(next));
                }
            } else if self.chance(0.15) {
                self.convert(index);
                counts.converted += 1;
                counts.created += 1;
            }
        }
    }

    /// Makes a deal of a lead, and ties the two.
    fn convert(&mut self, index: usize) {
        let at = self.moment_of_the_day().max(moment(&self.leads[index]["createdOn"]));
        let mut deal = self.opportunity(at, SALES);
        let lead = &mut self.leads[index];
        for member in ["owner", "source", "organization", "segment"] {
            deal[member] = lead[member].clone();
        }
        let what = deal["title"].as_str().and_then(|title| title.rsplit(' ').next()).unwrap_or_default();
        deal["title"] = match lead["organization"]["name"].as_str() {
            Some(name) => json!(format!("{name}: {what}")),
            None => json!(format!("New {what}")),
        };
        deal["leadId"] = lead["id"].clone();
        lead["opportunityId"] = deal["id"].clone();
        lead["status"] = json!("Converted");
        lead["convertedOn"] = json!(written(at));
        lead["lastUpdatedOn"] = json!(written(at));
        self.opportunities.push(deal);
    }

    fn touch_lead(&mut self, index: usize, member: &str, value: Value) {
        let at = self.moment_of_the_day();
        let lead = &mut self.leads[index];
        lead[member] = value;
        updated(lead, at);
    }

    /// New records: more of them where there are very many already.
    fn arrive(&mut self, counts: &mut Day) {
        for _ in 0..self.rng.random_range(2..5) + self.opportunities.len() / 1_000 {
            if self.chance(0.3) {
                let at = self.moment_of_the_day();
                let organization = self.organization(at);
                self.organizations.push(organization);
                counts.created += 1;
            }
            if self.chance(0.8) {
                let at = self.moment_of_the_day();
                let contact = self.contact(at);
                self.contacts.push(contact);
                counts.created += 1;
            }
            let at = self.moment_of_the_day();
            let pipeline = if self.chance(0.1) { RENEWALS } else { SALES };
            let deal = self.opportunity(at, pipeline);
            self.opportunities.push(deal);
            let at = self.moment_of_the_day();
            let lead = self.lead(at);
            self.leads.push(lead);
            counts.created += 2;
        }
    }

    /// Deletions. What referred to a deleted record no longer does.
    fn depart(&mut self, counts: &mut Day) {
        let leads = self.some(1..4, self.leads.len());
        let leads = remove(&mut self.leads, &leads);
        let contacts = self.some(1..4, self.contacts.len());
        let contacts = remove(&mut self.contacts, &contacts);
        let deals = self.some(0..2, self.opportunities.len());
        let deals = remove(&mut self.opportunities, &deals);
        counts.deleted += leads.len() + contacts.len() + deals.len();
        let at = self.now - Span::new().hours(5);
        for deal in &mut self.opportunities {
            let is_gone = |id: &Value, gone: &HashSet<String>| id.as_str().is_some_and(|id| gone.contains(id));
            let mut changes = false;
            if is_gone(&deal["leadId"], &leads) {
                deal["leadId"] = Value::Null;
                changes = true;
            }
            if let Some(people) = deal.get_mut("contacts").and_then(Value::as_array_mut) {
                let before = people.len();
                people.retain(|person| !is_gone(&person["id"], &contacts));
                changes |= people.len() < before;
            }
            if changes {
                updated(deal, at);
            }
        }
        for lead in &mut self.leads {
            if lead["opportunityId"].as_str().is_some_and(|id| deals.contains(id)) {
                lead["opportunityId"] = Value::Null;
                updated(lead, at);
            }
        }
        if self.chance(0.15) {
            counts.deleted += self.drop_an_organization();
        }
    }

    /// Deletes an organization that nothing refers to, if there is one; tells how many that were.
    fn drop_an_organization(&mut self) -> usize {
        let records = self.opportunities.iter().chain(&self.leads).chain(&self.contacts);
        let in_use: HashSet<&str> = records.filter_map(|record| record["organization"]["id"].as_str()).collect();
        let is_free = |organization: &Value| organization["id"].as_str().is_some_and(|id| !in_use.contains(id));
        let free: Vec<usize> = (0..self.organizations.len()).filter(|at| is_free(&self.organizations[*at])).collect();
        if free.is_empty() {
            return 0;
        }
        let index = self.pick(&free);
        self.organizations.remove(index);
        1
    }

    /// Places in a list of this length, as many as drawn from the range; a short list is spared.
    fn some(&mut self, how_many: Range<usize>, length: usize) -> HashSet<usize> {
        let count = self.rng.random_range(how_many) + length / 10_000;
        if length < 20 {
            return HashSet::new();
        }
        (0..count).map(|_| self.rng.random_range(0..length)).collect()
    }

    /// A few contacts and organizations hear from somebody.
    fn call_people(&mut self) {
        let begin = self.now - Span::new().hours(24);
        for list in [&mut self.contacts, &mut self.organizations] {
            for record in list {
                if self.rng.random_bool(0.02) {
                    let at = begin + Span::new().minutes(self.rng.random_range(18 * 60..24 * 60i64));
                    record["lastActivityOn"] = json!(written(at));
                    updated(record, at);
                }
            }
        }
    }
}

/// Notes when a record was changed, by whom: its owner.
pub(super) fn updated(record: &mut Value, at: Timestamp) {
    let at = written(at);
    if record["lastUpdatedOn"].as_str().is_none_or(|before| before < at.as_str()) {
        record["lastUpdatedOn"] = json!(at);
    }
    record["lastUpdatedBy"] = record["owner"].clone();
}

/// A moment as `written` wrote it.
pub(super) fn moment(text: &Value) -> Timestamp {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Takes the records at these places out of a list; their ids.
fn remove(list: &mut Vec<Value>, places: &HashSet<usize>) -> HashSet<String> {
    let mut ids = HashSet::new();
    let mut place = 0;
    list.retain(|record| {
        let goes = places.contains(&place);
        place += 1;
        if goes {
            ids.extend(record["id"].as_str().map(str::to_owned));
        }
        !goes
    });
    ids
}
