//! The whole of Latchkey in one process, on loopback, with everything it needs of AWS embedded: what
//! `cargo run` serves, and what tests of clients start. Never deployed.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod avatars;
mod inbox;
mod start;
mod web_app;

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use embedded_aws::{AVATAR_BUCKET, EmbeddedAws, api_gateway};
use tokio::net::TcpListener;

pub use start::start;

/// A service that has been started and is not served yet.
pub struct Service {
    /// What it has in the place of AWS.
    pub aws: EmbeddedAws,
    endpoints: Router,
}

impl Service {
    /// Prints every message that arrives from now on.
    pub fn print_messages(&self) {
        inbox::print_arrivals(&self.aws.inbox);
    }

    /// Answers at `listener` until `stop` is over: the endpoints behind the embedded API Gateway, and the
    /// inbox beside them.
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
        let bucket = self.aws.buckets().join(AVATAR_BUCKET);
        let router = Router::new()
            .merge(inbox::routes(self.aws.inbox.clone()))
            .merge(avatars::routes(bucket))
            .fallback(gateway);
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(stop)
            .await
    }
}
