//! Requests for the grant of a key, which prove that the sender has the key.

use crate::error::{Code, Error};
use crate::note::{Note, VerifierKey};
use crate::time::Time;

const FIRST_LINE: &str = "countersign/v1 key";

/// Maximum size of a request, in bytes.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// A request to grant a key, which this key signed.
///
/// It is a signed note of three lines: `countersign/v1 key`, the key as a vkey, and the time. The key's name says whose
/// key it is, so the request is for no other issuer.
///
/// ```
/// # #[cfg(feature = "sign")] {
/// use countersign::keys::GrantRequest;
/// use countersign::note::SignerKey;
///
/// let key = SignerKey::from_seed("example.com/4f9a", [7; 32])?;
/// let request = GrantRequest::sign("2026-11-20T06:01:02.345Z".parse()?, &key)?;
/// assert_eq!(GrantRequest::open(&request)?.key, *key.verifier_key());
/// # }
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRequest {
    /// The key.
    pub key: VerifierKey,
    /// When the request was signed.
    pub time: Time,
}

impl GrantRequest {
    /// Parses a request, and verifies that its key signed it. The caller checks the time.
    ///
    /// # Errors
    ///
    /// [`Code::Note`] if the request is malformed, or its key didn't sign it.
    #[cfg(any(feature = "sign", feature = "verify"))]
    pub fn open(note: &str) -> Result<Self, Error> {
        if note.len() > MAX_TEXT_BYTES {
            return Err(Error::new(Code::Note, "the request is larger than 4 KiB"));
        }
        let note = Note::parse(note)?;
        let lines: Vec<&str> = note.text.split_terminator('\n').collect();
        let [FIRST_LINE, key, time] = lines[..] else {
            let why = "the request is not the line \"countersign/v1 key\", a key, and a time";
            return Err(Error::new(Code::Note, why));
        };
        let key: VerifierKey = key.parse().map_err(|error: Error| error.with_code(Code::Note).at_line(2))?;
        let time = Time::parse(time.as_bytes())
            .ok_or_else(|| Error::new(Code::Note, "the time of the request is malformed").at_line(3))?;
        if !note.is_signed_by(&key) {
            return Err(Error::new(Code::Note, "the key did not sign the request"));
        }
        Ok(Self { key, time })
    }

    /// Signs a request and returns the whole note.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the key is a witness's.
    #[cfg(feature = "sign")]
    pub fn sign(time: Time, key: &crate::note::SignerKey) -> Result<String, Error> {
        crate::note::sign_note(&format!("{FIRST_LINE}\n{}\n{time}\n", key.verifier_key()), key)
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::note::{SignerKey, sign_note};

    #[test]
    fn only_the_key_itself_can_ask_for_its_grant() {
        let [key, other] =
            [1, 2].map(|seed| SignerKey::from_seed("example.com/a", [seed; 32]).expect("a name"));
        let time: Time = "2026-11-20T06:01:02.345Z".parse().expect("a time");
        let note = GrantRequest::sign(time, &key).expect("a request");
        assert_eq!(GrantRequest::open(&note), Ok(GrantRequest { key: key.verifier_key().clone(), time }));
        let vkey = key.verifier_key();
        for (text, signer) in [
            (format!("countersign/v1 key\n{vkey}\n{time}\n"), &other),
            (format!("countersign/v1 keys\n{vkey}\n{time}\n"), &key),
            (format!("countersign/v1 key\n{vkey}\n"), &key),
            (format!("countersign/v1 key\n{vkey}\n{time}\n{time}\n"), &key),
            (format!("countersign/v1 key\n{vkey}=\n{time}\n"), &key),
            (format!("countersign/v1 key\n{vkey}\n2026-11-20\n"), &key),
        ] {
            let note = sign_note(&text, signer).expect("a note");
            assert_eq!(GrantRequest::open(&note).map_err(|error| error.code), Err(Code::Note), "{text}");
        }
        let changed = note.replace("02.345Z", "02.346Z");
        assert!(GrantRequest::open(&changed).is_err());
    }
}
