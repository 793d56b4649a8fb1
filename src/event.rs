//! Events: one JSON object each, stored as canonical JSON, with what is secret taken out first (SPEC section 3).
//!
//! Any JSON object is a valid event. The members that the typed interface knows, that search and viewers understand,
//! are written with an [`EventBuilder`] or checked with [`check_members`]:
//!
//! ```
//! use countersign::event::{Event, EventBuilder, Redaction, Subject, check_members};
//!
//! let event = EventBuilder::new("job.delete")
//!     .actor(Subject::new("u_1"))
//!     .target(Subject::new("42").of_type("cron_job"))
//!     .metadata(r#"{"Token": "t-1", "tries": 2}"#)
//!     .build(&Redaction::default())?;
//! assert_eq!(
//!     event.as_str(),
//!     r#"{"action":"job.delete","actor":{"id":"u_1"},"metadata":{"Token":"[redacted]","tries":2},"target":{"id":"42","type":"cron_job"}}"#
//! );
//!
//! let event = Event::parse(br#"{"action": "job.delete", "actor": {"name": "Ada"}}"#, &Redaction::none())?;
//! assert_eq!(check_members(&event).unwrap_err().member.as_deref(), Some("actor.id"));
//! # Ok::<(), countersign::Error>(())
//! ```

mod members;

use core::fmt;

use crate::canonical::{self, Written, write_string};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::link::{self, Salt};
use crate::time::Time;
use crate::words::words;

pub use crate::canonical::Redaction;
pub use members::check_members;

/// The most bytes that an event may have, as canonical JSON.
pub const MAX_BYTES: usize = 262_144;

/// A JSON object in canonical form that can be committed to.
#[derive(Clone)]
pub struct Event {
    text: String,
    redacted: usize,
}

impl Event {
    /// Reads a JSON object and brings it into canonical form, with what is to be redacted replaced.
    ///
    /// # Errors
    /// [`Code::Event`] for what is no object, for what I-JSON cannot carry (see [`crate::canonical`]) and for more
    /// than [`MAX_BYTES`] or [`canonical::MAX_DEPTH`] levels.
    pub fn parse(json: &[u8], redaction: &Redaction) -> Result<Self, Error> {
        Self::from_canonical(canonical::canonicalize_redacted(json, redaction)?)
    }

    /// As [`Event::parse`], for an event whose members are as [`check_members`] wants them before any is redacted.
    ///
    /// # Errors
    /// Those of both.
    pub fn parse_typed(json: &[u8], redaction: &Redaction) -> Result<Self, Error> {
        let event = Self::parse(json, redaction)?;
        if event.redacted > 0 {
            check_members(&Self::parse(json, &Redaction::none())?)?;
        } else {
            check_members(&event)?;
        }
        Ok(event)
    }

    fn from_canonical(Written { text: bytes, redacted }: Written) -> Result<Self, Error> {
        if bytes.first() != Some(&b'{') {
            return Err(Error::new(Code::Event, "not a JSON object").with_hint("an event begins with {"));
        }
        if bytes.len() > MAX_BYTES {
            return Err(Error::new(Code::Event, format!("an event of {} bytes, above 262144", bytes.len()))
                .with_hint("record a hash of what is large"));
        }
        // Canonical text comes from text.
        let text = String::from_utf8(bytes);
        text.map(|text| Self { text, redacted }).map_err(|_| Error::new(Code::Event, "not UTF-8"))
    }

    /// The canonical form, which is what is committed to.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The canonical form as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many values, or parts of texts, were replaced when it was read.
    pub fn redacted(&self) -> usize {
        self.redacted
    }

    /// What a link says of this event under `salt`.
    pub fn commit(&self, salt: &Salt) -> Hash {
        link::commit(salt, self.as_bytes())
    }
}

/// What it says is what counts.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Event {}

/// Only the length, because an event may hold what is not for a log of errors.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} bytes)", self.text.len())
    }
}

words! {
    /// Whether what was tried came to pass. An event without one does not say.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Outcome {
        /// It did.
        Success = "success",
        /// It did not.
        Failure = "failure",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Who acts.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ActorType {
        /// A person. What an actor without a type is.
        User = "user",
        /// A program that runs by itself.
        Service = "service",
        /// A program that decides for a person.
        Agent = "agent",
        /// Someone who did not say.
        Anonymous = "anonymous",
    }
}

/// Who acts (`actor`) or what is acted on (`target`).
#[derive(Clone, Debug)]
pub struct Subject(Object);

impl Subject {
    /// One with this identifier.
    pub fn new(id: &str) -> Self {
        Self(Object::default().text("id", id))
    }

    /// The same with its type. An actor's is one of [`ActorType`]'s.
    #[must_use]
    pub fn of_type(self, of_type: &str) -> Self {
        Self(self.0.text("type", of_type))
    }

    /// The same with a name for people.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self(self.0.text("name", name))
    }

    /// The same with the actor's session.
    #[must_use]
    pub fn in_session(self, session: &str) -> Self {
        Self(self.0.text("session", session))
    }

    /// The same with an identifier of the actor's key or token, never the secret itself.
    #[must_use]
    pub fn with_credential(self, credential: &str) -> Self {
        Self(self.0.text("credential", credential))
    }
}

/// Builds an event from the members of SPEC section 12.
#[derive(Clone, Debug)]
#[must_use]
pub struct EventBuilder(Object);

impl EventBuilder {
    /// An event of this action, `noun.verb`.
    pub fn new(action: &str) -> Self {
        Self(Object::default().text("action", action))
    }

    /// Who did it.
    pub fn actor(self, actor: Subject) -> Self {
        Self(self.0.object("actor", actor.0))
    }

    /// What was acted on; its type is required.
    pub fn target(self, target: Subject) -> Self {
        Self(self.0.object("target", target.0))
    }

    /// Whether it came to pass.
    pub fn outcome(self, outcome: Outcome) -> Self {
        Self(self.0.text("outcome", outcome.as_str()))
    }

    /// Why it failed.
    pub fn reason(self, reason: &str) -> Self {
        Self(self.0.text("reason", reason))
    }

    /// When it happened, if that is not when it was recorded.
    pub fn occurred_at(self, time: Time) -> Self {
        Self(self.0.text("occurred_at", &time.to_string()))
    }

    /// Whose it is.
    pub fn tenant(self, tenant: &str) -> Self {
        Self(self.0.text("tenant", tenant))
    }

    /// From where: a JSON object of `ip`, `user_agent`, `geo`, `request_id` and `region`.
    pub fn context(self, json: &str) -> Self {
        Self(self.0.json("context", json))
    }

    /// The request: a JSON object of `method`, `path`, `status`, `host` and `latency_ms`.
    pub fn http(self, json: &str) -> Self {
        Self(self.0.json("http", json))
    }

    /// What was there before: a JSON object.
    pub fn before(self, json: &str) -> Self {
        Self(self.0.json("before", json))
    }

    /// What is there now: a JSON object.
    pub fn after(self, json: &str) -> Self {
        Self(self.0.json("after", json))
    }

    /// Anything else: a JSON object.
    pub fn metadata(self, json: &str) -> Self {
        Self(self.0.json("metadata", json))
    }

    /// The event.
    ///
    /// # Errors
    /// As [`Event::parse_typed`]; text given as JSON that is not one value names its member.
    pub fn build(self, redaction: &Redaction) -> Result<Event, Error> {
        Event::parse_typed(&self.0.finish()?, redaction)
    }
}

/// The text of a JSON object that is being written, or what was wrong with a member of it.
#[derive(Clone, Default)]
struct Object {
    text: Vec<u8>,
    error: Option<Error>,
}

impl Object {
    fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        write_string(value, &mut self.text);
        self
    }

    fn object(mut self, name: &str, value: Self) -> Self {
        match value.finish() {
            Ok(text) => {
                self.name(name);
                self.text.extend(text);
            }
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    fn json(mut self, name: &str, json: &str) -> Self {
        match canonical::canonicalize(json.as_bytes()) {
            Ok(text) => {
                self.name(name);
                self.text.extend(text);
            }
            Err(error) => {
                let member = error.member.clone().unwrap_or_else(|| name.into());
                self.error = self.error.or(Some(error.in_member(member)));
            }
        }
        self
    }

    fn name(&mut self, name: &str) {
        self.text.push(if self.text.is_empty() { b'{' } else { b',' });
        write_string(name, &mut self.text);
        self.text.push(b':');
    }

    fn finish(mut self) -> Result<Vec<u8>, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.text.is_empty() {
            self.text.push(b'{');
        }
        self.text.push(b'}');
        Ok(self.text)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} bytes)", self.text.len())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn parse(json: &str, redaction: &Redaction) -> String {
        Event::parse(json.as_bytes(), redaction).unwrap().as_str().into()
    }

    #[test]
    fn takes_objects_alone() {
        for json in ["[]", "1", "\"x\"", "null", "true", "", "{", "{} {}"] {
            let error = Event::parse(json.as_bytes(), &Redaction::none()).unwrap_err();
            assert_eq!((error.code, error.member), (Code::Event, None), "{json}");
        }
        assert_eq!(parse(" { } ", &Redaction::none()), "{}");
    }

    #[test]
    fn bounds_bytes_after_canonicalising() {
        let of_length = |length: usize| format!("{{  \"a\":\"{}\"}}", "x".repeat(length - 8));
        assert_eq!(parse(&of_length(MAX_BYTES), &Redaction::none()).len(), MAX_BYTES);
        assert!(Event::parse(of_length(MAX_BYTES + 1).as_bytes(), &Redaction::none()).is_err());
    }

    #[test]
    fn redacts_by_name_in_any_case_and_depth() {
        for (json, redacted) in [
            (r#"{"PassWord":"x"}"#, r#"{"PassWord":"[redacted]"}"#),
            (r#"{"a":[{"Set-Cookie":["x",{"y":1,"token":"z"}]}]}"#, r#"{"a":[{"Set-Cookie":"[redacted]"}]}"#),
            (r#"{"token":12.50,"secret":[]}"#, r#"{"secret":"[redacted]","token":"[redacted]"}"#),
            (
                r#"{"password":{"from":"x","to":[1,{"y":2}],"valid":true,"was":{"z":null,"n":1}}}"#,
                r#"{"password":{"from":"[redacted]","to":"[redacted]","valid":true,"was":{"n":"[redacted]","z":null}}}"#,
            ),
            (r#"{"cookie":null,"authorization":true}"#, r#"{"authorization":true,"cookie":null}"#),
            (r#"{"tok\u0065n":"x","token_type":"y"}"#, r#"{"token":"[redacted]","token_type":"y"}"#),
            (r#"{"path":"/x?to\u006ben=y&a=\u00e9"}"#, r#"{"path":"/x?token=[redacted]&a=é"}"#),
        ] {
            assert_eq!(parse(json, &Redaction::default()), redacted, "{json}");
            assert_eq!(parse(json, &Redaction::none()), canonical(json), "{json}");
        }
        assert_eq!(
            parse(r#"{"SSN":"1","x":2}"#, &Redaction::default().with("ssn")),
            r#"{"SSN":"[redacted]","x":2}"#
        );
        assert_eq!(
            parse(r#"{"token":"t","ssn":"1"}"#, &Redaction::none().with("ssn")),
            r#"{"ssn":"[redacted]","token":"t"}"#
        );
    }

    #[test]
    fn redacts_by_the_end_of_a_path() {
        let json = r#"{"after":{"Card":[{"Number":"1","n":"2"}]},"card.number":3,"number":4,"x":{"acard":{"number":"5"}}}"#;
        assert_eq!(
            parse(json, &Redaction::none().with("card.number")),
            r#"{"after":{"Card":[{"Number":"[redacted]","n":"2"}]},"card.number":"[redacted]","number":4,"x":{"acard":{"number":"5"}}}"#
        );
        for path in ["", ".", "card.", ".number", "after.card.number.n", "x.card"] {
            let json = r#"{"card":{"number":"1"},"x":"2"}"#;
            assert_eq!(parse(json, &Redaction::none().with(path)), json, "{path}");
        }
    }

    #[test]
    fn counts_what_it_redacts() {
        for (json, count) in [
            (r#"{"a":"x","token":null}"#, 0),
            (r#"{"token":"x","b":{"secret":1}}"#, 2),
            (r#"{"tokens":[{"secret":"x"},{"secret":"y"}]}"#, 1),
            (r#"{"a":"?token=1&sig=2"}"#, 2),
        ] {
            let event = Event::parse(json.as_bytes(), &Redaction::default()).unwrap();
            assert_eq!(event.redacted(), count, "{json}");
        }
    }

    fn canonical(json: &str) -> String {
        String::from_utf8(canonical::canonicalize(json.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn refuses_within_what_is_redacted_too() {
        let error = Event::parse(br#"{"token":[1e999]}"#, &Redaction::default()).unwrap_err();
        assert_eq!(error.member.as_deref(), Some("token"));
    }

    #[test]
    fn checks_members_as_they_were_before_redaction() {
        let redaction = Redaction::none().with("reason").with("status").with("http");
        let parse = |json: &str| Event::parse_typed(json.as_bytes(), &redaction);
        let event = parse(r#"{"action":"a.b","reason":"r","http":{"method":"GET","path":"/","status":200}}"#)
            .unwrap();
        assert_eq!(
            event.as_str(),
            r#"{"action":"a.b","http":{"method":"[redacted]","path":"[redacted]","status":"[redacted]"},"reason":"[redacted]"}"#
        );
        for (json, member) in
            [(r#"{"action":"a.b","reason":1}"#, "reason"), (r#"{"action":"a.b","http":"x"}"#, "http")]
        {
            assert_eq!(parse(json).unwrap_err().member.as_deref(), Some(member));
        }
    }

    #[test]
    fn shows_no_event_in_debug() {
        let event = Event::parse(br#"{"a":"private"}"#, &Redaction::none()).unwrap();
        assert_eq!(format!("{event:?}"), "Event(15 bytes)");
    }

    #[test]
    fn builds_what_it_checks() {
        let event = EventBuilder::new("session.login")
            .actor(
                Subject::new("u")
                    .of_type(ActorType::Agent.as_str())
                    .named("Ada")
                    .in_session("s")
                    .with_credential("k"),
            )
            .outcome(Outcome::Failure)
            .reason("a \"quoted\"\u{1} reason")
            .occurred_at("2026-11-20T06:01:02.345Z".parse().unwrap())
            .tenant("t")
            .context(r#"{"ip":"192.0.2.1","geo":{"lat":1.5}}"#)
            .http(r#"{"method":"GET","path":"/","status":200}"#)
            .before("{}")
            .after(r#"{"b":1,"a":2}"#)
            .build(&Redaction::default())
            .unwrap();
        assert_eq!(
            event.as_str(),
            concat!(
                r#"{"action":"session.login","actor":{"credential":"k","id":"u","name":"Ada","session":"s","type":"agent"},"#,
                r#""after":{"a":2,"b":1},"before":{},"context":{"geo":{"lat":1.5},"ip":"192.0.2.1"},"#,
                r#""http":{"method":"GET","path":"/","status":200},"occurred_at":"2026-11-20T06:01:02.345Z","#,
                r#""outcome":"failure","reason":"a \"quoted\"\u0001 reason","tenant":"t"}"#
            )
        );
    }

    #[test]
    fn builder_names_the_member_at_fault() {
        let member =
            |builder: EventBuilder| builder.build(&Redaction::default()).unwrap_err().member.unwrap();
        assert_eq!(member(EventBuilder::new("")), "action");
        assert_eq!(member(EventBuilder::new("a.b").target(Subject::new("x"))), "target.type");
        assert_eq!(member(EventBuilder::new("a.b").metadata("[]")), "metadata");
        assert_eq!(member(EventBuilder::new("a.b").metadata("{\"x\":1},\"actor\":{}")), "metadata");
        assert_eq!(member(EventBuilder::new("a.b").before("{\"n\":1e400}")), "n");
        assert_eq!(member(EventBuilder::new("a.b").http("{\"method\":\"GET\"}")), "http.path");
        assert_eq!(member(EventBuilder::new("a.b").tenant("x").tenant("y")), "tenant");
    }
}
