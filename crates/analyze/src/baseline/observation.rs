//! Observations: the parts of an event that baselines and scores need.

use core::net::{IpAddr, Ipv6Addr};
use std::borrow::Cow;

use countersign_query::matcher;
use countersign_query::{Entry, Outcome, Party};

use super::place::Place;
use crate::bounded::bounded;
use crate::finding::FindingEvent;

/// A part of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Part {
    Identity,
    Session,
    Address,
    UserAgent,
    Action,
    Path,
    Credential,
    Tool,
    Target,
    Chain,
}

const PARTS: usize = 10;

/// The parts of an event that baselines and scores need. Compact, since there may be one for each event of
/// a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Observation {
    /// All parts, concatenated, and the end of each. Missing parts are empty.
    text: Box<str>,
    ends: [u16; PARTS],
    pub(crate) place: Option<Place>,
    /// The link's time, in milliseconds.
    pub(crate) recorded: i64,
    /// True if baselines also need this observation.
    pub(crate) is_for_baselines: bool,
    /// True if the action failed or was denied, so that it isn't usual behavior.
    pub(crate) is_failed: bool,
}

impl Observation {
    /// Returns the memory it takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    /// The number of parts.
    #[cfg(feature = "state")]
    pub(crate) const LENGTH: usize = PARTS;

    pub(crate) fn new(entry: &Entry<'_>, is_for_baselines: bool) -> Self {
        let read = entry.read;
        let parsed_as = read.map_or("", |read| &*read.parsed_as);
        let is_named = |kind: &Option<_>| kind.as_deref() != Some("anonymous");
        let identity =
            read.filter(|read| is_named(&read.actor.kind)).and_then(|read| read.actor.id.as_deref());
        let parts = [
            identity.map(Cow::Borrowed),
            session(parsed_as, entry),
            read.and_then(|read| read.address.as_deref()).and_then(network),
            user_agent(parsed_as, entry).map(|agent| without_versions(&agent).into()),
            read.and_then(|read| read.action.as_deref()).map(Cow::Borrowed),
            path(entry).map(Cow::Owned),
            credential(parsed_as, entry),
            tool(entry),
            read.and_then(|read| target(&read.target)),
            Some(entry.chain.into()),
        ];
        let parts = parts.map(Option::unwrap_or_default);
        let parts = parts.each_ref().map(|part| bounded(part));
        let parts = parts.each_ref().map(|part| &**part);
        let is_failed = read.is_some_and(|read| matches!(read.outcome, Outcome::Failure | Outcome::Denied));
        let recorded = entry.recorded.millis();
        Self { recorded, is_for_baselines, is_failed, ..Self::from_parts(&parts, place(parsed_as, entry)) }
    }

    /// Creates an observation of these parts, of an action that didn't fail.
    pub(crate) fn from_parts(parts: &[&str; PARTS], place: Option<Place>) -> Self {
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            text.push_str(part);
            u16::try_from(text.len()).unwrap_or(u16::MAX)
        });
        Self { text: text.into(), ends, place, recorded: 0, is_for_baselines: false, is_failed: false }
    }

    /// Returns all parts; missing ones are empty.
    #[cfg(feature = "state")]
    pub(crate) fn parts(&self) -> [&str; PARTS] {
        let mut begin = 0;
        self.ends.map(|end| {
            self.text.get(std::mem::replace(&mut begin, end.into())..end.into()).unwrap_or_default()
        })
    }

    /// Returns the parties of the event; `None` if it names none.
    pub(crate) fn event(&self) -> Option<Box<FindingEvent>> {
        let text = |part| self.get(part).map(str::to_owned);
        let event = FindingEvent {
            actor: text(Part::Identity),
            action: text(Part::Action),
            target: text(Part::Target),
            address: text(Part::Address),
        };
        (event != FindingEvent::default()).then(|| Box::new(event))
    }

    pub(crate) fn get(&self, part: Part) -> Option<&str> {
        let at = part as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(begin.into()..self.ends[at].into()).filter(|text| !text.is_empty())
    }
}

/// Returns the user agent of an event from a known source.
pub(crate) fn user_agent<'a>(parsed_as: &str, entry: &Entry<'a>) -> Option<Cow<'a, str>> {
    text(
        entry,
        match parsed_as {
            "countersign" => "context.user_agent",
            "CloudTrail" | "Kubernetes" | "Entra sign-in" => "userAgent",
            "Okta" => "client.userAgent.rawUserAgent",
            "Google Cloud" => "protoPayload.requestMetadata.callerSuppliedUserAgent",
            "GitHub" | "Auth0" => "user_agent",
            "Slack" => "context.ua",
            "ECS" => "user_agent.original",
            _ => return None,
        },
    )
}

/// Returns the session of an event from a known source.
pub(crate) fn session<'a>(parsed_as: &str, entry: &Entry<'a>) -> Option<Cow<'a, str>> {
    text(
        entry,
        match parsed_as {
            "countersign" => "actor.session",
            "Okta" => "authenticationContext.externalSessionId",
            "Slack" => "context.session_id",
            _ => return None,
        },
    )
}

/// Returns the credential of an event from a known source, unless it is a temporary one for a session.
pub(crate) fn credential<'a>(parsed_as: &str, entry: &Entry<'a>) -> Option<Cow<'a, str>> {
    let path = match parsed_as {
        "countersign" => "actor.credential",
        "CloudTrail" => "userIdentity.accessKeyId",
        "Google Cloud" => "protoPayload.authenticationInfo.serviceAccountKeyName",
        "GitHub" => "hashed_token",
        _ => return None,
    };
    text(entry, path).filter(|key| !(parsed_as == "CloudTrail" && key.starts_with("AS")))
}

/// Returns a target's type, and its id or else its name.
fn target<'a>(target: &'a Party<'_>) -> Option<Cow<'a, str>> {
    let name = target.id.as_deref().or(target.name.as_deref())?;
    Some(match &target.kind {
        Some(kind) => format!("{kind} {name}").into(),
        None => name.into(),
    })
}

/// Returns the tool that an agent called, in an event of our own shape.
fn tool<'a>(entry: &Entry<'a>) -> Option<Cow<'a, str>> {
    let read = entry.read.filter(|read| read.parsed_as == "countersign")?;
    let is_call = read.action.as_deref() == Some("tool.call") && read.actor.kind.as_deref() == Some("agent");
    if is_call { text(entry, "target.id") } else { None }
}

/// Returns the method and the path template of an HTTP request.
fn path(entry: &Entry<'_>) -> Option<String> {
    let shape = countersign::path::shape(&text(entry, "http.path")?);
    Some(format!("{} {shape}", text(entry, "http.method").unwrap_or_default()))
}

/// Returns the geographic place of an event from a known source.
fn place(parsed_as: &str, entry: &Entry<'_>) -> Option<Place> {
    let (latitude, longitude) = match parsed_as {
        "countersign" => ("context.geo.lat", "context.geo.lon"),
        "Okta" => {
            ("client.geographicalContext.geolocation.lat", "client.geographicalContext.geolocation.lon")
        }
        "Entra sign-in" => ("location.geoCoordinates.latitude", "location.geoCoordinates.longitude"),
        _ => return None,
    };
    let degrees = |path: &str| countersign::canonical::double(entry.at(path)?.number()?);
    Place::new(degrees(latitude)?, degrees(longitude)?)
}

/// Returns a string of the event. Redacted values are skipped, as they would be equal for everyone.
fn text<'a>(entry: &Entry<'a>, path: &str) -> Option<Cow<'a, str>> {
    entry.at(path)?.string().filter(|text| text != "[redacted]")
}

/// Returns an IPv4 address unchanged, and the 64-bit network of an IPv6 address, since devices change addresses within
/// it. `None` for text that isn't an address.
fn network(text: &str) -> Option<Cow<'_, str>> {
    match matcher::address(text)? {
        IpAddr::V4(_) => Some(text.into()),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)).into())
        }
    }
}

/// Removes versions from a user agent, so that an updated program stays the same: digits with the dots and
/// underscores that follow them, and commit hashes.
fn without_versions(agent: &str) -> String {
    let is_apart = |char: char| !char.is_ascii_alphanumeric();
    let is_version = |char: char| char.is_ascii_digit() || matches!(char, '.' | '_');
    let mut named = String::with_capacity(agent.len());
    for part in agent.split_inclusive(is_apart) {
        let word = part.trim_end_matches(is_apart);
        named.push_str(if is_commit(word) { &part[word.len()..] } else { part });
    }
    let mut result = String::with_capacity(named.len());
    let mut rest = named.as_str();
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        result.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches(is_version);
    }
    result + rest
}

/// True for a commit hash, whole or abbreviated, optionally with the `g` prefix of `git describe`.
fn is_commit(word: &str) -> bool {
    let hash = word.strip_prefix('g').unwrap_or(word);
    (7..=64).contains(&hash.len())
        && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && hash.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_versions_of_user_agents() {
        for (one, other) in [
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/120.0.1",
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_2) Chrome/121.0",
            ),
            ("aws-cli/2.15.3 Python/3.11.6", "aws-cli/2.16 Python/3.12"),
            ("billing/1.4 (commit 3fa9c1e) go/1.24", "billing/1.5 (commit e04bb27) go/1.24"),
            ("etl/1.2.0-7-g90d1c2b", "etl/1.3.0-12-gab52f60"),
            ("web/4f1c0de9a7b35d2e8f6094ab1c3d5e7f90a2b4c6", "web/d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3"),
        ] {
            assert_eq!(without_versions(one), without_versions(other));
        }
        assert_eq!(without_versions("curl/8.4.0"), "curl/");
        assert_eq!(without_versions("Ünïcode 7, ein Gerät"), "Ünïcode , ein Gerät");
        for (agent, expected) in [
            ("defaced/1 added-feed", "defaced/ added-feed"),
            ("Mobile/15E148 x86_64 SM-G991B", "Mobile/E x SM-GB"),
            ("a7f3c2d1e0/x-a7f3c2d", "/x-"),
            ("v1a2b3c4d agent3fa9c1e", "vabcd agentface"),
            ("app/v1.4.3fa9c1e 1.5_3fa9c1e/", "app/v /"),
        ] {
            assert_eq!(without_versions(agent), expected);
        }
    }

    #[test]
    fn ipv6_addresses_are_reduced_to_their_network() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(network("198.51.100.7").as_deref(), Some("198.51.100.7"));
        for other in ["ec2.amazonaws.com", "2001:db8::zz", ""] {
            assert_eq!(network(other), None);
        }
    }
}
