//! The inbox: shows texts and e-mails in the terminal, as JSON, and on a page.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use embedded_aws::{Inbox, Message};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use crate::web_app;

const PAGE: &str = include_str!("inbox.html");
/// The page that password-reset links lead to on a laptop, unless `PASSWORD_RESET_URL` is set.
const RESET_PAGE: &str = include_str!("reset.html");
/// Each page is one file and loads nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    connect-src 'self'; frame-ancestors 'none'";

/// Prints every message that arrives from now on.
pub(crate) fn print_arrivals(inbox: &Inbox) {
    let mut arrivals = inbox.subscribe();
    tokio::spawn(async move {
        loop {
            match arrivals.recv().await {
                Ok(message) => println!("[{} to {}] {}", message.channel, message.to, message.body),
                Err(RecvError::Lagged(missed)) => {
                    println!("({missed} more messages: see the inbox)")
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// The routes `/_local`, `/_local/messages` and `/_local/reset`, and the sign-in page at
/// `/_local/app`.
pub(crate) fn routes(inbox: Inbox) -> Router {
    Router::new()
        .route("/_local", get(page))
        .route("/_local/", get(page))
        .route("/_local/messages", get(messages))
        .route("/_local/reset", get(reset_page))
        .merge(web_app::routes())
        .layer(middleware::from_fn(loopback_only))
        .with_state(inbox)
}

async fn page() -> impl IntoResponse {
    html(PAGE)
}

async fn reset_page() -> impl IntoResponse {
    html(RESET_PAGE)
}

fn html(page: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))], Html(page))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessagesQuery {
    to: Option<String>,
}

async fn messages(
    State(inbox): State<Inbox>,
    Query(query): Query<MessagesQuery>,
) -> Json<Vec<Message>> {
    // A plus sign that was not percent-encoded is read as a space.
    let to = query.to.map(|to| if to.starts_with(' ') { to.replacen(' ', "+", 1) } else { to });
    Json(inbox.messages(to.as_deref()))
}

/// Refuses requests from other machines, and requests under any other host name, so that no other
/// site can read codes: a site that points its own name at this machine (DNS rebinding) sends that
/// name as the host.
async fn loopback_only(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let host =
        request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if peer.ip().is_loopback() && ["localhost", "127.0.0.1", ""].contains(&name) {
        next.run(request).await
    } else {
        (
            StatusCode::FORBIDDEN,
            "Open this page on the machine that runs Latchkey, at http://localhost with the same port.\n",
        )
            .into_response()
    }
}
