//! The address that a request comes from, as API Gateway or the edge in front of it saw it.
//!
//! Without `EDGE_SECRETS`, callers reach API Gateway directly, and it knows their address. With them,
//! callers reach CloudFront, and API Gateway sees only CloudFront. Then CloudFront names the address,
//! and proves by a secret that it is CloudFront.

use std::net::IpAddr;

use axum::extract::Request;
use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::{RequestExt, request::RequestContext};

use crate::{base::Error, crypto::EdgeSecrets};

/// The header in which CloudFront sends the secret. CloudFront overwrites one that a client sent.
const ORIGIN_VERIFY: HeaderName = HeaderName::from_static("x-origin-verify");
/// The header in which CloudFront names the address and the port of its client.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html>
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");

/// The address that a request comes from. It never comes from a header that a client can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceAddress(pub(super) Option<String>);

/// Finds the address that `request` comes from.
///
/// # Errors
/// [`Error::NotFromEdge`] if there is an edge, and the request lacks its secret;
/// [`Error::ViewerUnknown`] if the edge names no address. Without one, all callers would share their
/// limits. It is not the caller's mistake, so it is no 400: only an edge that is not set up as in
/// `deploy/edge.yaml` leaves the address out.
pub(super) fn source_address(
    request: &Request,
    secrets: &EdgeSecrets,
) -> Result<SourceAddress, Error> {
    if secrets.is_empty() {
        return Ok(SourceAddress(seen_by_api_gateway(request)));
    }

    let headers = request.headers();
    if !only(headers, &ORIGIN_VERIFY).is_some_and(|secret| secrets.has(secret.as_bytes())) {
        return Err(Error::NotFromEdge);
    }
    let address = only(headers, &VIEWER_ADDRESS).and_then(without_port);
    let address = address.ok_or(Error::ViewerUnknown)?;
    Ok(SourceAddress(Some(address.to_string())))
}

fn seen_by_api_gateway(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    }
}

/// The value of a header that was sent once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// The address in `address:port`. An IPv6 address may stand in brackets.
fn without_port(value: &HeaderValue) -> Option<IpAddr> {
    let (address, port) = value.to_str().ok()?.rsplit_once(':')?;
    port.parse::<u16>().ok()?;

    match address.strip_prefix('[').and_then(|address| address.strip_suffix(']')) {
        Some(bracketed) => bracketed.parse().ok().filter(IpAddr::is_ipv6),
        None => address.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &'static str) -> Option<String> {
        without_port(&HeaderValue::from_static(value)).map(|address| address.to_string())
    }

    #[test]
    fn the_address_is_read_without_its_port() {
        for (value, address) in [
            ("198.51.100.10:46532", "198.51.100.10"),
            ("2001:db8::1:46532", "2001:db8::1"),
            ("2001:0db8:85a3:0000:0000:8a2e:0370:7334:443", "2001:db8:85a3::8a2e:370:7334"),
            ("[2001:db8::1]:46532", "2001:db8::1"),
        ] {
            assert_eq!(parsed(value).as_deref(), Some(address), "{value}");
        }
    }

    #[test]
    fn a_value_without_an_address_and_a_port_is_not_read() {
        for value in [
            "",
            ":",
            "198.51.100.10",
            "198.51.100.10:",
            "198.51.100.10:65536",
            "198.51.100.256:80",
            "[198.51.100.10]:80",
            "[2001:db8::1]",
            "[2001:db8::1:80",
            "2001:db8::80",
            "198.51.100.10:80,198.51.100.11:80",
            "example.com:80",
        ] {
            assert_eq!(parsed(value), None, "{value}");
        }
    }
}
