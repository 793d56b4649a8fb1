//! What looks like a secret in a text.

use crate::REDACTED;
use crate::names::{ends_with, is_secret};

const REST: usize = 16;
/// No secret is in a text that is shorter, its quotes included, unless something in it names one.
const SHORTEST: usize = 16;
/// A signer key of this product's.
const SIGNER_KEY: &[u8] = b"PRIVATE+KEY+";
const PEM: &[u8] = b"-----BEGIN";
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY";

/// What a byte may be part of.
const TOKEN: u8 = 1;
const BASE64: u8 = 2;
/// The value of a parameter.
const VALUE: u8 = 4;
/// A URL's authority.
const AUTHORITY: u8 = 8;
/// Anything without white space or a quote.
const WORD: u8 = 16;
/// Anything without a quote.
const QUOTED: u8 = 32;

/// Whether a JSON string is an identifier of a key as AWS makes them, and nothing else.
pub(crate) fn is_key_id(string: &[u8]) -> bool {
    let [b'"', b'A', b'K' | b'S', b'I', b'A', rest @ .., b'"'] = string else { return false };
    (12..=124).contains(&rest.len())
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Masks what looks like a secret in the JSON string that stands at the end of `out`, from `start` on, quotes
/// included. Gives how many parts were masked.
///
/// Each byte is looked at a few times at most, whatever the text.
pub fn mask(out: &mut Vec<u8>, start: usize) -> usize {
    if !may_hold_secret(out.get(start..).unwrap_or_default()) {
        return 0;
    }
    let mut count = 0;
    let mut masked: Vec<u8> = Vec::new();
    let mut kept = start;
    let mut at = start + 1;
    while let Some(text) = out.get(at..).filter(|text| text.len() > 1) {
        let (skipped, length) = secret_in(text);
        at += skipped;
        if length > 0 {
            masked.extend_from_slice(out.get(kept..at).unwrap_or_default());
            masked.extend_from_slice(REDACTED);
            at += length;
            kept = at;
            count += 1;
        }
    }
    if count > 0 {
        masked.extend_from_slice(out.get(kept..).unwrap_or_default());
        out.truncate(start);
        out.append(&mut masked);
    }
    count
}

/// Whether there is anything in a text that a secret has beside or in itself. It is asked for each text of each event.
fn may_hold_secret(text: &[u8]) -> bool {
    let is_long = text.len() >= SHORTEST;
    let mut begun = 0;
    for (at, byte) in text.iter().enumerate() {
        // Its last byte is a quote.
        if PARTS[usize::from(*byte)] & TOKEN != 0 {
            continue;
        }
        let token = text.get(begun..at).unwrap_or_default();
        begun = at + 1;
        if looks_secret(token) || token.starts_with(PEM) {
            return true;
        }
        match byte {
            b'=' | b':' => return true,
            b'+' | b'\\' if is_long => return true,
            b' ' if is_long && names_scheme(token) => return true,
            _ => {}
        }
    }
    false
}

/// Whether a text ends with what credentials follow.
fn names_scheme(text: &[u8]) -> bool {
    [&b"bearer"[..], b"basic"].iter().any(|scheme| ends_with(text, scheme))
}

/// How much of a text is no secret, and how long the one is that follows; that need not be all, where there is none.
fn secret_in(text: &[u8]) -> (usize, usize) {
    match text {
        // An escape is no part of a word, nor is the letter in it.
        [b'\\', b'u', ..] => return (6, 0),
        [b'\\', ..] => return (2, 0),
        [b':', b'/', b'/', rest @ ..] => return password_in(rest),
        _ => {}
    }
    let length = run(text, TOKEN);
    let (token, rest) = text.split_at(length);
    if token.is_empty() {
        return (1, 0);
    }
    let label = rest.get(..40).unwrap_or(rest);
    if token.starts_with(PEM) && label.windows(PRIVATE_KEY.len()).any(|part| part == PRIVATE_KEY) {
        // There is no telling where a cut one ends.
        return (0, text.len() - 1);
    }
    if text.starts_with(SIGNER_KEY) {
        return (0, run(text, WORD));
    }
    if looks_secret(token) {
        return (0, run(text, BASE64));
    }
    // Also in quotes, and as JSON within a text: `"name":"value"`, or with a space before the value.
    let (before, value, ends) = match rest {
        [b'=', b'\\', b'"', value @ ..] => (3, value, QUOTED),
        [b'=', value @ ..] => (1, value, VALUE),
        [b'\\', b'"', b':', b'\\', b'"', value @ ..] => (5, value, QUOTED),
        [b'\\', b'"', b':', b' ', b'\\', b'"', value @ ..] => (6, value, QUOTED),
        _ => (0, rest, 0),
    };
    if before > 0 && is_parameter(token) {
        return (length + before, run(value, ends));
    }
    match rest {
        [b' ', value @ ..] if names_scheme(token) => {
            let credentials = run(value, BASE64);
            let is_word = value.iter().take(credentials).all(u8::is_ascii_alphabetic);
            (length + 1, if is_word || credentials < 8 { 0 } else { credentials })
        }
        _ => (length, 0),
    }
}

/// How much there is before the password of a URL whose authority this begins with, `://` included, and how long it is.
fn password_in(text: &[u8]) -> (usize, usize) {
    let authority = text.get(..run(text, AUTHORITY)).unwrap_or_default();
    let at = authority.iter().rposition(|byte| *byte == b'@').unwrap_or(0);
    let colon = authority.iter().position(|byte| *byte == b':').unwrap_or(at) + 1;
    (3 + if colon < at { colon } else { 0 }, at.saturating_sub(colon))
}

/// Whether a parameter's value is a secret. Who has a signed address needs nothing else.
fn is_parameter(name: &[u8]) -> bool {
    [&b"sig"[..], b"signature"].iter().any(|end| ends_with(name, end)) || is_secret(name)
}

fn looks_secret(token: &[u8]) -> bool {
    // A JWT's header and claims are JSON objects: base64 of `{"`.
    if token.starts_with(b"eyJ") {
        return token.split(|byte| *byte == b'.').nth(2).is_some();
    }
    let [first, ..] = token else { return false };
    let is_random = |rest: &[u8]| {
        rest.len() >= REST
            && (rest.iter().any(u8::is_ascii_digit) || !rest.iter().any(u8::is_ascii_lowercase))
    };
    token.len() > REST
        && prefixes(*first).any(|prefix| token.strip_prefix(prefix.as_bytes()).is_some_and(is_random))
}

/// What documented tokens begin with whose first character is this. At least [`REST`] characters follow, with a digit or no
/// small letter among them. Those with `c` are readers' tokens of a log.
fn prefixes(first: u8) -> impl Iterator<Item = &'static str> {
    let prefixes = match first {
        b'A' => "AIza AKIA ASIA ATATT3 AGE-SECRET-KEY-",
        b'G' => "GOCSPX-",
        b'S' => "SG.",
        b'c' => "csr_",
        b'd' => "dckr_pat_ dop_v1_",
        b'g' => "github_pat_ ghp_ gho_ ghu_ ghs_ ghr_ glpat- glsa_",
        b'h' => "hvs. hvb. hf_",
        b'n' => "npm_",
        b'p' => "pypi-AgE",
        b'r' => "rk_live_ rk_test_ rubygems_",
        b's' => "sk_live_ sk_test_ sk-ant- sk-proj- sk-svcacct- shpat_",
        b'w' => "whsec_",
        b'x' => "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xapp-",
        b'y' => "ya29.",
        _ => "",
    };
    prefixes.split_ascii_whitespace()
}

/// What each byte may be part of.
static PARTS: [u8; 256] = {
    let mut parts = [0; 256];
    let mut byte = 0;
    while byte < parts.len() {
        parts[byte] = match byte as u8 {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' | b'.' => {
                TOKEN | BASE64 | VALUE | AUTHORITY | WORD | QUOTED
            }
            b'+' | b'=' | b'~' => BASE64 | VALUE | AUTHORITY | WORD | QUOTED,
            b'/' => BASE64 | VALUE | WORD | QUOTED,
            b'?' => VALUE | WORD | QUOTED,
            b'&' | b';' | b',' => AUTHORITY | WORD | QUOTED,
            b'#' => WORD | QUOTED,
            b'"' | b'\\' => 0,
            b' ' | b'\'' | b'<' | b'>' => QUOTED,
            _ => VALUE | AUTHORITY | WORD | QUOTED,
        };
        byte += 1;
    }
    parts
};

/// How many bytes it begins with that may be part of that.
fn run(text: &[u8], of: u8) -> usize {
    text.iter().position(|byte| PARTS[usize::from(*byte)] & of == 0).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> (String, usize) {
        let mut out = format!("before\"{text}\"").into_bytes();
        let count = mask(&mut out, 6);
        let text = String::from_utf8(out).unwrap();
        (text["before\"".len()..text.len() - 1].to_owned(), count)
    }

    /// A token that none was ever given.
    fn made(prefix: &str) -> String {
        format!("{prefix}{}", "0aB1cD2eF3gH4iJ5kL6m")
    }

    #[test]
    fn what_looks_like_a_secret_is_masked_and_nothing_else() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        let key = "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEE\\n-----END EC PRIVATE KEY-----\\n";
        for (text, expected) in [
            (jwt.to_owned(), "[redacted]".to_owned()),
            (format!("Bearer {jwt}, ok"), "Bearer [redacted], ok".into()),
            (format!("it said: {key}"), "it said: [redacted]".into()),
            ("AKIAIOSFODNN7EXAMPLE".into(), "[redacted]".into()),
            (format!("a\\n{}\\tb", made("ghp_")), "a\\n[redacted]\\tb".into()),
            (format!("\\u001b{}", made("ghp_")), "\\u001b[redacted]".into()),
            (format!("({})", made("sk_live_")), "([redacted])".into()),
            ("PRIVATE+KEY+example.com/a+01234567+AQID/+==".into(), "[redacted]".into()),
            ("Authorization: Basic dXNlcjpwYXNzMQ==".into(), "Authorization: Basic [redacted]".into()),
            (
                "https://a.example/x?token=abc&n=1#sig=2".into(),
                "https://a.example/x?token=[redacted]&n=1#sig=[redacted]".into(),
            ),
            (
                r#"{\"a\":\"b\",\"password\":\"x y\"}"#.into(),
                r#"{\"a\":\"b\",\"password\":\"[redacted]\"}"#.into(),
            ),
            (
                r#"api_key=\"x\" \"token\": \"y\""#.into(),
                r#"api_key=\"[redacted]\" \"token\": \"[redacted]\""#.into(),
            ),
            ("/x?a=1&access_token=a%20b".into(), "/x?a=1&access_token=[redacted]".into()),
            ("?X-Amz-Signature=ab&X-Amz-Date=1".into(), "?X-Amz-Signature=[redacted]&X-Amz-Date=1".into()),
            ("postgres://app:pa:ss@db.example/x".into(), "postgres://app:[redacted]@db.example/x".into()),
            ("Server=db;User=a;Password=x y".into(), "Server=db;User=a;Password=[redacted] y".into()),
            ("connect.sid=s%3Aabc; theme=dark".into(), "connect.sid=[redacted]; theme=dark".into()),
            (format!("{} {}", made("npm_"), made("hf_")), "[redacted] [redacted]".into()),
            // Where nothing but itself tells of one: at its beginning, after an escape, in the shortest text, cut off.
            ("-----BEGIN PRIVATE KEY-----".into(), "[redacted]".into()),
            ("a\\n-----BEGIN PRIVATE KEY".into(), "a\\n[redacted]".into()),
            ("Basic dXNlcjp3".into(), "Basic [redacted]".into()),
            ("Bearer opaque-1".into(), "Bearer [redacted]".into()),
            ("PRIVATE+KEY+example.com/a+01234567+AQIDBAUG".into(), "[redacted]".into()),
            // A value ends where one of its kind does.
            ("token=a?b/c+d~e#f".into(), "token=[redacted]#f".into()),
            (r#"token=\"a?b#c&d;e,f/g+h=i j'k<l>m\" n"#.into(), r#"token=\"[redacted]\" n"#.into()),
            ("https://u:a&b;c,d+e=f~g@h.example/i@j".into(), "https://u:[redacted]@h.example/i@j".into()),
            ("Basic YWJj/ZGVm+Zw==,x".into(), "Basic [redacted],x".into()),
        ] {
            let count = expected.matches("[redacted]").count();
            assert_eq!(masked(&text), (expected, count), "{text}");
        }
    }

    #[test]
    fn each_documented_prefix_counts() {
        for prefix in (0..=u8::MAX).flat_map(prefixes) {
            assert_eq!(masked(&made(prefix)), ("[redacted]".into(), 1), "{prefix}");
            assert_eq!(masked(prefix).1, 0, "{prefix}");
        }
    }

    #[test]
    fn a_text_may_be_all_there_is() {
        let mut text = br#""AKIAIOSFODNN7EXAMPLE""#.to_vec();
        assert_eq!((mask(&mut text, 0), &text[..]), (1, &br#""[redacted]""#[..]));
    }

    #[test]
    fn an_identifier_of_a_key_is_as_aws_makes_them() {
        let is = |text: &str| is_key_id(format!("\"{text}\"").as_bytes());
        let of_length = |rest: usize| format!("AKIA{}", "7".repeat(rest));
        for id in ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", &of_length(12), &of_length(124)] {
            assert!(is(id), "{id}");
        }
        for text in [
            "AKIAiosfodnn7example",
            "AXIAIOSFODNN7EXAMPLE",
            "AKIA-IOSFODNN7EXAMPLE",
            "key AKIAIOSFODNN7EXAMPLE",
        ] {
            assert!(!is(text), "{text}");
        }
        assert!(!is(&of_length(11)) && !is(&of_length(125)) && !is_key_id(b"AKIAIOSFODNN7EXAMPLE"));
    }

    #[test]
    fn other_texts_stay() {
        for text in [
            "",
            "\\\\",
            "\\u0000",
            "Ada",
            "2026-11-20T06:01:02.345Z",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "basic authentication",
            "bearer of bad news",
            "Bearer",
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
            "AKIA",
            "a=1&b=2",
            "token=",
            "token",
            "author=ada",
            "?page=2",
            "https://a.example:8080/x@y",
            "mailto:a@b.example",
            "user@a.example",
            "://",
            "https://a@b.example",
            "-----BEGIN CERTIFICATE-----\\nMII",
            "example.com/a+01234567+AQID",
            "npm_config_registry_value_long",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "SG.x1",
            "=x",
            "é=ü",
        ] {
            assert_eq!(masked(text), (text.to_owned(), 0), "{text}");
        }
    }

    #[test]
    fn a_long_text_is_gone_through_once() {
        for part in ["token=", "a:", "://", "://a:", "eyJ.", "-", "Bearer ", "\\u0000", "ghp_", "x=token="] {
            let text = part.repeat(250_000 / part.len());
            let (masked, _) = masked(&text);
            assert!(masked.len() <= text.len() * 3);
        }
    }
}
