//! Tests that a record verifies with its signer's key only, and only unchanged.

use std::sync::LazyLock;

use countersign::base64;
use countersign_ingest::has_reserved_attribute;
use countersign_otel_integrity::{IntegrityError, Signer, Verifier};
use rcgen::{CertificateParams, KeyPair, SigningKey as _};
use serde_json::{Value, json};

const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

struct Identity {
    key: KeyPair,
    pem: String,
}

impl Identity {
    fn new(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            CertificateParams::new(vec!["signer.example".into()]).unwrap().self_signed(&key).unwrap();
        Self { pem: certificate.pem(), key }
    }

    fn signer(&self) -> Signer {
        let key = self.key.serialize_pem();
        Signer::ed25519(key.as_bytes(), "key.pem", self.pem.as_bytes(), "cert.pem").unwrap()
    }

    fn verifier(&self) -> Verifier {
        Verifier::certificate(self.pem.as_bytes(), "cert.pem").unwrap()
    }
}

static ED25519: LazyLock<Identity> = LazyLock::new(|| Identity::new(&rcgen::PKCS_ED25519));

fn export() -> Value {
    json!({ "resourceLogs": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "billing" } }] },
        "scopeLogs": [{ "scope": { "name": "audit" }, "logRecords": [{
            "timeUnixNano": "1714041600000000001", "severityNumber": 9, "eventName": "job.delete",
            "body": { "stringValue": "deleted" },
            "attributes": [{ "key": "user.id", "value": { "stringValue": "u_1" } }, { "key": "n", "value": { "intValue": "7" } }],
        }] }],
    }] })
}

fn record(export: &mut Value) -> &mut Value {
    &mut export["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
}

fn signed() -> Value {
    serde_json::from_str(&ED25519.signer().sign(&export().to_string()).unwrap()).unwrap()
}

fn verify(verifier: &Verifier, export: &Value) -> Result<Value, IntegrityError> {
    verifier.verify(export.to_string().as_bytes()).map(|text| serde_json::from_str(&text).unwrap())
}

/// Changes a signed export and returns its verification.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Value, IntegrityError> {
    let mut export = signed();
    change(&mut export);
    verify(&ED25519.verifier(), &export)
}

fn string<'v>(attributes: &'v Value, key: &str) -> Option<&'v str> {
    let attributes = attributes.as_array()?;
    attributes.iter().find(|attribute| attribute["key"] == key)?["value"]["stringValue"].as_str()
}

#[test]
fn a_verified_record_names_the_certificate_and_is_otherwise_unchanged() {
    let was = signed();
    let mut is = verify(&ED25519.verifier(), &was).unwrap();
    let note =
        string(&record(&mut is)["attributes"], "countersign.integrity.verified_with").unwrap().to_owned();
    assert_eq!(
        Some(&*note),
        string(&was["resourceLogs"][0]["resource"]["attributes"], "audit.integrity.certificate")
    );
    assert!(note.starts_with("sha256:") && note.len() == 71, "{note}");
    assert!(has_reserved_attribute(&is.to_string()));
    record(&mut is)["attributes"].as_array_mut().unwrap().pop();
    assert_eq!(is, was);
    assert!(!has_reserved_attribute(&was.to_string()));
}

#[test]
fn covered_fields_can_not_be_changed() {
    let set = |pointer: &'static str, value: Value| {
        changed(move |export| *record(export).pointer_mut(pointer).unwrap() = value)
    };
    for (pointer, value) in [
        ("/body/stringValue", json!("kept")),
        ("/eventName", json!("job.create")),
        ("/timeUnixNano", json!("1714041600000000002")),
        ("/attributes/0/value/stringValue", json!("u_2")),
        ("/attributes/0/key", json!("enduser.id")),
        // Another type with the same text.
        ("/attributes/1/value", json!({ "stringValue": "7" })),
    ] {
        assert_eq!(set(pointer, value).unwrap_err(), IntegrityError::Invalid, "{pointer}");
    }
    let added = changed(|export| record(export)["observedTimeUnixNano"] = json!("5"));
    assert_eq!(added.unwrap_err(), IntegrityError::Invalid);
    let unknown = changed(|export| record(export)["event_name"] = json!("job.create"));
    assert_eq!(unknown.unwrap_err(), IntegrityError::Uncovered("event_name".into()));
    let beside = changed(|export| export["action"] = json!("job.create"));
    assert_eq!(beside.unwrap_err(), IntegrityError::Uncovered("action".into()));
    // SPEC section 19.2 lists the fields that the value does not cover.
    changed(|export| record(export)["severityNumber"] = json!(17)).unwrap();
    changed(|export| export["resourceLogs"][0]["resource"]["attributes"][0]["value"] = json!({})).unwrap();
}

#[test]
fn only_the_given_key_verifies() {
    let other = Identity::new(&rcgen::PKCS_ED25519);
    assert_eq!(verify(&other.verifier(), &signed()).unwrap_err(), IntegrityError::Certificate);
    // The attacker names the expected certificate, and signs with another key.
    let mut forged: Value =
        serde_json::from_str(&other.signer().sign(&export().to_string()).unwrap()).unwrap();
    forged["resourceLogs"][0]["resource"] = signed()["resourceLogs"][0]["resource"].clone();
    assert_eq!(verify(&ED25519.verifier(), &forged).unwrap_err(), IntegrityError::Invalid);
    // The certificate is public, so it must not be usable as an HMAC key.
    let hmac = Signer::hmac(SECRET, "hmac.key").unwrap().sign(&export().to_string()).unwrap();
    let hmac: Value = serde_json::from_str(&hmac).unwrap();
    let algorithm = IntegrityError::Algorithm("HMAC-SHA256".into());
    assert_eq!(verify(&ED25519.verifier(), &hmac).unwrap_err(), algorithm);
    verify(&Verifier::hmac(SECRET, "hmac.key").unwrap(), &hmac).unwrap();
    let other = Verifier::hmac(&base64::encode([7; 32]), "hmac.key").unwrap();
    assert_eq!(verify(&other, &hmac).unwrap_err(), IntegrityError::Invalid);
    assert_eq!(verify(&other, &signed()).unwrap_err(), IntegrityError::Algorithm("EdDSA".into()));
}

#[test]
fn missing_ambiguous_and_reserved_attributes_are_rejected() {
    let without = |list: &'static str, key: &'static str| {
        changed(move |export| {
            export.pointer_mut(list).unwrap().as_array_mut().unwrap().retain(|one| one["key"] != key);
        })
    };
    let (resource, own) =
        ("/resourceLogs/0/resource/attributes", "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes");
    for (list, key) in [
        (own, "audit.integrity.value"),
        (resource, "audit.integrity.algorithm"),
        (resource, "audit.integrity.certificate"),
    ] {
        assert_eq!(without(list, key).unwrap_err(), IntegrityError::Missing(key));
    }
    let attribute = |key: &str| json!({ "key": key, "value": { "stringValue": "a" } });
    let twice = changed(|export| {
        let attributes = export.pointer_mut(own).unwrap().as_array_mut().unwrap();
        attributes.insert(0, attribute("audit.integrity.value"));
    });
    assert_eq!(
        twice.unwrap_err(),
        IntegrityError::Malformed("attributes.audit.integrity.value, which is there twice".into())
    );
    for list in [resource, own] {
        let noted = changed(|export| {
            let attributes = export.pointer_mut(list).unwrap().as_array_mut().unwrap();
            attributes.push(attribute("countersign.integrity.verified_with"));
        });
        assert_eq!(noted.unwrap_err(), IntegrityError::Reserved);
    }
    let two = changed(|export| {
        let one = record(export).clone();
        export["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array_mut().unwrap().push(one);
    });
    assert_eq!(two.unwrap_err(), IntegrityError::NotARecord);
    assert_eq!(
        verify(&ED25519.verifier(), &json!({ "action": "a" })).unwrap_err(),
        IntegrityError::NotARecord
    );
}

/// Signs a payload that was written by hand, with a P-256 key, as a collector may.
#[test]
fn ecdsa_signatures_verify_and_other_canonical_forms_do_not() {
    let identity = Identity::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let tagged = r#"{"attributes":{"n":{"intValue":"7"},"user.id":{"stringValue":"u_1"}},"body":"deleted","event_name":"job.delete","timestamp":"1714041600000000001"}"#;
    // The form of collectors before September 2026, which is ambiguous, and the same fields in another order.
    let untagged = r#"{"attributes":{"n":7,"user.id":"u_1"},"body":"deleted","event_name":"job.delete","severity_number":9,"timestamp":1714041600000000001}"#;
    let reordered = r#"{"event_name":"job.delete","attributes":{"n":{"intValue":"7"},"user.id":{"stringValue":"u_1"}},"body":"deleted","timestamp":"1714041600000000001"}"#;
    let signed = |payload: &str, algorithm: &str| {
        let mut export = signed();
        let resource = export["resourceLogs"][0]["resource"]["attributes"].as_array_mut().unwrap();
        let certificate = identity.pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        for attribute in resource.iter_mut() {
            match attribute["key"].as_str().unwrap() {
                "audit.integrity.algorithm" => attribute["value"]["stringValue"] = algorithm.into(),
                "audit.integrity.certificate" => {
                    attribute["value"]["stringValue"] = certificate.as_str().into();
                }
                _ => {}
            }
        }
        let value = base64::encode(identity.key.sign(payload.as_bytes()).unwrap());
        record(&mut export)["attributes"][2]["value"]["stringValue"] = value.into();
        verify(&identity.verifier(), &export)
    };
    signed(tagged, "ES256").unwrap();
    for payload in [untagged, reordered] {
        assert_eq!(signed(payload, "ES256").unwrap_err(), IntegrityError::Invalid);
    }
    for algorithm in ["EdDSA", "RS256", "RS512", "none", "HMAC-SHA256"] {
        assert_eq!(signed(tagged, algorithm).unwrap_err(), IntegrityError::Algorithm(algorithm.into()));
    }
}

#[test]
fn unusable_keys_are_rejected() {
    let other = Identity::new(&rcgen::PKCS_ED25519);
    let key = ED25519.key.serialize_pem();
    let signer =
        |key: &str, pem: &str| Signer::ed25519(key.as_bytes(), "key.pem", pem.as_bytes(), "cert.pem").err();
    assert!(signer(&key, &other.pem).unwrap().to_string().contains("another key"));
    assert!(signer(&key, "").is_some());
    assert!(signer(&Identity::new(&rcgen::PKCS_ECDSA_P256_SHA256).key.serialize_pem(), &other.pem).is_some());
    for key in ["", "c2hvcnQ=", "not base64 not base64 not base64 not base64"] {
        assert!(Signer::hmac(key, "hmac.key").is_err(), "{key}");
    }
}
