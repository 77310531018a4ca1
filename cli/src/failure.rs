//! Failures: their messages and their exit codes.

use std::{fmt, io, path::Path, process::ExitCode};

use serde::Deserialize;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The service refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Nobody is signed in, the session is over, or the code was wrong.
    #[error("{0}")]
    NotSignedIn(String),
    /// The service did not find what the command names.
    #[error("{0}")]
    NotFound(String),
    /// There was no response, or it was not from Latchkey.
    #[error("{0}")]
    Unavailable(String),
    /// The arguments or the input are not valid.
    #[error("{0}")]
    Usage(String),
    /// Something on this machine failed, such as reading a file.
    #[error("{0}")]
    Machine(String),
    /// `latchkey doctor` or `latchkey smoke` found problems, and has printed them.
    #[error("{0}")]
    Problems(String),
    /// The reader of the output has closed it, as in `latchkey users list | head`.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    /// A file that could not be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Machine(format!("{}: {error}", path.display()))
    }

    /// The service's refusal, if this is one.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        if let Self::Refused(problem) = self { Some(problem) } else { None }
    }

    /// The exit code, by which scripts tell failures apart. `docs/operators.md` lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Machine(_) | Self::Problems(_) => 1,
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

/// The parts of a problem document (RFC 9457) that are shown, or of an error of OAuth 2.0 (RFC 6749
/// §5.2).
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    /// The status of the response. The document's own is ignored.
    #[serde(skip)]
    pub(crate) status: u16,
    #[serde(alias = "error")]
    pub(crate) code: String,
    #[serde(alias = "error_description")]
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
    /// Parses a refusal. A proxy or gateway in between may respond in any format. The problem then
    /// says that the response is not from Latchkey.
    pub(crate) fn parse(status: u16, request_id: Option<String>, body: &str) -> Self {
        let mut problem = serde_json::from_str(body).unwrap_or_else(|_| Self {
            status,
            code: format!("http_{status}"),
            detail: format!("The response has status {status} and is not from Latchkey."),
            request_id: None,
            errors: Vec::new(),
            attempts_left: None,
        });
        problem.status = status;
        problem.request_id = problem.request_id.or(request_id);
        problem
    }

    /// Whether the problem names this field.
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
    fn a_problem_document_is_shown_in_full() {
        let body = r#"{"type": "x", "title": "x", "status": 400, "detail": "Look at it again.",
            "request_id": "r-1", "code": "invalid_request",
            "errors": [{"field": "phone", "message": "has no country"}]}"#;

        let told = Problem::parse(400, None, body).to_string();
        assert_eq!(
            told,
            "Look at it again. (invalid_request)\n  phone: has no country\n  request_id: r-1"
        );
    }

    #[test]
    fn a_response_of_a_gateway_in_between_is_shown_as_one() {
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
