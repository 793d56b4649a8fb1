//! Where a server listens: an address of the network, or a Unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// What a Unix socket's address begins with.
const UNIX: &str = "unix:";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address of the network, with its port; port 0 for any.
    Tcp(SocketAddr),
    /// A Unix socket of that path.
    Unix(PathBuf),
}

impl Address {
    /// The address of the network, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The address that who asks may name. What asks by a Unix socket is on this machine.
    pub(super) fn ip(&self) -> IpAddr {
        self.tcp().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX) {
            Some("") => Err("the path of the socket is missing: write it as unix:/run/countersign/log.sock"),
            Some(_) if cfg!(not(unix)) => Err("this system has no Unix sockets: give an address and a port"),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| "write it as 127.0.0.1:8080, [::1]:8080 or unix:/run/countersign/log.sock"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_the_network_or_a_path() {
        for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/log.sock", "unix:log.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "8080", "localhost:8080", "unix:", "unix", "127.0.0.1", "/run/log.sock"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
