//! Protection against DNS rebinding.
//!
//! Any website can point its own host name at this server, and then read what the server shows without a token, or use
//! credentials stored in the browser. Such requests still carry the website's name in `Host`. The server therefore
//! rejects requests for names that aren't the log's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use url::Host;

use super::fallback::response;
use countersign_log::api::ApiError;

/// The host names that a log accepts, besides those of loopback and its own listening address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    any: bool,
    names: Vec<Host>,
}

/// The host names accepted by a listening server.
#[derive(Debug)]
pub(super) struct AcceptedHosts {
    hosts: Hosts,
    address: IpAddr,
}

impl Hosts {
    /// Parses host names such as `log.example`. `*` accepts every name.
    ///
    /// # Errors
    /// Returns the name that is invalid. Names have no port: they are accepted with every port.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut hosts = Self::default();
        for name in names {
            match Host::parse(name) {
                _ if name == "*" => hosts.any = true,
                _ if name.contains('*') => return Err(name.to_owned()),
                Ok(Host::Domain(domain)) => hosts.names.push(Host::Domain(without_dot(&domain))),
                Ok(host) => hosts.names.push(host),
                Err(_) => return Err(name.to_owned()),
            }
        }
        Ok(hosts)
    }

    /// Adds the address that the server listens on.
    pub(super) fn with_address(self, address: IpAddr) -> AcceptedHosts {
        AcceptedHosts { hosts: self, address }
    }
}

/// Removes a trailing dot, which doesn't change a name's meaning.
fn without_dot(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_owned()
}

impl AcceptedHosts {
    fn has(&self, host: &str) -> bool {
        let own = |host: Host| match host {
            Host::Domain(domain) => {
                let domain = without_dot(&domain);
                domain == "localhost"
                    || domain.ends_with(".localhost")
                    || self.hosts.names.contains(&Host::Domain(domain))
            }
            Host::Ipv4(address) => self.has_address(IpAddr::V4(address), &Host::Ipv4(address)),
            Host::Ipv6(address) => self.has_address(IpAddr::V6(address), &Host::Ipv6(address)),
        };
        self.hosts.any || Host::parse(host).is_ok_and(own)
    }

    fn has_address(&self, address: IpAddr, host: &Host) -> bool {
        // 0.0.0.0 and :: accept every address. Addresses can't be rebound by DNS.
        address.is_loopback()
            || address == self.address
            || self.address == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            || self.address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            || self.hosts.names.contains(host)
    }

    /// True if `Host` and the request's target, if it has an authority, both name the log.
    fn allows(&self, request: &Request) -> bool {
        let mut named = request.headers().get_all(header::HOST).iter();
        let one = named.next().filter(|_| named.next().is_none());
        let authority = one.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let target = request.uri().authority();
        let has = |authority: &Authority| !authority.as_str().contains('@') && self.has(authority.host());
        self.hosts.any || authority.is_some_and(|host| has(&host)) && target.is_none_or(has)
    }
}

/// Middleware that rejects requests for other host names.
pub(super) async fn require_own_host(
    State(accepted): State<Arc<AcceptedHosts>>,
    request: Request,
    next: Next,
) -> Response {
    if accepted.allows(&request) {
        return next.run(request).await;
    }
    let message = "the Host header doesn't name this log";
    let error = ApiError::new(StatusCode::MISDIRECTED_REQUEST, "request.host", message)
        .with_hint("start the server with --host NAME for each of its host names, or configure the proxy in front of it to send one of them");
    response(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(names: &[&str], address: &str) -> AcceptedHosts {
        let hosts = Hosts::parse(names.iter().copied()).unwrap();
        hosts.with_address(address.parse().unwrap())
    }

    fn allows(accepted: &AcceptedHosts, host: &str) -> bool {
        accepted.allows(
            &Request::builder().uri("/").header("host", host).body(axum::body::Body::empty()).unwrap(),
        )
    }

    #[test]
    fn accepts_loopback_and_the_listening_address() {
        let local = accepted(&[], "127.0.0.1");
        for host in [
            "localhost",
            "LOCALHOST:1",
            "a.localhost",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
            "localhost.",
        ] {
            assert!(allows(&local, host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "",
            "[::2]",
            "a@localhost",
            "evil.example@localhost",
            "xlocalhost",
            "2130706434x",
        ] {
            assert!(!allows(&local, host), "{host}");
        }
        assert!(allows(&accepted(&[], "10.0.0.1"), "10.0.0.1:443"));
        assert!(!allows(&accepted(&[], "10.0.0.1"), "10.0.0.2"));
        let everywhere = accepted(&[], "0.0.0.0");
        assert!(allows(&everywhere, "10.0.0.2:80") && !allows(&everywhere, "evil.example"));
    }

    #[test]
    fn accepts_configured_names() {
        let named = accepted(&["Log.Example", "192.0.2.1"], "127.0.0.1");
        for host in ["log.example", "LOG.example:443", "log.example.", "192.0.2.1:80"] {
            assert!(allows(&named, host), "{host}");
        }
        for host in ["xlog.example", "a.log.example", "log.example.evil.example"] {
            assert!(!allows(&named, host), "{host}");
        }
        assert!(allows(&accepted(&["*"], "127.0.0.1"), "evil.example"));
        for name in ["", "a b", "log.example:443", "https://log.example", "*.example"] {
            assert!(Hosts::parse([name]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn requires_one_host_that_agrees_with_the_target() {
        let local = accepted(&[], "127.0.0.1");
        let ask = |uri: &str, hosts: &[&str]| {
            let request =
                hosts.iter().fold(Request::builder().uri(uri), |request, host| request.header("host", *host));
            local.allows(&request.body(axum::body::Body::empty()).unwrap())
        };
        assert!(ask("/", &["localhost"]) && ask("http://localhost/", &["localhost"]));
        assert!(!ask("/", &[]) && !ask("/", &["localhost", "localhost"]));
        assert!(!ask("http://evil.example/", &["localhost"]) && !ask("http://localhost/", &["evil.example"]));
    }
}
