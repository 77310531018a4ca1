//! All of Latchkey in one process, on loopback, with the parts of AWS that it needs embedded.
//! `cargo run` serves it, and tests of clients start it. It is never deployed.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod avatars;
mod back_channel;
mod inbox;
mod lambdas;
mod start;
mod web_app;

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    middleware,
    response::Response,
    routing::get,
};
use embedded_aws::{AVATAR_BUCKET, EmbeddedAws, api_gateway};
use functions::audit::anchor::anchor;
use inbox::Desk;
use shared::latchkey::Latchkey;
use tokio::{net::TcpListener, sync::watch};

pub use start::{SENDERS_FILE, lift_send_limits, start};

/// A service that is started but does not serve requests yet.
pub struct Service {
    /// The parts of AWS that the service uses, embedded.
    pub aws: EmbeddedAws,
    /// Its URL, which is also the issuer of its tokens unless `ISSUER` is set.
    pub url: String,
    endpoints: Router,
    latchkey: Latchkey,
    /// Holds the folder of the data for this process.
    _lock: Option<std::fs::File>,
}

/// How often the audit trail is anchored, as in a deployment: `functions/audit/anchor/lambda.yaml`.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(3600);

/// Anchors the audit trail now and every hour, as EventBridge makes a deployment do.
async fn anchor_audit_trail(latchkey: Latchkey) {
    let mut interval = tokio::time::interval(ANCHOR_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = anchor(&latchkey).await {
            tracing::error!(%error, "the audit trail could not be anchored");
        }
    }
}

impl Service {
    /// Prints every message that arrives from now on.
    pub fn print_messages(&self) {
        inbox::print_arrivals(&self.aws.inbox);
    }

    /// Serves requests at `listener` until `stop` completes: the endpoints behind the embedded API
    /// Gateway, a page with links, the inbox and the avatars.
    ///
    /// # Errors
    /// An error of the listener.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let endpoints = self.endpoints.clone();
        let gateway = async move |ConnectInfo(peer): ConnectInfo<SocketAddr>,
                                  request: Request<Body>|
                    -> Response {
            api_gateway::invoke(endpoints.clone(), request, peer.ip()).await
        };
        let (ended, ends) = watch::channel(false);
        let desk = Desk::new(self.aws.inbox.clone(), self.latchkey.clone(), ends);
        let stop = async move {
            stop.await;
            ended.send_replace(true);
        };
        let bucket = self.aws.buckets().join(AVATAR_BUCKET);
        let router = Router::new()
            .route("/", get(inbox::home))
            .merge(inbox::routes(desk.clone()))
            .merge(avatars::routes(bucket))
            .merge(lambdas::routes(self.latchkey.clone()))
            .fallback(gateway)
            .layer(middleware::from_fn_with_state(desk, inbox::note_used_codes));
        let anchoring = tokio::spawn(anchor_audit_trail(self.latchkey.clone()));
        let (stream, queue) = (self.aws.stream.clone(), self.aws.queue.clone());
        let telling = tokio::spawn(back_channel::tell_apps(stream, queue, self.latchkey.clone()));
        let served =
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
                .with_graceful_shutdown(stop)
                .await;
        anchoring.abort();
        telling.abort();
        served
    }
}
