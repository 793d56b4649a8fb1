//! Path shapes: request paths with identifiers replaced by their kinds (SPEC section 12).
//!
//! ```
//! use countersign::path::shape;
//!
//! assert_eq!(shape("/jobs/42/runs/2026-11-20.json?page=2"), "/jobs/{number}/runs/{date}.json");
//! assert_eq!(shape("/v1/users/@me"), "/v1/users/@me");
//! ```

/// Maximum length of a segment that may be a word, in bytes. Route names are shorter.
const MAX_WORD_BYTES: usize = 128;

/// Returns the path with identifiers replaced, and without query, fragment, and parameters (`;…`). For a URL, the
/// scheme and the host stay, and the part of the authority before an `@` is removed.
pub fn shape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut is_url = false;
    let end = path.bytes().position(|byte| matches!(byte, b'?' | b'#'));
    for (nth, part) in until(path, end).split('/').enumerate() {
        if nth > 0 {
            out.push('/');
        }
        is_url |= nth == 1 && part.is_empty() && out.ends_with(":/");
        if is_url && nth == 2 {
            let user = part.bytes().rposition(|byte| byte == b'@');
            out.push_str(part.get(user.map_or(0, |at| at + 1)..).unwrap_or_default());
            continue;
        }
        let part = until(part, part.bytes().position(|byte| byte == b';'));
        match segment(part) {
            Some((kind, rest)) => {
                for piece in ["{", kind, "}", rest] {
                    out.push_str(piece);
                }
            }
            None => out.push_str(part),
        }
    }
    out
}

fn until(text: &str, end: Option<usize>) -> &str {
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Classifies a path segment. Returns the kind of identifier and what follows it within the segment: an ending such
/// as `.json`, or a verb such as `:cancel`. `None` for a word.
pub fn segment(text: &str) -> Option<(&'static str, &str)> {
    let whole = kind(text.as_bytes());
    let ending = text.bytes().rposition(|byte| !byte.is_ascii_lowercase()).unwrap_or(0);
    let (head, rest) = text.split_at_checked(ending).unwrap_or((text, ""));
    let is_ending = match rest.as_bytes() {
        [b'.', rest @ ..] => (2..=6).contains(&rest.len()),
        [b':', rest @ ..] => !rest.is_empty(),
        _ => false,
    };
    if is_ending
        && whole != Some("email")
        && let Some(kind) = kind(head.as_bytes())
    {
        return Some((kind, rest));
    }
    whole.map(|kind| (kind, ""))
}

fn kind(text: &[u8]) -> Option<&'static str> {
    let length = text.len();
    if length > MAX_WORD_BYTES {
        return Some("token");
    }
    let [mut digits, mut upper, mut lower, mut hex, mut crockford, mut marks, mut at] = [0; 7];
    let mut is_domain = false;
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'0'..=b'9' => digits += 1,
            b'A'..=b'Z' => upper += 1,
            b'a'..=b'z' => lower += 1,
            b'-' | b'_' | b'.' | b'~' => {
                marks += 1;
                is_domain |= at == 1 && *byte == b'.';
            }
            b'@' => at += 1,
            b'%' => {
                // A percent escape counts as marks, regardless of its digits.
                at += usize::from(after.starts_with(b"40"));
                marks += 3;
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {}
        }
        hex += usize::from(byte.is_ascii_hexdigit());
        crockford +=
            usize::from(byte.is_ascii_alphanumeric() && !matches!(byte | 32, b'i' | b'l' | b'o' | b'u'));
    }
    let letters = upper + lower;
    let has_dashes_at = |places: &[usize]| places.iter().all(|place| text.get(*place) == Some(&b'-'));
    if at == 1 && is_domain && letters > 0 && text[0] != b'@' {
        return Some("email");
    }
    if is_prefixed(text) && upper + digits > 0 {
        return Some("token");
    }
    if digits == 0 {
        return None;
    }
    if length == 36 && hex == 32 && has_dashes_at(&[8, 13, 18, 23]) {
        return Some("uuid");
    }
    if length >= 10 && digits >= 8 && has_dashes_at(&[4, 7]) && (length == 10 || text.get(10) == Some(&b'T'))
    {
        return Some("date");
    }
    if letters == 0 && text.iter().all(|byte| byte.is_ascii_digit() || b".,:+-_".contains(byte)) {
        return Some("number");
    }
    if length >= 16 && hex == length {
        return Some("hash");
    }
    if length == 26 && crockford == 26 && text[0] < b'8' && (upper == 0 || lower == 0) {
        return Some("ulid");
    }
    let is_mixed = upper > 0 && lower > 0;
    let is_dense = is_mixed || lower == 0 && marks == 0;
    let is_version = length <= 10 && matches!(text, [b'v', b'0'..=b'9', ..]);
    let is_token = letters > 0
        && digits + letters + marks == length
        && !is_version
        && (length >= 6 && digits >= 3
            || length >= 12 && digits >= 2 && is_mixed
            || length >= 16 && is_dense);
    is_token.then_some("token")
}

/// True for an identifier with a type prefix: `cus_…`.
fn is_prefixed(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|byte| !byte.is_ascii_lowercase()) else { return false };
    (2..=5).contains(&at)
        && text.len() > at + 10
        && text[at] == b'_'
        && text[at + 1..].iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_identifiers_from_words() {
        for (kind, values) in [
            ("number", &["7", "-1", "3.14", "20261120", "1,2,3", "+4930123456", "192.168.1.1", "10:30"][..]),
            ("uuid", &["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"]),
            ("hash", &["0123456789abcdef", "da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
            ("date", &["2026-11-20", "2026-11-20T06:01:02.345Z", "2026-11-20T06:01:02+01:00"]),
            ("email", &["ada@example.com", "ada.l%40example.com", "a+b@x.y", "ada@mail.example.com"]),
            ("ulid", &["01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav"]),
            (
                "token",
                &[
                    "AKIAIOSFODNN7EXAMPLE3",
                    "cus_NffrFeUfNV2Hib",
                    "C024BE91L",
                    "ab12cd3",
                    "dQw4w9WgXcQdQw4w9",
                    "team_AbCdEfGhIj",
                ],
            ),
        ] {
            for value in values {
                assert_eq!(segment(value), Some((kind, "")), "{value}");
                assert_eq!(segment(&format!("{value}.json")).map(|(kind, _)| kind), Some(kind), "{value}");
            }
        }
        for word in [
            "",
            "jobs",
            "v1",
            "v2beta1",
            "v1.2",
            "@me",
            "@user",
            "public-key",
            "get_subscriptions",
            "getUserSettings",
            "oauth2",
            "k8s",
            "wp-admin.php",
            "apple-app-site-association",
            "{id}",
            ":id",
            "*",
            "ação",
            "deadbeefdeadbeef",
            "job.run",
            "a%20b%20c%20d",
            "index.html",
            "ipv4",
        ] {
            assert_eq!(segment(word), None, "{word}");
        }
        assert_eq!(segment("123:cancel"), Some(("number", ":cancel")));
        assert_eq!(segment(&"x".repeat(129)), Some(("token", "")));
    }

    #[test]
    fn the_boundaries_between_identifiers_and_words() {
        for (text, is) in [
            // The length and the mix of characters of a token.
            ("ab123c", Some("token")),
            ("ab123", None),
            ("abc12d", None),
            ("ab%20123c", Some("token")),
            ("123~456", None),
            ("ab123ç", None),
            ("aB1cdefghij2", Some("token")),
            ("aB1cdefghi2", None),
            ("ab1cdefghij2", None),
            ("aBcdefghijklmno1", Some("token")),
            ("aBcdefghijklmn1", None),
            ("ABCDEFGHIJKLMNO1", Some("token")),
            ("ABCDEFGHIJKLM-O1", None),
            ("v1a2b3c4d5", None),
            ("v1a2b3c4d5e", Some("token")),
            // Other kinds, and texts that only resemble them.
            ("0123456789abcde", Some("token")),
            ("2026-11-20-", Some("number")),
            ("20260-1-20", Some("number")),
            ("f81d4fae7-dec-11d0-a765-00a0c91e6bf6", Some("token")),
            ("g81d4fae-7dec-11d0-a765-00a0c91e6bf6", Some("token")),
            ("abcd-ef-g1", None),
            ("81ARZ3NDEKTSV4RRFFQ69G5FAV", Some("token")),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAI", Some("token")),
            ("01arz3ndektsv4rrffq69g5FAV", Some("token")),
            ("1@2.3", None),
            ("@me.too", None),
            ("a@b@c.example", None),
            ("a.b@c", None),
            // A type prefix.
            ("ab_cdefghij1k", Some("token")),
            ("ab_cdefghij1", None),
            ("a_bcdefghijk1", None),
            ("abcdef_ghijklmnop1", None),
            ("ab_cdef-hij1k", None),
        ] {
            assert_eq!(segment(text), is.map(|kind| (kind, "")), "{text}");
        }
        assert_eq!(segment(&"x".repeat(128)), None);
        for (text, ending) in [("7.ab", ".ab"), ("7.abcdef", ".abcdef"), ("7:", ""), ("7:a", ":a")] {
            assert_eq!(segment(text), Some(("number", ending)), "{text}");
        }
        assert!(segment("7.a").is_none() && segment("7.abcdefg").is_none());
    }

    #[test]
    fn a_shape_keeps_only_words() {
        for (path, kept) in [
            ("", ""),
            ("/", "/"),
            ("*", "*"),
            ("//jobs//7/", "//jobs//{number}/"),
            ("/a;id=7/b;x?y=z#w", "/a/b"),
            ("/a#7", "/a"),
            ("https://10.0.0.1:8443/jobs/7?x", "https://10.0.0.1:8443/jobs/{number}"),
            ("https://ada:pw@a.example/7", "https://a.example/{number}"),
            ("/x://7/y", "/x:/{number}/y"),
            ("/files/2026-11-20.csv", "/files/{date}.csv"),
        ] {
            let path = path.replace("/x://", "/x:/");
            assert_eq!(shape(&path), kept, "{path}");
            assert_eq!(shape(kept), kept, "{path}");
        }
    }
}
