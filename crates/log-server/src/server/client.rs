//! Client identification by address, and trusted proxies.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;
use strum::IntoStaticStr;

/// A client, the unit of per-client limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// An IPv4 address, or the first 64 bits of an IPv6 address, which is what one subscriber gets.
    Address(IpAddr),
    /// Any client of the Unix socket.
    Socket,
}

impl Client {
    /// Returns the client with that address.
    pub(super) fn from_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// True if the client is on this machine. In that case, it may be a proxy that isn't configured.
    pub(super) fn is_local(self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback() || address == Ipv6Addr::UNSPECIFIED,
            Self::Socket => true,
        }
    }
}

/// A proxy trusted to report the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Every proxy in a network, or at one address.
    Network(IpNet),
    /// Everything that connects to the server's Unix socket.
    Socket,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Socket);
        }
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse());
        network.map(Self::Network).map_err(|_| "write it as 10.0.0.1, 10.0.0.0/8, or unix".into())
    }
}

/// The header in which proxies report the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl FromStr for ProxyHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("write it as x-forwarded-for or forwarded".into()),
        }
    }
}

/// The trusted proxies and the header that they set. By default, no proxy is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Trusted proxies.
    pub trusted: Vec<Proxy>,
    /// The header that they set.
    pub header: ProxyHeader,
}

impl Proxies {
    /// True if `peer` is a trusted proxy. `None` means a peer on the Unix socket.
    pub(super) fn trust(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.iter().any(|proxy| match (proxy, peer) {
            (Proxy::Network(network), Some(peer)) => network.contains(&peer.to_canonical()),
            (Proxy::Socket, None) => true,
            _ => false,
        })
    }

    /// Returns the client behind a trusted proxy: the last address in the header that isn't a trusted proxy's. A
    /// client can forge everything before it.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
        let name: &str = self.header.into();
        let lines: Vec<&str> =
            headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let mut client = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Some(address) = self.address(hop) else { break };
            client = Some(address);
            if !self.trust(client) {
                break;
            }
        }
        client.map_or(Client::Socket, Client::from_address)
    }

    fn address(&self, hop: &str) -> Option<IpAddr> {
        let node = match self.header {
            ProxyHeader::XForwardedFor => hop.trim(),
            ProxyHeader::Forwarded => {
                let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
                let mut nodes = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
                let (_, node) = nodes.next().filter(|_| nodes.next().is_none())?;
                node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node)
            }
        };
        // The address may have a port, and an IPv6 address may have brackets.
        let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
        bare.parse().ok().or_else(|| node.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ipv6_clients_are_64_bit_networks() {
        assert_eq!(
            Client::from_address(ip("2001:db8:1:2::1")),
            Client::from_address(ip("2001:db8:1:2:ffff::9"))
        );
        assert_ne!(Client::from_address(ip("2001:db8:1:2::1")), Client::from_address(ip("2001:db8:1:3::1")));
        assert_eq!(Client::from_address(ip("::ffff:192.0.2.1")), Client::from_address(ip("192.0.2.1")));
        assert_ne!(Client::from_address(ip("192.0.2.1")), Client::from_address(ip("192.0.2.2")));
        assert!(
            Client::from_address(ip("127.0.0.1")).is_local() && Client::from_address(ip("::1")).is_local()
        );
        assert!(!Client::from_address(ip("192.0.2.1")).is_local());
    }

    #[test]
    fn client_is_the_last_untrusted_hop() {
        let proxies = |header| Proxies {
            trusted: ["10.0.0.0/8", "192.0.2.7", "unix"].map(|proxy| proxy.parse().unwrap()).into(),
            header,
        };
        let client = |header, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            let name = if header == ProxyHeader::Forwarded { "forwarded" } else { "x-forwarded-for" };
            for line in lines {
                headers.append(name, line.parse().unwrap());
            }
            proxies(header).client(Some(ip("10.0.0.1")), &headers)
        };
        let cases: [(&[&str], &str); 8] = [
            (&[], "10.0.0.1"),
            (&["198.51.100.1"], "198.51.100.1"),
            // The proxy appends to what the client sent.
            (&["198.51.100.9, 198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.9", "198.51.100.1, 192.0.2.7"], "198.51.100.1"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["198.51.100.9, unknown"], "10.0.0.1"),
        ];
        for (lines, expected) in cases {
            assert_eq!(
                client(ProxyHeader::XForwardedFor, lines),
                Client::from_address(ip(expected)),
                "{lines:?}"
            );
        }
        let cases: [(&[&str], &str); 4] = [
            (&["for=198.51.100.9, For=\"[2001:db8::1]:4711\";proto=https"], "2001:db8::1"),
            (&["proto=https;for=198.51.100.1;by=10.0.0.1"], "198.51.100.1"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["for=198.51.100.1;for=198.51.100.2"], "10.0.0.1"),
        ];
        for (lines, expected) in cases {
            assert_eq!(
                client(ProxyHeader::Forwarded, lines),
                Client::from_address(ip(expected)),
                "{lines:?}"
            );
        }
        let proxies = proxies(ProxyHeader::default());
        assert!(proxies.trust(None) && proxies.trust(Some(ip("10.9.9.9"))));
        assert!(!proxies.trust(Some(ip("127.0.0.1"))) && !Proxies::default().trust(None));
        assert!("10.0.0.0/40".parse::<Proxy>().is_err() && "proxy".parse::<Proxy>().is_err());
    }
}
