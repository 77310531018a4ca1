//! What went wrong, in words and as an exit code.

use std::{fmt, io, path::Path, process::ExitCode};

use serde::Deserialize;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The service refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Nobody is signed in, or no longer, or the code was not right.
    #[error("{0}")]
    NotSignedIn(String),
    /// The service has no such thing.
    #[error("{0}")]
    NotFound(String),
    /// No answer, or none that the service gives.
    #[error("{0}")]
    Unavailable(String),
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// This machine did not do what it was asked for.
    #[error("{0}")]
    Machine(String),
    /// Whoever read the output has read enough: `latchkey users list | head`.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    /// A file that could not be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Machine(format!("{}: {error}", path.display()))
    }

    /// The refusal, where it was one.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        if let Self::Refused(problem) = self { Some(problem) } else { None }
    }

    /// What scripts tell failures apart by; `docs/operators.md` lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Machine(_) => 1,
            Self::Usage(_) => 2,
            Self::NotSignedIn(_) => 3,
            Self::NotFound(_) => 5,
            Self::Unavailable(_) => 8,
            Self::Refused(problem) => match problem.status {
                401 => 3,
                403 => 4,
                404 => 5,
                429 => 7,
                500.. => 8,
                _ => 6,
            },
        })
    }
}

/// A problem document (RFC 9457), as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    /// The status of the response, whatever the document says.
    #[serde(skip)]
    pub(crate) status: u16,
    pub(crate) code: String,
    detail: String,
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
    pub(crate) attempts_left: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct FieldError {
    field: String,
    message: String,
}

impl Problem {
    /// What a refusal says; something that stands between here and the service may answer in other ways.
    pub(crate) fn parse(status: u16, request_id: Option<String>, body: &str) -> Self {
        let mut problem = serde_json::from_str(body).unwrap_or_else(|_| Self {
            status,
            code: format!("http_{status}"),
            detail: format!("The answer has status {status} and is none of Latchkey's."),
            request_id: None,
            errors: Vec::new(),
            attempts_left: None,
        });
        problem.status = status;
        problem.request_id = problem.request_id.or(request_id);
        problem
    }

    /// Whether a field is what is wrong.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)?;
        for error in &self.errors {
            write!(f, "\n  {}: {}", error.field, error.message)?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, "\n  request_id: {request_id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_is_told_in_full() {
        let body = r#"{"type": "x", "title": "x", "status": 400, "detail": "Look at it again.", "request_id": "r-1",
            "code": "invalid_request", "errors": [{"field": "phone", "message": "has no country"}]}"#;
        let told = Problem::parse(400, None, body).to_string();
        assert_eq!(
            told,
            "Look at it again. (invalid_request)\n  phone: has no country\n  request_id: r-1"
        );
    }

    #[test]
    fn an_answer_of_something_in_between_is_told_as_such() {
        let problem = Problem::parse(503, Some("r-2".to_owned()), "<html>Bad gateway</html>");
        let told = problem.to_string();
        assert!(
            told.contains("status 503")
                && told.contains("(http_503)")
                && told.ends_with("request_id: r-2")
        );
        assert_eq!(Failure::Refused(Box::new(problem)).exit_code(), ExitCode::from(8));
    }
}
