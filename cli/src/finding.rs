//! The findings of `latchkey doctor` and `latchkey smoke`: one line for each check.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::{
    failure::Failure,
    output::{Format, print_line, printable},
};

/// How bad a finding is. Only problems make the command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Ok,
    Warning,
    Problem,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// The result of one check. `docs/operators.md` lists the checks by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) check: &'static str,
    pub(crate) message: String,
    /// The remedy, most often a command.
    pub(crate) fix: Option<String>,
}

impl Finding {
    /// Everything is as it should be.
    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Ok, check, message: message.into(), fix: None }
    }

    /// Something that may be meant so.
    pub(crate) fn warning(
        check: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { level: Level::Warning, check, message: message.into(), fix: Some(fix.into()) }
    }

    /// Something that does not work.
    pub(crate) fn problem(
        check: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { level: Level::Problem, check, message: message.into(), fix: Some(fix.into()) }
    }

    fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json => print_line(
                &json!({
                    "check": self.check, "level": self.level,
                    "message": self.message, "fix": self.fix,
                })
                .to_string(),
            ),
            Format::Text => {
                // An error of AWS may have several lines.
                let message = printable(&self.message).replace('\n', " ");
                print_line(&format!("{:7}  {:24}  {message}", self.level, self.check))?;
                match &self.fix {
                    Some(fix) => print_line(&format!("{:35}fix: {}", "", printable(fix))),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Prints findings, and counts those that are not ok.
pub(crate) struct Report {
    format: Format,
    warnings: usize,
    problems: usize,
}

impl Report {
    /// A report without findings.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, warnings: 0, problems: 0 }
    }

    /// Prints a finding immediately.
    pub(crate) fn add(&mut self, finding: &Finding) -> Result<(), Failure> {
        match finding.level {
            Level::Ok => {}
            Level::Warning => self.warnings += 1,
            Level::Problem => self.problems += 1,
        }
        finding.print(self.format)
    }

    /// # Errors
    /// [`Failure::Problems`] if there is a problem. Warnings are not failures.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        if self.problems == 0 {
            return Ok(());
        }
        let warnings = count(self.warnings, "warning");
        Err(Failure::Problems(format!("{}, {warnings}", count(self.problems, "problem"))))
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_problem_makes_the_command_fail() {
        let mut report = Report::new(Format::Json);
        report.add(&Finding::ok("a", "Fine.")).unwrap();
        report.add(&Finding::warning("b", "Hm.", "look")).unwrap();
        assert!(report.finish().is_ok());

        report.add(&Finding::problem("c", "Broken.", "repair")).unwrap();
        let failure = report.finish().unwrap_err();
        assert_eq!(failure.to_string(), "1 problem, 1 warning");
        assert_eq!(failure.exit_code(), std::process::ExitCode::from(1));
    }
}
