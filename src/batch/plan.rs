//! From a shape to tables: which columns there are, what they are called, and how to get to their values.

use std::collections::HashMap;

use super::{
    names::{Names, snake_case},
    path::Path,
    remarks::Remarks,
    scalar::{Scalar, Type},
    shape::{Lists, Node, Shape},
};
use crate::catalog;

/// Separates a resource from the field that holds its child rows, in a child table's name.
pub(super) const CHILD: &str = "__";

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
    /// What the form says of it, for custom fields.
    pub field: Field,
    /// Whether the type is what the form declares, because no value has come so far.
    pub is_hinted: bool,
    /// Whether a record of this sweep has the key.
    pub came: bool,
}

/// What a form says of a custom field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The label.
    pub label: Option<String>,
    /// The declared type, in the form's words.
    pub declared: Option<String>,
}

impl Field {
    /// The column type that the declaration means, where its word is known.
    fn hint(&self) -> Option<Type> {
        let word: String = self.declared.as_deref()?.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match word.to_ascii_lowercase().as_str() {
            "bool" | "boolean" | "checkbox" | "switch" | "toggle" | "yesno" => Type::Boolean,
            "int" | "integer" | "wholenumber" => Type::Integer,
            "number" | "decimal" | "currency" | "money" | "amount" | "percent" | "percentage" | "numeric" => {
                Type::Decimal { precision: 18, scale: 2 }
            }
            "date" => Type::Date,
            "datetime" | "timestamp" | "dateandtime" => Type::Timestamp,
            "text" | "string" | "textarea" | "richtext" | "email" | "phone" | "url" | "select" | "dropdown" => {
                Type::Text
            }
            _ => return None,
        })
    }

    /// Whether the values of a column are none of the kind that the form declares.
    pub fn is_overruled_by(&self, column: &Column) -> bool {
        use Type::{Boolean, Date, Decimal, Double, Integer, Null, Text, Timestamp};
        let kind = if column.is_list { Type::Json } else { column.kind };
        !matches!(
            (self.hint(), kind),
            (None, _)
                | (_, Null)
                | (Some(Boolean), Boolean)
                | (Some(Integer), Integer)
                | (Some(Decimal { .. }), Integer | Decimal { .. } | Double)
                | (Some(Date | Timestamp), Date | Timestamp)
                | (Some(Text), Text)
        )
    }
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
    /// What was remarked on its values when they came last.
    pub remarks: Remarks,
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
    /// Whatever stands there, kept as JSON.
    pub(super) json: Option<usize>,
    /// Lists that are kept as values.
    pub(super) list: Option<usize>,
    /// Lists of objects that become rows of a child table.
    pub(super) table: Option<usize>,
}

/// What the forms say, by field id.
pub type Fields = HashMap<String, Field>;

/// Turns known columns back into the shape that made them.
pub fn known_shape(resource: &str, known: &[KnownColumn]) -> Shape {
    let mut shape = Shape::default();
    // Every record has one, so that a list that was never anything but empty has a table nevertheless.
    shape.know(&Path::default().key(catalog::KEY), Scalar::of_type(Type::Text, 0), false, false);
    for KnownColumn { table, column, .. } in known {
        let belongs = table == resource || table.strip_prefix(resource).is_some_and(|rest| rest.starts_with(CHILD));
        if let Some(path) = Path::parse(&column.source_path).filter(|_| belongs) {
            // A type that only the form declares has met no value yet.
            let kind = if column.is_hinted { Type::Null } else { column.kind };
            let seen = Scalar::of_type(kind, column.whole_digits);
            shape.know(&path, seen, column.kind == Type::Json, column.is_list);
        }
    }
    shape
}

/// Plans the tables of a resource.
pub fn plan(resource: &str, shape: &Shape, known: &[KnownColumn], fields: &Fields) -> Plan {
    let fields = with_known(resource, known, fields);
    let tables = child_names(resource, shape, known);
    let mut planner = Planner { resource, known, fields, tables, children: Vec::new() };
    let main = planner.table(resource, shape, &Path::default(), false);
    Plan { main, children: planner.children }
}

struct Planner<'a> {
    resource: &'a str,
    known: &'a [KnownColumn],
    fields: Fields,
    /// The names of child tables, by the path of their lists.
    tables: Names,
    children: Vec<Table>,
}

/// What the forms say and, where they say nothing today, what they said.
fn with_known(resource: &str, known: &[KnownColumn], fields: &Fields) -> Fields {
    let mut all = fields.clone();
    for column in known.iter().filter(|known| known.table == resource).map(|known| &known.column) {
        let path = Path::parse(&column.source_path).unwrap_or_default();
        if let Some((id, _)) = path.custom_field() {
            let field = all.entry(id.to_owned()).or_default();
            field.label = field.label.take().or_else(|| column.field.label.clone());
            field.declared = field.declared.take().or_else(|| column.field.declared.clone());
        }
    }
    all
}

/// Names the child tables of a resource: each once and for good, by the path of its list.
fn child_names(resource: &str, shape: &Shape, known: &[KnownColumn]) -> Names {
    fn lists(shape: &Shape, path: &Path, found: &mut Vec<(String, String)>) {
        for (key, node) in shape.iter() {
            let path = path.key(key);
            if node.lists.objects.is_some() {
                found.push((path.to_string(), path.words()));
            }
            if let Some(shape) = &node.object {
                lists(shape, &path, found);
            }
        }
    }
    let earlier = known.iter().filter_map(|known| {
        let name = known.table.strip_prefix(resource)?.strip_prefix(CHILD)?;
        Some((Path::parse(&known.column.source_path)?.list()?.to_string(), name))
    });
    let earlier: Vec<(String, &str)> = earlier.collect();
    let mut names = Names::known(earlier.iter().map(|(path, name)| (path.as_str(), *name)));
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
                let label = self.fields.get(id).and_then(|field| field.label.as_deref()).unwrap_or(id);
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
        let lists = &node.lists;
        // The rows of a child table have no child tables of their own.
        let (rows, mixed) = if is_child {
            (None, lists.mixed || lists.objects.is_some())
        } else {
            (lists.objects.as_ref(), lists.mixed)
        };
        let only_nulls = node.object.is_none() && *lists == Lists::default() && !node.json;
        let has_scalar = !node.scalar.is_empty() || only_nulls;
        let mut column = |kind: Type, seen: Scalar, is_list: bool| {
            let (field, is_top) = match path.custom_field() {
                Some((id, rest)) => (self.fields.get(id).cloned().unwrap_or_default(), rest.is_empty()),
                None => (Field::default(), false),
            };
            let hint = field.hint().filter(|_| is_top && kind == Type::Null && !is_list);
            columns.push(Column {
                name: String::new(),
                source_path: path.to_string(),
                kind: hint.unwrap_or(kind),
                is_list,
                whole_digits: seen.whole_digits(),
                field,
                is_hinted: hint.is_some(),
                came: node.came,
            });
            columns.len() - 1
        };
        // Beside lists of objects an empty one is no rows, unless it has its column from when there were none.
        let values = lists.scalars.or((lists.empty && (rows.is_none() || lists.has_column)).then(Scalar::default));
        let mut place = Place::default();
        if node.json || mixed || (has_scalar && !node.scalar.says_nothing() && values.is_some()) {
            let index = column(Type::Json, Scalar::default(), false);
            place = Place { scalar: Some(index), json: Some(index), list: Some(index), ..place };
        } else if let Some(elements) = values {
            place.list = Some(column(elements.decided(), elements, true));
        } else if has_scalar {
            place.scalar = Some(column(node.scalar.decided(), node.scalar, false));
        }
        if let Some(shape) = rows {
            let name = format!("{}{CHILD}{}", self.resource, self.tables.get(&path.to_string()).unwrap_or_default());
            let table = self.table(&name, shape, &path.elements(), true);
            place.table = Some(self.children.len());
            self.children.push(table);
        }
        if let Some(shape) = &node.object {
            place.object = Some(self.walk(shape, path, is_child, columns));
        }
        place
    }
}

impl Plan {
    /// The main table, then each child.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        std::iter::once(&self.main).chain(&self.children)
    }

    /// The columns that describe users, as id, name and email: of objects with all three, whatever else they have, and of
    /// those that are called like a user. The email may be missing.
    pub fn users_of(columns: &[Column]) -> Vec<[Option<String>; 3]> {
        let named = |path: String| {
            columns
                .iter()
                .find(|column| column.source_path == path && !column.is_list)
                .map(|column| column.name.clone())
        };
        let prefixes = columns.iter().filter_map(|column| column.source_path.strip_suffix(".id"));
        prefixes
            .filter_map(|prefix| {
                let word = snake_case(prefix).rsplit('_').next().unwrap_or_default().to_owned();
                let word = word.strip_suffix('s').unwrap_or(&word);
                let [id, name, email] = ["id", "name", "email"].map(|key| named(format!("{prefix}.{key}")));
                let is_user = email.is_some() || catalog::USERS.contains(&word);
                (is_user && name.is_some() && !catalog::NOT_USERS.contains(&word)).then_some([id, name, email])
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
    pub(super) fn custom_field(&self) -> Option<(&str, String)> {
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

    fn planned(records: &[&str], known: &[KnownColumn], fields: &Fields) -> Plan {
        let mut shape = known_shape("leads", known);
        for record in records {
            shape.watch(record, Limits { flatten_depth: 2 });
        }
        plan("leads", &shape, known, fields)
    }

    fn described(table: &Table) -> Vec<String> {
        let list = |column: &Column| if column.is_list { "[]" } else { "" };
        table.columns.iter().map(|column| format!("{} {}{}", column.name, column.kind.name(), list(column))).collect()
    }

    fn users(table: &Table) -> Vec<String> {
        let users = Plan::users_of(&table.columns).into_iter();
        users.map(|parts| parts.map(|part| part.unwrap_or_else(|| "-".to_owned())).join(" ")).collect()
    }

    #[test]
    fn objects_flatten_lists_stay_and_lists_of_objects_become_tables() {
        let plan = planned(
            &[r#"{"id":7,"owner":{"id":"u","name":"n","email":"e"},"tags":["a"],"products":[{"sku":"x","price":1.50}],
                "deep":{"a":{"b":{"c":1}}},"nothing":null,"mixed":[1,{"a":2}]}"#],
            &[],
            &Fields::new(),
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
        assert_eq!(users(&plan.main), ["owner_id owner_name owner_email"]);
    }

    #[test]
    fn an_object_here_and_a_scalar_there_are_both_kept() {
        let plan =
            planned(&[r#"{"id":"1","source":"web"}"#, r#"{"id":"2","source":{"name":"web"}}"#], &[], &Fields::new());
        assert_eq!(described(&plan.main), ["id text", "source text", "source_name text"]);
        let plan = planned(&[r#"{"id":"1","x":"web"}"#, r#"{"id":"2","x":["web"]}"#], &[], &Fields::new());
        assert_eq!(described(&plan.main), ["id text", "x json"]);
    }

    #[test]
    fn lists_whose_names_collapse_become_two_tables() {
        let plan = planned(&[r#"{"id":"1","lineItems":[{"a":1}],"line_items":[{"a":"x"}]}"#], &[], &Fields::new());
        let names: Vec<_> = plan.children.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"leads__line_items") && names[0] != names[1], "{names:?}");
    }

    #[test]
    fn an_empty_list_has_a_table_with_ids() {
        assert_eq!(described(&planned(&[], &[], &Fields::new()).main), ["id text"]);
    }

    fn labelled(label: &str, declared: &str) -> Fields {
        let field = Field { label: Some(label.to_owned()), declared: Some(declared.to_owned()) };
        Fields::from([("f1".to_owned(), field)])
    }

    fn known(table: &Table) -> Vec<KnownColumn> {
        let columns = table.columns.iter().cloned();
        columns.map(|column| KnownColumn { table: table.name.clone(), column, remarks: Remarks::default() }).collect()
    }

    #[test]
    fn a_declared_type_is_a_hint_that_values_overrule() {
        let nulls = planned(&[r#"{"id":"1","customFields":{"f1":null}}"#], &[], &labelled("Renewal", "Date"));
        assert_eq!(described(&nulls.main), ["id text", "cf_renewal date"]);
        let blank = planned(&[r#"{"id":"1","customFields":{"f1":""}}"#], &[], &labelled("Renewal", "date-time"));
        assert_eq!(described(&blank.main), ["id text", "cf_renewal timestamp"]);
        let numbers = [r#"{"id":"1","customFields":{"f1":7}}"#];
        let overruled = planned(&numbers, &known(&nulls.main), &labelled("Renewal", "Date"));
        assert_eq!(described(&overruled.main), ["id text", "cf_renewal bigint"]);
        let column = &overruled.main.columns[1];
        assert!(column.field.is_overruled_by(column) && !column.is_hinted);
        let unknown = planned(&[r#"{"id":"1","customFields":{"f1":null}}"#], &[], &labelled("Renewal", "lookup"));
        assert_eq!(described(&unknown.main), ["id text", "cf_renewal null"]);
    }

    #[test]
    fn each_list_goes_where_it_belongs_whatever_the_others_are() {
        let plan = planned(
            &[r#"{"id":"1","x":[{"a":1}]}"#, r#"{"id":"2","x":["t",null]}"#, r#"{"id":"3","x":[]}"#],
            &[],
            &Fields::new(),
        );
        assert_eq!(described(&plan.main), ["id text", "x text[]"]);
        assert_eq!(described(&plan.children[0]), ["a bigint"]);
        let mixed = planned(&[r#"{"id":"4","x":[{"a":1},5]}"#], &known(&plan.main), &Fields::new());
        assert_eq!(described(&mixed.main), ["id text", "x json"]);
    }

    #[test]
    fn contacts_are_no_users() {
        let plan = planned(
            &[
                r#"{"id":"1","primaryContact":{"id":"c","name":"n","email":"e"},"reviewer":{"id":"u","name":"n","email":"e","photo":"p"},
                "owner":{"id":"u","name":"n"},"organization":{"id":"o","name":"n"}}"#,
            ],
            &[],
            &Fields::new(),
        );
        assert_eq!(users(&plan.main), ["reviewer_id reviewer_name reviewer_email", "owner_id owner_name -"]);
    }

    #[test]
    fn custom_fields_are_named_by_label_once() {
        let labels = labelled("Sales region", "text");
        let first = planned(&[r#"{"id":"1","customFields":{"f1":"x","f2":1}}"#], &[], &labels);
        assert_eq!(described(&first.main), ["id text", "cf_sales_region text", "cf_f2 bigint"]);
        let known = known(&first.main);
        let renamed = labelled("Territory", "text");
        let second = planned(&[r#"{"id":"1","customFields":[{"id":"f1","value":2.5}]}"#], &known, &renamed);
        assert_eq!(described(&second.main), ["id text", "cf_sales_region text", "cf_f2 bigint"]);
        assert_eq!(second.main.columns[1].field.label.as_deref(), Some("Territory"));
    }
}
