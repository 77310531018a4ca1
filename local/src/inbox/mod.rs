//! The inbox: shows texts and e-mails in the terminal, as JSON, and on a page, and the users.

mod desk;
mod events;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use embedded_aws::Inbox;
use tokio::sync::broadcast::error::RecvError;

pub(crate) use self::desk::{Desk, note_used_codes};
use crate::web_app;

/// Mails are shown in a frame without scripts. They bring their styles along.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

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

/// The routes below `/_local`: the inbox, what it shows, and the sign-in page.
pub(crate) fn routes(desk: Desk) -> Router {
    let inbox = (HTML, include_str!("inbox.html"));
    let files = [
        ("/_local", inbox),
        ("/_local/", inbox),
        ("/_local/inbox.js", (SCRIPT, include_str!("inbox.js"))),
        ("/_local/messages.js", (SCRIPT, include_str!("messages.js"))),
        ("/_local/pages.css", (CSS, include_str!("pages.css"))),
    ];
    let pages = files.into_iter().fold(Router::new(), |routes, (path, (kind, text))| {
        routes.route(path, get(async move || file(kind, text)))
    });
    pages
        .route("/_local/messages", get(desk::messages).delete(desk::clear))
        .route("/_local/users", get(desk::users))
        .route("/_local/events", get(events::events))
        .merge(web_app::routes())
        .layer(middleware::from_fn(loopback_only))
        .with_state(desk)
}

/// A file of the pages, with their policy.
pub(crate) fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, text).into_response()
}

/// The page at `/`: where to find everything else.
pub(crate) async fn home() -> Response {
    file(HTML, include_str!("home.html"))
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
