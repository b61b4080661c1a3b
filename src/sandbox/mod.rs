//! The CRM API as a server, for trying crmlake and for testing it.
//!
//! The vendor offers no test environment, so crmlake brings one. It shares nothing with the extractor but the catalog's
//! paths: a mistake in the one must not be hidden by the same mistake in the other.

mod changes;
mod generate;
mod names;
mod server;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub use self::{changes::Day, generate::Crm};
use crate::secret::Secret;

/// What a sandbox is like.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the records are made from.
    pub seed: u64,
    /// How many there are: scale 1 has 400.
    pub scale: u32,
    /// The last day of their past.
    pub today: jiff::civil::Date,
    /// The keys that open it.
    pub keys: Vec<Secret>,
    /// Rows on a page at the most, whatever is asked for.
    pub size_cap: Option<usize>,
    /// Whether answers tell no total.
    pub no_total: bool,
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
        let router = server::router(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let serve = axum::serve(listener, router);
            tokio::select! {
                _ = serve => {}
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
        self.shared.crm().pass_a_day()
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
