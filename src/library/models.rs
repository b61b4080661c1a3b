//! The semantic layer: canonical columns, whatever an instance calls its fields.
//!
//! A model's header names its canonical columns, each with a type and the paths where records may have it; its statement
//! refers to them as `{{name}}`. Here each reference becomes the columns that the warehouse has for these paths, of which
//! each record's first with a value counts, or a typed NULL. Configured paths stand in place of the built-in ones.

use std::collections::HashMap;

use super::{
    Author, LibraryError, Shelf, SqlFile, header,
    mapping::{Field, Mapping, Money},
    shelf,
};
use crate::{
    batch::KnownColumn,
    config::{
        Settings,
        money::{Quota, Rates, Tables},
    },
    warehouse::sql,
};

/// A view to create in the schema `model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The file it is from, for messages.
    pub origin: String,
    /// Who wrote that.
    pub author: Author,
    /// What a row of it is.
    pub grain: String,
    /// Its statement.
    pub statement: String,
    /// Where each canonical column comes from.
    pub mapping: Vec<Mapping>,
}

/// The models that there are, in an order in which each comes after those that its statement refers to, and what is
/// wrong with the others.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Those that can be created.
    pub models: Vec<Model>,
    /// Why the others cannot.
    pub broken: Vec<LibraryError>,
}

/// What the semantic layer is made from: the models' files, and the tables that the configuration names.
#[derive(Clone, Debug)]
pub struct Semantics {
    files: Vec<SqlFile>,
    tables: Tables,
}

impl Semantics {
    /// Reads it. The configuration's `[fields]` and `[values]` may name only what models have.
    pub fn load(settings: &Settings) -> Result<Self, LibraryError> {
        let files = shelf(Shelf::Models, settings.sql.as_deref())?;
        check(&files, settings)?;
        Ok(Self { files, tables: settings.tables()? })
    }

    /// Resolves all models against the columns that the warehouse has.
    pub fn resolve(&self, settings: &Settings, known: &[KnownColumn]) -> Resolved {
        let mut resolved = Resolved::default();
        for file in &self.files {
            match file.check().and_then(|()| model(file, settings, &self.tables, known)) {
                Ok(model) => resolved.models.push(model),
                Err(error) => resolved.broken.push(error),
            }
        }
        let (ordered, circular) = in_order(resolved.models);
        resolved.models = ordered;
        let names = circular.iter().map(|model| format!("model.{}", model.name)).collect::<Vec<_>>().join(", ");
        resolved.broken.extend(circular.iter().map(|model| LibraryError::File {
            file: model.origin.clone(),
            problem: format!("these models refer to each other in a circle, or to such: {names}"),
        }));
        resolved
    }

    /// The currency that amounts are converted to, where one is configured, and the currencies that have a rate.
    pub fn rates(&self) -> Option<&Rates> {
        self.tables.rates.as_ref()
    }
}

fn model(file: &SqlFile, settings: &Settings, tables: &Tables, known: &[KnownColumn]) -> Result<Model, LibraryError> {
    let resource = resource(file);
    let froms: Vec<&str> = file.get("from").unwrap_or(resource).split(',').map(str::trim).collect();
    let there = froms.iter().find(|table| known.iter().any(|known| known.table == **table));
    let table = there.unwrap_or(&froms[0]);
    let money = Money::of(file)?;
    let fields = file.all("field").map(|(line, text)| Field::parse(file, line, text)).collect::<Result<Vec<_>, _>>()?;
    let mapping: Vec<Mapping> = fields
        .iter()
        .map(|field| Mapping::of(file, field, settings, (resource, table), known))
        .collect::<Result<_, _>>()?;
    let mut expressions: HashMap<String, String> = HashMap::new();
    let mut put = |name: &str, expression: &str| {
        expressions.insert(name.to_owned(), expression.to_owned());
    };
    for mapped in &mapping {
        put(&mapped.canonical, &mapped.expression);
    }
    if let Some(money) = money {
        let find = |name: &str| mapping.iter().find(|mapped| mapped.canonical == name);
        if let (Some(amount), Some(currency)) = (find(&money.amount), find(&money.currency)) {
            let (converted, base) = Money::converted(amount, currency, tables.rates.as_ref());
            put(&format!("{}.converted", money.amount), &converted);
            put(&format!("{}.converted", money.currency), &base);
        }
    }
    put("from", &there.map_or_else(nothing, |table| format!("crm.{}", sql::name(table))));
    put("quotas", &quotas(&tables.quotas));
    let statement = filled(&file.body, &expressions).map_err(|reference| {
        file.failure(format!("the statement refers to {reference} and no field line declares it"))
    })?;
    let grain = file.get("grain").unwrap_or_default().to_owned();
    let (name, origin, author) = (file.name.clone(), file.origin.clone(), file.author);
    Ok(Model { name, origin, author, grain, statement, mapping })
}

/// A statement with its `{{name}}` replaced, or the first that stands for nothing. What replaces one is not looked at again:
/// it may hold any text that a configuration has.
fn filled(statement: &str, expressions: &HashMap<String, String>) -> Result<String, String> {
    let mut filled = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some((before, reference)) = rest.split_once("{{") {
        let found = reference.split_once("}}").and_then(|(name, behind)| Some((expressions.get(name)?, behind)));
        let Some((expression, behind)) = found else {
            return Err(format!("{{{{{}", reference.chars().take(38).collect::<String>()));
        };
        filled.push_str(before);
        filled.push_str(expression);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What the configuration calls the records that a model is made from.
fn resource(file: &SqlFile) -> &str {
    file.get("resource").unwrap_or(&file.name)
}

/// A list inside records that no record has yet.
fn nothing() -> String {
    "(SELECT CAST(NULL AS VARCHAR) AS _instance, CAST(NULL AS VARCHAR) AS _parent_id, 0 AS _position WHERE false)"
        .to_owned()
}

/// The quotas as a table.
fn quotas(quotas: &[Quota]) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or("NULL".to_owned(), sql::text);
    let row = |quota: &Quota| {
        let Quota { owner, first_day, last_day, amount, currency } = quota;
        let (owner, currency) = (text(owner), text(currency));
        format!(
            "SELECT CAST({owner} AS VARCHAR) AS owner, DATE '{first_day}' AS period, DATE '{last_day}' AS period_end,
                    CAST({amount} AS DECIMAL(18, 2)) AS amount, CAST({currency} AS VARCHAR) AS currency"
        )
    };
    if quotas.is_empty() {
        return "(SELECT CAST(NULL AS VARCHAR) AS owner, CAST(NULL AS DATE) AS period, CAST(NULL AS DATE) AS period_end,
                        CAST(NULL AS DECIMAL(18, 2)) AS amount, CAST(NULL AS VARCHAR) AS currency WHERE false)"
            .to_owned();
    }
    format!("({})", quotas.iter().map(row).collect::<Vec<_>>().join(" UNION ALL "))
}

/// Whether the configuration's `[fields]` and `[values]` name only what models have.
fn check(files: &[SqlFile], settings: &Settings) -> Result<(), LibraryError> {
    let refused = |setting: String, problem: String| Err(LibraryError::Setting { setting, problem });
    let listed = |names: &[&str]| names.join(", ");
    let meant = |word: &str, names: &[&str]| {
        header::closest(word, names).map(|meant| format!("did you mean \"{meant}\"? ")).unwrap_or_default()
    };
    let resources: Vec<&str> = {
        let mut all: Vec<&str> = files.iter().filter(|file| file.all("field").next().is_some()).map(resource).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    for (section, name, fields) in settings.canonical_names() {
        if !resources.contains(&name) {
            let there = listed(&resources);
            let meant = meant(name, &resources);
            return refused(format!("[{section}.{name}]"), format!("no model has that name; {meant}there is {there}"));
        }
        let of_it = || files.iter().filter(|file| resource(file) == name);
        let mut known: Vec<&str> =
            of_it().flat_map(|file| file.all("field")).filter_map(|(_, text)| text.split_whitespace().next()).collect();
        known.sort_unstable();
        known.dedup();
        for field in fields {
            if !known.contains(&field) {
                let meant = meant(field, &known);
                let there = listed(&known);
                return refused(
                    format!("[{section}.{name}] {field}"),
                    format!("no canonical column has that name; {meant}there is {there}"),
                );
            }
        }
    }
    for (name, field, value, written) in settings.all_values() {
        let setting = format!("[values.{name}.{field}] {value}");
        let of_it = || files.iter().filter(|file| resource(file) == name);
        let mut canonical: Vec<&str> = of_it()
            .flat_map(|file| file.all("value"))
            .filter_map(|(_, text)| text.split_once('=')?.0.trim().split_once(' '))
            .filter(|(of, _)| *of == field)
            .map(|(_, value)| value.trim())
            .collect();
        canonical.dedup();
        if !canonical.is_empty() && !canonical.contains(&value) {
            let meant = meant(value, &canonical);
            let there = listed(&canonical);
            return refused(setting, format!("no canonical value; {meant}there is {there}"));
        }
        let folded = |text: &str| text.trim().to_lowercase();
        let same = settings.all_values().find(|(other, of, another, texts)| {
            (*other, *of) == (name, field)
                && *another != value
                && texts.iter().any(|text| written.iter().any(|mine| folded(mine) == folded(text)))
        });
        if let Some((_, _, another, _)) = same {
            return refused(setting, format!("a text of it stands for \"{another}\" too; it can mean one of them"));
        }
    }
    Ok(())
}

/// The models in order, and those that refer to each other in a circle, with those that refer to them.
fn in_order(mut models: Vec<Model>) -> (Vec<Model>, Vec<Model>) {
    let mut ordered: Vec<Model> = Vec::with_capacity(models.len());
    while let Some(free) = models.iter().position(|model| !models.iter().any(|other| refers(model, &other.name))) {
        ordered.push(models.remove(free));
    }
    (ordered, models)
}

/// Whether a model's statement names another one.
fn refers(model: &Model, name: &str) -> bool {
    let statement = model.statement.to_lowercase();
    let name = format!("model.{}", name.to_lowercase());
    statement.match_indices(&name).any(|(at, _)| {
        let goes_on = |c: char| c.is_alphanumeric() || c == '_';
        !statement[at + name.len()..].starts_with(goes_on) && !statement[..at].ends_with(goes_on)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, statement: &str) -> Model {
        Model {
            name: name.to_owned(),
            origin: format!("{name}.sql"),
            author: Author::User,
            grain: String::new(),
            statement: statement.to_owned(),
            mapping: Vec::new(),
        }
    }

    #[test]
    fn a_model_comes_after_those_it_reads() {
        let models = vec![
            model("a", "FROM model.b"),
            model("b", "FROM Model.B_c JOIN model.c"),
            model("b_c", "SELECT 1"),
            model("c", "SELECT 1"),
            model("d", "FROM model.e"),
            model("e", "FROM model.d"),
            model("f", "FROM model.e"),
        ];
        let (ordered, circular) = in_order(models);
        let names = |models: &[Model]| models.iter().map(|model| model.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&ordered), ["b_c", "c", "b", "a"]);
        assert_eq!(names(&circular), ["d", "e", "f"]);
    }
}
