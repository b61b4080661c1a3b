//! What a day does to a deal: it moves, waits, grows, slips, changes hands, and ends.

use jiff::{Span, civil::Date, tz::Offset};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    changes::{Day, updated},
    generate::{Crm, FIELD_NEXT_STEP, RENEWALS, SALES, STRENGTHS, written},
    names as words,
};

impl Crm {
    /// A day in the life of a deal.
    pub(super) fn live(&mut self, index: usize, counts: &mut Day) {
        match self.opportunities[index]["status"].as_str() {
            Some("Open") => {}
            Some("On hold") => {
                if self.chance(0.05) {
                    self.touch(index, "status", json!("Open"));
                }
                return;
            }
            Some("Lost") => {
                if self.chance(0.001) {
                    self.reopen(index);
                    counts.reopened += 1;
                }
                return;
            }
            _ => return,
        }
        if self.chance(0.15) {
            counts.moved += 1;
            if self.advance(index, counts) {
                return;
            }
        } else if self.chance(0.02) && self.step_back(index) {
            counts.back += 1;
        }
        if self.chance(0.004) {
            self.touch(index, "status", json!("On hold"));
            counts.held += 1;
            return;
        }
        if self.chance(0.08) {
            let amount = self.opportunities[index]["amount"].as_f64().unwrap_or(10_000.0);
            let factor = self.rng.random_range(0.7..1.4);
            self.touch(index, "amount", json!((amount * factor * 100.0).round() / 100.0));
            counts.repriced += 1;
        }
        if self.put_off(index) {
            counts.slipped += 1;
        }
        if self.chance(0.01) {
            let (owner, _) = self.owner();
            if owner != self.opportunities[index]["owner"] {
                self.touch(index, "owner", owner);
                counts.reassigned += 1;
            }
        }
        if self.chance(0.06) {
            let step = if self.chance(0.8) { json!(self.pick(words::NEXT_STEPS)) } else { Value::Null };
            if step != self.opportunities[index]["customFields"][FIELD_NEXT_STEP] {
                self.set_next_step(index, step);
                counts.stepped += 1;
            }
        }
    }

    /// Moves a deal on, or closes it; whether it is closed now.
    fn advance(&mut self, index: usize, counts: &mut Day) -> bool {
        let (pipeline, stage) = self.place(index);
        let stages = self.stages(pipeline);
        if stage + 1 < stages && self.chance(0.8) {
            // Some skip a stage.
            let further = if stage + 2 < stages && self.chance(0.1) { 2 } else { 1 };
            self.move_to(index, pipeline, stage + further);
            return false;
        }
        let owner = &self.opportunities[index]["owner"]["id"];
        let strength = self.users.iter().position(|user| user["id"] == *owner).map_or(0.35, |user| STRENGTHS[user]);
        let odds = match (pipeline, stage + 1 == stages) {
            (RENEWALS, _) => 0.85,
            (_, true) => strength + 0.2,
            (_, false) => strength * 0.5,
        };
        let won = self.chance(odds);
        let at = self.moment_of_the_day();
        if won && self.opportunities[index]["amount"].is_null() {
            // What was sold has a price.
            let amount = self.money(18_000.0, 0.9);
            self.touch(index, "amount", json!(amount));
        }
        let reason = if won || self.chance(0.08) { Value::Null } else { json!(self.pick(words::LOST_REASONS)) };
        self.set_next_step(index, Value::Null);
        let deal = &mut self.opportunities[index];
        deal["status"] = json!(if won { "Won" } else { "Lost" });
        deal["lostReason"] = reason;
        deal["closedOn"] = json!(written(at));
        updated(deal, at);
        if won {
            counts.won += 1;
        } else {
            counts.lost += 1;
        }
        true
    }

    fn step_back(&mut self, index: usize) -> bool {
        let (pipeline, stage) = self.place(index);
        if stage > 0 {
            self.move_to(index, pipeline, stage - 1);
        }
        stage > 0
    }

    fn reopen(&mut self, index: usize) {
        self.touch(index, "status", json!("Open"));
        self.touch(index, "closedOn", Value::Null);
        self.touch(index, "lostReason", Value::Null);
        let expected = self.day() + Span::new().days(self.rng.random_range(20..60));
        self.touch(index, "expectedCloseDate", json!(expected.to_string()));
    }

    /// Moves the expected close date, mostly to a later day; whether to a later one.
    fn put_off(&mut self, index: usize) -> bool {
        let expected = self.opportunities[index]["expectedCloseDate"].as_str();
        let expected: Option<Date> = expected.and_then(|text| text.parse().ok());
        let Some(expected) = expected else {
            if self.chance(0.05) {
                let first = self.day() + Span::new().days(self.rng.random_range(20..90));
                self.touch(index, "expectedCloseDate", json!(first.to_string()));
            }
            return false;
        };
        let is_overdue = expected < self.day();
        if !self.chance(if is_overdue { 0.12 } else { 0.03 }) {
            return false;
        }
        let later = is_overdue || self.chance(0.8);
        let date = if later {
            expected.max(self.day()) + Span::new().days(self.rng.random_range(7..45))
        } else {
            (expected - Span::new().days(self.rng.random_range(3..14))).max(self.day())
        };
        let later = date > expected;
        self.touch(index, "expectedCloseDate", json!(date.to_string()));
        later
    }

    /// The day that begins now.
    fn day(&self) -> Date {
        Offset::UTC.to_datetime(self.now).date()
    }

    /// A deal's pipeline and stage, by their places.
    fn place(&self, index: usize) -> (usize, usize) {
        let deal = &self.opportunities[index];
        let pipeline = self.pipelines.iter().position(|pipeline| pipeline["id"] == deal["pipeline"]["id"]);
        let pipeline = pipeline.unwrap_or(SALES);
        let stages = self.pipelines[pipeline]["stages"].as_array();
        let stage = stages.and_then(|stages| stages.iter().position(|stage| stage["id"] == deal["stage"]["id"]));
        (pipeline, stage.unwrap_or(0))
    }

    fn move_to(&mut self, index: usize, pipeline: usize, stage: usize) {
        let probability = self.probability(pipeline, stage);
        let (stage, category) = (self.stage(pipeline, stage), self.forecast_category(probability));
        self.touch(index, "stage", stage);
        self.touch(index, "probability", json!(probability));
        self.touch(index, "forecastCategory", category);
    }

    fn set_next_step(&mut self, index: usize, step: Value) {
        let mut fields = self.opportunities[index]["customFields"].clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(FIELD_NEXT_STEP.to_owned(), step);
        }
        self.touch(index, "customFields", fields);
    }

    fn touch(&mut self, index: usize, member: &str, value: Value) {
        let at = self.moment_of_the_day();
        let deal = &mut self.opportunities[index];
        deal[member] = value;
        updated(deal, at);
    }
}
