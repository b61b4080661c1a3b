//! How fresh and how whole the data behind an answer is, in words for whoever reads it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, tz::Offset};

use crate::warehouse::ledger;

/// How fresh and how whole the data is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When the last run ended, as `2026-01-31T06:00:00Z`.
    pub extracted_at: Option<String>,
    /// The worst verdict of the latest sweeps: `proven`, `counted`, `suspect`, or nothing where nothing was swept.
    pub verdict: Option<String>,
    /// How old the data is at the moment that the question is asked for, such as `3 hours`.
    pub age: Option<String>,
    /// What is doubtful, a sentence each: what is not whole and why, and what is old.
    pub warnings: Vec<String>,
}

impl Freshness {
    /// Puts together what the ledger knows.
    pub(super) fn new(
        told: ledger::Freshness,
        lists: &[ledger::Latest],
        now: Timestamp,
        max_age: SignedDuration,
    ) -> Self {
        let extracted: Option<Timestamp> = told.extracted_at.as_deref().and_then(|text| text.parse().ok());
        let ledger::Freshness { extracted_at, verdict } = told;
        let mut warnings = Vec::new();
        if extracted_at.is_none() {
            warnings.push("Nothing was extracted yet.".to_owned());
        }
        let several = lists.iter().map(|list| &list.instance).collect::<BTreeSet<_>>().len() > 1;
        let name = |list: &ledger::Latest| {
            if several { format!("{} of {}", words(&list.resource), list.instance) } else { words(&list.resource) }
        };
        for list in lists.iter().filter(|list| list.verdict == "suspect") {
            let reason = list.reason.trim_end_matches('.');
            let reason = if reason.is_empty() { "no reason is known" } else { reason };
            warnings.push(match list.read_at {
                Some(_) => format!("Not known to be whole: {} ({reason}).", name(list)),
                None => format!("Never read: {} ({reason}).", name(list)),
            });
        }
        let is_old = |at: Timestamp, seen_from: Timestamp| seen_from.duration_since(at) > max_age;
        let old = extracted.filter(|extracted| is_old(*extracted, now));
        if let Some(extracted) = old {
            warnings.push(format!(
                "The data is {} old: it was extracted at {}.",
                age(now.duration_since(extracted)),
                moment(extracted)
            ));
        }
        // Where all is old, those that are older still.
        for (list, read_at) in lists.iter().filter_map(|list| Some((list, list.read_at?))) {
            if is_old(read_at, old.unwrap_or(now)) {
                warnings.push(format!("Last read {} ago: {}.", age(now.duration_since(read_at)), name(list)));
            }
        }
        Self { extracted_at, verdict, age: extracted.map(|extracted| age(now.duration_since(extracted))), warnings }
    }

    /// The verdict in words.
    pub fn verdict_in_words(&self) -> &'static str {
        match self.verdict.as_deref() {
            Some("proven") => "every list is proven whole",
            Some("counted") => "every list is whole by its count",
            Some("suspect") => "not every list is known to be whole",
            _ => "nothing was swept",
        }
    }

    /// One line: when, and how whole.
    pub fn line(&self) -> String {
        format!(
            "extracted {}, {}",
            self.extracted_at.as_deref().unwrap_or("never"),
            self.verdict.as_deref().unwrap_or("nothing swept")
        )
    }
}

fn words(resource: &str) -> String {
    resource.replace('_', " ")
}

/// A moment in UTC, to the minute.
pub(super) fn moment(at: Timestamp) -> String {
    Offset::UTC.to_datetime(at).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A length of time in its greatest unit that is no exaggeration.
fn age(duration: SignedDuration) -> String {
    if duration.as_mins() < 1 {
        return "less than a minute".to_owned();
    }
    let (count, unit) = match duration.as_mins() {
        minutes @ ..120 => (minutes, "minute"),
        minutes @ ..2_880 => (minutes / 60, "hour"),
        minutes => (minutes / 1_440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(instance: &str, resource: &str, verdict: &str, read_at: Option<&str>) -> ledger::Latest {
        let reason = if verdict == "suspect" { "every pass was disturbed." } else { "" };
        let (instance, resource) = (instance.to_owned(), resource.to_owned());
        let read_at = read_at.map(|at| at.parse().unwrap());
        ledger::Latest { instance, resource, verdict: verdict.to_owned(), reason: reason.to_owned(), read_at }
    }

    fn seen(lists: &[ledger::Latest], extracted_at: Option<&str>, now: &str) -> Freshness {
        let told = ledger::Freshness { extracted_at: extracted_at.map(str::to_owned), verdict: None };
        Freshness::new(told, lists, now.parse().unwrap(), SignedDuration::from_hours(36))
    }

    #[test]
    fn fresh_and_whole_data_needs_no_warning() {
        let at = "2026-03-02T06:00:00Z";
        let lists = [list("main", "leads", "counted", Some(at))];
        let fresh = seen(&lists, Some(at), "2026-03-03T17:00:00Z");
        assert_eq!((fresh.warnings.len(), fresh.age.as_deref()), (0, Some("35 hours")));
        assert_eq!(seen(&lists, Some(at), "2026-03-02T06:01:00Z").age.as_deref(), Some("1 minute"));
        assert_eq!(seen(&lists, Some(at), at).age.as_deref(), Some("less than a minute"));
    }

    #[test]
    fn what_is_doubtful_is_named_with_its_reason_and_its_age() {
        let at = "2026-03-02T06:00:00Z";
        let lists = [
            list("main", "form_fields", "suspect", Some(at)),
            list("main", "leads", "suspect", None),
            list("main", "tags", "counted", Some("2026-02-20T06:00:00Z")),
        ];
        assert_eq!(
            seen(&lists, Some(at), "2026-03-02T07:00:00Z").warnings,
            [
                "Not known to be whole: form fields (every pass was disturbed).",
                "Never read: leads (every pass was disturbed).",
                "Last read 10 days ago: tags.",
            ]
        );
        assert_eq!(
            seen(&lists[2..], Some(at), "2026-03-12T06:00:00Z").warnings,
            ["The data is 10 days old: it was extracted at 2026-03-02 06:00 UTC.", "Last read 20 days ago: tags.",]
        );
        let two = [list("eu", "leads", "suspect", Some(at)), list("us", "leads", "proven", Some(at))];
        assert_eq!(
            seen(&two, Some(at), at).warnings,
            ["Not known to be whole: leads of eu (every pass was disturbed)."]
        );
        assert_eq!(seen(&[], None, at).warnings, ["Nothing was extracted yet."]);
    }
}
