//! The settings of an app for sign-in on the hosted page: where the page may send people, and what it
//! asks of the app's requests.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::back_channel;
use crate::base::Error;

/// The most addresses of each kind.
const MAX_ADDRESSES: usize = 20;
/// The most characters of an address.
const MAX_ADDRESS_CHARS: usize = 512;
/// The hosts of a developer's own machine (RFC 8252 §7.3).
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
/// The forms of address that an app may list.
const ADDRESS_TEXT: &str = "must be an address like https://shop.example.com/callback, without a fragment, a user or *: https, \
     http for 127.0.0.1, [::1] and localhost, or a private scheme with a dot, like com.example.shop:/callback";

/// Whether a confidential app must use PKCE (RFC 7636). A public app always must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// A request needs a `code_challenge`, or at least a `nonce`.
    #[default]
    Required,
    /// A request may have neither. Only for clients that cannot send them.
    Optional,
}

/// The algorithm that an app asks its ID tokens to be signed with (OpenID Connect Dynamic Client
/// Registration 1.0 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum IdTokenAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, which every client verifies.
    RS256,
}

/// The settings of an app for sign-in on the hosted page, as the store keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedSignIn {
    /// Where people may be sent after a sign-in. Without any, the page is off for this app.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after signing out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the app is told that a session of it has ended (OpenID Connect Back-Channel Logout 1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether the app belongs to the deployment: its people are not asked for their consent.
    #[serde(default)]
    pub first_party: bool,
    /// Whether its requests must use PKCE, if it is confidential.
    #[serde(default)]
    pub pkce: Pkce,
    /// How its ID tokens are signed. `None`: as all tokens are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<IdTokenAlgorithm>,
}

/// A change of [`HostedSignIn`]: `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct HostedChange {
    /// Where people may be sent after a sign-in.
    pub redirect_uris: Option<Vec<String>>,
    /// Where people may be sent after signing out.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// Where the app is told that a session of it has ended.
    pub backchannel_logout_uri: Option<Option<String>>,
    /// Whether the app belongs to the deployment.
    pub first_party: Option<bool>,
    /// Whether its requests must use PKCE.
    pub pkce: Option<Pkce>,
    /// How its ID tokens are signed.
    pub id_token_signed_response_alg: Option<Option<IdTokenAlgorithm>>,
}

impl HostedSignIn {
    /// Changes the fields that `change` names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an address that may not be listed. Production refuses more.
    pub(super) fn apply(&mut self, change: HostedChange, is_prod: bool) -> Result<(), Error> {
        if let Some(addresses) = change.redirect_uris {
            self.redirect_uris = parse("redirect_uris", addresses)?;
        }
        if let Some(addresses) = change.post_logout_redirect_uris {
            self.post_logout_redirect_uris = parse("post_logout_redirect_uris", addresses)?;
        }
        if let Some(address) = change.backchannel_logout_uri {
            address.iter().try_for_each(|address| back_channel::check(address, is_prod))?;
            self.backchannel_logout_uri = address;
        }
        self.first_party = change.first_party.unwrap_or(self.first_party);
        self.pkce = change.pkce.unwrap_or(self.pkce);
        if let Some(algorithm) = change.id_token_signed_response_alg {
            self.id_token_signed_response_alg = algorithm;
        }
        Ok(())
    }

    /// Whether people may be sent to `asked` after a sign-in.
    pub fn accepts_redirect(&self, asked: &str) -> bool {
        is_listed(&self.redirect_uris, asked)
    }

    /// Whether people may be sent to `asked` after signing out.
    pub fn accepts_post_logout(&self, asked: &str) -> bool {
        is_listed(&self.post_logout_redirect_uris, asked)
    }

    /// Whether `asked`, which is accepted, leads to a program on the person's device: a private
    /// scheme, or a loopback address that was registered without a port. Anybody's program may
    /// have asked, so nobody is sent there without a click (RFC 8252 §8.6).
    pub fn is_native(&self, asked: &str) -> bool {
        let is_web = asked.starts_with("https://") || asked.starts_with("http://");
        !is_web || !self.redirect_uris.iter().any(|listed| listed == asked) || {
            loopback_parts(asked).is_some_and(|(_, port, _)| port.is_none())
        }
    }
}

/// Whether `asked` is byte for byte one of the `listed` addresses (RFC 9700 §4.1.3). A loopback
/// address that is listed without a port accepts every port (RFC 8252 §7.3).
fn is_listed(listed: &[String], asked: &str) -> bool {
    listed.iter().any(|listed| {
        listed == asked
            || match (loopback_parts(listed), loopback_parts(asked)) {
                (Some((host, None, rest)), Some((asked_host, Some(_), asked_rest))) => {
                    host == asked_host && rest == asked_rest
                }
                _ => false,
            }
    })
}

/// The host, the port, and path and query of an http address of this machine.
pub(super) fn loopback_parts(address: &str) -> Option<(&str, Option<u16>, &str)> {
    let (authority, rest) = split_authority(address.strip_prefix("http://")?);
    let host = LOOPBACK.into_iter().find(|host| {
        authority.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with(':'))
    })?;
    let port = match authority.strip_prefix(host)?.strip_prefix(':') {
        None => None,
        Some(digits) => Some(port(digits)?),
    };
    Some((host, port, rest))
}

/// The authority, and all that follows it.
pub(super) fn split_authority(text: &str) -> (&str, &str) {
    text.split_at(text.find(['/', '?']).unwrap_or(text.len()))
}

/// A port in its only form: 1 to 65535, without a sign or leading zeros.
fn port(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port: &u16| *port > 0 && port.to_string() == digits)
}

fn parse(field: &str, addresses: Vec<String>) -> Result<Vec<String>, Error> {
    if addresses.len() > MAX_ADDRESSES {
        return Err(Error::field(field, format!("must be at most {MAX_ADDRESSES} addresses")));
    }
    if let Some(index) = addresses.iter().position(|address| !may_be_listed(address)) {
        return Err(Error::field(format!("{field}[{index}]"), ADDRESS_TEXT));
    }
    // They are kept as they are written, in their order.
    let mut seen = BTreeSet::new();
    Ok(addresses.into_iter().filter(|address| seen.insert(address.clone())).collect())
}

/// Whether an app may list `address`.
fn may_be_listed(address: &str) -> bool {
    if !is_plain(address) {
        return false;
    }
    if let Some(rest) = address.strip_prefix("https://") {
        return is_host(split_authority(rest).0);
    }
    if address.starts_with("http:") {
        return loopback_parts(address).is_some();
    }
    let Some((scheme, rest)) = address.split_once(':') else { return false };
    is_private_scheme(scheme) && !rest.is_empty() && !rest.contains('@')
}

/// Whether `address` has none of the characters that an app's address may not have.
pub(super) fn is_plain(address: &str) -> bool {
    (1..=MAX_ADDRESS_CHARS).contains(&address.len())
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"#*\\\"<>^`{|}".contains(&byte))
}

/// Whether `authority` is a host name or an address, perhaps with a port.
fn is_host(authority: &str) -> bool {
    split_host(authority).is_some()
}

/// The host of an `authority`, if it is a host name or an address, perhaps with a port.
pub(super) fn split_host(authority: &str) -> Option<&str> {
    let (host, end) = match authority.find(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_name = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let is_ipv6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_end = end.is_empty() || end.strip_prefix(':').and_then(port).is_some();
    ((is_name || is_ipv6) && is_end).then_some(host)
}

/// Whether `scheme` is a domain name in reverse, which another program would not take by accident
/// (RFC 8252 §7.1). It also keeps out `javascript` and `data`.
fn is_private_scheme(scheme: &str) -> bool {
    scheme.contains('.')
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listing(addresses: &[&str]) -> HostedSignIn {
        let mut hosted = HostedSignIn::default();
        let redirect_uris = Some(addresses.iter().map(|it| (*it).to_owned()).collect());
        hosted.apply(HostedChange { redirect_uris, ..HostedChange::default() }, true).unwrap();
        hosted
    }

    #[test]
    fn an_app_lists_https_loopback_and_private_schemes() {
        for address in [
            "https://shop.example.com",
            "https://shop.example.com/callback?tenant=7",
            "https://Shop.example.com:8443/cb",
            "https://[2001:db8::1]/cb",
            "https://127.0.0.1/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:8080/cb",
            "http://localhost:3000/cb",
            "com.example.shop:/cb",
            "com.example.shop://signed-in",
        ] {
            assert!(may_be_listed(address), "{address}");
        }
    }

    #[test]
    fn an_app_lists_nothing_that_leads_elsewhere() {
        for address in [
            "",
            "/cb",
            "//evil.example/cb",
            "https:",
            "https://",
            "https:///cb",
            "https:evil",
            "https:/evil.example",
            "HTTPS://shop.example.com",
            "https://*.example.com/cb",
            "https://shop.example.com/*",
            "https://ok.example@evil.example/cb",
            "https://ok.example\\@evil.example",
            "https://shop.example.com/#at",
            "https://shop.example.com/a b",
            "https://shop.example.com/\u{9}",
            "https://shöp.example.com/cb",
            "https://shop.example.com:0/cb",
            "https://shop.example.com:port/cb",
            "http://shop.example.com/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost:80@evil.example/cb",
            "http://localhost.evil.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "shop:/cb",
            "com.example.shop:",
        ] {
            assert!(!may_be_listed(address), "{address}");
        }
    }

    #[test]
    fn only_a_listed_address_is_accepted_byte_for_byte() {
        let hosted = listing(&["https://shop.example.com/cb"]);
        assert!(hosted.accepts_redirect("https://shop.example.com/cb"));
        for asked in [
            "",
            "https://shop.example.com/cb/",
            "https://shop.example.com/cb/..;/x",
            "https://shop.example.com/cb?a=1",
            "https://shop.example.com/cb#a",
            "https://shop.example.com/CB",
            "https://SHOP.example.com/cb",
            "https://shop.example.com:443/cb",
            "https://shop.example.com/%63b",
            "http://shop.example.com/cb",
            "https://ok@shop.example.com/cb",
            "https://shop.example.com.evil.example/cb",
            "https://evil.example/https://shop.example.com/cb",
            " https://shop.example.com/cb",
        ] {
            assert!(!hosted.accepts_redirect(asked), "{asked}");
        }
    }

    #[test]
    fn a_loopback_address_without_a_port_accepts_every_port_of_its_host_and_path() {
        let hosted = listing(&["http://127.0.0.1/cb", "http://localhost:3000/cb"]);
        for asked in
            ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://localhost:3000/cb"]
        {
            assert!(hosted.accepts_redirect(asked), "{asked}");
        }
        for asked in [
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:51004/cb?a=1",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:080/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.2:51004/cb",
            "http://[::1]:51004/cb",
            "https://127.0.0.1:51004/cb",
            "http://localhost:3001/cb",
        ] {
            assert!(!hosted.accepts_redirect(asked), "{asked}");
        }
    }

    #[test]
    fn a_program_on_the_device_is_told_from_a_page() {
        let hosted = listing(&[
            "https://shop.example.com/cb",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "com.example.shop:/cb",
        ]);
        for (asked, is_native) in [
            ("https://shop.example.com/cb", false),
            ("http://localhost:3000/cb", false),
            ("http://127.0.0.1/cb", true),
            ("http://127.0.0.1:51004/cb", true),
            ("com.example.shop:/cb", true),
        ] {
            assert_eq!(hosted.is_native(asked), is_native, "{asked}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_a_listed_address_or_another_port_is_accepted(asked in "\\PC{0,40}") {
            let hosted = listing(&["https://shop.example.com/cb", "http://127.0.0.1/cb"]);
            let is_port = asked.strip_prefix("http://127.0.0.1:").and_then(|it| it.strip_suffix("/cb"))
                .and_then(port).is_some();
            let is_listed = hosted.redirect_uris.contains(&asked);
            prop_assert_eq!(hosted.accepts_redirect(&asked), is_listed || is_port);
        }
    }
}
