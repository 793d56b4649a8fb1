//! Addresses that a server listens on: TCP addresses and Unix sockets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Prefix of a Unix socket's address.
const UNIX_PREFIX: &str = "unix:";

/// The address that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address and port. Port 0 picks a free port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Returns the TCP address, or `None` for a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Returns the IP address that a `Host` header may name. Unix sockets count as 127.0.0.1, because their clients
    /// run on this machine.
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
            Self::Unix(path) => write!(f, "{UNIX_PREFIX}{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX_PREFIX) {
            Some("") => Err("the socket's path is missing; write it as unix:/run/countersign/log.sock"),
            Some(_) if cfg!(not(unix)) => {
                Err("this system doesn't support Unix sockets; set an address and a port")
            }
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
    fn parses_tcp_addresses_and_socket_paths() {
        for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/log.sock", "unix:log.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "8080", "localhost:8080", "unix:", "unix", "127.0.0.1", "/run/log.sock"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
