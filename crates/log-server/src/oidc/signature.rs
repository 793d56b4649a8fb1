//! Verification of the issuer's signatures with ring. `jsonwebtoken` itself would use AWS-LC, which takes minutes to
//! build, or the crate `rsa`, which has a known timing leak.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

/// Makes `jsonwebtoken` use this module. An application that has installed another provider keeps it.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// It only verifies.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        let verifier = SignatureVerifier::new(*algorithm, key).ok_or(ErrorKind::InvalidKeyFormat)?;
        Ok(Box::new(verifier))
    },
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| unsupported(),
        rsa_pub_components_from_public_key: |_| unsupported(),
        ec_pub_components_from_private_key: |_, _| unsupported(),
        ed_pub_components_from_private_key: |_, _| unsupported(),
        compute_digest: |_, _| unsupported(),
    },
};

fn unsupported<T>() -> Result<T, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

/// A public key and the algorithm of its signatures.
enum PublicKey {
    Rsa { parameters: &'static RsaParameters, modulus: Vec<u8>, exponent: Vec<u8> },
    Curve(UnparsedPublicKey<Vec<u8>>),
}

struct SignatureVerifier {
    algorithm: Algorithm,
    key: PublicKey,
}

impl SignatureVerifier {
    /// Returns `None` if the key isn't one for that algorithm.
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Option<Self> {
        let rsa = |parameters| match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } if key.family() == AlgorithmFamily::Rsa => {
                // ring rejects leading zeros, which RFC 7518 forbids, but some issuers write.
                let modulus = n.iter().copied().skip_while(|byte| *byte == 0).collect();
                Some(PublicKey::Rsa { parameters, modulus, exponent: e.clone() })
            }
            _ => None,
        };
        let curve = |family, algorithm: &'static dyn VerificationAlgorithm| match key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) if key.family() == family => {
                Some(PublicKey::Curve(UnparsedPublicKey::new(algorithm, bytes.clone())))
            }
            _ => None,
        };
        let key = match algorithm {
            Algorithm::RS256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => rsa(&RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => rsa(&RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => curve(AlgorithmFamily::Ec, &ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => curve(AlgorithmFamily::Ec, &ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => curve(AlgorithmFamily::Ed, &ED25519),
            // With a shared secret, a verifier could also sign.
            _ => None,
        }?;
        Some(Self { algorithm, key })
    }
}

impl Verifier<Vec<u8>> for SignatureVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match &self.key {
            PublicKey::Rsa { parameters, modulus, exponent } => {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature)
            }
            PublicKey::Curve(key) => key.verify(message, signature),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for SignatureVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::jwk::Jwk;
    use serde_json::Value;

    /// Public keys (`keys`, as JWKs), and by algorithm, a key's number and a token that it signed: the output of
    /// `signature/tokens.mjs`.
    const TOKENS: &str = include_str!("signature/tokens.json");

    /// Calls `check` with each algorithm, its key, and its token.
    fn each(check: impl Fn(Algorithm, &Value, &str)) {
        let all: Value = serde_json::from_str(TOKENS).unwrap();
        let tokens = all["tokens"].as_object().unwrap();
        assert_eq!(tokens.len(), 9);
        for (name, token) in tokens {
            let key = &all["keys"][token["key"].as_str().unwrap()];
            check(name.parse().unwrap(), key, token["jws"].as_str().unwrap());
        }
    }

    fn verify(algorithm: Algorithm, key: &Value, token: &str) -> Result<bool, Error> {
        install();
        let key: Jwk = serde_json::from_value(key.clone()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &DecodingKey::from_jwk(&key).unwrap(),
            algorithm,
        )
    }

    #[test]
    fn signatures_of_each_algorithm_are_verified() {
        each(|algorithm, key, token| {
            assert!(verify(algorithm, key, token).unwrap(), "{algorithm:?}");
            assert!(!verify(algorithm, key, &format!("e{token}")).unwrap(), "{algorithm:?}: another message");
            let (message, signature) = token.rsplit_once('.').unwrap();
            let other = if signature.starts_with('A') { "B" } else { "A" };
            let forged = format!("{message}.{other}{}", &signature[1..]);
            assert!(!verify(algorithm, key, &forged).unwrap(), "{algorithm:?}: another signature");
            assert!(!verify(algorithm, key, &format!("{message}.")).unwrap(), "{algorithm:?}: no signature");
        });
    }

    #[test]
    fn a_key_verifies_only_signatures_of_its_own_algorithm() {
        each(|signed, key, token| {
            each(|algorithm, _, _| {
                let is_verified = verify(algorithm, key, token).is_ok_and(|is_verified| is_verified);
                assert_eq!(is_verified, algorithm == signed, "{signed:?} as {algorithm:?}");
            });
            assert!(verify(Algorithm::HS256, key, token).is_err(), "{signed:?} as a shared secret");
        });
    }

    #[test]
    fn a_modulus_may_have_leading_zeros() {
        each(|algorithm, key, token| {
            let mut key = key.clone();
            if let Some(modulus) = key["n"].as_str() {
                // Three bytes are four characters.
                key["n"] = format!("AAAA{modulus}").into();
                assert!(verify(algorithm, &key, token).unwrap(), "{algorithm:?}");
            }
        });
    }
}
