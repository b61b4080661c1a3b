//! Headers of SQL files: comment lines `-- key: value` above the statement.

/// A header's lines: number, key and value.
pub(super) type Lines = Vec<(usize, String, String)>;

/// Takes a file apart into its header and its statement, which keeps its lines' numbers: in place of the header it has as
/// many empty lines, so that what DuckDB says of a line is said of the file's.
///
/// A comment line that is indented further, and one without a key, goes on with the line before. The header ends at the
/// first line that is no comment, a blank one included.
pub(super) fn split(text: &str) -> (Lines, String) {
    let mut header: Lines = Vec::new();
    let mut consumed = 0;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let Some(comment) = line.trim().strip_prefix("--") else { break };
        consumed += line.len();
        let indented = comment.starts_with("  ") || comment.starts_with('\t');
        match comment.split_once(':') {
            Some((key, value)) if is_key(key.trim()) && (!indented || header.is_empty()) => {
                header.push((number, key.trim().to_owned(), value.trim().to_owned()));
            }
            _ => {
                if let Some((_, _, value)) = header.last_mut() {
                    value.push(' ');
                    value.push_str(comment.trim());
                }
            }
        }
    }
    let body = text[consumed..].trim_end().trim_end_matches(';').trim_end();
    let statement = body.trim_start();
    if statement.is_empty() {
        return (header, String::new());
    }
    let above = text[..consumed].lines().count() + body[..body.len() - statement.len()].matches('\n').count();
    (header, "\n".repeat(above) + statement)
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The first line whose key nobody knows, and what it may have been meant to be. `description` is another word for
/// `question`.
pub(super) fn flaw(header: &Lines, keys: &[&str]) -> Option<(usize, String)> {
    let (line, key, _) = header.iter().find(|(_, key, _)| !keys.contains(&key.as_str()) && key != "description")?;
    let meant = closest(key, keys).map(|meant| format!("did you mean \"{meant}\"? ")).unwrap_or_default();
    Some((
        *line,
        format!(
            "\"{key}\" is no key of a header here; {meant}there is {}. A remark goes below a blank line",
            keys.join(", ")
        ),
    ))
}

/// The name that a misspelt one was meant to be, where one is near.
pub fn closest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase());
    let nearest = names.iter().min_by_key(|name| distance(name))?;
    (distance(nearest) <= 1 + word.chars().count() / 4).then_some(*nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_lines_of_keys_and_the_rest_is_the_statement() {
        let (header, body) = split(
            "-- title: A title\n-- param: since date = today\n--   that: goes on\n-- and on\n\nSELECT 1; -- note: no key\n",
        );
        let line = |line: usize, key: &str, value: &str| (line, key.to_owned(), value.to_owned());
        assert_eq!(header, [line(1, "title", "A title"), line(2, "param", "since date = today that: goes on and on")]);
        assert_eq!(body, "\n\n\n\n\nSELECT 1; -- note: no key");
        assert_eq!(split("-- title: A title\n;\n").1, "");
    }

    #[test]
    fn an_unknown_key_is_told_with_what_was_meant() {
        let flawed = |key: &str| flaw(&vec![(3, key.to_owned(), String::new())], &["title", "question"]);
        let (line, problem) = flawed("titel").unwrap();
        assert_eq!(line, 3);
        assert!(problem.contains("did you mean \"title\""), "{problem}");
        assert!(!flawed("chart").unwrap().1.contains("did you mean"));
        assert_eq!(flawed("question"), None);
        assert_eq!(flawed("description"), None);
    }
}
