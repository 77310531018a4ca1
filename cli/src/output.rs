//! Prints results: tables for people, or one JSON object per line for programs.

use std::io::{self, ErrorKind, Write as _};

use serde_json::Value;

use crate::failure::Failure;

/// A column: its heading, and the field that it shows.
pub(crate) type Column = (&'static str, &'static str);

/// How results are printed.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Format {
    /// Prints one item: a line for each field, or its JSON.
    pub(crate) fn print_one(self, thing: &Value, columns: &[Column]) -> Result<(), Failure> {
        match self {
            Self::Json => print_line(&thing.to_string()),
            Self::Text => {
                let lines = columns
                    .iter()
                    .map(|(heading, field)| vec![heading.to_lowercase(), shown(thing, field)]);
                print_aligned(&lines.collect::<Vec<_>>())
            }
        }
    }
}

/// A list that is being read. JSON is printed immediately. A table is printed at the end, since its
/// columns are as wide as their widest cell.
pub(crate) struct List {
    format: Format,
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl List {
    /// An empty list.
    pub(crate) fn new(format: Format, columns: &'static [Column]) -> Self {
        let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        Self { format, columns, rows: vec![headings] }
    }

    /// Adds an item.
    pub(crate) fn add(&mut self, item: &Value) -> Result<(), Failure> {
        match self.format {
            Format::Json => print_line(&item.to_string())?,
            Format::Text => {
                self.rows.push(self.columns.iter().map(|(_, field)| shown(item, field)).collect())
            }
        }
        Ok(())
    }

    /// Prints the table, if the format is text.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        match self.format {
            Format::Json => Ok(()),
            Format::Text => print_aligned(&self.rows),
        }
    }
}

/// A field as people read it. Control characters are replaced, so that a text that others have
/// chosen, such as a name, cannot control the terminal.
pub(crate) fn shown(thing: &Value, field: &str) -> String {
    let text = match thing.get(field) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            let items = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            items.collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    };
    printable(&text)
}

/// A text whose control characters, except line breaks, are replaced by U+FFFD.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

fn print_aligned(rows: &[Vec<String>]) -> Result<(), Failure> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell: &String| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{:width$}", cell.replace('\n', " ")));
        print_line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints a line and flushes it.
pub(crate) fn print_line(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::Machine(format!("cannot write the output: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_shown_for_people() {
        let user = json!({
            "name": "A\u{1b}[2Jnn", "roles": ["User", "Admin"], "email": null, "mfa": [], "on": true
        });
        let shown =
            ["name", "roles", "email", "mfa", "on", "none"].map(|field| shown(&user, field));
        assert_eq!(shown, ["A\u{fffd}[2Jnn", "User,Admin", "-", "-", "yes", "-"]);
    }
}
