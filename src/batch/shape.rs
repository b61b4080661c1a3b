//! The shape of a resource's records: for every key, what stood there, over all pages and what the warehouse has.
//!
//! A shape is built by watching records and joined with other shapes; like the scalars it is made of, the result does
//! not depend on the order. It is also what a warehouse's columns are turned back into, so that a new sweep widens what
//! is there and never narrows it.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    path::{Path, Segment},
    scalar::{BLANK, Scalar, Type},
};
use crate::{
    catalog,
    json::{self, Kind},
    pages::sighting::id_text,
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
    /// Lists.
    pub lists: Lists,
    /// Something that only JSON text holds: kept as such for good.
    pub json: bool,
    /// Whether a record of this sweep has the key, be it with null.
    pub came: bool,
}

/// What the lists in one place are. A list of objects becomes rows of a child table, any other the value of a column;
/// a place may have both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Lists of scalars and nulls: the elements.
    pub scalars: Option<Scalar>,
    /// Empty lists, which may be lists of anything.
    pub empty: bool,
    /// Lists of objects: the members of the elements.
    pub objects: Option<Shape>,
    /// Whether the warehouse has a column of them.
    pub has_column: bool,
    /// Lists that only JSON text holds: of lists, or of objects beside something else.
    pub mixed: bool,
}

/// What one list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Without elements.
    Empty,
    /// Of scalars and nulls.
    Scalars,
    /// Of objects only.
    Objects,
    /// Anything else.
    Mixed,
}

/// What a list is, by itself: it does not depend on the lists of other records.
pub fn list_kind(raw: &str) -> ListKind {
    let (mut objects, mut others) = (0u64, 0u64);
    for element in json::elements(raw).map_while(Result::ok) {
        match json::kind(element) {
            Kind::Array => return ListKind::Mixed,
            Kind::Object => objects += 1,
            _ => others += 1,
        }
    }
    match (objects, others) {
        (0, 0) => ListKind::Empty,
        (0, _) => ListKind::Scalars,
        (_, 0) => ListKind::Objects,
        _ => ListKind::Mixed,
    }
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
                    let node = self.node(&key);
                    node.came = true;
                    let shape = node.object.get_or_insert_default();
                    for field in fields {
                        shape.node(&field.key).watch(field.raw, limits.flatten_depth.saturating_sub(1));
                    }
                }
                Normal::Tags(tags) => {
                    let node = self.node(&key);
                    node.came = true;
                    node.lists.empty |= tags.is_empty();
                    // Texts, whatever they look like.
                    if !tags.is_empty() {
                        node.lists.scalars = Some(Scalar::of_type(Type::Text, 0));
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
        self.came = true;
        match json::kind(raw) {
            Kind::Object if depth == 0 => self.json = true,
            Kind::Object => self.object.get_or_insert_default().watch_members(raw, depth - 1),
            Kind::Array => self.lists.watch(raw, depth),
            _ => self.scalar = self.scalar.join(Scalar::of(raw)),
        }
    }

    fn join(&mut self, other: Self) {
        self.scalar = self.scalar.join(other.scalar);
        self.json |= other.json;
        self.came |= other.came;
        if let Some(shape) = other.object {
            self.object.get_or_insert_default().join(shape);
        }
        self.lists.join(other.lists);
    }

    fn know(&mut self, rest: &[Segment], known: Scalar, is_json: bool, is_list: bool) {
        match rest.split_first() {
            None if is_list => self.lists.know(known),
            None if is_json => self.json = true,
            None => self.scalar = self.scalar.join(known),
            Some((Segment::Key(key), rest)) => {
                self.object.get_or_insert_default().node(key).know(rest, known, is_json, is_list);
            }
            Some((Segment::Elements, rest)) => {
                let shape = self.lists.objects.get_or_insert_default();
                if let Some((Segment::Key(key), rest)) = rest.split_first() {
                    shape.node(key).know(rest, known, is_json, is_list);
                }
            }
        }
    }
}

impl Lists {
    fn watch(&mut self, raw: &str, depth: usize) {
        let elements = || json::elements(raw).map_while(Result::ok);
        match list_kind(raw) {
            ListKind::Empty | ListKind::Scalars => self.watch_scalars(elements()),
            ListKind::Objects => {
                // Inside a child table objects flatten as far as in the record itself.
                let shape = self.objects.get_or_insert_default();
                elements().for_each(|element| shape.watch_members(element, depth));
            }
            ListKind::Mixed => self.mixed = true,
        }
    }

    fn watch_scalars<'a>(&mut self, elements: impl Iterator<Item = &'a str>) {
        let seen = elements.map(Scalar::of).reduce(Scalar::join);
        self.empty |= seen.is_none();
        self.scalars = seen.map(|seen| self.scalars.unwrap_or_default().join(seen)).or(self.scalars);
    }

    /// Takes in a column of lists; one whose elements have no type has met none but empty lists.
    fn know(&mut self, elements: Scalar) {
        self.has_column = true;
        if elements.is_empty() {
            self.empty = true;
        } else {
            self.scalars = Some(self.scalars.unwrap_or_default().join(elements));
        }
    }

    fn join(&mut self, other: Self) {
        self.mixed |= other.mixed;
        self.empty |= other.empty;
        self.has_column |= other.has_column;
        if let Some(elements) = other.scalars {
            self.scalars = Some(self.scalars.unwrap_or_default().join(elements));
        }
        if let Some(shape) = other.objects {
            self.objects.get_or_insert_default().join(shape);
        }
    }
}

/// A record's member as the tables see it.
pub enum Normal<'a> {
    /// Custom fields by field id, whether they came as an object or as a list.
    CustomFields(Vec<Part<'a>>),
    /// Tags as texts, whether they came as texts or as objects.
    Tags(Vec<Part<'a>>),
    /// As it came.
    AsIs,
}

/// What a custom field or a tag comes down to.
pub struct Part<'a> {
    /// The field's id; of a tag, nothing.
    pub key: Cow<'a, str>,
    /// The value, or the text.
    pub raw: &'a str,
    /// Whether the notation had something else to say, which is left out.
    pub had_more: bool,
}

/// Evens out the two notations that the API may use for custom fields and for tags.
pub fn normal<'a>(key: &str, raw: &'a str) -> Normal<'a> {
    match (key, json::kind(raw)) {
        (catalog::CUSTOM_FIELDS, Kind::Object) => {
            let fields = json::members(raw).map_while(Result::ok);
            Normal::CustomFields(fields.map(|(key, raw)| Part { key, raw, had_more: false }).collect())
        }
        (catalog::CUSTOM_FIELDS, Kind::Array) => {
            let fields: Option<Vec<_>> = json::elements(raw).map(|field| custom_field(field.ok()?)).collect();
            // A field that stands twice would lose a value.
            fields.filter(|fields| are_different(fields)).map_or(Normal::AsIs, Normal::CustomFields)
        }
        (catalog::TAGS, Kind::String) if raw != BLANK => {
            Normal::Tags(vec![Part { key: Cow::Borrowed(""), raw, had_more: false }])
        }
        (catalog::TAGS, Kind::Array) => {
            let tags: Option<Vec<_>> = json::elements(raw).map(|raw| tag(raw.ok()?)).collect();
            tags.map_or(Normal::AsIs, Normal::Tags)
        }
        _ => Normal::AsIs,
    }
}

fn custom_field(raw: &str) -> Option<Part<'_>> {
    if json::kind(raw) != Kind::Object {
        return None;
    }
    let (mut field, mut id, mut value, mut had_more) = (None, None, "null", false);
    for (name, raw) in json::members(raw).map_while(Result::ok) {
        match (name.as_ref(), json::kind(raw)) {
            ("fieldId", Kind::String | Kind::Number) => field = id_text(raw),
            ("id", Kind::String | Kind::Number) => id = id_text(raw),
            ("value", _) => value = raw,
            // What a field is called and declared as, its form says.
            ("label" | "name" | "type", _) | (_, Kind::Null) => {}
            _ => had_more = true,
        }
    }
    // Where both are there, the id may be the value's own.
    Some(Part { key: field.or(id)?, raw: value, had_more })
}

fn are_different(fields: &[Part<'_>]) -> bool {
    let mut ids: Vec<&str> = fields.iter().map(|field| field.key.as_ref()).collect();
    ids.sort_unstable();
    ids.windows(2).all(|pair| pair[0] != pair[1])
}

fn tag(raw: &str) -> Option<Part<'_>> {
    let part = |raw, had_more| Some(Part { key: Cow::Borrowed(""), raw, had_more });
    match json::kind(raw) {
        Kind::String | Kind::Number | Kind::Bool => part(raw, false),
        Kind::Object => {
            let (mut text, mut had_more) = (None, false);
            for (name, raw) in json::members(raw).map_while(Result::ok) {
                match (name.as_ref(), json::kind(raw)) {
                    ("text" | "name" | "label", Kind::String) if text.is_none() => text = Some(raw),
                    // The list of tags tells the id that belongs to a text.
                    ("id", _) | (_, Kind::Null) => {}
                    _ => had_more = true,
                }
            }
            part(text?, had_more)
        }
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
        assert!(known.get("products").unwrap().lists.objects.is_some());
        assert!(known.get("tags").unwrap().lists.scalars.is_some());
    }
}
