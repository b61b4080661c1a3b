//! The shape of a resource's records: for every key, what stood there, over all pages and what the warehouse has.
//!
//! A shape is built by watching records and joined with other shapes; like the scalars it is made of, the result does
//! not depend on the order. It is also what a warehouse's columns are turned back into, so that a new sweep widens what
//! is there and never narrows it.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    path::{Path, Segment},
    scalar::Scalar,
};
use crate::{
    catalog,
    json::{self, Kind},
};

/// The members of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// What stands at each key. Ordered by first appearance, see [`Shape::keys`].
    members: BTreeMap<String, Node>,
    order: Vec<String>,
}

/// What was seen in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Scalars.
    pub scalar: Scalar,
    /// Objects.
    pub object: Option<Shape>,
    /// Lists, by what they hold.
    pub list: Option<Elements>,
    /// Something that only JSON text holds: kept as such for good.
    pub json: bool,
}

/// What lists in one place hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    /// Scalars.
    pub scalar: Scalar,
    /// Objects.
    pub object: Option<Shape>,
    /// Lists in lists, or nulls among the elements.
    pub other: bool,
}

/// How deep objects become columns, and below which key custom fields stand.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of nested objects that become columns; deeper ones stay JSON.
    pub flatten_depth: usize,
}

impl Shape {
    /// Watches a record.
    pub fn watch(&mut self, record: &str, limits: Limits) {
        for (key, raw) in json::members(record).map_while(Result::ok) {
            match normal(&key, raw) {
                Normal::CustomFields(fields) => {
                    let shape = self.node(&key).object.get_or_insert_default();
                    for (id, raw) in fields {
                        shape.node(&id).watch(raw, limits.flatten_depth.saturating_sub(1));
                    }
                }
                Normal::Tags(tags) => {
                    let elements = self.node(&key).list.get_or_insert_default();
                    for tag in tags {
                        elements.watch(tag, 0);
                    }
                }
                Normal::AsIs => self.node(&key).watch(raw, limits.flatten_depth),
            }
        }
    }

    fn watch_members(&mut self, object: &str, depth: usize) {
        for (key, raw) in json::members(object).map_while(Result::ok) {
            self.node(&key).watch(raw, depth);
        }
    }

    fn node(&mut self, key: &str) -> &mut Node {
        if !self.members.contains_key(key) {
            self.order.push(key.to_owned());
        }
        self.members.entry(key.to_owned()).or_default()
    }

    /// Takes in another shape.
    pub fn join(&mut self, other: Self) {
        let mut members = other.members;
        for key in other.order {
            if let Some(node) = members.remove(&key) {
                self.node(&key).join(node);
            }
        }
    }

    /// Takes in a column that the warehouse has.
    pub fn know(&mut self, path: &Path, known: Scalar, is_json: bool, is_list: bool) {
        let Some((Segment::Key(key), rest)) = path.0.split_first() else { return };
        self.node(key).know(rest, known, is_json, is_list);
    }

    /// The keys and what stands there, in the order of their first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.order.iter().filter_map(|key| self.members.get_key_value(key)).map(|(key, node)| (key.as_str(), node))
    }

    /// What stands at a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members.get(key)
    }
}

impl Node {
    fn watch(&mut self, raw: &str, depth: usize) {
        match json::kind(raw) {
            Kind::Object if depth == 0 => self.json = true,
            Kind::Object => self.object.get_or_insert_default().watch_members(raw, depth - 1),
            Kind::Array => {
                let elements = self.list.get_or_insert_default();
                for element in json::elements(raw).map_while(Result::ok) {
                    elements.watch(element, depth);
                }
            }
            _ => self.scalar = self.scalar.join(Scalar::of(raw)),
        }
    }

    fn join(&mut self, other: Self) {
        self.scalar = self.scalar.join(other.scalar);
        self.json |= other.json;
        if let Some(shape) = other.object {
            self.object.get_or_insert_default().join(shape);
        }
        if let Some(elements) = other.list {
            self.list.get_or_insert_default().join(elements);
        }
    }

    fn know(&mut self, rest: &[Segment], known: Scalar, is_json: bool, is_list: bool) {
        match rest.split_first() {
            None if is_list => {
                let elements = self.list.get_or_insert_default();
                elements.scalar = elements.scalar.join(known);
            }
            None if is_json => self.json = true,
            None => self.scalar = self.scalar.join(known),
            Some((Segment::Key(key), rest)) => {
                self.object.get_or_insert_default().node(key).know(rest, known, is_json, is_list);
            }
            Some((Segment::Elements, rest)) => {
                let shape = self.list.get_or_insert_default().object.get_or_insert_default();
                if let Some((Segment::Key(key), rest)) = rest.split_first() {
                    shape.node(key).know(rest, known, is_json, is_list);
                }
            }
        }
    }
}

impl Elements {
    fn watch(&mut self, raw: &str, depth: usize) {
        match json::kind(raw) {
            // Inside a child table objects flatten as far as in the record itself.
            Kind::Object => self.object.get_or_insert_default().watch_members(raw, depth),
            Kind::Array | Kind::Null => self.other = true,
            _ => self.scalar = self.scalar.join(Scalar::of(raw)),
        }
    }

    fn join(&mut self, other: Self) {
        self.scalar = self.scalar.join(other.scalar);
        self.other |= other.other;
        if let Some(shape) = other.object {
            self.object.get_or_insert_default().join(shape);
        }
    }

    /// Whether the lists become a child table: they hold objects and nothing else.
    pub fn is_table(&self) -> bool {
        self.object.is_some() && self.scalar.is_empty() && !self.other
    }

    /// Whether the lists become a column of lists: they hold scalars of one kind, or nothing yet.
    pub fn is_scalars(&self) -> bool {
        self.object.is_none() && !self.other
    }
}

/// A record's member as the tables see it.
pub enum Normal<'a> {
    /// Custom fields by field id, whether they came as an object or as a list.
    CustomFields(Vec<(Cow<'a, str>, &'a str)>),
    /// Tags as texts, whether they came as texts or as objects.
    Tags(Vec<&'a str>),
    /// As it came.
    AsIs,
}

/// Evens out the two notations that the API may use for custom fields and for tags.
pub fn normal<'a>(key: &str, raw: &'a str) -> Normal<'a> {
    match (key, json::kind(raw)) {
        (catalog::CUSTOM_FIELDS, Kind::Object) => {
            Normal::CustomFields(json::members(raw).map_while(Result::ok).collect())
        }
        (catalog::CUSTOM_FIELDS, Kind::Array) => {
            let fields: Option<Vec<_>> = json::elements(raw).map(|field| custom_field(field.ok()?)).collect();
            // A field that stands twice would lose a value.
            fields.filter(|fields| are_different(fields)).map_or(Normal::AsIs, Normal::CustomFields)
        }
        (catalog::TAGS, Kind::Array) => {
            let tags: Option<Vec<_>> = json::elements(raw).map(|tag| tag_text(tag.ok()?)).collect();
            tags.map_or(Normal::AsIs, Normal::Tags)
        }
        _ => Normal::AsIs,
    }
}

fn custom_field(raw: &str) -> Option<(Cow<'_, str>, &str)> {
    let id = ["id", "fieldId"].iter().find_map(|key| json::member(raw, key))?;
    let id = match json::kind(id) {
        Kind::String => json::text(id).text,
        Kind::Number => id.into(),
        _ => return None,
    };
    Some((id, json::member(raw, "value")?))
}

fn are_different(fields: &[(Cow<'_, str>, &str)]) -> bool {
    let mut ids: Vec<&str> = fields.iter().map(|(id, _)| id.as_ref()).collect();
    ids.sort_unstable();
    ids.windows(2).all(|pair| pair[0] != pair[1])
}

fn tag_text(raw: &str) -> Option<&str> {
    match json::kind(raw) {
        Kind::String => Some(raw),
        Kind::Object => ["text", "name", "label"].iter().find_map(|key| json::member(raw, key)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { flatten_depth: 3 };

    fn shape(records: &[&str]) -> Shape {
        let mut shape = Shape::default();
        for record in records {
            shape.watch(record, LIMITS);
        }
        shape
    }

    #[test]
    fn the_order_of_records_does_not_matter() {
        let records = [
            r#"{"a":1,"b":{"c":"x"}}"#,
            r#"{"a":"n/a","b":5,"d":[1,2.5]}"#,
            r#"{"b":{"c":{"e":{"f":1}}},"d":[],"g":[{"h":1}]}"#,
        ];
        let whole = shape(&records);
        for order in [[2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut joined = Shape::default();
            for index in order {
                joined.join(shape(&[records[index]]));
            }
            assert_eq!(joined.members, whole.members);
        }
        let mut twice = whole.clone();
        twice.join(whole.clone());
        assert_eq!(twice, whole);
    }

    #[test]
    fn both_notations_of_custom_fields_and_tags_are_one() {
        let by_id = shape(&[r#"{"customFields":{"f1":1,"f2":"x"},"tags":["a"]}"#]);
        let listed = shape(&[
            r#"{"customFields":[{"id":"f1","value":1},{"id":"f2","value":"x"}],"tags":[{"id":"t","text":"a"}]}"#,
        ]);
        assert_eq!(by_id, listed);
    }

    #[test]
    fn known_columns_make_the_shape_they_came_from() {
        let mut known = Shape::default();
        let text = Scalar::of("\"x\"");
        known.know(&Path::parse("owner.name").unwrap(), text, false, false);
        known.know(&Path::parse("products[].price").unwrap(), Scalar::of("1.50"), false, false);
        known.know(&Path::parse("tags").unwrap(), text, false, true);
        assert!(known.get("owner").unwrap().object.as_ref().unwrap().get("name").is_some());
        assert!(known.get("products").unwrap().list.as_ref().unwrap().is_table());
        assert!(known.get("tags").unwrap().list.as_ref().unwrap().is_scalars());
    }
}
