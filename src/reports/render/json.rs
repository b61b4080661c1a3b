//! JSON: one document with what is to be known of it, or one object a line.

use std::io::Write;

use super::{About, Answer, RenderError};
use crate::reports::cells::{columns, quoted};

/// An array of objects; of a report, an object around it.
pub(super) fn document(out: &mut dyn Write, answer: &Answer, about: Option<&About>) -> Result<(), RenderError> {
    let about = about.and_then(|about| Some((about, about.report.as_deref()?)));
    if let Some((about, report)) = about {
        write!(out, "{{{},\"rows\":", told(about, report))?;
    }
    write!(out, "[")?;
    let mut first = true;
    objects(answer, |object| {
        let separator = if std::mem::take(&mut first) { "\n" } else { ",\n" };
        write!(out, "{separator}{object}").map_err(RenderError::from)
    })?;
    writeln!(out, "\n]{}", if about.is_some() { "}" } else { "" })?;
    Ok(())
}

/// What is to be known of reports, an object a line, without their rows; and what `known`, such a text, says of others.
pub fn abouts(abouts: &[About], known: &str) -> String {
    let told = abouts.iter().filter_map(|about| Some(format!("{{{}}}", told(about, about.report.as_deref()?))));
    let is_new = |report: &serde_json::Value| abouts.iter().any(|about| about.report.as_deref() == report.as_str());
    let known: Vec<serde_json::Value> = serde_json::from_str(known).unwrap_or_default();
    let others = known.into_iter().filter(|known| known["report"].is_string() && !is_new(&known["report"]));
    let lines: Vec<_> = others.map(|other| other.to_string()).chain(told).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// What is to be known of a report, as the members of an object.
fn told(about: &About, report: &str) -> String {
    let params: serde_json::Map<_, _> = about
        .params
        .iter()
        .map(|(name, value)| {
            (name.clone(), if value.is_empty() { serde_json::Value::Null } else { value.as_str().into() })
        })
        .collect();
    let text = |text: &Option<String>| text.as_deref().map_or("null".to_owned(), quoted);
    format!(
        "\"report\":{},\"title\":{},\"extracted_at\":{},\"verdict\":{},\"params\":{},\"notes\":{}",
        quoted(report),
        quoted(&about.title),
        text(&about.freshness.extracted_at),
        text(&about.freshness.verdict),
        serde_json::Value::from(params),
        serde_json::Value::from(about.remarks().collect::<Vec<_>>())
    )
}

/// An object a line.
pub(super) fn lines(out: &mut dyn Write, answer: &Answer) -> Result<(), RenderError> {
    objects(answer, |object| writeln!(out, "{object}").map_err(RenderError::from))
}

fn objects(answer: &Answer, mut each: impl FnMut(&str) -> Result<(), RenderError>) -> Result<(), RenderError> {
    let names: Vec<_> = answer.schema.fields().iter().map(|field| quoted(field.name())).collect();
    let mut object = String::new();
    for batch in &answer.batches {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            object.clear();
            object.push('{');
            for (index, (name, column)) in names.iter().zip(&columns).enumerate() {
                object.push_str(if index == 0 { "" } else { "," });
                object.push_str(name);
                object.push(':');
                column.json(row, &mut object)?;
            }
            object.push('}');
            each(&object)?;
        }
    }
    Ok(())
}
