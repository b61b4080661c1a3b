//! From socket to spool: one sweep, driven.
//!
//! The loop asks the sweep what it wants, keeps no more pages in flight than the window allows, writes every answer to the
//! spool before the sweep hears of it, and ends with the certificate. What an earlier run left in the spool is replayed
//! first, if the list's first and last known pages still show what they did.

use futures::{StreamExt as _, stream::FuturesUnordered};
use tracing::{debug, info, warn};

use crate::{
    api::{Answer, ApiError, Client, Counters, Failure},
    catalog::{Paging, Resource},
    config::Proof,
    pages::{
        Ask, Certificate, Goal, Purpose, Sighting, Step, Sweep, Verdict,
        envelope::{self, Hints, NoList},
        sighting::sight,
    },
    spool::{Spool, SpoolError},
};

/// Why a sweep could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// The API.
    #[error("{resource}, page {page}")]
    Api {
        /// The resource.
        resource: &'static str,
        /// The page asked for.
        page: u64,
        /// What happened.
        #[source]
        source: ApiError,
    },
    /// The list is not there.
    #[error("{resource}: the API has no list at {path} (404); check the base URL")]
    NoSuchList {
        /// The resource.
        resource: &'static str,
        /// The list's path.
        path: &'static str,
    },
    /// The answer holds no list that could be recognised.
    #[error("{resource}, page {page}")]
    NoList {
        /// The resource.
        resource: &'static str,
        /// The page asked for.
        page: u64,
        /// What was there.
        #[source]
        source: NoList,
    },
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The machine waits for an answer that nobody fetches.
    #[error("{resource}: the sweep cannot go on; this is a mistake in crmlake")]
    Stuck {
        /// The resource.
        resource: &'static str,
    },
}

/// A swept list.
#[derive(Debug)]
pub struct Crawl {
    /// What the sweep vouches for.
    pub certificate: Certificate,
    /// What it took.
    pub cost: Counters,
    /// The answers.
    pub spool: Spool,
}

/// How to sweep.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The list.
    pub resource: &'static Resource,
    /// The verdict sought.
    pub goal: Goal,
    /// Pages in flight.
    pub window: usize,
    /// The configured path to the rows.
    pub items: Option<&'a str>,
    /// The configured path to the total.
    pub total: Option<&'a str>,
}

/// Where the sweep has got to, for showing progress.
pub trait Watcher: Sync {
    /// Rows and pages seen in the current pass, and rows expected where that is known.
    fn progress(&self, rows: u64, pages: u64, expected: Option<u64>);
}

/// Sweeps a list. Nothing where an optional list is not there.
pub async fn crawl(
    client: &Client,
    plan: Plan<'_>,
    mut spool: Spool,
    watcher: &dyn Watcher,
) -> Result<Option<Crawl>, CrawlError> {
    let driver = Driver { client, plan };
    if plan.resource.paging == Paging::Document {
        return driver.document(spool).await;
    }
    let mut cost = Counters::default();
    let mut sweep = Sweep::new(plan.goal);
    let is_resumed = driver.replay(&mut sweep, &mut spool)? > 0;
    if is_resumed && !driver.still_the_same(&spool, &mut cost).await? {
        info!(resource = plan.resource.name, "the list changed since the stopped run; starting again");
        spool.truncate(0)?;
        sweep = Sweep::new(plan.goal);
    }
    let mut flying = FuturesUnordered::new();
    let (mut rows, mut pages, mut pass) = (0, 0, 1);
    loop {
        while flying.len() < plan.window {
            match sweep.next_step() {
                Step::Ask(ask) => flying.push(async move { (ask, driver.fetch(&ask).await) }),
                Step::Wait => break,
                Step::Done => {
                    if let Some(certificate) = sweep.certificate() {
                        return Ok(Some(Crawl { certificate: certificate.clone(), cost, spool }));
                    }
                }
            }
        }
        let Some((ask, answer)) = flying.next().await else {
            return Err(CrawlError::Stuck { resource: plan.resource.name });
        };
        let answer = match answer {
            Err(error) if refuses_the_size(&error) && ask.size != plan.goal.page_size => {
                // Not a size that this API accepts, although it serves it: start again, and ask for nothing else.
                cost.requests += u64::from(error.attempts);
                flying = FuturesUnordered::new();
                spool.truncate(0)?;
                sweep = Sweep::new(Goal { adapt_size: false, ..plan.goal });
                continue;
            }
            Err(source) => return Err(driver.failed(ask.page, source)),
            Ok(answer) => answer,
        };
        cost += answer.cost;
        if answer.body.is_none() && ask.page == 1 {
            return if plan.resource.optional {
                driver.left_out(spool)
            } else {
                Err(CrawlError::NoSuchList { resource: plan.resource.name, path: plan.resource.list })
            };
        }
        let sighting = driver.sighting(ask.page, answer.body.as_deref())?;
        spool.append(ask, answer.body.as_deref(), answer.cost)?;
        if ask.pass != pass {
            (rows, pages, pass) = (0, 0, ask.pass);
        }
        if matches!(ask.purpose, Purpose::Open | Purpose::Read) {
            rows += sighting.ids.len() as u64;
            pages += 1;
        }
        sweep.answer(&ask, &sighting);
        watcher.progress(rows, pages, sweep.expected().map(|(rows, _)| rows));
    }
}

#[derive(Clone, Copy)]
struct Driver<'a> {
    client: &'a Client,
    plan: Plan<'a>,
}

impl Driver<'_> {
    async fn fetch(&self, ask: &Ask) -> Result<Answer, ApiError> {
        let query = [("page", ask.page.to_string()), ("size", ask.size.to_string())];
        debug!(resource = self.plan.resource.name, page = ask.page, pass = ask.pass, "asking");
        self.client.get(self.plan.resource.list, &query).await
    }

    fn sighting(&self, page: u64, body: Option<&str>) -> Result<Sighting, CrawlError> {
        let Some(body) = body else { return Ok(Sighting::default()) };
        let resource = self.plan.resource.name;
        let opened = envelope::open(body, &self.hints());
        let envelope = opened.map_err(|source| CrawlError::NoList { resource, page, source })?;
        Ok(sight(envelope.items, envelope.total))
    }

    fn hints(&self) -> Hints<'_> {
        hints(self.plan.resource, self.plan.items, self.plan.total)
    }

    fn failed(&self, page: u64, source: ApiError) -> CrawlError {
        CrawlError::Api { resource: self.plan.resource.name, page, source }
    }

    /// Feeds the answers of an earlier run to the sweep, as far as it would have asked for them. Returns how many.
    fn replay(&self, sweep: &mut Sweep, spool: &mut Spool) -> Result<usize, CrawlError> {
        let mut replayed = 0;
        for index in 0..spool.entries().len() {
            let entry = spool.entries()[index];
            // The asks in flight must be those of the stopped run, or the machine comes to other decisions.
            while sweep.in_flight() < self.plan.window && matches!(sweep.next_step(), Step::Ask(_)) {}
            if !sweep.awaits(&entry.ask) {
                spool.truncate(index)?;
                break;
            }
            let body = if entry.missing { None } else { Some(spool.body(&entry)?) };
            sweep.answer(&entry.ask, &self.sighting(entry.ask.page, body.as_deref())?);
            replayed += 1;
        }
        sweep.ask_again();
        Ok(replayed)
    }

    /// Whether the first page and the last one read show the rows and the total that they showed to the stopped run.
    async fn still_the_same(&self, spool: &Spool, cost: &mut Counters) -> Result<bool, CrawlError> {
        let first = spool.entries().iter().find(|entry| entry.ask.page == 1);
        let last = spool.entries().iter().filter(|entry| entry.ask.purpose == Purpose::Read).max_by_key(|e| e.ask.page);
        for entry in first.into_iter().chain(last.filter(|last| last.ask.page > 1)) {
            let then = if entry.missing { None } else { Some(spool.body(entry)?) };
            let now = self.fetch(&entry.ask).await.map_err(|source| self.failed(entry.ask.page, source))?;
            *cost += now.cost;
            let page = entry.ask.page;
            if self.sighting(page, then.as_deref())? != self.sighting(page, now.body.as_deref())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An optional list is not there.
    fn left_out(&self, spool: Spool) -> Result<Option<Crawl>, CrawlError> {
        let Resource { name, list, .. } = self.plan.resource;
        warn!("{name}: the API has no list at {list} (404); it is left out");
        spool.remove()?;
        Ok(None)
    }

    /// One document holds the whole list: reading it once is a snapshot.
    async fn document(&self, mut spool: Spool) -> Result<Option<Crawl>, CrawlError> {
        spool.truncate(0)?;
        let goal = self.plan.goal;
        let answer = self.client.get(self.plan.resource.list, &[]).await.map_err(|source| self.failed(1, source))?;
        let Some(body) = answer.body else { return self.left_out(spool) };
        let sighting = self.sighting(1, Some(&body))?;
        let ask = Ask { pass: 1, purpose: Purpose::Read, page: 1, size: goal.page_size };
        spool.append(ask, Some(&body), answer.cost)?;
        let rows = sighting.ids.len() as u64;
        let certificate = Certificate {
            verdict: if goal.proof == Proof::Proven { Verdict::Proven } else { Verdict::Counted },
            reason: "one document that holds the whole list".to_owned(),
            distinct_ids: rows,
            repeated: 0,
            without_id: sighting.without_id,
            total_before: Some(rows),
            total_after: Some(rows),
            pages: 1,
            passes: 1,
            load: Some(1),
        };
        Ok(Some(Crawl { certificate, cost: answer.cost, spool }))
    }
}

/// Where to look for a resource's rows.
pub fn hints<'a>(resource: &'a Resource, items: Option<&'a str>, total: Option<&'a str>) -> Hints<'a> {
    Hints { names: resource.items.into_iter().chain([resource.view]).collect(), items, total }
}

/// Whether the API did not like the page size that it seemed to serve.
fn refuses_the_size(error: &ApiError) -> bool {
    matches!(error.failure, Failure::Status(400 | 422))
}
