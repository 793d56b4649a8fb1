//! Events: JSON objects in canonical form, with secrets redacted (SPEC section 3).
//!
//! Any JSON object is a valid event. [`Event::parse_typed`] also checks the fields that search and viewers understand
//! (SPEC section 12):
//!
//! ```
//! use countersign::event::{Event, Redaction};
//!
//! let json = br#"{"action":"job.delete","actor":{"id":"u_1"},"metadata":{"Token":"t-1","tries":2}}"#;
//! let event = Event::parse_typed(json, &Redaction::default())?;
//! assert_eq!(
//!     event.as_str(),
//!     r#"{"action":"job.delete","actor":{"id":"u_1"},"metadata":{"Token":"[redacted]","tries":2}}"#
//! );
//!
//! let error = Event::parse_typed(br#"{"action":"job.delete","actor":{"name":"Ada"}}"#, &Redaction::default());
//! assert_eq!(error.unwrap_err().member.as_deref(), Some("actor.id"));
//! # Ok::<(), countersign::Error>(())
//! ```

mod members;

use crate::canonical::{self, Written};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::link::{self, Salt};

pub use crate::canonical::Redaction;
use members::check_members;

/// Maximum size of an event in bytes, as canonical JSON.
pub const MAX_BYTES: usize = 262_144;

/// The values of an event's field `outcome` (SPEC section 12).
pub const OUTCOMES: [&str; 4] = ["success", "failure", "denied", "unknown"];

/// A JSON object in canonical form, ready to be committed to.
#[derive(Clone, derive_more::Debug)]
#[debug("Event({} bytes)", text.len())]
pub struct Event {
    text: String,
    redacted: usize,
}

impl Event {
    /// Parses a JSON object, canonicalizes it, and redacts it.
    ///
    /// # Errors
    /// [`Code::Event`] if the text is not an object, if I-JSON cannot represent it (see [`crate::canonical`]), or if
    /// it exceeds [`MAX_BYTES`] or [`canonical::MAX_DEPTH`] levels.
    pub fn parse(json: &[u8], redaction: &Redaction) -> Result<Self, Error> {
        Self::from_canonical(canonical::canonicalize_redacted(json, redaction, None)?)
    }

    /// Like [`Event::parse`], and checks that the fields of SPEC section 12 have the right types before redaction.
    ///
    /// # Errors
    /// The errors of [`Event::parse`]; also [`Code::Event`] with the field that is missing or has the wrong type.
    pub fn parse_typed(json: &[u8], redaction: &Redaction) -> Result<Self, Error> {
        let mut members = Vec::with_capacity(32);
        let written = canonical::canonicalize_redacted(json, redaction, Some(&mut members))?;
        let event = Self::from_canonical(written)?;
        check_members(&members, redaction)?;
        Ok(event)
    }

    fn from_canonical(Written { text: bytes, redacted }: Written) -> Result<Self, Error> {
        if bytes.first() != Some(&b'{') {
            return Err(Error::new(Code::Event, "the event is not a JSON object")
                .with_hint("pass an object: an event begins with {"));
        }
        if bytes.len() > MAX_BYTES {
            return Err(Error::new(
                Code::Event,
                format!("the event has {} bytes, more than 262144", bytes.len()),
            )
            .with_hint("record a hash of large values instead"));
        }
        // Canonicalizing UTF-8 gives UTF-8.
        let text = String::from_utf8(bytes);
        text.map(|text| Self { text, redacted })
            .map_err(|_| Error::new(Code::Event, "the event is not UTF-8"))
    }

    /// Returns the canonical form, which links commit to.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Returns the canonical form as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the number of values, or parts of strings, that were redacted.
    pub fn redacted(&self) -> usize {
        self.redacted
    }

    /// Computes the commit of a link to this event under `salt`.
    pub fn commit(&self, salt: &Salt) -> Hash {
        link::commit(salt, self.as_bytes())
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
    fn accepts_only_objects() {
        for json in ["[]", "1", "\"x\"", "null", "true", "", "{", "{} {}"] {
            let error = Event::parse(json.as_bytes(), &Redaction::none()).unwrap_err();
            assert_eq!((error.code, &error.member), (Code::Event, &None), "{json}");
        }
        assert_eq!(parse(" { } ", &Redaction::none()), "{}");
    }

    #[test]
    fn limits_bytes_after_canonicalization() {
        let of_length = |length: usize| format!("{{  \"a\":\"{}\"}}", "x".repeat(length - 8));
        assert_eq!(parse(&of_length(MAX_BYTES), &Redaction::none()).len(), MAX_BYTES);
        assert!(Event::parse(of_length(MAX_BYTES + 1).as_bytes(), &Redaction::none()).is_err());
    }

    #[test]
    fn redacts_by_name_in_any_case_and_depth() {
        for (json, redacted) in [
            (r#"{"PassWord":"x"}"#, r#"{"PassWord":"[redacted]"}"#),
            (r#"{"a":[{"Set-Cookie":["x",{"y":1,"token":"z"}]}]}"#, r#"{"a":[{"Set-Cookie":"[redacted]"}]}"#),
            (r#"{"token":12.50,"secret":["a",[1]]}"#, r#"{"secret":"[redacted]","token":"[redacted]"}"#),
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
    fn keeps_descriptions_of_secrets() {
        let json = r#"{"credentials":{"accessKeyId":"ASI1","expiration":1,"id":"i","sessionToken":"t"},"secretId":"arn:aws:secretsmanager:eu:1:secret:s"}"#;
        let kept = r#"{"credentials":{"accessKeyId":"ASI1","expiration":1,"id":"i","sessionToken":"[redacted]"},"secretId":"arn:aws:secretsmanager:eu:1:secret:s"}"#;
        assert_eq!(parse(json, &Redaction::default()), kept);
        // A field that is named explicitly is redacted as a whole.
        let named = Redaction::default().with("credentials").with("secretId");
        let gone = r#"{"credentials":{"accessKeyId":"[redacted]","expiration":"[redacted]","id":"[redacted]","sessionToken":"[redacted]"},"secretId":"[redacted]"}"#;
        assert_eq!(parse(json, &named), gone);
    }

    #[test]
    fn keeps_key_identifiers_in_fields_named_so() {
        let id = "AKIAIOSFODNN7EXAMPLE";
        for event in [
            format!(r#"{{"userIdentity":{{"accessKeyId":"{id}"}}}}"#),
            format!(r#"{{"AWS_ACCESS_KEY_ID":"{id}"}}"#),
            format!(r#"{{"credentials":{{"accessKeyId":"{}"}}}}"#, id.replace("AKIA", "ASIA")),
            r#"{"requestParameters":{"TrafficMirrorSessionId":"tms-0a1b","metadataOptions":{"httpTokens":"optional"}}}"#.into(),
        ] {
            assert_eq!(parse(&event, &Redaction::default()), event);
        }
        // Authorization decisions, as Google and Azure write them.
        for event in [
            r#"{"protoPayload":{"authorizationInfo":[{"granted":true,"permission":"storage.objects.get"}]}}"#,
            r#"{"identity":{"authorization":{"action":"a/b/read","evidence":{"principalId":"p","principalType":"User","role":"Reader"},"scope":"/s"}}}"#,
        ] {
            assert_eq!(parse(event, &Redaction::default()), event);
        }
        for (event, kept) in [
            (
                r#"{"authorization":{"parameter":"dXNlcg","scheme":"Basic"}}"#.into(),
                r#"{"authorization":{"parameter":"[redacted]","scheme":"Basic"}}"#,
            ),
            (format!(r#"{{"accessKeyId":"key {id}"}}"#), r#"{"accessKeyId":"key [redacted]"}"#),
            (format!(r#"{{"accessKeyId":["{id}"]}}"#), r#"{"accessKeyId":["[redacted]"]}"#),
            (format!(r#"{{"note":"{id}"}}"#), r#"{"note":"[redacted]"}"#),
            (format!(r#"{{"accessKeyId":"ghp_{}"}}"#, "a1".repeat(18)), r#"{"accessKeyId":"[redacted]"}"#),
        ] {
            assert_eq!(parse(&event, &Redaction::default()), kept);
        }
        assert_eq!(
            parse(&format!(r#"{{"accessKeyId":"{id}"}}"#), &Redaction::default().with("accessKeyId")),
            r#"{"accessKeyId":"[redacted]"}"#
        );
    }

    #[test]
    fn keeps_identifiers_counts_and_settings() {
        for event in [
            r#"{"eventName":"GetSecretValue","requestParameters":{"secretId":"0f8fad5b-d9cb-469f-a165-70867728950e"}}"#,
            r#"{"detail":{"requestParameters":{"secretIdList":["prod/mail","0f8fad5b-d9cb-469f-a165-70867728950e"]}}}"#,
            r#"{"secret_id":"prod/mail","secretId":"rds!db-primary"}"#,
            r#"{"responseElements":{"PasswordRecoveryRequested":"Failure","subjectFromWebIdentityToken":"system:serviceaccount:ci:bot"}}"#,
            r#"{"hashed_token":"mKx0W1v9qfT3nB8sLr5Ztg=","identity":{"tokenHash":"A1B2C3D4E5F6A7B8C9D0"}}"#,
            r#"{"context":{"session_id":"740288191022"},"sessionId":"0f8fad5b-d9cb-469f-a165-70867728950e","sid":"0f8fad5b-d9cb-469f-a165-70867728950e"}"#,
            r#"{"uniqueTokenIdentifier":"q0tZ3nBvQ0uYx1cWm7k9AA"}"#,
            r#"{"actor":{"api_key":{"id":"key_7","service_account":{"id":"sa_1"},"type":"user","user":{"email":"eve@example.org","id":"user-3"}}}}"#,
            r#"{"Details":{"AwsIamAccessKey":{"AccountId":"111122223333","CreatedAt":"2026-01-02","PrincipalName":"eve","Status":"Active"}}}"#,
            r#"{"revokedTokens":4,"tokens":512,"usage":{"apiKeys":3}}"#,
            r#"{"secret_scanning":"disabled","secret_scanning_push_protection":"enabled","tokenValidityUnits":{"accessToken":"hours","refreshToken":"days"}}"#,
            r#"{"after":{"token":{"id":"t_9","scopes":["admin"]}},"before":{"token":{"id":"t_9","scopes":["read"]}}}"#,
            r#"{"passwordExpiryDays":90,"passwordPolicy":{"minimumPasswordLength":8,"requireSymbols":true}}"#,
            r#"{"changedFields":["password","email"],"deletedSecrets":["DB","SMTP"],"tokens":[]}"#,
            r#"{"keys":{"name":"theme","value":"dark"},"password":"required","pin":"A7","token":"not set"}"#,
            r#"{"credentials":[{"created_at":"2026-01-02","id":"c_1","type":"passkey"}]}"#,
        ] {
            assert_eq!(parse(event, &Redaction::default()), canonical(event));
        }
    }

    #[test]
    fn redacts_secrets_next_to_their_names() {
        let gone = |event: &str| event.replace('*', "[redacted]");
        for (event, kept) in [
            // Vault's secret_id is a secret.
            (
                r#"{"request":{"data":{"role_id":"r","secret_id":"0f8fad5b-d9cb-469f-a165-70867728950e"}}}"#,
                r#"{"request":{"data":{"role_id":"r","secret_id":"*"}}}"#,
            ),
            (
                r#"{"env":[{"name":"DB_PASSWORD","value":"hunter3"}]}"#,
                r#"{"env":[{"name":"DB_PASSWORD","value":"*"}]}"#,
            ),
            (
                r#"{"z":1,"Value":"abc","Key":"x-api-key","AValue":7}"#,
                r#"{"AValue":"*","Key":"x-api-key","Value":"*","z":1}"#,
            ),
            (r#"{"name":"password","value":"disabled"}"#, r#"{"name":"password","value":"disabled"}"#),
            (
                r#"{"headers":[["x-api-key","abc"],["accept","token"]]}"#,
                r#"{"headers":[["x-api-key","*"],["accept","token"]]}"#,
            ),
            (
                r#"{"rawHeaders":["Host","a","X-Api-Key","abc","Cookie","b"]}"#,
                r#"{"rawHeaders":["Host","a","X-Api-Key","*","Cookie","*"]}"#,
            ),
            (r#"{"argv":["app","--password","abc","-v"]}"#, r#"{"argv":["app","--password","*","-v"]}"#),
            (
                r#"{"cookies":{"id":"a","path":"/","sid":"b"}}"#,
                r#"{"cookies":{"id":"*","path":"/","sid":"*"}}"#,
            ),
            (r#"{"backup_codes":[12345678,87654321]}"#, r#"{"backup_codes":"*"}"#),
            (r#"{"tokens":[{"id":"t","value":"abc"}]}"#, r#"{"tokens":[{"id":"t","value":"*"}]}"#),
            (r#"{"pin":4711,"ssn":"219-09-9999"}"#, r#"{"pin":"*","ssn":"*"}"#),
            (r#"{"dsn":"app:pw@tcp(db)/x"}"#, r#"{"dsn":"*"}"#),
            (
                r#"{"order_id":"4539578763621486","n":"4539578763621486"}"#,
                r#"{"n":"*","order_id":"4539578763621486"}"#,
            ),
        ] {
            assert_eq!(parse(event, &Redaction::default()), gone(kept), "{event}");
        }
    }

    #[test]
    fn keeps_paths_on_request() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
        let event =
            format!(r#"{{"a":{{"token":"{jwt}"}},"secret":{{"password":"p","v":"x"}},"token":["t"]}}"#);
        let keeping = |path: &str| parse(&event, &Redaction::default().keeping(path));
        assert_eq!(
            keeping("a.token"),
            format!(
                r#"{{"a":{{"token":"{jwt}"}},"secret":{{"password":"[redacted]","v":"[redacted]"}},"token":"[redacted]"}}"#
            )
        );
        assert_eq!(
            keeping("SECRET"),
            r#"{"a":{"token":"[redacted]"},"secret":{"password":"[redacted]","v":"x"},"token":"[redacted]"}"#
        );
        assert_eq!(
            keeping("token"),
            format!(
                r#"{{"a":{{"token":"{jwt}"}},"secret":{{"password":"[redacted]","v":"[redacted]"}},"token":["t"]}}"#
            )
        );
        let both = Redaction::default().keeping("token").with("a.token");
        assert!(parse(&event, &both).starts_with(r#"{"a":{"token":"[redacted]"}"#));
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
    fn replaces_variable_parts_of_request_paths() {
        let redaction = Redaction::default().with_path_shapes();
        for (json, kept) in [
            (
                r#"{"http":{"path":"/jobs/42/\u0037.json?a=1","status":200}}"#,
                r#"{"http":{"path":"/jobs/{number}/{number}.json","status":200}}"#,
            ),
            (
                r#"{"http":{"url":"https://u:p@a.example/k/SESSION7EXAMPLE01"}}"#,
                r#"{"http":{"url":"https://a.example/k/{token}"}}"#,
            ),
            // Nothing but `http.path` and `http.url` at the top level is changed.
            (
                r#"{"after":{"http":{"path":"/1"}},"http":{"host":"/1","x":{"path":"/1"}},"path":"/1"}"#,
                r#"{"after":{"http":{"path":"/1"}},"http":{"host":"/1","x":{"path":"/1"}},"path":"/1"}"#,
            ),
            (r#"{"http":{"path":7}}"#, r#"{"http":{"path":7}}"#),
            (
                r#"{"http":{"path":["/1",{"token":"x"}]}}"#,
                r#"{"http":{"path":["/1",{"token":"[redacted]"}]}}"#,
            ),
        ] {
            assert_eq!(parse(json, &redaction), kept, "{json}");
        }
        let typed = br#"{"action":"http.request","http":{"method":"GET","path":"/7?x=1","status":200}}"#;
        let event = Event::parse_typed(typed, &redaction).unwrap();
        assert_eq!(
            event.as_str(),
            r#"{"action":"http.request","http":{"method":"GET","path":"/{number}","status":200}}"#
        );
        assert_eq!(event.redacted(), 0);
        assert_eq!(
            parse(r#"{"http":{"path":"/7"}}"#, &redaction.with("http.path")),
            r#"{"http":{"path":"[redacted]"}}"#
        );
    }

    #[test]
    fn counts_redactions() {
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
    fn rejects_invalid_json_within_redacted_values() {
        let error = Event::parse(br#"{"token":[1e999]}"#, &Redaction::default()).unwrap_err();
        assert_eq!(error.member.as_deref(), Some("token"));
    }

    #[test]
    fn checks_fields_as_they_were_before_redaction() {
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
    fn debug_hides_the_event() {
        let event = Event::parse(br#"{"a":"private"}"#, &Redaction::none()).unwrap();
        assert_eq!(format!("{event:?}"), "Event(15 bytes)");
    }
}
