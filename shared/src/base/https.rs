//! Connections by HTTPS: one TLS stack, and the roots that it trusts.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::{dns::ResolveDns, http::HttpConnectorSettings};

/// The TLS stack of all connections.
pub(crate) const TLS: tls::Provider =
    tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);

/// The roots that the system trusts, for services other than AWS. Reading them takes 3 ms of CPU
/// time.
pub(crate) fn system_roots() -> tls::TrustStore {
    tls::TrustStore::empty().with_native_roots(true)
}

/// TLS that trusts `roots`. If they cannot be read, it trusts what the HTTP client does by default.
pub(crate) fn trusting(roots: tls::TrustStore) -> tls::TlsContext {
    tls::TlsContext::builder().with_trust_store(roots).build().unwrap_or_else(|error| {
        tracing::error!(%error, "cannot read the root certificates; using the default TLS settings");
        tls::TlsContext::default()
    })
}

/// A connector that trusts `roots`, and waits so long for a connection. It does not try again.
pub(crate) fn connector(roots: tls::TrustStore, connect_timeout: Duration) -> Connector {
    let builder = Connector::builder().tls_provider(TLS).tls_context(trusting(roots));
    builder.sleep_impl(TokioSleep::new()).connector_settings(settings(connect_timeout)).build()
}

/// The same, which calls only the addresses that `resolver` returns.
pub(crate) fn connector_by(
    resolver: impl ResolveDns + Clone + 'static,
    roots: tls::TrustStore,
    connect_timeout: Duration,
) -> Connector {
    let builder = Connector::builder().tls_provider(TLS).tls_context(trusting(roots));
    let builder = builder.sleep_impl(TokioSleep::new());
    builder.connector_settings(settings(connect_timeout)).build_with_resolver(resolver)
}

fn settings(connect_timeout: Duration) -> HttpConnectorSettings {
    HttpConnectorSettings::builder().connect_timeout(connect_timeout).build()
}
