//! Reads an export entry by entry, so that its size does not matter.
//!
//! A file that begins with `[` or `{` is JSON: one array; an object or several with an array `users` or
//! `Users`, as `auth:export`, `list-users` and realm exports have it; or one object for each user, one
//! after another (NDJSON). Anything else is CSV.

use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::{Map, Value};

use crate::{
    failure::Failure,
    import::row::{Fields, Place, Row},
};

/// How many entries are read ahead.
const AHEAD: usize = 64;
/// The byte order mark that spreadsheets begin a file with.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The names of the columns of a CSV file.
#[derive(Clone, Copy)]
pub(crate) enum Header {
    /// The first line has them.
    First,
    /// The file has none; these are the columns. An empty name is a column that is not read.
    Fixed(&'static [&'static str]),
}

/// Reads a file in another thread. The iterator ends after the first failure.
pub(crate) fn read(
    file: &Path,
    header: Header,
) -> impl Iterator<Item = Result<Row, Failure>> + use<> {
    let (sender, rows) = sync_channel(AHEAD);
    let file = file.to_owned();
    thread::spawn(move || {
        let reading = Reading { file, sender };
        if let Err(Stop::Failed(failure)) = reading.all(header) {
            // If nobody waits for it, it no longer matters.
            drop(reading.sender.send(Err(failure)));
        }
    });
    rows.into_iter()
}

/// Why reading ends early.
enum Stop {
    /// The file cannot be read.
    Failed(Failure),
    /// Nobody wants more entries.
    Unwanted,
}

struct Reading {
    file: PathBuf,
    sender: SyncSender<Result<Row, Failure>>,
}

impl Reading {
    fn all(&self, header: Header) -> Result<(), Stop> {
        let failed = |error| Stop::Failed(Failure::file(&self.file, &error));
        let mut reader = BufReader::new(File::open(&self.file).map_err(failed)?);
        if reader.fill_buf().map_err(failed)?.starts_with(BYTE_ORDER_MARK) {
            reader.consume(BYTE_ORDER_MARK.len());
        }

        // The spaces before the first character do not count, in JSON and in CSV.
        loop {
            let next = reader.fill_buf().map_err(failed)?.first().copied();
            match next {
                Some(byte) if byte.is_ascii_whitespace() => reader.consume(1),
                Some(b'[' | b'{') => return self.json(reader),
                _ => return self.csv(reader, header),
            }
        }
    }

    fn send(&self, row: Row) -> Result<(), Stop> {
        self.sender.send(Ok(row)).map_err(|_| Stop::Unwanted)
    }

    fn csv(&self, reader: impl BufRead, header: Header) -> Result<(), Stop> {
        let failed = |error: csv::Error| {
            Stop::Failed(Failure::Usage(format!("{}: {error}", self.file.display())))
        };
        let mut lines =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
        let mut line = csv::ByteRecord::new();

        let names = match header {
            Header::Fixed(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Header::First => {
                lines.read_byte_record(&mut line).map_err(failed)?;
                line.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
            }
        };
        let names: Vec<String> = names;
        if let Some(twice) = duplicate(&names) {
            let file = self.file.display();
            return Err(Stop::Failed(Failure::Usage(format!(
                "{file}: its first line names the column {twice} twice: give each column its own name"
            ))));
        }

        while lines.read_byte_record(&mut line).map_err(failed)? {
            let place = Place::Line(line.position().map_or(0, csv::Position::line));
            let fields = match header {
                Header::First if line.len() != names.len() => {
                    Err("its line has another number of columns than the first line")
                }
                _ => cells(&names, &line).ok_or("its line is not UTF-8"),
            };
            self.send(Row { place, fields: fields.map(Fields::of) })?;
        }
        Ok(())
    }

    fn json(&self, reader: impl BufRead) -> Result<(), Stop> {
        let mut users = Users { reading: self, count: 0, stop: None };
        let mut reader = reader;
        loop {
            match reader.fill_buf().map(|bytes| bytes.first().copied()) {
                Ok(None) => return Ok(()),
                // `aws` prints pages one after another, and some tools put commas between them.
                Ok(Some(byte)) if byte.is_ascii_whitespace() || byte == b',' => reader.consume(1),
                Ok(Some(_)) => {
                    let mut json = serde_json::Deserializer::from_reader(reader.by_ref());
                    let read = Level { users: &mut users, is_user: false }.deserialize(&mut json);
                    match (read, users.stop.take()) {
                        (_, Some(stop)) => return Err(stop),
                        (Err(error), None) => return Err(self.not_json(&error)),
                        (Ok(()), None) => {}
                    }
                }
                Err(error) => return Err(Stop::Failed(Failure::file(&self.file, &error))),
            }
        }
    }

    fn not_json(&self, error: &serde_json::Error) -> Stop {
        let message = format!("{}: this is not valid JSON: {error}", self.file.display());
        Stop::Failed(Failure::Usage(message))
    }
}

/// A column that is named twice, of which only one would be read. An empty name is no column.
fn duplicate(names: &[String]) -> Option<&String> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str()))
}

/// The named cells of a line, or `None` if one is not UTF-8.
fn cells(names: &[String], line: &csv::ByteRecord) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    for (name, cell) in names.iter().zip(line) {
        let cell = std::str::from_utf8(cell).ok()?;
        if !name.is_empty() {
            fields.insert(name.clone(), cell.into());
        }
    }
    Some(fields)
}

/// The users of a JSON file, as they are found.
struct Users<'a> {
    reading: &'a Reading,
    count: u64,
    stop: Option<Stop>,
}

impl Users<'_> {
    fn add(&mut self, fields: Result<Fields, &'static str>) -> Result<(), ()> {
        self.count += 1;
        let row = Row { place: Place::User(self.count), fields };
        self.reading.send(row).map_err(|stop| self.stop = Some(stop))
    }
}

/// A value of a JSON file: a list, a page with a list, or a user.
struct Level<'a, 'b> {
    users: &'a mut Users<'b>,
    /// Whether this is an item of a page's list, so that it is a user in any case.
    is_user: bool,
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("users")
    }

    // The default would repeat the text in its error.
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Other("text"), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let is_user = self.is_user;
        while items.next_element_seed(Level { users: &mut *self.users, is_user })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut fields = Map::new();
        let mut is_page = false;
        while let Some(name) = members.next_key::<String>()? {
            if !self.is_user && (name == "users" || name == "Users") {
                is_page = true;
                members.next_value_seed(Level { users: &mut *self.users, is_user: true })?;
            } else {
                let value: Value = members.next_value()?;
                fields.insert(name, value);
            }
        }
        if is_page {
            return Ok(());
        }
        self.users.add(Ok(Fields::of(fields))).map_err(|()| A::Error::custom("stopped"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn texts(content: &str, header: Header) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("export");
        fs::write(&file, content).unwrap();
        let rows = read(&file, header).map(|row| match row {
            Err(failure) => failure.to_string().rsplit("export: ").next().unwrap().to_owned(),
            Ok(row) => match row.fields {
                Ok(fields) => format!("{} {}", row.place, fields.text("id").unwrap_or_default()),
                Err(reason) => format!("{} {reason}", row.place),
            },
        });
        rows.collect()
    }

    #[test]
    fn all_forms_of_json_are_read() {
        let users = ["user 1 a", "user 2 b"];
        for json in [
            r#"[{"id": "a"}, {"id": "b"}]"#,
            "{\"id\": \"a\"}\n\n{\"id\": \"b\"}\n",
            "{\"id\": \"a\"},\n{\"id\": \"b\"}",
            r#"{"realm": "x", "users": [{"id": "a"}, {"id": "b", "users": []}], "roles": {}}"#,
            r#"{"Users": [{"id": "a"}]} {"Users": [{"id": "b"}]}"#,
            r#"[{"Users": [{"id": "a"}]}, {"Users": [{"id": "b"}]}]"#,
            "\u{feff}\n [{\"id\": \"a\"}, {\"id\": \"b\"}]",
        ] {
            assert_eq!(texts(json, Header::First), users, "{json}");
        }
        assert_eq!(texts("[]", Header::First), [""; 0]);
    }

    #[test]
    fn broken_json_ends_with_its_line() {
        let rows = texts("[{\"id\": \"a\"},\n{\"id\": ", Header::First);
        assert_eq!(
            rows,
            ["user 1 a", "this is not valid JSON: EOF while parsing a value at line 2 column 7"]
        );
        assert!(texts("[1]", Header::First)[0].contains("expected users"));
    }

    #[test]
    fn lines_of_csv_are_read_by_name() {
        let csv = "\u{feff}name,id\nAnn,a\n\"Bob\nB.\",b\nonly one\n";
        let broken = "line 5 its line has another number of columns than the first line";
        assert_eq!(texts(csv, Header::First), ["line 2 a", "line 3 b", broken]);
        assert_eq!(texts("a,x,\nb,y\n", Header::Fixed(&["id", ""])), ["line 1 a", "line 2 b"]);
        assert_eq!(texts("", Header::First), [""; 0]);
        assert_eq!(texts("id,,\na,b,c\n", Header::First), ["line 2 a"]);
        let twice = "its first line names the column id twice: give each column its own name";
        assert_eq!(texts("id,phone, id\na,b,c\n", Header::First), [twice]);
    }
}
