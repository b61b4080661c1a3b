//! How much room a text takes, where nobody knows the reader's font: reckoned with the widths of a wide one, so that what
//! fits here fits everywhere.

use unicode_width::UnicodeWidthChar as _;

/// The size of all texts.
pub(super) const SIZE: f64 = 12.0;
/// From one line of a text to the next.
pub(super) const LINE: i32 = 16;
/// No label is longer; what is, has its whole text in the table.
const LONGEST: usize = 140;

/// The width of a text, in pixels.
pub(super) fn width(text: &str) -> i32 {
    (text.chars().map(em).sum::<f64>() * SIZE).ceil() as i32
}

/// The width of a character, in parts of the size.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '\'' | '|' => 0.3,
        ' ' | '.' | ',' | ':' | ';' | '!' | '/' | '-' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '\u{202f}' => 0.42,
        'm' | '%' | '@' | 'W' | 'M' => 1.0,
        'w' | '+' | '=' | '<' | '>' | '\u{2212}' => 0.85,
        '0'..='9' => 0.64,
        'A'..='Z' => 0.77,
        _ if c.is_ascii() => 0.64,
        _ => match c.width().unwrap_or(0) {
            0 => 0.0,
            1 if c.is_lowercase() => 0.7,
            1 => 0.85,
            _ => 1.35,
        },
    }
}

/// A text in lines of at most so many pixels, broken between words where that can be.
pub(super) fn wrap(text: &str, room: i32) -> Vec<String> {
    let text = shortened(text);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        for piece in pieces(word, room) {
            let Some(line) = lines.last_mut() else { break };
            let joined = if line.is_empty() { piece.clone() } else { format!("{line} {piece}") };
            if width(&joined) <= room {
                *line = joined;
            } else {
                lines.push(piece);
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// A word in pieces that fit, broken after a hyphen, a slash or an underscore where that helps.
fn pieces(word: &str, room: i32) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let Some(piece) = pieces.last_mut() else { break };
        piece.push(c);
        if width(piece) > room && piece.chars().count() > 1 {
            piece.pop();
            let seam = piece.rfind(['-', '/', '_', '.', '@']).map(|at| at + 1).filter(|at| *at > piece.len() / 2);
            let rest = seam.map(|at| piece.split_off(at)).unwrap_or_default();
            pieces.push(format!("{rest}{c}"));
        }
    }
    pieces
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{}\u{2026}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_hold_every_word() {
        for text in [
            "Bergmann und Söhne Maschinenbau GmbH & Co. KG",
            "Donaudampfschifffahrtsgesellschaftskapitänsmütze",
            "a-very-long-file_name/with.seams@example.com",
            "株式会社サンプル商事東京本社営業部",
            "x",
        ] {
            for room in [40, 80, 200] {
                let lines = wrap(text, room);
                assert!(lines.iter().all(|line| width(line) <= room), "{lines:?}");
                let joined: String = lines.concat().split_whitespace().collect();
                assert_eq!(joined, text.split_whitespace().collect::<String>());
            }
        }
        assert_eq!(wrap("one two", 300), ["one two"]);
        assert!(wrap("   ", 100).is_empty());
    }

    #[test]
    fn a_text_without_end_is_shortened_and_says_so() {
        let lines = wrap(&"word ".repeat(200), 300);
        assert!(lines.last().unwrap().ends_with('\u{2026}') && lines.len() < 10, "{lines:?}");
    }
}
