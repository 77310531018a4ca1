//! The address at which an app is told of the end of its sessions.

use std::net::IpAddr;

use super::hosted::{is_plain, loopback_parts, split_authority, split_host};
use crate::base::{Error, is_public};

/// The addresses that an app may have.
const ADDRESS_TEXT: &str = "must be an https address of the public internet, like \
                            https://shop.example.com/backchannel-logout, without a fragment or a user";
/// The same outside production.
const TEST_ADDRESS_TEXT: &str = "must be an https address of the public internet, like \
                                 https://shop.example.com/backchannel-logout, or http for 127.0.0.1, [::1] \
                                 and localhost, without a fragment or a user";

/// Checks an address, which is kept as it is written. A name is looked up only when the app is told:
/// what it stands for may change.
///
/// # Errors
/// [`Error::InvalidRequest`] for an address that leads elsewhere than to the public internet. Outside
/// production, http to this machine is accepted, too.
pub(super) fn check(address: &str, is_prod: bool) -> Result<(), Error> {
    let is_own_machine = !is_prod && is_plain(address) && loopback_parts(address).is_some();
    if is_own_machine || is_public_https(address) {
        return Ok(());
    }
    let text = if is_prod { ADDRESS_TEXT } else { TEST_ADDRESS_TEXT };
    Err(Error::field("backchannel_logout_uri", text))
}

fn is_public_https(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://").filter(|_| is_plain(address)) else {
        return false;
    };
    let Some(host) = split_host(split_authority(rest).0) else { return false };
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(ip) => is_public(ip),
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            name != "localhost" && !name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_told_by_https_on_the_public_internet() {
        for address in [
            "https://shop.example.com",
            "https://shop.example.com/logout?tenant=7",
            "https://Shop.example.com:8443/logout",
            "https://8.8.8.8/logout",
            "https://[2606:4700:4700::1111]/logout",
        ] {
            assert_eq!(check(address, true), Ok(()), "{address}");
        }
        for address in [
            "",
            "/logout",
            "https:",
            "https://",
            "https:///logout",
            "HTTPS://shop.example.com",
            "http://shop.example.com/logout",
            "com.example.shop:/logout",
            "https://shop.example.com/#at",
            "https://ok.example@127.0.0.1/logout",
            "https://shop.example.com:0/logout",
            "https://*.example.com/logout",
            "https://localhost/logout",
            "https://LOCALHOST./logout",
            "https://shop.localhost/logout",
            "https://127.0.0.1/logout",
            "https://10.0.0.7/logout",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/logout",
            "https://[fd00:ec2::254]/logout",
            "https://[::ffff:127.0.0.1]/logout",
        ] {
            assert!(check(address, true).is_err(), "{address}");
            assert!(check(address, false).is_err(), "{address}");
        }
    }

    #[test]
    fn outside_production_an_app_may_be_on_this_machine() {
        for address in
            ["http://localhost:3000/logout", "http://127.0.0.1:3000", "http://[::1]:3000/logout"]
        {
            assert_eq!(check(address, false), Ok(()), "{address}");
            assert!(check(address, true).is_err(), "{address}");
        }
        for address in ["http://localhost.evil.example", "http://10.0.0.7:3000/logout"] {
            assert!(check(address, false).is_err(), "{address}");
        }
    }
}
