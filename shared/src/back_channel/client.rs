//! The HTTP client for notices. It makes one try, follows no redirect, and reads nothing but the
//! status, so that nobody can use it to read what only this service can reach.

use std::{
    error::Error as _,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{
    http::HttpConnector as _, orchestrator::HttpRequest, result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use http::Uri;

use super::address::{NotPublic, PublicResolver};
use crate::base::https;

/// The time limit of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of a try.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The client. Its connector is made when it is first used, since reading the roots of the system takes
/// CPU time.
#[derive(Clone)]
pub(super) struct Client {
    resolver: PublicResolver,
    connector: Arc<OnceLock<Connector>>,
}

/// Why there is no status.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The address may not be called.
    Refused,
    /// There was no answer, for this reason. A later try may succeed.
    NoAnswer(&'static str),
}

impl Client {
    /// A client of the public internet. Outside production, it also calls this machine by http.
    pub(super) fn new(is_prod: bool) -> Self {
        let resolver = PublicResolver { accepts_own_machine: !is_prod };
        Self { resolver, connector: Arc::default() }
    }

    /// Posts a form. Returns the status.
    pub(super) async fn post(&self, address: &str, form: String) -> Result<u16, Failure> {
        self.check(address)?;
        let request = request(address, form).ok_or(Failure::Refused)?;
        let answer = tokio::time::timeout(TIMEOUT, self.connector().call(request)).await;
        let answer = answer.map_err(|_| Failure::NoAnswer("no answer in time"))?;
        // The body is dropped, and the connection with it.
        answer.map(|response| response.status().as_u16()).map_err(|error| failure(&error))
    }

    /// Checks the parts of an address that the resolver does not see: an IP address is never looked
    /// up.
    fn check(&self, address: &str) -> Result<(), Failure> {
        let uri: Uri = address.parse().map_err(|_| Failure::Refused)?;
        let host = uri.host().ok_or(Failure::Refused)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_secure = uri.scheme_str() == Some("https");
        let is_own_machine = match host.parse::<IpAddr>() {
            Ok(ip) if !self.resolver.accepts(ip) => return Err(Failure::Refused),
            Ok(ip) => ip.is_loopback(),
            Err(_) => host == "localhost",
        };
        let is_accepted = is_secure || (is_own_machine && self.resolver.accepts_own_machine);
        if is_accepted { Ok(()) } else { Err(Failure::Refused) }
    }

    fn connector(&self) -> &Connector {
        self.connector.get_or_init(|| {
            https::connector_by(self.resolver, https::system_roots(), CONNECT_TIMEOUT)
        })
    }
}

fn request(address: &str, form: String) -> Option<HttpRequest> {
    let mut request = HttpRequest::new(SdkBody::from(form));
    request.set_method("POST").ok()?;
    request.set_uri(address).ok()?;
    let headers = request.headers_mut();
    headers.try_insert("content-type", "application/x-www-form-urlencoded").ok()?;
    headers.try_insert("user-agent", "latchkey").ok()?;
    Some(request)
}

/// The reason of a failed request.
fn failure(error: &ConnectorError) -> Failure {
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    if causes.any(<dyn std::error::Error>::is::<NotPublic>) {
        Failure::Refused
    } else if error.is_timeout() {
        Failure::NoAnswer("no connection in time")
    } else {
        Failure::NoAnswer("the connection failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_but_the_public_internet_is_called_in_production() {
        let client = Client::new(true);
        for address in [
            "http://shop.example.com/logout",
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "https://127.0.0.1/logout",
            "https://10.0.0.7/logout",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/logout",
            "https://[fd00:ec2::254]/logout",
            "https://[::ffff:127.0.0.1]/logout",
            // By the resolver.
            "https://localhost/logout",
            "ftp://shop.example.com",
            "/logout",
        ] {
            assert_eq!(
                client.post(address, String::new()).await,
                Err(Failure::Refused),
                "{address}"
            );
        }
    }

    /// TLS refuses some names before they are looked up.
    #[tokio::test]
    async fn an_unusual_way_to_write_an_address_opens_no_connection() {
        for host in ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"] {
            let address = format!("https://{host}/logout");
            assert!(Client::new(true).post(&address, String::new()).await.is_err(), "{host}");
        }
    }

    #[tokio::test]
    async fn outside_production_this_machine_is_called_and_no_other() {
        let client = Client::new(false);
        let refused =
            ["http://shop.example.com", "http://10.0.0.7/logout", "https://10.0.0.7/logout"];
        for address in refused {
            assert_eq!(
                client.post(address, String::new()).await,
                Err(Failure::Refused),
                "{address}"
            );
        }
        for address in ["http://127.0.0.1:1/logout", "http://localhost:1/logout"] {
            let answer = client.post(address, String::new()).await;
            assert!(matches!(answer, Err(Failure::NoAnswer(_))), "{address}: {answer:?}");
        }
    }
}
