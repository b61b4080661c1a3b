//! Ctrl-C at the prompt: it ends what is being asked, and not the program.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::reports::Stopper;

/// How long after a stop another one is sent, while the statement goes on: it may just have been about to begin.
const AGAIN: Duration = Duration::from_millis(20);

/// Whether the user wants what is going on to stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Halt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether a statement was typed and is not yet answered.
    is_busy: AtomicBool,
    /// Whether Ctrl-C was pressed since.
    is_asked: AtomicBool,
    stopper: Mutex<Option<Stopper>>,
}

impl Halt {
    /// Takes Ctrl-C over, for as long as the program runs.
    pub(super) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        let mut pressed = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        #[cfg(not(unix))]
        let mut pressed = tokio::signal::windows::ctrl_c()?;
        let halt = Self::default();
        let state = halt.0.clone();
        tokio::spawn(async move {
            while pressed.recv().await.is_some() {
                if state.is_busy.load(Ordering::SeqCst) {
                    state.is_asked.store(true, Ordering::SeqCst);
                }
                while state.is_busy.load(Ordering::SeqCst) && state.is_asked.load(Ordering::SeqCst) {
                    if let Some(stopper) = &*state.stopper.lock().unwrap_or_else(PoisonError::into_inner) {
                        stopper.stop();
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        });
        Ok(halt)
    }

    /// A statement was typed: from now on Ctrl-C is meant for it.
    pub(super) fn begin(&self) {
        self.0.is_asked.store(false, Ordering::SeqCst);
        self.0.is_busy.store(true, Ordering::SeqCst);
    }

    /// It was answered.
    pub(super) fn end(&self) {
        self.0.is_busy.store(false, Ordering::SeqCst);
    }

    /// Whether Ctrl-C was pressed since the statement was typed.
    pub(super) fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::SeqCst)
    }

    /// Says what is to be stopped.
    pub(super) fn watch(&self, stopper: Stopper) {
        *self.0.stopper.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopper);
    }

    /// A way out that fails once Ctrl-C was pressed: an answer may be long.
    pub(super) fn watched<W: io::Write>(&self, out: W) -> Watched<'_, W> {
        Watched { out, halt: self }
    }
}

/// See [`Halt::watched`].
pub(super) struct Watched<'a, W> {
    out: W,
    halt: &'a Halt,
}

impl<W: io::Write> io::Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not as `Interrupted`, which is tried again.
        if self.halt.is_asked() { Err(io::Error::other("stopped")) } else { self.out.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
