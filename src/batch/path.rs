//! Where a value stands in a record: the keys that lead to it.
//!
//! Written with dots, as in `owner.name`; `[]` stands for the elements of a list, as in `products[].price`. A key with
//! anything but letters, digits, `_`, `-`, `@` and `$` is quoted as JSON, so that every path reads back as it was.

use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// Into an object, by key.
    Key(String),
    /// Into the elements of a list.
    Elements,
}

/// The steps from a record to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// This path, one key further.
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Key(key.to_owned()));
        path
    }

    /// This path, into its list.
    pub fn elements(&self) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Elements);
        path
    }

    /// The path of the list that this path leads into, if it does.
    pub fn list(&self) -> Option<Self> {
        let end = self.0.iter().position(|segment| *segment == Segment::Elements)?;
        Some(Self(self.0[..end].to_vec()))
    }

    /// The keys as words, for naming.
    pub fn words(&self) -> String {
        let keys = self.0.iter().filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Elements => None,
        });
        keys.collect::<Vec<_>>().join(" ")
    }

    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("[]") {
                segments.push(Segment::Elements);
                rest = after;
                continue;
            }
            rest = if segments.is_empty() { rest } else { rest.strip_prefix('.')? };
            if rest.starts_with('"') {
                let mut keys = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                segments.push(Segment::Key(keys.next()?.ok()?));
                rest = &rest[keys.byte_offset()..];
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                segments.push(Segment::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Some(Self(segments))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Elements => formatter.write_str("[]")?,
                Segment::Key(key) => {
                    if index > 0 {
                        formatter.write_str(".")?;
                    }
                    if !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-@$".contains(c)) {
                        formatter.write_str(key)?;
                    } else {
                        formatter.write_str(&serde_json::Value::from(key.as_str()).to_string())?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_path_reads_back(keys in proptest::collection::vec(proptest::option::of(".{0,12}"), 1..5)) {
            let segments = keys.into_iter().map(|key| key.map_or(Segment::Elements, Segment::Key)).collect();
            let path = Path(segments);
            // A path of elements only at its beginning does not occur: records are objects.
            prop_assume!(matches!(path.0[0], Segment::Key(_)));
            prop_assert_eq!(Path::parse(&path.to_string()), Some(path));
        }
    }
}
