//! `latchkey import`: brings users along from another service.
//!
//! The export is read twice, entry by entry: first for the report, then to send the records. So an
//! export of any size takes little memory, and no record is kept on disk. Of earlier users, only hashes are
//! kept, by which duplicates are found.

mod draft;
mod duplicates;
mod hashes;
mod progress;
mod record;
mod report;
mod row;
mod rows;
mod send;
mod sources;
mod times;

use std::{collections::BTreeMap, io::IsTerminal as _, path::PathBuf};

use clap::{Args, ValueEnum as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{base::Clock, identifiers::country};

use crate::{
    api::Api,
    failure::Failure,
    import::{
        draft::{Draft, Unusable},
        progress::{Counts, Files, Journal, Progress, Subject},
        report::Report,
        row::Row,
        send::Batch,
        sources::{Hashes, Parameters, Source},
    },
    output::{Column, Format},
    sign_in::ask,
};

const SUMMARY: &[Column] = &[
    ("CREATED", "created"),
    ("UPDATED", "updated"),
    ("UNCHANGED", "unchanged"),
    ("REFUSED", "refused"),
    ("LEFT OUT", "left_out"),
    ("IDS", "ids"),
    ("REFUSALS", "refusals"),
];

#[derive(Args)]
pub(crate) struct Arguments {
    /// The service that the users come from
    #[arg(long, value_name = "SERVICE")]
    from: Source,
    /// The export of that service
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only print the report; the exit code is 1 if a user cannot be brought along
    #[arg(long)]
    check: bool,
    /// Roles of the export and as which roles they are brought along, like admin=Admin,editor=Editor.
    /// Without it, no roles are
    #[arg(long, value_name = "THERE=HERE", value_delimiter = ',', value_parser = role)]
    roles: Vec<(String, String)>,
    /// Country of phones without a country code, like US
    #[arg(long, value_name = "COUNTRY", value_parser = region)]
    region: Option<String>,
    /// You vouch that all phones or e-mail addresses of the export are verified: for django and
    /// sqlalchemy, whose tables may not say
    #[arg(long, value_name = "phone,email", value_delimiter = ',')]
    verified: Vec<Vouched>,
    /// Bring no passwords along
    #[arg(long)]
    without_passwords: bool,
    /// For firebase: the password hash parameters of the project, as the console shows them
    #[arg(long, value_name = "FILE")]
    firebase_parameters: Option<PathBuf>,
    /// For auth0: the hashes of passwords that its support has sent
    #[arg(long, value_name = "FILE")]
    hashes: Option<PathBuf>,
    /// Do not ask at a terminal whether to send the users
    #[arg(long)]
    yes: bool,
    /// File with the ids of the users: there, and here
    #[arg(long, value_name = "FILE", default_value = "ids.csv")]
    ids: PathBuf,
    /// File with the users who were refused, and why
    #[arg(long, value_name = "FILE", default_value = "refused.csv")]
    refused: PathBuf,
    /// File from which an interrupted import goes on [default: FILE.latchkey-import.json]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// The addresses that an operator can vouch for.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Vouched {
    Phone,
    Email,
}

/// The terms of an import, as the operator has given them. There is no `Debug`: it has hashes and
/// keys.
pub(crate) struct Terms {
    /// The country of phones without a country code.
    region: Option<String>,
    verified: Verified,
    /// As which role here a role of the export is brought along.
    roles: BTreeMap<String, String>,
    without_passwords: bool,
    firebase: Option<Parameters>,
    hashes: Option<Hashes>,
    now: Timestamp,
}

#[cfg(test)]
impl Terms {
    /// The terms of an import without options.
    fn for_tests() -> Self {
        Self {
            region: None,
            verified: Verified::default(),
            roles: BTreeMap::new(),
            without_passwords: false,
            firebase: None,
            hashes: None,
            now: "2026-11-30T00:00:00Z".parse().unwrap(),
        }
    }
}

/// The addresses that count as verified if the export does not say.
#[derive(Clone, Copy, Default)]
struct Verified {
    phone: bool,
    email: bool,
}

fn role(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(there, here)| (there.trim(), here.trim()));
    match pair {
        Some((there, here)) if !there.is_empty() && !here.is_empty() => {
            Ok((there.to_owned(), here.to_owned()))
        }
        _ => Err("give a role of the export and one of Latchkey, like admin=Admin".to_owned()),
    }
}

fn region(text: &str) -> Result<String, String> {
    match country(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("give the two capital letters of a country, like US".to_owned()),
    }
}

/// Prints a report of the export, and unless it is only checked, sends its users.
///
/// # Errors
/// [`Failure::Problems`] if a user cannot be brought along or was refused; [`Failure::Usage`] for files
/// and options that do not fit; [`Failure::Machine`] if a file cannot be read or written; those of the
/// service.
pub(crate) async fn run(
    api: &mut Api,
    arguments: &Arguments,
    format: Format,
) -> Result<(), Failure> {
    let terms = terms(arguments)?;
    let (report, entries) = examine(arguments, &terms)?;
    report.print(format, arguments.from.notes(), &terms.roles)?;
    if arguments.check {
        return match report.unusable() {
            0 => Ok(()),
            count => Err(Failure::Problems(format!("{count} cannot be brought along"))),
        };
    }
    if report.usable() == 0 {
        return Err(Failure::Problems("nobody in this export can be brought along".to_owned()));
    }

    let (files, subject) = (arguments.files(), arguments.subject(api.url())?);
    let progress = Progress::of(&files.state, &subject)?;
    let done = progress.as_ref().map_or(0, |progress| progress.entries);
    if let Some(progress) = progress.as_ref().filter(|_| done >= entries) {
        api.note("This import is finished. Its results were:");
        return finish(arguments, &progress.counts, format);
    }
    if !arguments.yes && std::io::stdin().is_terminal() {
        confirm(api, &report, done)?;
    }

    let mut journal = Journal::open(&files, subject, progress)?;
    api.show_share(report.usable(), "users");
    let sent = send_all(api, arguments, &terms, &mut journal).await;
    api.hide_share();
    if let Err(failure) = sent {
        api.note("The import stopped. The same command goes on with it.");
        return Err(failure);
    }
    finish(arguments, &journal.progress.counts, format)
}

/// Reads what the options name.
fn terms(arguments: &Arguments) -> Result<Terms, Failure> {
    let from = arguments.from;
    let wrong = [
        ("--verified", !arguments.verified.is_empty() && !from.may_be_vouched_for()),
        ("--hashes", arguments.hashes.is_some() && from != Source::Auth0),
        (
            "--firebase-parameters",
            arguments.firebase_parameters.is_some() && from != Source::Firebase,
        ),
        ("--roles", !arguments.roles.is_empty() && from == Source::Csv),
    ];
    if let Some((option, _)) = wrong.iter().find(|(_, is_wrong)| *is_wrong) {
        return Err(Failure::Usage(format!("{option} is not an option for --from {}", name(from))));
    }
    Ok(Terms {
        region: arguments.region.clone(),
        verified: Verified {
            phone: arguments.verified.contains(&Vouched::Phone),
            email: arguments.verified.contains(&Vouched::Email),
        },
        roles: arguments.roles.iter().cloned().collect(),
        without_passwords: arguments.without_passwords,
        firebase: arguments.firebase_parameters.as_deref().map(Parameters::read).transpose()?,
        hashes: arguments.hashes.as_deref().map(Hashes::read).transpose()?,
        now: Clock::system().now(),
    })
}

fn name(source: Source) -> String {
    source.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Arguments {
    fn rows(&self) -> impl Iterator<Item = Result<Row, Failure>> {
        rows::read(&self.file, self.from.header())
    }

    fn files(&self) -> Files {
        let state = self.state.clone().unwrap_or_else(|| {
            let mut state = self.file.clone().into_os_string();
            state.push(".latchkey-import.json");
            state.into()
        });
        Files { state, ids: self.ids.clone(), refused: self.refused.clone() }
    }

    /// The subject of the import: its options have no secrets.
    fn subject(&self, url: &str) -> Result<Subject, Failure> {
        let mut options = vec![format!("from {}", name(self.from))];
        options.extend(self.roles.iter().map(|(there, here)| format!("role {there}={here}")));
        options.extend(self.region.iter().map(|region| format!("region {region}")));
        let vouched = self.verified.iter().filter_map(|it| it.to_possible_value());
        options.extend(vouched.map(|it| format!("verified {}", it.get_name())));
        options.extend(self.without_passwords.then(|| "without passwords".to_owned()));
        options.extend(self.firebase_parameters.iter().map(|_| "firebase parameters".to_owned()));
        options.extend(self.hashes.iter().map(|_| "hashes".to_owned()));
        options.push(format!("ids {}", self.ids.display()));
        options.push(format!("refused {}", self.refused.display()));
        options.sort_unstable();
        Ok(Subject { sha256: progress::sha256(&self.file)?, url: url.to_owned(), options })
    }
}

/// Makes a record of an entry; `None` if it is not a user.
fn convert<'a>(from: Source, row: &Row, terms: &'a Terms) -> Option<Result<Draft<'a>, Unusable>> {
    match &row.fields {
        Err(reason) => Some(Err(Unusable { id: None, reason: (*reason).to_owned() })),
        Ok(fields) => from.convert(fields, terms).transpose(),
    }
}

/// Reads the whole export, and sends nothing. Returns the number of its entries, too.
fn examine(arguments: &Arguments, terms: &Terms) -> Result<(Report, u64), Failure> {
    let (mut report, mut entries) = (Report::default(), 0);
    for row in arguments.rows() {
        let row = row?;
        entries += 1;
        if let Some(converted) = convert(arguments.from, &row, terms) {
            report.add(row.place, &converted);
        }
    }
    Ok((report, entries))
}

/// Asks whether to send the users.
///
/// # Errors
/// [`Failure::Usage`] unless `yes` is typed.
fn confirm(api: &Api, report: &Report, done: u64) -> Result<(), Failure> {
    let done = match done {
        0 => String::new(),
        entries => format!(", after the {entries} entries of the export that are done"),
    };
    let users = report.usable();
    let question = format!("Send {users} users to {}{done}? Type yes to go on:", api.url());
    match ask(api, &question)?.as_deref() {
        Some("yes") => Ok(()),
        _ => Err(Failure::Usage("nothing was sent, because the answer was not yes".to_owned())),
    }
}

/// Sends the users of all entries that are not done.
async fn send_all(
    api: &Api,
    arguments: &Arguments,
    terms: &Terms,
    journal: &mut Journal,
) -> Result<(), Failure> {
    let done = journal.progress.entries;
    let mut batch = Batch::default();
    for (number, row) in (0..).zip(arguments.rows()) {
        let row = row?;
        let converted = convert(arguments.from, &row, terms);
        if number < done {
            api.advance(u64::from(matches!(converted, Some(Ok(_)))));
            continue;
        }
        match converted {
            None => batch.skip(),
            Some(Ok(draft)) => batch.add(row.place, draft.record),
            Some(Err(unusable)) => batch.refuse(row.place, unusable),
        }
        if batch.is_full() {
            api.advance(batch.finish(api, journal).await?);
        }
    }
    api.advance(batch.finish(api, journal).await?);
    Ok(())
}

/// Prints the results.
fn finish(arguments: &Arguments, counts: &Counts, format: Format) -> Result<(), Failure> {
    let left_out = counts.left_out.iter().map(|(field, count)| format!("{field} {count}"));
    let mut summary = json!({
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "refused": counts.refused,
        "left_out": counts.left_out,
        "ids": arguments.ids.display().to_string(),
        "refusals": arguments.refused.display().to_string(),
    });
    if let (Format::Text, Value::Object(summary)) = (format, &mut summary) {
        summary.insert("left_out".to_owned(), left_out.collect::<Vec<_>>().into());
    }
    format.print_one(&summary, SUMMARY)?;
    match counts.refused {
        0 => Ok(()),
        count => Err(Failure::Problems(format!(
            "{count} were not brought along: {} says why",
            arguments.refused.display()
        ))),
    }
}
