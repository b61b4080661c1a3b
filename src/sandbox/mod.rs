//! The CRM API as a server, for trying crmlake and for testing it.
//!
//! The vendor offers no test environment, so crmlake brings one. It shares nothing with the extractor but the catalog's
//! paths: a mistake in the one must not be hidden by the same mistake in the other.

mod changes;
mod deals;
mod faults;
mod gateway;
mod generate;
mod names;
mod other_names;
mod overlay;
mod records;
mod renaming;
mod server;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub use self::{changes::Day, faults::Fault, generate::Crm};
use crate::secret::Secret;

/// What a sandbox is like.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the records and the faults are made from.
    pub seed: u64,
    /// How many there are: scale 1 has about 400.
    pub scale: u32,
    /// The last day of their past.
    pub today: jiff::civil::Date,
    /// What fields and values are called.
    pub names: Names,
    /// The keys that open it.
    pub keys: Vec<Secret>,
    /// Rows on a page at the most, whatever is asked for.
    pub size_cap: Option<usize>,
    /// The total that answers tell.
    pub total: TotalTold,
    /// What is answered past the end of a list.
    pub past_end: PastEnd,
    /// The key that holds the rows, or `array` for a bare array.
    pub envelope: String,
    /// How often a record is created or deleted before a page is answered.
    pub churn: f64,
    /// Resources whose list fails.
    pub down: Vec<String>,
    /// Requests allowed in any window.
    pub requests: Option<usize>,
    /// The window.
    pub window: Duration,
    /// How a 429 says when to come again.
    pub retry_after: RetryAfter,
    /// Requests allowed in all, before the call quota is used up.
    pub call_quota: Option<u64>,
    /// Where every request is redirected to.
    pub redirect_to: Option<String>,
    /// Whether answers are compressed for clients that ask for it.
    pub gzip: bool,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Options {
    /// A sandbox that behaves.
    pub fn well_behaved(seed: u64, scale: u32, today: jiff::civil::Date, keys: Vec<Secret>) -> Self {
        Self {
            seed,
            scale,
            today,
            names: Names::Usual,
            keys,
            size_cap: None,
            total: TotalTold::Right,
            past_end: PastEnd::Empty,
            envelope: "items".to_owned(),
            churn: 0.0,
            down: Vec::new(),
            requests: None,
            window: Duration::from_mins(1),
            retry_after: RetryAfter::Seconds,
            call_quota: None,
            redirect_to: None,
            gzip: false,
            faults: Vec::new(),
        }
    }
}

/// What the records' fields and values are called; the business is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Names {
    /// As the API is thought to call them
    Usual,
    /// Wholly differently, but for what the API's own structure calls them
    Other,
}

/// The total that answers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalTold {
    /// The truth.
    Right,
    /// None.
    None,
    /// So much beside the truth.
    Off(isize),
}

/// What is answered past the end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PastEnd {
    /// An empty page
    Empty,
    /// 404
    #[value(name = "404")]
    Missing,
    /// The last page again
    Last,
}

/// How a 429 says when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RetryAfter {
    /// In seconds
    Seconds,
    /// As a date
    Date,
    /// In the message only
    Message,
    /// Not at all
    None,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken, or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A sandbox that is serving; it ends when dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    shared: server::Shared,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Sandbox {
    /// Serves on a loopback port; port 0 takes a free one.
    pub async fn start(port: u16, options: Options) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = server::Shared::new(Crm::generate(options.seed, options.scale, options.today), options);
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = server::serve(listener, shared.clone());
        let serving = tokio::spawn(async move {
            tokio::select! {
                () = serve => {}
                _ = stopped => {}
            }
        });
        Ok(Self { address, shared, stop: Some(stop), serving })
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a day pass in the CRM.
    pub fn pass_a_day(&self) -> Day {
        self.shared.crm().pass_days(1)
    }

    /// Serves until it is told to stop.
    pub async fn serve(mut self) {
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens when it has ended already.
            let _ = stop.send(());
        }
    }
}

#[cfg(test)]
mod tests;
