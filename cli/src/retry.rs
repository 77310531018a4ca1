//! When a request is sent again.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

/// How often a request is sent again if the service asks to wait.
const RETRIES: u32 = 2;
/// How often an idempotent request is sent again.
const IDEMPOTENT_RETRIES: u32 = 5;
/// The longest wait before a retry. If the service asks for a longer one, the request fails.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// The responses after which the same request may succeed: of a gateway that got none or a bad one from the
/// service, and of a service that has too much to do (RFC 9110 §15.6).
const PASSING: [StatusCode; 3] =
    [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];

/// How a request has failed.
pub(crate) enum Outcome<'a> {
    /// No response came, or only a part of it.
    Lost,
    /// The service, or a gateway before it, refused.
    Refused(StatusCode, &'a HeaderMap),
}

/// Decides whether a request is sent again. Any request is if the service says when; one that may be done
/// twice also is if the failure may pass, after waits that grow.
pub(crate) struct Retries {
    done: u32,
    is_idempotent: bool,
    /// The wait before the next retry, if the service does not say when.
    wait: Duration,
}

impl Retries {
    /// The retries of a new request. `first_wait` is the wait before the first of them if the service does not say
    /// when; each further wait is twice as long.
    pub(crate) fn new(is_idempotent: bool, first_wait: Duration) -> Self {
        Self { done: 0, is_idempotent, wait: first_wait }
    }

    /// How long to wait before the request is sent again; `None` if it has failed.
    pub(crate) fn next(&mut self, outcome: &Outcome<'_>) -> Option<Duration> {
        let most = if self.is_idempotent { IDEMPOTENT_RETRIES } else { RETRIES };
        if self.done >= most {
            return None;
        }
        let wait = match (outcome.asked_wait(), outcome.may_pass()) {
            (Some(asked), _) => (asked <= LONGEST_WAIT).then_some(asked)?,
            (None, true) if self.is_idempotent => self.wait,
            _ => return None,
        };
        self.done += 1;
        self.wait *= 2;
        Some(wait)
    }
}

impl Outcome<'_> {
    /// How long the service asks to wait.
    fn asked_wait(&self) -> Option<Duration> {
        let Self::Refused(status, headers) = self else { return None };
        let may_ask = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
        may_ask.contains(status).then_some(Duration::from_secs(seconds))
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Lost => true,
            Self::Refused(status, _) => PASSING.contains(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits, in seconds, of a request that always ends like this.
    fn waits(is_idempotent: bool, outcome: &Outcome<'_>) -> Vec<u64> {
        let mut retries = Retries::new(is_idempotent, Duration::from_secs(1));
        std::iter::from_fn(|| retries.next(outcome)).map(|wait| wait.as_secs()).collect()
    }

    fn asking(seconds: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, seconds.parse().unwrap())])
    }

    #[test]
    fn any_request_is_sent_again_twice_if_the_service_says_when() {
        let (asked, nothing) = (asking("7"), HeaderMap::new());
        for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
            assert_eq!(waits(false, &Outcome::Refused(status, &asked)), [7, 7]);
            assert_eq!(waits(false, &Outcome::Refused(status, &nothing)), [0; 0]);
            assert_eq!(waits(false, &Outcome::Refused(status, &asking("121"))), [0; 0]);
        }
        assert_eq!(waits(false, &Outcome::Refused(StatusCode::BAD_REQUEST, &asked)), [0; 0]);
        assert_eq!(waits(false, &Outcome::Lost), [0; 0]);
    }

    #[test]
    fn an_idempotent_request_is_also_sent_again_if_the_failure_may_pass() {
        let nothing = HeaderMap::new();
        let growing = [1, 2, 4, 8, 16];
        assert_eq!(waits(true, &Outcome::Lost), growing);
        for status in PASSING {
            assert_eq!(waits(true, &Outcome::Refused(status, &nothing)), growing, "{status}");
        }
        let asked = asking("7");
        assert_eq!(waits(true, &Outcome::Refused(StatusCode::TOO_MANY_REQUESTS, &asked)), [7; 5]);
        for status in [400, 401, 403, 413, 429, 500] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(waits(true, &Outcome::Refused(status, &nothing)), [0; 0], "{status}");
        }
        let long = asking("3600");
        let outcome = Outcome::Refused(StatusCode::SERVICE_UNAVAILABLE, &long);
        assert_eq!(waits(true, &outcome), [0; 0]);
    }
}
