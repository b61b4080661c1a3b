//! What a report's header says of its answer: the units of its columns and the chart that shows it. Read with the file,
//! so that a mistake is told with its line, and held against the answer's columns when there is one.

use std::fmt;

use arrow::datatypes::Schema;

use crate::library::{LibraryError, SqlFile};

/// How the numbers of a column are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// An amount, in the row's currency where the answer has one.
    Money,
    /// A fraction of 1, shown as per cent.
    Share,
    /// A length of time in days.
    Days,
    /// How many of something.
    Count,
}

impl Unit {
    /// The unit of a name, as headers and the headlines' column `unit` have it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "money" => Some(Self::Money),
            "share" => Some(Self::Share),
            "days" => Some(Self::Days),
            "count" => Some(Self::Count),
            _ => None,
        }
    }
}

/// A term of the report and the formula behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The term, mostly a column's name.
    pub term: String,
    /// How it is reckoned.
    pub formula: String,
}

/// How a chart draws its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Horizontal bars, a category below the other.
    Bar,
    /// Vertical bars, for time.
    Column,
    /// Lines, for time.
    Line,
    /// Columns of parts on top of each other.
    Stacked,
    /// What is left after each step.
    Funnel,
    /// From a beginning by its changes to an end.
    Waterfall,
}

impl ChartKind {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "bar" => Some(Self::Bar),
            "column" => Some(Self::Column),
            "line" => Some(Self::Line),
            "stacked" => Some(Self::Stacked),
            "funnel" => Some(Self::Funnel),
            "waterfall" => Some(Self::Waterfall),
            _ => None,
        }
    }
}

impl fmt::Display for ChartKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bar => "Bar chart",
            Self::Column => "Column chart",
            Self::Line => "Line chart",
            Self::Stacked => "Stacked columns",
            Self::Funnel => "Funnel",
            Self::Waterfall => "Waterfall",
        })
    }
}

/// The chart that a header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartHint {
    /// How it is drawn.
    pub kind: ChartKind,
    /// The column of its categories.
    pub category: String,
    /// The columns of its figures.
    pub values: Vec<String>,
    /// The column whose values each make a series, where there is one.
    pub series: Option<String>,
}

/// What a header says of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What one row stands for.
    pub grain: String,
    /// The terms and their formulas.
    pub definitions: Vec<Definition>,
    /// The chart.
    pub chart: Option<ChartHint>,
    /// Line, column and unit.
    units: Vec<(usize, String, Unit)>,
    chart_line: usize,
}

const CHART: &str = "expected: chart: bar|column|line|stacked|funnel|waterfall CATEGORY VALUE[, VALUE...] [by SERIES], or \
                     chart: none";
const UNIT: &str = "expected: unit: money|share|days|count = COLUMN[, COLUMN...]";
const DEFINITION: &str = "expected: definition: TERM = FORMULA";

impl Header {
    /// Reads the lines of a file that are about its answer.
    pub fn read(file: &SqlFile) -> Result<Self, LibraryError> {
        for key in ["title", "question", "grain", "chart"] {
            if let Some((line, _)) = file.all(key).nth(1) {
                return Err(file.problem(line, format!("a second \"{key}\"; a report has one")));
            }
        }
        let mut header = Self { grain: file.get("grain").unwrap_or_default().to_owned(), ..Self::default() };
        for (line, text) in file.all("definition") {
            let definition = definition(text).map_err(|problem| file.problem(line, problem))?;
            if header.definitions.iter().any(|known| known.term == definition.term) {
                return Err(file.problem(line, format!("\"{}\" is defined twice", definition.term)));
            }
            header.definitions.push(definition);
        }
        header
            .definitions
            .extend(file.all("note").map(|(_, text)| Definition { term: "note".to_owned(), formula: text.to_owned() }));
        for (line, text) in file.all("unit") {
            let (unit, columns) = units(text).map_err(|problem| file.problem(line, problem))?;
            for column in columns {
                if header.unit(&column).is_some() {
                    return Err(file.problem(line, format!("column {column} has a unit already")));
                }
                header.units.push((line, column, unit));
            }
        }
        if let Some((line, text)) = file.all("chart").next() {
            header.chart = chart(text).map_err(|problem| file.problem(line, problem))?;
            header.chart_line = line;
        }
        Ok(header)
    }

    /// The unit of a column.
    pub fn unit(&self, column: &str) -> Option<Unit> {
        self.units.iter().find(|(_, name, _)| name == column).map(|(_, _, unit)| *unit)
    }

    /// Whether the answer has the columns that are named, and figures where figures are drawn.
    pub fn check(&self, file: &SqlFile, schema: &Schema) -> Result<(), LibraryError> {
        let absent = |line: usize, what: &str, column: &str| {
            let known = schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
            file.problem(line, format!("the {what} names column {column}, and the answer has {known}"))
        };
        for (line, column, _) in &self.units {
            if schema.field_with_name(column).is_err() {
                return Err(absent(*line, "unit", column));
            }
        }
        let Some(chart) = &self.chart else { return Ok(()) };
        for column in std::iter::once(&chart.category).chain(&chart.values).chain(&chart.series) {
            let Ok(field) = schema.field_with_name(column) else {
                return Err(absent(self.chart_line, "chart", column));
            };
            if chart.values.contains(column) && !field.data_type().is_numeric() && !field.data_type().is_null() {
                let problem = format!("the chart draws column {column}, which holds no numbers");
                return Err(file.problem(self.chart_line, problem));
            }
        }
        Ok(())
    }
}

fn definition(text: &str) -> Result<Definition, String> {
    let (term, formula) = text.split_once('=').ok_or(DEFINITION)?;
    let (term, formula) = (term.trim().to_owned(), formula.trim().to_owned());
    if term.is_empty() || formula.is_empty() { Err(DEFINITION.to_owned()) } else { Ok(Definition { term, formula }) }
}

fn units(text: &str) -> Result<(Unit, Vec<String>), String> {
    let (unit, columns) = text.split_once('=').ok_or(UNIT)?;
    let unit = Unit::from_name(unit.trim()).ok_or_else(|| format!("\"{}\" is no unit; {UNIT}", unit.trim()))?;
    let columns: Vec<_> = columns.split(',').map(|column| column.trim().to_owned()).collect();
    if columns.iter().any(|column| !is_name(column)) { Err(UNIT.to_owned()) } else { Ok((unit, columns)) }
}

fn chart(text: &str) -> Result<Option<ChartHint>, String> {
    let spaced = text.replace(',', " , ");
    let mut words = spaced.split_whitespace();
    let kind = words.next().ok_or(CHART)?;
    if kind == "none" {
        return if words.next().is_none() { Ok(None) } else { Err(CHART.to_owned()) };
    }
    let kind = ChartKind::from_name(kind).ok_or_else(|| format!("\"{kind}\" is no kind of chart; {CHART}"))?;
    let mut name = || words.next().filter(|word| is_name(word)).map(str::to_owned).ok_or(CHART);
    let category = name()?;
    let mut values = vec![name()?];
    let series = loop {
        match words.next() {
            None => break None,
            Some(",") => values.push(words.next().filter(|word| is_name(word)).ok_or(CHART)?.to_owned()),
            Some("by") => break Some(words.next().filter(|word| is_name(word)).ok_or(CHART)?.to_owned()),
            Some(_) => return Err(CHART.to_owned()),
        }
    };
    if words.next().is_some() {
        return Err(CHART.to_owned());
    }
    if matches!(kind, ChartKind::Funnel | ChartKind::Waterfall) && (values.len() > 1 || series.is_some()) {
        return Err("a funnel or a waterfall draws one column, and has no series".to_owned());
    }
    if series.is_some() && values.len() > 1 {
        return Err("with a series there is one column of values".to_owned());
    }
    Ok(Some(ChartHint { kind, category, values, series }))
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::library::Shelf;

    fn file(header: &str) -> SqlFile {
        let text: String = header.lines().map(|line| format!("-- {line}\n")).collect();
        SqlFile::parse("x", "sql/reports/x.sql".to_owned(), &format!("{text}\nSELECT 1"), Shelf::Reports)
    }

    #[test]
    fn a_header_tells_units_definitions_and_a_chart() {
        let header = Header::read(&file(
            "grain: one row a stage\ndefinition: win_rate = won / (won + lost), by count\nunit: money = amount, weighted\n\
             unit: share = win_rate\nchart: bar stage amount, weighted",
        ))
        .unwrap();
        assert_eq!(header.grain, "one row a stage");
        assert_eq!(header.definitions[0].formula, "won / (won + lost), by count");
        assert_eq!(header.unit("weighted"), Some(Unit::Money));
        assert_eq!(header.unit("win_rate"), Some(Unit::Share));
        assert_eq!(header.unit("stage"), None);
        let chart = header.chart.unwrap();
        assert_eq!((chart.kind, chart.category.as_str(), chart.values.len()), (ChartKind::Bar, "stage", 2));
        let by = Header::read(&file("chart: stacked month deals by owner")).unwrap().chart.unwrap();
        assert_eq!(by.series.as_deref(), Some("owner"));
        assert_eq!(Header::read(&file("chart: none")).unwrap().chart, None);
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        for (header, expected) in [
            ("chart: pie stage amount", "sql/reports/x.sql, line 1: \"pie\" is no kind of chart"),
            ("chart: bar stage", "line 1: expected: chart:"),
            ("chart: bar stage amount,", "line 1: expected: chart:"),
            ("chart: bar stage amount by", "line 1: expected: chart:"),
            ("chart: bar stage amount owner", "line 1: expected: chart:"),
            ("chart: funnel stage deals, amount", "line 1: a funnel"),
            ("chart: column month won, lost by owner", "line 1: with a series"),
            ("title: A\nchart: none\nchart: none", "line 3: a second \"chart\""),
            ("title: A\ntitle: B", "line 2: a second \"title\""),
            ("unit: euro = amount", "line 1: \"euro\" is no unit"),
            ("unit: money amount", "line 1: expected: unit:"),
            ("unit: money = amount,", "line 1: expected: unit:"),
            ("unit: money = a\nunit: count = a", "line 2: column a has a unit already"),
            ("definition: weighted", "line 1: expected: definition:"),
            ("definition: a = b\ndefinition: a = c", "line 2: \"a\" is defined twice"),
        ] {
            let error = Header::read(&file(header)).unwrap_err().to_string();
            assert!(error.contains(expected), "{header}: {error}");
        }
    }

    #[test]
    fn what_the_answer_lacks_is_told() {
        let field = |name: &str, kind| Field::new(name, kind, true);
        let schema = Schema::new(vec![field("stage", DataType::Utf8), field("amount", DataType::Decimal128(18, 2))]);
        for (header, expected) in [
            ("chart: bar stage amount\nunit: money = amount", None),
            ("chart: bar stage deals", Some("line 1: the chart names column deals, and the answer has stage, amount")),
            ("title: A\nchart: bar amount stage", Some("line 2: the chart draws column stage, which holds no numbers")),
            ("unit: money = amunt", Some("line 1: the unit names column amunt")),
        ] {
            let file = file(header);
            let error = Header::read(&file).unwrap().check(&file, &schema).err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(error, None),
                Some(expected) => assert!(error.as_ref().unwrap().contains(expected), "{error:?}"),
            }
        }
    }
}
