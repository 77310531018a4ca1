//! Where notices may be sent: to the public internet alone, whatever a name stands for.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use crate::base::is_public;

/// The refusal of an address that is not on the public internet.
#[derive(Debug, thiserror::Error)]
#[error("the host is not on the public internet")]
pub(super) struct NotPublic;

/// Looks names up, and returns their public addresses alone. The connection is made to what this
/// returns, so a name cannot stand for another address a moment later (DNS rebinding).
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicResolver {
    /// Whether addresses of this machine are accepted, too: outside production.
    pub(super) accepts_own_machine: bool,
}

impl PublicResolver {
    /// Whether a connection to an IP address may be made.
    pub(super) fn accepts(&self, ip: IpAddr) -> bool {
        is_public(ip) || (self.accepts_own_machine && ip.is_loopback())
    }

    /// Those of `found` to which a connection may be made.
    fn accepted(&self, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, ResolveDnsError> {
        // A name with a single address that is not public is refused as a whole: nobody's app has
        // one of each.
        if found.iter().all(|ip| self.accepts(*ip)) {
            return Ok(found);
        }
        Err(ResolveDnsError::new(NotPublic))
    }
}

impl ResolveDns for PublicResolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        let name = name.to_owned();
        DnsFuture::new(async move {
            // The system's resolver blocks.
            let look_up = move || (name.as_str(), 0).to_socket_addrs().map(Iterator::collect);
            let found = tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other);
            let found: Vec<std::net::SocketAddr> =
                found.and_then(|found| found).map_err(ResolveDnsError::new)?;
            self.accepted(found.into_iter().map(|address| address.ip()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accepts_own_machine: bool, ips: &[&str]) -> bool {
        let found = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        PublicResolver { accepts_own_machine }.accepted(found).is_ok()
    }

    #[test]
    fn a_name_that_stands_for_an_address_that_is_not_public_is_refused() {
        assert!(accepted(false, &["8.8.8.8", "2606:4700:4700::1111"]));
        for ips in [
            &["10.0.0.7"][..],
            &["8.8.8.8", "10.0.0.7"],
            &["127.0.0.1"],
            &["::1"],
            &["169.254.169.254"],
            &["fd00:ec2::254"],
            &["::ffff:127.0.0.1"],
        ] {
            assert!(!accepted(false, ips), "{ips:?}");
        }
    }

    #[test]
    fn outside_production_this_machine_is_accepted_and_no_other() {
        assert!(accepted(true, &["127.0.0.1", "::1"]));
        assert!(!accepted(true, &["10.0.0.7"]));
        assert!(!accepted(true, &["169.254.169.254"]));
    }

    #[tokio::test]
    async fn the_name_of_this_machine_is_looked_up_and_refused() {
        for name in ["localhost", "127.1", "2130706433", "0x7f000001"] {
            let resolver = PublicResolver { accepts_own_machine: false };
            assert!(resolver.resolve_dns(name).await.is_err(), "{name}");
        }
        let resolver = PublicResolver { accepts_own_machine: true };
        assert!(resolver.resolve_dns("localhost").await.is_ok());
    }
}
