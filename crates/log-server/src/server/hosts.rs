//! Which names a log answers to.
//!
//! A page of any site can have its own name lead to this server (DNS rebinding), and then reads what the server shows to
//! everybody, and more where a browser keeps a secret for it. Its requests still say that name in `Host`. So a name that
//! is not the log's is answered with nothing.

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

/// The names that a log answers to, beside those of loopback and the address that it listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    any: bool,
    names: Vec<Host>,
}

/// The names of a log that listens.
#[derive(Debug)]
pub(super) struct Answering {
    hosts: Hosts,
    address: IpAddr,
}

impl Hosts {
    /// Reads names such as `log.example`, or `*` for any.
    ///
    /// # Errors
    /// The one that is none. A name has no port: all ports are answered.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut hosts = Self::default();
        for name in names {
            match Host::parse(name) {
                _ if name == "*" => hosts.any = true,
                _ if name.contains('*') => return Err(name.to_owned()),
                Ok(Host::Domain(domain)) => hosts.names.push(Host::Domain(plain(&domain))),
                Ok(host) => hosts.names.push(host),
                Err(_) => return Err(name.to_owned()),
            }
        }
        Ok(hosts)
    }

    /// The same for a log that listens there.
    pub(super) fn listening_on(self, address: IpAddr) -> Answering {
        Answering { hosts: self, address }
    }
}

/// A name that ends with a dot is the same name.
fn plain(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_owned()
}

impl Answering {
    fn has(&self, host: &str) -> bool {
        let own = |host: Host| match host {
            Host::Domain(domain) => {
                let domain = plain(&domain);
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
        // Who listens on all addresses has them all. An address is no name that could be led elsewhere.
        address.is_loopback()
            || address == self.address
            || self.address == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            || self.address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            || self.hosts.names.contains(host)
    }

    /// What the request names, in its `Host` and perhaps in its target too, is a name of the log.
    fn allows(&self, request: &Request) -> bool {
        let mut named = request.headers().get_all(header::HOST).iter();
        let one = named.next().filter(|_| named.next().is_none());
        let authority = one.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let target = request.uri().authority();
        let has = |authority: &Authority| !authority.as_str().contains('@') && self.has(authority.host());
        self.hosts.any || authority.is_some_and(|host| has(&host)) && target.is_none_or(has)
    }
}

/// Answers to the log's own names alone.
pub(super) async fn own_alone(
    State(answering): State<Arc<Answering>>,
    request: Request,
    next: Next,
) -> Response {
    if answering.allows(&request) {
        return next.run(request).await;
    }
    let message = "the request's Host is not a name of this log";
    let problem = ApiError::new(StatusCode::MISDIRECTED_REQUEST, "request.host", message)
        .with_hint("start the server with --host NAME for each name by which it is asked, or have the proxy before it send one of its names");
    response(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answering(names: &[&str], address: &str) -> Answering {
        let hosts = Hosts::parse(names.iter().copied()).unwrap();
        hosts.listening_on(address.parse().unwrap())
    }

    fn allows(answering: &Answering, host: &str) -> bool {
        answering.allows(
            &Request::builder().uri("/").header("host", host).body(axum::body::Body::empty()).unwrap(),
        )
    }

    #[test]
    fn loopback_and_where_it_listens_are_its_own() {
        let local = answering(&[], "127.0.0.1");
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
        assert!(allows(&answering(&[], "10.0.0.1"), "10.0.0.1:443"));
        assert!(!allows(&answering(&[], "10.0.0.1"), "10.0.0.2"));
        let everywhere = answering(&[], "0.0.0.0");
        assert!(allows(&everywhere, "10.0.0.2:80") && !allows(&everywhere, "evil.example"));
    }

    #[test]
    fn names_that_are_given_are_its_own_too() {
        let named = answering(&["Log.Example", "192.0.2.1"], "127.0.0.1");
        for host in ["log.example", "LOG.example:443", "log.example.", "192.0.2.1:80"] {
            assert!(allows(&named, host), "{host}");
        }
        for host in ["xlog.example", "a.log.example", "log.example.evil.example"] {
            assert!(!allows(&named, host), "{host}");
        }
        assert!(allows(&answering(&["*"], "127.0.0.1"), "evil.example"));
        for name in ["", "a b", "log.example:443", "https://log.example", "*.example"] {
            assert!(Hosts::parse([name]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn one_name_and_the_same_everywhere() {
        let local = answering(&[], "127.0.0.1");
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
