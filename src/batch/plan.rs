//! From a shape to tables: which columns there are, what they are called, and how to get to their values.

use std::collections::HashMap;

use super::{
    names::Names,
    path::Path,
    scalar::{Scalar, Type},
    shape::{Elements, Node, Shape},
};
use crate::catalog;

/// Separates a resource from the field that holds its child rows, in a child table's name.
const CHILD: &str = "__";

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Where the record has it, see [`Path`].
    pub source_path: String,
    /// The type of its values or, in a list, of the elements.
    pub kind: Type,
    /// Whether it holds lists.
    pub is_list: bool,
    /// The most digits that its numbers have before the point.
    pub whole_digits: u32,
    /// The form's label, for custom fields.
    pub label: Option<String>,
}

/// A table to write.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name: the resource's, or `<resource>__<field>`.
    pub name: String,
    /// The record's columns, without those of the warehouse.
    pub columns: Vec<Column>,
    pub(super) walk: Walk,
}

/// The tables of a resource.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One row a record.
    pub main: Table,
    /// One row an element of a list of objects.
    pub children: Vec<Table>,
}

/// A column that the warehouse has, or had in an earlier run.
#[derive(Clone, Debug)]
pub struct KnownColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: Column,
}

/// Where the values of an object's members go.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    pub(super) members: HashMap<String, Place>,
}

/// Where the value of one member goes, by what it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) scalar: Option<usize>,
    pub(super) object: Option<Walk>,
    /// Objects that are kept as JSON.
    pub(super) json: Option<usize>,
    pub(super) list: Option<ListPlace>,
}

#[derive(Clone, Debug)]
pub(super) enum ListPlace {
    Column(usize),
    Table(usize),
}

/// The labels of custom fields, by field id.
pub type Labels = HashMap<String, String>;

/// Turns known columns back into the shape that made them.
pub fn known_shape(resource: &str, known: &[KnownColumn]) -> Shape {
    let mut shape = Shape::default();
    // Every record has one, so that a list that was never anything but empty has a table nevertheless.
    shape.know(&Path::default().key(catalog::KEY), Scalar::of_type(Type::Text, 0), false, false);
    for KnownColumn { table, column } in known {
        let belongs = table == resource || table.strip_prefix(resource).is_some_and(|rest| rest.starts_with(CHILD));
        if let Some(path) = Path::parse(&column.source_path).filter(|_| belongs) {
            let seen = Scalar::of_type(column.kind, column.whole_digits);
            shape.know(&path, seen, column.kind == Type::Json, column.is_list);
        }
    }
    shape
}

/// Plans the tables of a resource.
pub fn plan(resource: &str, shape: &Shape, known: &[KnownColumn], labels: &Labels) -> Plan {
    let mut planner =
        Planner { resource, known, labels, tables: child_names(resource, shape, known), children: Vec::new() };
    let main = planner.table(resource, shape, &Path::default(), false);
    Plan { main, children: planner.children }
}

struct Planner<'a> {
    resource: &'a str,
    known: &'a [KnownColumn],
    labels: &'a Labels,
    /// The names of child tables, by the path of their lists.
    tables: Names,
    children: Vec<Table>,
}

/// Names the child tables of a resource: each once and for good, by the path of its list.
fn child_names(resource: &str, shape: &Shape, known: &[KnownColumn]) -> Names {
    fn lists(shape: &Shape, path: &Path, found: &mut Vec<(String, String)>) {
        for (key, node) in shape.iter() {
            let path = path.key(key);
            if node.list.as_ref().is_some_and(Elements::is_table) {
                found.push((path.to_string(), path.words()));
            }
            if let Some(shape) = &node.object {
                lists(shape, &path, found);
            }
        }
    }
    let earlier = known.iter().filter_map(|known| {
        let name = known.table.strip_prefix(resource)?.strip_prefix(CHILD)?;
        Some((known.column.source_path.split_once("[]")?.0, name))
    });
    let mut names = Names::known(earlier);
    let mut found = Vec::new();
    lists(shape, &Path::default(), &mut found);
    names.assign(&found);
    names
}

impl Planner<'_> {
    fn table(&mut self, name: &str, shape: &Shape, path: &Path, is_child: bool) -> Table {
        let known = self.known.iter().filter(|known| known.table == name);
        let mut names =
            Names::known(known.map(|known| (known.column.source_path.as_str(), known.column.name.as_str())));
        let mut columns = Vec::new();
        let walk = self.walk(shape, path, is_child, &mut columns);
        let wanted: Vec<_> =
            columns.iter().map(|column| (column.source_path.clone(), self.words(column, path))).collect();
        names.assign(&wanted);
        for column in &mut columns {
            column.name = names.get(&column.source_path).unwrap_or_default().to_owned();
            if column.source_path == catalog::KEY {
                column.kind = Type::Text;
            }
        }
        Table { name: name.to_owned(), columns, walk }
    }

    /// What a column is named by: its keys below the table's path or, for a custom field, its label.
    fn words(&self, column: &Column, table: &Path) -> String {
        let full = Path::parse(&column.source_path).unwrap_or_default();
        match full.custom_field() {
            Some((id, rest)) => {
                let label = self.labels.get(id).map_or(id, String::as_str);
                format!("cf {label} {rest}")
            }
            None => Path(full.0[table.0.len().min(full.0.len())..].to_vec()).words(),
        }
    }

    fn walk(&mut self, shape: &Shape, path: &Path, is_child: bool, columns: &mut Vec<Column>) -> Walk {
        let mut walk = Walk::default();
        for (key, node) in shape.iter() {
            let place = self.place(node, &path.key(key), is_child, columns);
            walk.members.insert(key.to_owned(), place);
        }
        walk
    }

    fn place(&mut self, node: &Node, path: &Path, is_child: bool, columns: &mut Vec<Column>) -> Place {
        let list = node.list.as_ref();
        let becomes_table = |list: &Elements| list.is_table() && !is_child;
        let only_nulls = node.object.is_none() && list.is_none() && !node.json;
        let has_scalar = !node.scalar.is_empty() || only_nulls;
        let scalars = list.is_some_and(Elements::is_scalars);
        let mixed = list.is_some_and(|list| !becomes_table(list) && !list.is_scalars());
        let mut column = |kind: Type, seen: Scalar, is_list: bool| {
            columns.push(Column {
                name: String::new(),
                source_path: path.to_string(),
                kind,
                is_list,
                whole_digits: seen.whole_digits(),
                label: path.custom_field().and_then(|(id, _)| self.labels.get(id).cloned()),
            });
            columns.len() - 1
        };
        let mut place = Place::default();
        if node.json || mixed || (has_scalar && scalars) {
            let index = column(Type::Json, Scalar::default(), false);
            place.scalar = Some(index);
            place.json = Some(index);
            place.list = Some(ListPlace::Column(index));
        } else if let Some(list) = list.filter(|_| scalars) {
            place.list = Some(ListPlace::Column(column(list.scalar.decided(), list.scalar, true)));
        } else if has_scalar {
            place.scalar = Some(column(node.scalar.decided(), node.scalar, false));
        }
        if let Some(shape) = list.filter(|list| becomes_table(list)).and_then(|list| list.object.as_ref()) {
            let name = format!("{}{CHILD}{}", self.resource, self.tables.get(&path.to_string()).unwrap_or_default());
            let table = self.table(&name, shape, &path.elements(), true);
            place.list = Some(ListPlace::Table(self.children.len()));
            self.children.push(table);
        }
        if let Some(shape) = &node.object {
            place.object = Some(self.walk(shape, path, is_child, columns));
        }
        place
    }
}

impl Plan {
    /// The columns that describe a user, as id, name and email: objects of just these fields.
    pub fn users_of(columns: &[Column]) -> Vec<[String; 3]> {
        let named = |path: String| {
            columns
                .iter()
                .find(|column| column.source_path == path && !column.is_list)
                .map(|column| column.name.clone())
        };
        let prefixes = columns.iter().filter_map(|column| column.source_path.strip_suffix(".id"));
        prefixes
            .filter(|prefix| {
                let below = format!("{prefix}.");
                !catalog::NOT_USERS.contains(prefix)
                    && columns.iter().filter(|column| column.source_path.starts_with(&below)).count() == 3
            })
            .filter_map(|prefix| {
                let part = |key: &str| named(format!("{prefix}.{key}"));
                Some([part("id")?, part("name")?, part("email")?])
            })
            .collect()
    }
}

impl Table {
    /// The name of the column that holds a path.
    pub fn column(&self, source_path: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.source_path == source_path)
    }
}

impl Path {
    /// The field id and what follows it, if this is the path of a custom field.
    fn custom_field(&self) -> Option<(&str, String)> {
        use super::path::Segment::Key;
        match self.0.split_first() {
            Some((Key(first), [Key(id), rest @ ..])) if first == catalog::CUSTOM_FIELDS => {
                Some((id, Self(rest.to_vec()).words()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::shape::Limits;

    fn planned(records: &[&str], known: &[KnownColumn], labels: &Labels) -> Plan {
        let mut shape = known_shape("leads", known);
        for record in records {
            shape.watch(record, Limits { flatten_depth: 2 });
        }
        plan("leads", &shape, known, labels)
    }

    fn described(table: &Table) -> Vec<String> {
        let list = |column: &Column| if column.is_list { "[]" } else { "" };
        table.columns.iter().map(|column| format!("{} {}{}", column.name, column.kind.name(), list(column))).collect()
    }

    #[test]
    fn objects_flatten_lists_stay_and_lists_of_objects_become_tables() {
        let plan = planned(
            &[r#"{"id":7,"owner":{"id":"u","name":"n","email":"e"},"tags":["a"],"products":[{"sku":"x","price":1.50}],
                "deep":{"a":{"b":{"c":1}}},"nothing":null,"mixed":[1,{"a":2}]}"#],
            &[],
            &Labels::new(),
        );
        assert_eq!(
            described(&plan.main),
            [
                "id text",
                "owner_id text",
                "owner_name text",
                "owner_email text",
                "tags text[]",
                "deep_a_b json",
                "nothing null",
                "mixed json"
            ]
        );
        assert_eq!(plan.children[0].name, "leads__products");
        assert_eq!(described(&plan.children[0]), ["sku text", "price decimal(18,2)"]);
        assert_eq!(Plan::users_of(&plan.main.columns), [["owner_id", "owner_name", "owner_email"]]);
    }

    #[test]
    fn an_object_here_and_a_scalar_there_are_both_kept() {
        let plan =
            planned(&[r#"{"id":"1","source":"web"}"#, r#"{"id":"2","source":{"name":"web"}}"#], &[], &Labels::new());
        assert_eq!(described(&plan.main), ["id text", "source text", "source_name text"]);
        let plan = planned(&[r#"{"id":"1","x":"web"}"#, r#"{"id":"2","x":["web"]}"#], &[], &Labels::new());
        assert_eq!(described(&plan.main), ["id text", "x json"]);
    }

    #[test]
    fn lists_whose_names_collapse_become_two_tables() {
        let plan = planned(&[r#"{"id":"1","lineItems":[{"a":1}],"line_items":[{"a":"x"}]}"#], &[], &Labels::new());
        let names: Vec<_> = plan.children.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"leads__line_items") && names[0] != names[1], "{names:?}");
    }

    #[test]
    fn an_empty_list_has_a_table_with_ids() {
        assert_eq!(described(&planned(&[], &[], &Labels::new()).main), ["id text"]);
    }

    #[test]
    fn custom_fields_are_named_by_label_once() {
        let labels = Labels::from([("f1".to_owned(), "Sales region".to_owned())]);
        let first = planned(&[r#"{"id":"1","customFields":{"f1":"x","f2":1}}"#], &[], &labels);
        assert_eq!(described(&first.main), ["id text", "cf_sales_region text", "cf_f2 bigint"]);
        let known: Vec<_> = first
            .main
            .columns
            .iter()
            .map(|column| KnownColumn { table: "leads".to_owned(), column: column.clone() })
            .collect();
        let renamed = Labels::from([("f1".to_owned(), "Territory".to_owned())]);
        let second = planned(&[r#"{"id":"1","customFields":[{"id":"f1","value":2.5}]}"#], &known, &renamed);
        assert_eq!(described(&second.main), ["id text", "cf_sales_region text", "cf_f2 bigint"]);
        assert_eq!(second.main.columns[1].label.as_deref(), Some("Territory"));
    }
}
