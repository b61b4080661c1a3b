//! Which rows are gone: on proof, and never many at once by accident.
//!
//! A row that a whole sweep did not see is asked for by its id. Only 404 says that it is gone; a proven sweep or a
//! document that is the whole list says so for more rows than can be asked for one by one.

use tokio::runtime::Handle;
use tracing::warn;

use super::load::{LoadError, Loaded, Source};
use crate::{
    batch::reject::record_id,
    catalog::{self, Paging, Resource},
    config::file::DeletesTable,
    error::in_one_line,
    json,
    pages::Verdict,
    sink::{Gone, Sink},
};

/// Confirms the deletions of one resource of one instance.
pub(super) struct Confirmation<'a> {
    pub(super) deletes: DeletesTable,
    pub(super) allow_mass_delete: bool,
    pub(super) runtime: &'a Handle,
    pub(super) resource: &'static Resource,
    pub(super) source: &'a Source<'a>,
    /// What the sweep vouches for.
    pub(super) verdict: Verdict,
    /// Entries of the list that could not be rows: one of them may be a row that seems to be missing.
    pub(super) rejects: u64,
}

/// What is gone, and rows that turned out to exist, each as a list of one.
type Confirmed = (Vec<Gone>, Vec<String>);

impl Confirmation<'_> {
    /// Whether only a proven sweep can tell that so many rows are gone: too many to ask for, and yet not more than may go.
    pub(super) fn needs_proof(&self, missing: usize, rows: u64) -> bool {
        let can_ask = self.resource.one.is_some() && missing <= self.deletes.confirm;
        missing > 0 && self.verdict.is_whole() && !self.is_proof() && !can_ask && self.may_go(missing, rows)
    }

    fn is_proof(&self) -> bool {
        self.verdict == Verdict::Proven || self.resource.paging == Paging::Document
    }

    fn may_go(&self, missing: usize, rows: u64) -> bool {
        self.allow_mass_delete || missing as f64 / rows.max(1) as f64 <= self.deletes.max_share
    }

    /// Which missing rows are gone for certain, and the rows that turned out to exist.
    pub(super) fn confirm(
        &self,
        sink: &dyn Sink,
        missing: Vec<String>,
        rows: u64,
        loaded: &mut Loaded,
    ) -> Result<Confirmed, LoadError> {
        let DeletesTable { confirm, max_share } = self.deletes;
        if missing.is_empty() || !self.verdict.is_whole() {
            return Ok(Confirmed::default());
        }
        let count = missing.len();
        let mut keep = |why: String| {
            warn!(resource = self.resource.name, missing = count, "{why}; they are kept");
            loaded.kept = Some(why);
            Ok(Confirmed::default())
        };
        if !self.may_go(count, rows) {
            return keep(format!(
                "{count} of {rows} rows are missing, more than the share of {max_share} that may be deleted at once \
                 (allow it with --allow-mass-delete)"
            ));
        }
        let is_proof = self.is_proof();
        match self.resource.one {
            Some(path) if count <= confirm => self.confirm_each(sink, path, missing, loaded),
            _ if is_proof && self.rejects > 0 => {
                keep(format!("{count} rows are missing, and {} entries of the list could not be rows", self.rejects))
            }
            _ if is_proof => Ok((missing.into_iter().map(|id| Gone { id, into: None }).collect(), Vec::new())),
            Some(_) => keep(format!(
                "{count} rows are missing, more than are asked for one by one ({confirm}), and no sweep could be proven"
            )),
            None => keep(format!("{count} rows are missing, and only a proven sweep shows that they are gone")),
        }
    }

    fn confirm_each(
        &self,
        sink: &dyn Sink,
        path: &str,
        missing: Vec<String>,
        loaded: &mut Loaded,
    ) -> Result<Confirmed, LoadError> {
        let (mut deleted, mut found) = Confirmed::default();
        let name = self.resource.name;
        for id in missing {
            let Some(segment) = encoded(&id) else {
                loaded.kept = Some("a missing row has an id that cannot be asked for".to_owned());
                continue;
            };
            let answer = match self.runtime.block_on(self.source.client.get(&format!("{path}/{segment}"), &[])) {
                Ok(answer) => answer,
                Err(error) => {
                    // The others would meet the same; the next run asks again.
                    loaded.cost.requests += u64::from(error.attempts);
                    let failure = in_one_line(&error.failure);
                    warn!(resource = name, "missing rows could not be asked for: {failure}; they are kept");
                    loaded.kept = Some(format!("missing rows could not be asked for: {failure}"));
                    break;
                }
            };
            loaded.cost += answer.cost;
            let Some(body) = answer.body else {
                deleted.push(Gone { id, into: None });
                continue;
            };
            let record = record(&body);
            match record_id(record) {
                Some(other) if other == id => found.push(format!("[{record}]")),
                // A record that the sweep saw, in its place: the one asked for was merged into that.
                Some(other) if sink.has_seen(&other)? => {
                    deleted.push(Gone { id, into: Some(other.into_owned()) });
                }
                _ => loaded.kept = Some("a missing row was asked for, and the answer is no record of it".to_owned()),
            }
        }
        Ok((deleted, found))
    }
}

/// The record in the answer for one, which may stand in an envelope.
fn record(body: &str) -> &str {
    let has_id = |raw: &&str| json::member(raw, catalog::KEY).is_some();
    Some(body)
        .filter(has_id)
        .or_else(|| ["item", "data", "value", "result"].iter().find_map(|key| json::member(body, key)).filter(has_id))
        .unwrap_or(body)
}

/// An id as one segment of a path. Dots alone are no segment: URLs give them another meaning, encoded or not.
fn encoded(id: &str) -> Option<String> {
    if matches!(id, "." | "..") {
        return None;
    }
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    Some(
        id.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_one_segment() {
        assert_eq!(encoded("a/b c").as_deref(), Some("a%2Fb%20c"));
        assert_eq!(encoded(".."), None);
    }

    #[test]
    fn a_record_is_found_in_its_envelope() {
        assert_eq!(record(r#"{"data":{"id":1}}"#), r#"{"id":1}"#);
        assert_eq!(record(r#"{"id":1,"data":{"id":2}}"#), r#"{"id":1,"data":{"id":2}}"#);
    }
}
