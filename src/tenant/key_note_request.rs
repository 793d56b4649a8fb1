//! Requests of issuers to place a key note in all tenant logs that need it (SPEC section 16.11).

use super::signed_request::SignedRequest;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::note::Note;
use crate::time::Time;

const FIRST_LINE: &str = "countersign/v1 place";

/// A signed request to place a key note. The key note itself is an entry of logs, where others can read it, so it doesn't
/// show who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNoteRequest {
    /// The origin of the root log.
    pub root: String,
    /// The leaf hash of the key note.
    pub hash: Hash,
    /// When the request was signed.
    pub time: Time,
    /// The request as received, for opening.
    pub note: Note,
}

impl KeyNoteRequest {
    /// Parses a whole request: text, empty line, signature lines. Verifies no signature.
    ///
    /// # Errors
    ///
    /// [`Code::Note`], with the line if there is one.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let SignedRequest { root, subject, time, note } = SignedRequest::parse(note, FIRST_LINE)?;
        let hash = Hash::from_base64(&subject)
            .ok_or_else(|| Error::new(Code::Note, "the key note's hash is malformed").at_line(3))?;
        Ok(Self { root, hash, time, note })
    }

    /// Signs a request and returns the whole note.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the origin is invalid; [`Code::Key`] if the key is a witness's.
    #[cfg(feature = "sign")]
    pub fn sign(root: &str, hash: &Hash, time: Time, key: &crate::note::SignerKey) -> Result<String, Error> {
        super::signed_request::sign(FIRST_LINE, root, &hash.to_string(), time, key)
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::note::SignerKey;

    #[test]
    fn requests_round_trip_and_other_notes_are_refused() {
        let key = SignerKey::from_seed("example.com", [1; 32]).expect("a name");
        let time = "2026-11-20T06:01:02.345Z".parse().expect("a time");
        let note = KeyNoteRequest::sign("log.example", &Hash([2; 32]), time, &key).expect("a request");
        let request = KeyNoteRequest::parse(&note).expect("a request");
        assert_eq!((&*request.root, request.hash, request.time), ("log.example", Hash([2; 32]), time));
        assert!(request.note.is_signed_by(key.verifier_key()));
        let hash = Hash([2; 32]);
        for text in [
            format!("countersign/v1 keys\nlog.example\n{hash}\n{time}\n"),
            "countersign/v1 place\n".to_owned(),
            "countersign/v1 place\nlog.example\n".to_owned(),
            format!("countersign/v1 place\nlog.example\n{hash}\n"),
            format!("countersign/v1 place\nlog example\n{hash}\n{time}\n"),
            format!("countersign/v1 place\nlog.example\n{hash}=\n{time}\n"),
            format!("countersign/v1 place\nlog.example\n{hash}\n{hash}\n{time}\n"),
        ] {
            let note = crate::note::sign_note(&text, &key).expect("a note");
            assert_eq!(KeyNoteRequest::parse(&note).map_err(|error| error.code), Err(Code::Note), "{text}");
        }
    }
}
