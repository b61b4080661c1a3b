//! Pages worked on side by side, and handed on in their order.

use std::{num::NonZero, panic::resume_unwind, thread};

/// Works on all items with as many threads as the machine has, and hands the results on one after the other in the order
/// of the items, while the next are worked on. No more results wait than twice the threads.
///
/// # Errors
/// The first error of `consume`; later items may have been worked on in vain.
pub(super) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut consume: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut ready: Vec<R> = Vec::new();
    let mut at = 0;
    for chunk in items.chunks(threads) {
        let first = at;
        at += chunk.len();
        ready = thread::scope(|scope| {
            let work = &work;
            let working: Vec<_> =
                chunk.iter().zip(first..).map(|(item, index)| scope.spawn(move || work(index, item))).collect();
            std::mem::take(&mut ready).into_iter().try_for_each(&mut consume)?;
            Ok(working.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect())
        })?;
    }
    ready.into_iter().try_for_each(consume)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let mut seen = Vec::new();
        let done: Result<(), ()> = in_order(
            &items,
            |index, item| (index, item * 2),
            |result| {
                seen.push(result);
                Ok(())
            },
        );
        assert_eq!(done, Ok(()));
        assert_eq!(seen, (0..100).map(|item| (item, item as u64 * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_it() {
        let items = [1, 2, 3, 4, 5, 6, 7, 8];
        let mut consumed = 0;
        let done = in_order(
            &items,
            |_, item| *item,
            |item| {
                consumed += 1;
                if item == 3 { Err(item) } else { Ok(()) }
            },
        );
        assert_eq!((done, consumed), (Err(3), 3));
    }
}
