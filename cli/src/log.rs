//! The records in a log of the service.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use shared::limits::Recorded;

use crate::failure::Failure;

/// Hands each record of a log file, or of standard input for `-`, to `note`. Other lines are skipped,
/// and so is the text before the JSON of a line.
///
/// # Errors
/// [`Failure::Machine`] if the log cannot be read.
/// [`Failure::Usage`] if `note` returns false for each record: it is not the log that was meant.
pub(crate) fn read(log: &Path, mut note: impl FnMut(Recorded) -> bool) -> Result<(), Failure> {
    let unreadable = |error: io::Error| Failure::Machine(format!("{}: {error}", log.display()));
    let lines: Box<dyn BufRead> = if log.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(log).map_err(unreadable)?))
    };
    let mut is_log = false;
    for line in lines.lines() {
        if let Some(recorded) = record(&line.map_err(unreadable)?) {
            is_log |= note(recorded);
        }
    }
    if is_log {
        return Ok(());
    }
    let name = log.display();
    Err(Failure::Usage(format!(
        "{name}: no line is about a text. Give a log of the functions that send codes, such as \
         otp-send, from CloudWatch; docs/fraud.md, Replay, shows how to get one"
    )))
}

fn record(line: &str) -> Option<Recorded> {
    let start = line.find('{')?;
    serde_json::from_str(line.get(start..)?).ok()
}
