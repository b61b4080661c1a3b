//! Whole names: two parts, each of which alone is too many people's.

/// A person's whole name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    first: String,
    last: String,
}

/// A name that is too short to be looked for in other records.
pub(super) struct OneWord;

impl Name {
    /// A name in two parts.
    pub(super) fn of(first: &str, last: &str) -> Result<Self, OneWord> {
        let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = Self { first: tidy(first), last: tidy(last) };
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
        let (first, last) = (letters(&name.first), letters(&name.last));
        if first > 0 && last > 0 && first + last > 2 { Ok(name) } else { Err(OneWord) }
    }

    /// A name in one text, and the same without titles.
    pub(super) fn read(text: &str) -> Vec<Result<Self, OneWord>> {
        let text = text.trim();
        if let Some((last, first)) = text.split_once(',') {
            return vec![Self::of(first, last)];
        }
        let split = |text: &str| match text.trim().rsplit_once(char::is_whitespace) {
            Some((first, last)) => Self::of(first, last),
            None => Err(OneWord),
        };
        let words: Vec<&str> = text.split_whitespace().skip_while(|word| word.ends_with('.')).collect();
        let plain = words.join(" ");
        let plain = (words.len() > 1 && plain != text).then(|| split(&plain));
        std::iter::once(split(text)).chain(plain).collect()
    }

    /// First and last name.
    pub(super) fn parts(&self) -> [&str; 2] {
        [&self.first, &self.last]
    }

    /// First name first.
    pub(super) fn whole(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// How it is written.
    pub(super) fn spellings(&self) -> [String; 4] {
        let Self { first, last } = self;
        [format!("{first} {last}"), format!("{last}, {first}"), format!("{last},{first}"), format!("{last} {first}")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_word_are_no_names() {
        let read = |text: &str| Name::read(text).into_iter().flatten().count();
        assert_eq!(
            [read("Anna"), read("A B"), read("Li Na"), read("Dr. Anna Schmidt"), read("J. Groß")],
            [0, 0, 1, 2, 1]
        );
    }
}
