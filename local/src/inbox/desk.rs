//! The content of the inbox: messages with the state of their codes, and users.

use std::sync::{Arc, Mutex};

use axum::{
    Json,
    body::{Body, HttpBody, to_bytes},
    extract::{Query, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use embedded_aws::{Inbox, Message};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::{
    accounts::UserView,
    apps::DEFAULT_CLIENT_ID,
    base::{Clock, Error, in_usd},
    identifiers::PhoneNumber,
    latchkey::Latchkey,
    spending::segments,
    users::UserFilter,
};
use tokio::sync::watch;

/// Bodies are read up to this size. The service refuses larger ones.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// How many users the inbox shows.
const USERS: usize = 100;

/// The service and its messages, for the inbox.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(super) inbox: Inbox,
    latchkey: Latchkey,
    clock: Clock,
    /// The codes that were verified, and when.
    used: Arc<Mutex<Vec<(String, Timestamp)>>>,
    /// Changes when messages, codes or users may have changed.
    pub(super) changes: Arc<watch::Sender<()>>,
    /// Becomes `true` when the program ends.
    pub(super) ends: watch::Receiver<bool>,
}

impl Desk {
    pub(crate) fn new(inbox: Inbox, latchkey: Latchkey, ends: watch::Receiver<bool>) -> Self {
        let clock = latchkey.clock().clone();
        let (used, changes) = (Arc::default(), Arc::new(watch::Sender::new(())));
        Self { inbox, latchkey, clock, used, changes, ends }
    }

    fn shown(&self, message: Message) -> Shown {
        let is_text = message.channel == "sms";
        let segments = is_text.then(|| segments(&message.body));
        let price_usd = segments.and_then(|segments| self.price(&message, segments));
        let code = match message.channel {
            // A call reads it digit by digit.
            "voice" => code_in(&message.body.replace(", ", "")),
            _ => code_in(&message.body),
        };
        let code_state = code.as_deref().map(|code| self.state(code, message.sent_at));
        Shown { message, segments, price_usd, code, code_state }
    }

    fn price(&self, message: &Message, segments: usize) -> Option<f64> {
        let settings = self.latchkey.settings();
        let allowed = &settings.challenges.allowed_countries;
        let country = PhoneNumber::parse(&message.to, None, allowed).ok()?.country()?;
        Some(in_usd(settings.budget.price(&[(message.sender, segments)], &country)))
    }

    fn state(&self, code: &str, sent_at: Timestamp) -> CodeState {
        let life = SignedDuration::from_secs(self.latchkey.settings().challenges.ttl_seconds);
        let ends = sent_at + life;
        let used = self.used.lock().is_ok_and(|used| {
            used.iter().any(|(one, at)| one == code && (sent_at..=ends).contains(at))
        });
        match (used, self.clock.now() > ends) {
            (true, _) => CodeState::Used,
            (false, true) => CodeState::Expired,
            (false, false) => CodeState::Valid,
        }
    }
}

/// A message, with what the inbox knows of it.
#[derive(Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    message: Message,
    /// In how many parts a text is sent and paid.
    segments: Option<usize>,
    /// Its price in US dollars, by the settings.
    price_usd: Option<f64>,
    code: Option<String>,
    code_state: Option<CodeState>,
}

/// Whether a code can still be verified.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum CodeState {
    Valid,
    Used,
    Expired,
}

/// The first run of 6 to 10 digits in a text that is not a part of a longer word or number.
fn code_in(text: &str) -> Option<String> {
    let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '+');
    let is_code = |word: &&str| {
        (6..=10).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.into_iter().find(is_code).map(str::to_owned)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagesQuery {
    to: Option<String>,
}

/// `GET /_local/messages`.
pub(super) async fn messages(
    State(desk): State<Desk>,
    Query(query): Query<MessagesQuery>,
) -> Json<Vec<Shown>> {
    // A plus sign that was not percent-encoded is read as a space.
    let to = query.to.map(|to| if to.starts_with(' ') { to.replacen(' ', "+", 1) } else { to });
    let messages = desk.inbox.messages(to.as_deref());
    Json(messages.into_iter().map(|message| desk.shown(message)).collect())
}

/// `DELETE /_local/messages`: empties the inbox.
pub(super) async fn clear(State(desk): State<Desk>) -> StatusCode {
    desk.inbox.clear();
    desk.changes.send_replace(());
    StatusCode::NO_CONTENT
}

/// `GET /_local/users`: the first users, as administrators see them.
pub(super) async fn users(State(desk): State<Desk>) -> Result<Json<Vec<UserView>>, StatusCode> {
    let listed = async || -> Result<Vec<UserView>, Error> {
        let users = desk.latchkey.users().await?;
        let filter = UserFilter { role: None, client_id: None, status: None };
        let (found, _) = users.list(&filter, None, USERS).await?;
        let metadata = users.all_metadata(&found).await?;
        let view = |(user, metadata)| {
            UserView::new(user, metadata, DEFAULT_CLIENT_ID, users.avatar_urls())
        };
        Ok(found.iter().zip(metadata).map(view).collect())
    };
    listed().await.map(Json).map_err(|error| {
        tracing::warn!(%error, "the users could not be listed");
        StatusCode::SERVICE_UNAVAILABLE
    })
}

/// Lets requests through, and notes which codes are verified.
pub(crate) async fn note_used_codes(
    State(desk): State<Desk>,
    request: Request,
    next: Next,
) -> Response {
    let bytes = request.body().size_hint().upper();
    let is_short = bytes.is_some_and(|bytes| bytes <= MAX_BODY_BYTES as u64);
    if request.uri().path() != "/v1/otp/verify" || !is_short {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let response = next.run(Request::from_parts(parts, Body::from(body.clone()))).await;

    #[derive(Deserialize)]
    struct Verified {
        code: String,
    }
    if response.status().is_success()
        && let Ok(Verified { code }) = serde_json::from_slice(&body)
        && let Ok(mut used) = desk.used.lock()
    {
        used.push((code, desk.clock.now()));
    }
    desk.changes.send_replace(());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_a_message_but_not_in_its_links_and_numbers() {
        for (text, code) in [
            ("123456 is your Latchkey code.", Some("123456")),
            ("Your code: 12345678\n\n@id.example.com #12345678", Some("12345678")),
            ("Call +14155550123. Your code: 654321", Some("654321")),
            ("Your password was changed: https://id.example.com/undo/Ab123456", None),
        ] {
            assert_eq!(code_in(text).as_deref(), code, "{text}");
        }
    }
}
