//! Requests of emitters to create a tenant log (SPEC section 16.9).

use super::signed_request::SignedRequest;
use crate::error::{Code, Error};
use crate::note::Note;
use crate::time::Time;

const FIRST_LINE: &str = "countersign/v1 tenant";

/// A signed request to create the log of a tenant, or to find the one that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRequest {
    /// The origin of the root log.
    pub root: String,
    /// The ID that the application has for the tenant.
    pub name: String,
    /// When the request was signed.
    pub time: Time,
    /// The note as received, for opening.
    pub note: Note,
}

impl TenantRequest {
    /// Parses a whole request: text, empty line, signature lines. Verifies no signature.
    ///
    /// # Errors
    ///
    /// [`Code::Note`], with the line if there is one.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let SignedRequest { root, subject: name, time, note } = SignedRequest::parse(note, FIRST_LINE)?;
        if name.is_empty() {
            return Err(Error::new(Code::Note, "the tenant's ID is empty").at_line(3));
        }
        Ok(Self { root, name, time, note })
    }

    /// Signs a request and returns the whole note.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the origin is invalid; [`Code::Note`] if the tenant's ID is empty or contains a control
    /// character; [`Code::Key`] if the key is a witness's.
    #[cfg(feature = "sign")]
    pub fn sign(root: &str, name: &str, time: Time, key: &crate::note::SignerKey) -> Result<String, Error> {
        if name.is_empty() || name.contains('\n') {
            return Err(Error::new(Code::Note, "the tenant's ID is empty or contains a line feed"));
        }
        super::signed_request::sign(FIRST_LINE, root, name, time, key)
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::note::SignerKey;

    const TIME: &str = "2026-11-20T06:01:02.345Z";

    fn time() -> Time {
        TIME.parse().expect("a time")
    }

    #[test]
    fn requests_round_trip() {
        let key = SignerKey::from_seed("app.example", [1; 32]).expect("a name");
        let note = TenantRequest::sign("log.example", "Acme & Söhne", time(), &key).expect("a request");
        let request = TenantRequest::parse(&note).expect("a request");
        assert_eq!((&*request.root, &*request.name, request.time), ("log.example", "Acme & Söhne", time()));
        assert!(request.note.is_signed_by(key.verifier_key()));
        assert_eq!(request.note.to_string(), note);
    }

    #[test]
    fn other_notes_are_refused() {
        let key = SignerKey::from_seed("app.example", [1; 32]).expect("a name");
        let texts = [
            format!("countersign/v1 keys\nlog.example\nacme\n{TIME}\n"),
            "countersign/v1 tenant\n".to_owned(),
            "countersign/v1 tenant\nlog.example\n".to_owned(),
            "countersign/v1 tenant\nlog.example\nacme\n".to_owned(),
            format!("countersign/v1 tenant\nlog.example\n\n{TIME}\n"),
            format!("countersign/v1 tenant\nlog example\nacme\n{TIME}\n"),
            format!("countersign/v1 tenant\nlog.example\nacme\nbeta\n{TIME}\n"),
            "countersign/v1 tenant\nlog.example\nacme\n2026-11-20\n".to_owned(),
        ];
        for text in texts {
            let note = crate::note::sign_note(&text, &key).expect("a note");
            assert_eq!(TenantRequest::parse(&note).map_err(|error| error.code), Err(Code::Note), "{text}");
        }
        let long = TenantRequest::sign("log.example", &"a".repeat(4096), time(), &key).expect("a request");
        assert!(TenantRequest::parse(&long).is_err());
        for name in ["", "a\nb", "a\tb"] {
            assert!(TenantRequest::sign("log.example", name, time(), &key).is_err(), "{name:?}");
        }
    }
}
