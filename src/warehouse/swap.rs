//! The step at which readers get the new warehouse.
//!
//! Where the system lets an open file be replaced, a rename is all. Windows does not: there a reader may only be between
//! two queries, so it is tried again for a while.

use std::{fs, io, path::Path, thread::sleep, time::Duration};

use super::{WarehouseError, failed};

/// Pauses between attempts: about half a minute in all.
const PAUSES: [Duration; 7] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(10),
    Duration::from_secs(10),
];

/// Puts a file in the place of another.
pub(super) fn replace(from: &Path, to: &Path) -> Result<(), WarehouseError> {
    patiently(|| fs::rename(from, to), is_held, sleep).map_err(|source| {
        if is_held(&source) {
            WarehouseError::Held { path: to.to_owned(), source }
        } else {
            failed("replace", to)(source)
        }
    })
}

/// Whether a program holds the file open: what Windows calls access denied, a sharing violation or a lock violation.
fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33))
}

fn patiently(
    mut attempt: impl FnMut() -> io::Result<()>,
    is_held: impl Fn(&io::Error) -> bool,
    mut wait: impl FnMut(Duration),
) -> io::Result<()> {
    for pause in PAUSES {
        match attempt() {
            Err(error) if is_held(&error) => wait(pause),
            done => return done,
        }
    }
    attempt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many refusals of a kind, then success. Returns what came of it, and how long it waited.
    fn refused(times: usize, kind: io::ErrorKind) -> (io::Result<()>, Duration) {
        let (mut refusals, mut waited) = (0, Duration::ZERO);
        let attempt = || {
            refusals += 1;
            if refusals > times { Ok(()) } else { Err(kind.into()) }
        };
        let done = patiently(attempt, |error| error.kind() == io::ErrorKind::ResourceBusy, |pause| waited += pause);
        (done, waited)
    }

    #[test]
    fn a_file_that_is_held_is_tried_again_and_nothing_else_is() {
        let (done, waited) = refused(3, io::ErrorKind::ResourceBusy);
        assert!(done.is_ok());
        assert_eq!(waited, Duration::from_millis(1_500));
        let (done, waited) = refused(usize::MAX, io::ErrorKind::ResourceBusy);
        assert_eq!(done.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        assert!(waited > Duration::from_secs(30));
        let (done, waited) = refused(1, io::ErrorKind::NotFound);
        assert_eq!((done.unwrap_err().kind(), waited), (io::ErrorKind::NotFound, Duration::ZERO));
    }
}
