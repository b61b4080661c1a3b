//! A statement's text, taken apart as DuckDB's own lexer does it: enough to tell where a statement ends, and what is a word
//! and what only looks like one inside a quotation or a comment.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword, a name without quotes, or a number.
    Word,
    /// A name in double quotes.
    Name,
    /// A text: in single quotes, or in dollar quotes.
    Text,
    /// One character of anything else.
    Symbol,
}

/// A piece of a statement that is neither blank nor comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it was written.
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub start: usize,
}

impl Token<'_> {
    /// Where it ends, in bytes.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, in whatever case.
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is one of these keywords.
    pub fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// Whether it is this character.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}

/// The tokens of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens<'a> {
    /// In the order in which they stand.
    pub all: Vec<Token<'a>>,
    /// Whether the text ends before a quotation or a comment does.
    pub is_open: bool,
}

/// Takes a text apart.
pub fn tokens(text: &str) -> Tokens<'_> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let step = if first.is_whitespace() {
            Step::Blank(first.len_utf8())
        } else if rest.starts_with("--") {
            // The end of the text ends such a comment too.
            Step::Blank(rest.find(['\n', '\r']).unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            comment(rest).map_or(Step::Open, Step::Blank)
        } else if first == '\'' {
            quoted(rest, '\'').map_or(Step::Open, |length| Step::Token(Kind::Text, length))
        } else if first == '"' {
            quoted(rest, '"').map_or(Step::Open, |length| Step::Token(Kind::Name, length))
        } else if let Some(tag) = dollar_tag(rest) {
            let end = rest[tag.len()..].find(tag);
            end.map_or(Step::Open, |end| Step::Token(Kind::Text, end + 2 * tag.len()))
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c) && c != '$').unwrap_or(rest.len());
            // The one prefix that changes what a backslash means.
            if rest[..length].eq_ignore_ascii_case("e") && rest[length..].starts_with('\'') {
                escaped(&rest[length..]).map_or(Step::Open, |quoted| Step::Token(Kind::Text, length + quoted))
            } else {
                Step::Token(Kind::Word, length)
            }
        } else {
            Step::Token(Kind::Symbol, first.len_utf8())
        };
        match step {
            Step::Blank(length) => at += length,
            Step::Token(kind, length) => {
                all.push(Token { kind, text: &rest[..length], start: at });
                at += length;
            }
            Step::Open => return Tokens { all, is_open: true },
        }
    }
    Tokens { all, is_open: false }
}

enum Step {
    Blank(usize),
    Token(Kind, usize),
    Open,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

/// The length of a comment, which may hold others.
fn comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => {
                depth += 1;
                at += 2;
            }
            Some(b"*/") => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// The length of a quotation in which the quote is doubled.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut from = 1;
    loop {
        let end = from + text[from..].find(quote)? + 1;
        if !text[end..].starts_with(quote) {
            return Some(end);
        }
        from = end + 1;
    }
}

/// The length of a quotation in which a backslash escapes what comes after it.
fn escaped(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '\'' if characters.peek().is_some_and(|(_, next)| *next == '\'') => drop(characters.next()),
            '\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// What opens a quotation such as `$$` or `$body$`; a parameter such as `$1` or `$name` opens none.
fn dollar_tag(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let end = rest.find('$')?;
    let tag = &rest[..end];
    let is_tag = tag.chars().all(is_word) && !tag.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &text[..end + 2])
}

/// The statements of a text, without the semicolons between them, the comments before them and the blanks around them.
pub fn statements(text: &str) -> Vec<&str> {
    let Tokens { all, is_open } = tokens(text);
    let pieces = all.split(|token| token.is_symbol(";"));
    let mut statements: Vec<&str> = pieces
        .filter_map(|piece| {
            let (first, last) = (piece.first()?, piece.last()?);
            Some(&text[first.start..last.end()])
        })
        .collect();
    if is_open {
        // What was not closed belongs to the last statement, and DuckDB says what is wrong with it.
        let open = all.iter().rev().take_while(|token| !token.is_symbol(";")).last().map_or(0, |token| token.start);
        let start = if all.last().is_some_and(|token| token.is_symbol(";")) {
            all.last().map_or(0, Token::end)
        } else {
            statements.pop();
            open
        };
        statements.push(text[start..].trim());
    }
    statements
}

/// Whether a statement that is being typed is at its end: behind a semicolon that no quotation and no comment holds.
pub fn is_finished(text: &str) -> bool {
    let tokens = tokens(text);
    !tokens.is_open && tokens.all.last().is_some_and(|token| token.is_symbol(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_quotations_and_comments_end_nothing() {
        for (text, expected) in [
            ("SELECT 1; SELECT 2 ;", vec!["SELECT 1", "SELECT 2"]),
            (";;", vec![]),
            ("-- only a comment;\n/* and; /* another; */ ; */", vec![]),
            ("SELECT ';', \";\" -- ;\n, /* ; */ 1", vec!["SELECT ';', \";\" -- ;\n, /* ; */ 1"]),
            ("SELECT 'it''s;' ; SELECT \"a\"\";\"", vec!["SELECT 'it''s;'", "SELECT \"a\"\";\""]),
            // Only behind E does a backslash escape.
            (r"SELECT '\'; SELECT 1", vec![r"SELECT '\'", "SELECT 1"]),
            (r"SELECT E'\'; SELECT 1'", vec![r"SELECT E'\'; SELECT 1'"]),
            (r"SELECT e'\\'; SELECT 1", vec![r"SELECT e'\\'", "SELECT 1"]),
            ("SELECT $$;$$; SELECT $a$ $$;$a$", vec!["SELECT $$;$$", "SELECT $a$ $$;$a$"]),
            ("SELECT $1, $name; SELECT $2", vec!["SELECT $1, $name", "SELECT $2"]),
            ("SELECT a$b$ FROM c; SELECT 1 AS d$b$", vec!["SELECT a$b$ FROM c", "SELECT 1 AS d$b$"]),
            ("SELECT 1 -- c\r; SELECT 2", vec!["SELECT 1", "SELECT 2"]),
            ("SELECT 'open; SELECT 2", vec!["SELECT 'open; SELECT 2"]),
            ("SELECT 1; /* open", vec!["SELECT 1", "/* open"]),
            ("SELECT 1;\u{a0}SELECT 'é;'", vec!["SELECT 1", "SELECT 'é;'"]),
        ] {
            assert_eq!(statements(text), expected, "{text}");
        }
    }

    #[test]
    fn a_statement_is_at_its_end_behind_its_semicolon() {
        for text in ["SELECT 1;", "SELECT 1; -- done", "SELECT 1;\n/* done */ ", "SELECT ';';"] {
            assert!(is_finished(text), "{text}");
        }
        for text in [
            "",
            "SELECT 1",
            "SELECT ';",
            "SELECT 1 -- ;",
            "SELECT 1 /* ; ",
            "SELECT 1; /* ",
            "SELECT \";",
            "SELECT $$;",
        ] {
            assert!(!is_finished(text), "{text}");
        }
    }
}
