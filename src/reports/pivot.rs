//! A PIVOT whose columns come from the data is several statements to DuckDB: one that collects the values, and one that
//! asks for them. For [`super::statements`] it is written as one, with columns that are given.

use super::tokens::Token;

/// What ends the columns of a PIVOT, beside a parenthesis and USING.
const ENDS: [&str; 7] = ["GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT"];
/// What a question in parentheses begins with.
const QUESTIONS: [&str; 7] = ["SELECT", "FROM", "WITH", "VALUES", "TABLE", "PIVOT", "UNPIVOT"];

/// Whether a token says that columns are made of values.
pub(super) fn is_pivot(token: &Token) -> bool {
    token.is_any(&["PIVOT", "PIVOT_WIDER"])
}

/// The text with a value given to each column of a PIVOT that has none, and the questions that were to bring the values.
/// Only for looking at: that text is never run.
pub(super) fn with_given_columns<'a>(text: &'a str, found: &[Token<'a>]) -> (String, Vec<&'a str>) {
    let depths = depths(found);
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    let mut questions = Vec::new();
    for (at, _) in found.iter().enumerate().filter(|(_, token)| is_pivot(token)) {
        for column in columns(found, &depths, at) {
            let depth = depths[at];
            let inside = (column.start..column.end).find(|index| found[*index].is("IN") && depths[*index] == depth);
            let Some(inside) = inside else {
                let end = found[column.end - 1].end();
                edits.push((end, end, format!(" IN ({})", value(&found[column.clone()], &depths[column], depth))));
                continue;
            };
            let is_question = found.get(inside + 1).is_some_and(|token| token.is_symbol("("))
                && found.get(inside + 2).is_some_and(|token| token.is_any(&QUESTIONS));
            let close = (inside + 2..column.end).find(|index| found[*index].is_symbol(")") && depths[*index] == depth);
            if let Some(close) = close.filter(|_| is_question) {
                let (from, to) = (found[inside + 2].start, found[close].start);
                questions.push(&text[from..to]);
                edits.push((from, to, "1".to_owned()));
            }
        }
    }
    edits.sort();
    let mut given = String::with_capacity(text.len() + 16 * edits.len());
    let mut written = 0;
    for (from, to, replacement) in edits {
        // What stands in a question that was taken out went with it.
        if from >= written {
            given.push_str(&text[written..from]);
            given.push_str(&replacement);
            written = to;
        }
    }
    given.push_str(&text[written..]);
    (given, questions)
}

/// How deep each token stands in brackets; a bracket stands where what is around it does.
fn depths(found: &[Token]) -> Vec<usize> {
    let mut depth = 0_usize;
    let opens = |token: &Token| ["(", "[", "{"].iter().any(|symbol| token.is_symbol(symbol)) || token.is("CASE");
    let closes = |token: &Token| [")", "]", "}"].iter().any(|symbol| token.is_symbol(symbol)) || token.is("END");
    let one = |token: &Token| {
        if closes(token) {
            depth = depth.saturating_sub(1);
        }
        let here = depth;
        if opens(token) {
            depth += 1;
        }
        here
    };
    found.iter().map(one).collect()
}

/// The columns of the PIVOT at some token: what stands between commas behind its last ON.
fn columns(found: &[Token], depths: &[usize], pivot: usize) -> Vec<std::ops::Range<usize>> {
    let depth = depths[pivot];
    let closes = |index: &usize| depths[*index] < depth || found[*index].is_symbol(";");
    let ends = |index: &usize| {
        let is_join = found.get(index + 1).is_some_and(|next| next.is_symbol("("));
        depths[*index] == depth && (found[*index].is_any(&ENDS) || (found[*index].is("USING") && !is_join))
    };
    let end = (pivot + 1..found.len()).find(|index| closes(index) || ends(index)).unwrap_or(found.len());
    let Some(on) = (pivot + 1..end).rev().find(|index| found[*index].is("ON") && depths[*index] == depth) else {
        return Vec::new();
    };
    let mut columns = Vec::new();
    let mut start = on + 1;
    for index in on + 1..=end {
        if index == end || (found[index].is_symbol(",") && depths[index] == depth) {
            if start < index {
                columns.push(start..index);
            }
            start = index + 1;
        }
    }
    columns
}

/// A value for a column: a list of them, where the column is one.
fn value(column: &[Token], depths: &[usize], depth: usize) -> String {
    let is_list = column.first().is_some_and(|token| token.is_symbol("("))
        && depths.iter().filter(|here| **here == depth).count() == 2;
    let commas = column.iter().zip(depths).filter(|(token, here)| token.is_symbol(",") && **here == depth + 1).count();
    if is_list && commas > 0 { format!("({}1)", "1, ".repeat(commas)) } else { "1".to_owned() }
}
