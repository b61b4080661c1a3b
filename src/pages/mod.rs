//! Sweeps: reading a whole list by `page` and `size`, and knowing whether it was whole.
//!
//! Pages of a table that people are changing are no snapshot. A row deleted from a page already read shifts all later
//! rows left, and the row that crosses the boundary is never seen; an insertion shifts right, and shows a row twice or,
//! where pages are read out of order, hides one. So a sweep does not trust its pages: it decides what to ask next
//! ([`sweep`]), finds the end where no total is told ([`cursor`]), and closes with a certificate whose verdict is true.
//!
//! # `counted`: why two equal counts are enough against one kind of change
//!
//! Let a pass read pages in any order. Let `before` be an upper bound of the list's length at some moment no later
//! than the first read, `after` one at some moment no earlier than the last read, and `n` the number of distinct rows
//! seen, none of them twice. If `n == before == after`, then:
//!
//! - *If rows were only created meanwhile*, every row seen still exists at the end. There are at most `after == n` rows
//!   then, and `n` were seen: all of them.
//! - *If rows were only deleted meanwhile*, every row seen existed at the beginning. There were at most `before == n`
//!   rows then, and `n` were seen: all of them, so also all that are left.
//!
//! Where the API tells a total, the first and the last answer of the pass carry the two bounds. Where it does not, the
//! last page gives them: a page `L` with fewer rows than page 1 bounds the length by `(L - 1) * page_rows + rows`, an
//! empty page `L + 1` by `L * page_rows`. The bound `before` comes from a search ([`cursor`]) that ends before the pass
//! begins, which is why the pass does not reuse the pages that the search saw. For `after`, the last page itself is
//! read last and counts for the pass; a full last page is followed by the empty page behind it, so that the bound is
//! the later reading. A server that answers past the end with the last page again is asked in the other order, the
//! page behind first: a row seen there and then on the last page cannot have been pushed back by creations, so the
//! page behind was past the end.
//!
//! A creation and a deletion together can leave every count as it was and a row unseen. That is what `proven` is for.
//!
//! # `proven`: why agreement of two passes is a proof against every mix of changes
//!
//! Let a first pass read pages 1, 2, ... strictly in order, each asked after the one before was answered, until a page
//! past the end showed no row; let every page before the last be full (as many rows as page 1), and no id appear
//! twice. Creation and deletion keep the order of the other rows, and no id is used again. Suppose a row `r` that
//! existed throughout is missing. When page 1 was read, `r` stood behind it; when the empty page past page `k` was
//! read, the list had no more than `k * page_rows` rows, so `r` stood within the first `k` pages. So between some page
//! `j` and the next request `r` moved from behind the boundary `j * page_rows` to before it. All ids read so far stood
//! before `r` when they were read, and the order is kept, so those not deleted still do. They are `j * page_rows` ids,
//! all distinct, and fewer rows than that stand before `r` now: one of the ids read has been deleted. Hence **if every
//! id of the ordered pass is seen again by reading that began after it ended, nothing is missing.** That second reading
//! may be concurrent and in any order, and may show new rows.
//!
//! A server that repeats the last page past the end shows no empty page. Then a page far behind any possible end is
//! asked, which only such a server fills: it shows the last page as it is now. If all its rows were seen, `r` stands
//! before them (rows after them would be on the last page too); the first of them was read on some page `j` while `r`
//! was not, and the argument above holds for that `j`.
//!
//! The rows on that page must be those of the page that was repeated, which holds unless as many rows as a page has stand
//! in the list twice, one after the other.
//!
//! A list sorted by something that changes, such as the last update, moves rows that were neither created nor deleted.
//! There a repeat or a vanished id betrays most moves and not all.
//!
//! Rows without an id are told apart by their content: a row that changes its content looks deleted and created, which
//! can only withhold a proof, never fake one.

pub mod cursor;
pub mod envelope;
pub mod sighting;
pub mod sweep;
pub mod verdict;

pub use self::{
    sweep::Sweep,
    verdict::{Ask, Certificate, Goal, Purpose, Sighting, Step, Verdict},
};

/// What identifies a row within a sweep: a 128-bit hash of its id or, where it has none, of its text.
pub type RowId = u128;
