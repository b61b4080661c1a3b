//! Values that cannot be printed.
//!
//! A subscription key gives full access to a CRM account. Wrapped here it has no `Display`, its `Debug` says nothing,
//! and the one way to its text is [`Secret::expose`], which only the client that sends it and
//! the hashing that it is the key of call.

use std::fmt;

/// A text that must never reach a log, an error or a file.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text, without the byte-order mark and the white space that files and shells leave around it.
    pub fn new(text: &str) -> Self {
        Self(text.trim_start_matches('\u{feff}').trim().to_owned())
    }

    /// Whether nothing is left after trimming.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_nothing_of_the_text() {
        assert_eq!(format!("{:?}", Secret::new(" abc\n")), "Secret(..)");
        assert_eq!(Secret::new(" abc\n").expose(), "abc");
    }
}
