//! Detects secrets within text.

use super::names::{Class, classify, ends_with};
use super::{REDACTED, Secrecy, numbers, tokens, values};

/// Minimum length of a string with a secret, including its quotes, unless something in it names one.
const MIN_BYTES: usize = 16;
/// The beginning of a countersign private key.
const SIGNER_KEY: &[u8] = b"PRIVATE+KEY+";
const PEM: &[u8] = b"-----BEGIN";
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY";

/// Maximum length of a secret's name, in bytes.
const MAX_NAME: usize = 80;
/// Maximum white space between a name, its separator, and its value.
const MAX_SPACE: usize = 8;
/// Hosts and paths of webhooks. Their whole URL is a secret.
const WEBHOOKS: [(&[u8], &[u8]); 9] = [
    (b"hooks.slack.com", b"/services/"),
    (b"hooks.slack.com", b"/workflows/"),
    (b"hooks.slack.com", b"/triggers/"),
    (b"discord.com", b"/api/webhooks/"),
    (b"discordapp.com", b"/api/webhooks/"),
    (b".webhook.office.com", b"/webhookb2/"),
    (b"outlook.office.com", b"/webhook/"),
    (b"hooks.zapier.com", b"/hooks/catch/"),
    (b"api.telegram.org", b"/bot"),
];

/// Flags for what a byte may be part of; this one for tokens.
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

/// True if a JSON string is exactly the identifier of an AWS key.
pub(crate) fn is_key_id(string: &[u8]) -> bool {
    let [b'"', b'A', b'K' | b'S', b'I', b'A', rest @ .., b'"'] = string else { return false };
    (12..=124).contains(&rest.len())
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Masks parts that look like secrets in the JSON string at the end of `out`, from `start` on, quotes included.
/// Returns the number of masked parts.
///
/// Detects tokens by their documented prefixes, JWTs, private keys, webhook URLs, passwords in URLs, credentials
/// after `Bearer` or `Basic`, payment card numbers, IBANs, and US social security numbers; and values assigned to a
/// name of a secret: `password: hunter2`, `?token=…`, `"api_key": "…"`, `Cookie: …`, `--password …`, `PASSWORD '…'`.
///
/// Each byte is examined only a few times, whatever the text.
pub fn mask(out: &mut Vec<u8>, start: usize) -> usize {
    mask_value(out, start, Secrecy::Open)
}

/// Like [`mask`], for the value of a field with this secrecy.
pub(crate) fn mask_value(out: &mut Vec<u8>, start: usize, secrecy: Secrecy) -> usize {
    let string = out.get(start..).unwrap_or_default();
    if secrecy == Secrecy::KeyId && is_key_id(string) || !may_hold_secret(string) {
        return 0;
    }
    let mut masked: Vec<u8> = Vec::new();
    let mut kept = start;
    let mut count = 0;
    // Skip the quotes.
    let text = string.get(1..string.len() - 1).unwrap_or_default();
    let mut scanner = Scanner { text, at: 0, tool: Tool::Other, is_id: secrecy == Secrecy::Id };
    while scanner.at < text.len() {
        let (skipped, length) = scanner.secret();
        scanner.at += skipped;
        if length > 0 {
            let at = start + 1 + scanner.at;
            masked.extend_from_slice(out.get(kept..at).unwrap_or_default());
            masked.extend_from_slice(REDACTED);
            scanner.at += length;
            kept = at + length;
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

/// True if a string has anything that marks a secret. A cheap check, because it runs for each string of each event.
fn may_hold_secret(text: &[u8]) -> bool {
    let is_long = text.len() >= MIN_BYTES;
    let mut begun = 0;
    for (at, byte) in text.iter().enumerate() {
        // The last byte is a quote.
        if PARTS[usize::from(*byte)] & TOKEN != 0 {
            continue;
        }
        let token = text.get(begun..at).unwrap_or_default();
        begun = at + 1;
        if tokens::is_secret(token) || token.starts_with(PEM) || numbers::may_begin(token) {
            return true;
        }
        match byte {
            b'=' | b':' | b'<' => return true,
            b'+' | b'\\' | b'\'' | b'/' | b'~' if is_long => return true,
            b' ' if names_scheme(token)
                || token.starts_with(b"-")
                || token.len() > 2 && says_secret(token) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// True if a string ends with a scheme that credentials follow.
fn names_scheme(text: &[u8]) -> bool {
    [&b"bearer"[..], b"basic"].iter().any(|scheme| ends_with(text, scheme))
}

fn says_secret(name: &[u8]) -> bool {
    name.len() <= MAX_NAME && matches!(classify(name), Class::Secret | Class::Secrets | Class::Cookies)
}

/// A program with arguments that are secrets because of their position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Other,
    Curl,
    Mysql,
    Sshpass,
    /// SQL's `IDENTIFIED BY`.
    Identified,
}

/// A single-pass scanner of a string.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    tool: Tool,
    /// True if, by its field's name, the text identifies something.
    is_id: bool,
}

impl Scanner<'_> {
    /// Returns the length of text that contains no secret, and the length of the secret directly after it, or
    /// 0 if there is none. Call it again from there.
    fn secret(&mut self) -> (usize, usize) {
        let (before, text) = self.text.split_at(self.at);
        match text {
            // An escape, including its letter, belongs to no word.
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
        if token.starts_with(PEM) {
            let label = rest.get(..40).unwrap_or(rest);
            if label.windows(PRIVATE_KEY.len()).any(|part| part == PRIVATE_KEY) {
                // The end of a truncated key cannot be determined.
                return (0, text.len());
            }
        }
        if text.starts_with(SIGNER_KEY) {
            return (0, run(text, WORD));
        }
        let number = numbers::personal(before, text, self.is_id);
        if number > 0 {
            return (0, number);
        }
        if tokens::is_secret(token) || tokens::is_continued(token, rest) {
            return (0, run(text, BASE64) + tokens::continuation(token, rest));
        }
        if let [b'/', ..] = rest
            && let Some((_, path)) =
                WEBHOOKS.iter().find(|(host, path)| ends_with(token, host) && rest.starts_with(path))
        {
            return (length + path.len(), run(rest.get(path.len()..).unwrap_or_default(), WORD));
        }
        self.named(before, text, length)
    }

    /// Like `secret`, for the word at the start of the text.
    fn named(&mut self, before: &[u8], text: &[u8], length: usize) -> (usize, usize) {
        let (token, rest) = text.split_at(length);
        let tool = self.tool;
        self.tool = match token {
            b"curl" => Tool::Curl,
            [b'm', b'y', b's', b'q', b'l', ..] | b"mariadb" => Tool::Mysql,
            b"sshpass" => Tool::Sshpass,
            _ if token.eq_ignore_ascii_case(b"identified") => Tool::Identified,
            _ => tool,
        };
        let by_place = match (tool, token) {
            (Tool::Curl, b"-u" | b"--user" | b"--proxy-user") => {
                let (open, value) = argument(rest);
                let user = value.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
                let password = &value[user..];
                // The quotes may be around the password alone.
                match quoted(&rest[open..], user) {
                    (begin, length @ 1..) if user > 0 => (open + begin, length),
                    _ if user == 0 || is_placeholder(password) => (0, 0),
                    _ => (open + user, password.len()),
                }
            }
            (Tool::Mysql, [b'-', b'p', _, _, ..]) => return (2, run(text, WORD) - 2),
            (Tool::Sshpass, b"-p") => {
                let (open, value) = argument(rest);
                (open, value.len())
            }
            (Tool::Identified, _) if token.eq_ignore_ascii_case(b"by") => quoted(rest, 1),
            _ => (0, 0),
        };
        if by_place.1 > 0 {
            return (length + by_place.0, by_place.1);
        }
        let found = if length > MAX_NAME { (0, 0) } else { assigned(before, token, rest) };
        if found.1 > 0 {
            return (length + found.0, found.1);
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
}

/// Returns the start of a command's next argument, and the argument without quotes.
fn argument(rest: &[u8]) -> (usize, &[u8]) {
    let (open, length) = quoted(rest, 1);
    let (open, length) =
        if length > 0 { (open, length) } else { (1, run(rest.get(1..).unwrap_or_default(), WORD)) };
    (open, rest.get(open..open + length).unwrap_or_default())
}

/// Returns the start and the length of the quoted text at `at`; zeros if there is no opening quote.
fn quoted(rest: &[u8], at: usize) -> (usize, usize) {
    let Some(text) = rest.get(at..) else { return (0, 0) };
    match quote(text) {
        0 => (0, 0),
        open => (at + open, until_quote(&text[open..], &text[..open])),
    }
}

/// Returns the length of the quote at the start of a string: a double quote escaped by JSON, perhaps several times, or
/// a single one.
fn quote(text: &[u8]) -> usize {
    let escapes = text.iter().take(16).take_while(|byte| **byte == b'\\').count();
    match text.get(escapes) {
        Some(b'"') if escapes > 0 => escapes + 1,
        Some(b'\'') if escapes == 0 => 1,
        _ => 0,
    }
}

/// Returns the length of text before the closing quote, or of all text if it is missing.
fn until_quote(text: &[u8], quote: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => {
                let escapes = text[at..].iter().take_while(|byte| **byte == b'\\').count();
                let is_end = text.get(at + escapes) == Some(&b'"') && escapes < quote.len();
                if is_end {
                    return at;
                }
                at += escapes + 1;
            }
            b'\'' if quote == b"'" => return at,
            _ => at += 1,
        }
    }
    at
}

/// Returns the length of white space at the start of a string, up to a limit. A tab is escaped.
fn space(text: &[u8]) -> usize {
    let mut at = 0;
    while at < MAX_SPACE {
        match text.get(at..) {
            Some([b' ', ..]) => at += 1,
            Some([b'\\', b't', ..]) => at += 2,
            _ => break,
        }
    }
    at
}

/// The syntax between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// `name=value`
    Equals,
    /// `name: value`, `name = value`
    Spaced,
    /// `name:value`
    Colon,
    /// `--name value`, `NAME 'value'`, `name is value`
    Space,
    /// `<name>value`
    Tag,
}

/// Returns the start and the length of the secret assigned to a name, relative to `rest`.
fn assigned(before: &[u8], name: &[u8], rest: &[u8]) -> (usize, usize) {
    // No other characters can be between a name and its value.
    if !matches!(rest, [b'=' | b':' | b' ' | b'\\' | b'\'' | b'>' | b'?', _, ..]) {
        return (0, 0);
    }
    let Some(class) = class_in_text(before, name) else { return (0, 0) };
    let mut close = quote(rest);
    // `environ['NAME'] = …`
    close += usize::from(close > 0 && rest.get(close) == Some(&b']'));
    let spaces = space(&rest[close..]);
    let mut at = close + spaces;
    let mut separator = match rest.get(at..).unwrap_or_default() {
        [b':', b':', b'=', ..] | [b'?', b'=', ..] => {
            at += 1 + usize::from(rest[at] == b':');
            Separator::Equals
        }
        [b':', b':', ..] | [b':', b'/', b'/', ..] => return (0, 0),
        [b'=', ..] => Separator::Equals,
        [b':', ..] => Separator::Colon,
        [b'>', ..] if at == 0 && before.ends_with(b"<") => Separator::Tag,
        _ if close == 0 && spaces > 0 => Separator::Space,
        _ => return (0, 0),
    };
    if separator == Separator::Space {
        let is_flag = name.starts_with(b"-") && !name.starts_with(b"--no-");
        let words = [&b"is "[..], b"was ", b"to "];
        let word = words.iter().find(|word| rest[at..].starts_with(word)).map_or(0, |word| word.len());
        at += word;
        if !is_flag && word == 0 && quote(&rest[at..]) == 0 || rest.get(at) == Some(&b'-') {
            return (0, 0);
        }
    } else {
        at += 1;
        // `:=` and `=>`
        at += usize::from(separator != Separator::Tag && matches!(rest.get(at), Some(b'=' | b'>')));
        let more = space(rest.get(at..).unwrap_or_default());
        at += more;
        if (spaces > 0 || more > 0) && separator != Separator::Tag {
            separator = Separator::Spaced;
        }
    }
    if separator == Separator::Colon && before.ends_with(b":") {
        // Part of an identifier with colons: `arn:aws:secretsmanager:eu-west-1:1:secret:db-1`.
        return (0, 0);
    }
    let value = rest.get(at..).unwrap_or_default();
    if class == Class::Cookies
        && matches!(separator, Separator::Spaced | Separator::Colon)
        && quote(value) == 0
    {
        return cookies(name, value, at);
    }
    if name.len() >= 13 && ends_with(name, b"authorization") && separator == Separator::Spaced {
        // Keep the scheme.
        let scheme = run(value, TOKEN);
        if let Some([b' ', credentials @ ..]) = value.get(scheme..) {
            let word = run(credentials, WORD);
            if !values::is_word(&value[..scheme]) {
                return (at + scheme + 1, line(credentials));
            } else if word >= 8 && credentials[..word].iter().any(u8::is_ascii_digit) {
                return (at + scheme + 1, word);
            }
        }
    }
    let open = quote(value);
    let (open, length) = match (open, separator) {
        (1.., _) => (open, until_quote(&value[open..], &value[..open])),
        (_, Separator::Tag) => (0, value.iter().position(|byte| matches!(byte, b'<' | b'\\')).unwrap_or(0)),
        (_, Separator::Equals) => (0, run(value, VALUE)),
        _ if value.starts_with(b"[") => (1, list(&value[1..])),
        _ if value.starts_with(b"{") => (0, 0),
        _ => (0, unpunctuated(&value[..run(value, WORD)])),
    };
    let value = &value[open..open + length];
    if is_hidden(class, separator, name, open > 0, value) { (at + open, length) } else { (0, 0) }
}

/// Returns the class of a name within text, where cookies, URLs, and forms occur.
fn class_in_text(before: &[u8], name: &[u8]) -> Option<Class> {
    let is_parameter = matches!(before, [.., b'?' | b'&']) || before.ends_with(b"u0026");
    match classify(name) {
        Class::Open | Class::Source => {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            if [&b"sig"[..], b"signature"].iter().any(|end| ends_with(name, end)) {
                return Some(Class::Secret);
            }
            (is(b"session") || is_parameter && is(b"code")).then_some(Class::Session)
        }
        class => Some(class),
    }
}

/// True if a value assigned to a name of this class is a secret.
fn is_hidden(class: Class, separator: Separator, name: &[u8], is_quoted: bool, value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_opaque = digits > 0 && value.len() >= 10;
    let is_none = is_placeholder(value)
        || matches!(value, [b'/', ..]) && ends_with(name, b"pwd")
        || value.ends_with(b"[redacted]")
        || !is_quoted && separator == Separator::Spaced && value.contains(&b'(');
    if is_none {
        return false;
    }
    match class {
        Class::Session => is_opaque,
        Class::SecretId => values::is_random(value),
        Class::Digits => values::is_digits(value),
        // A number counts the secrets.
        Class::Secrets if digits == value.len() => false,
        _ if values::is_state(value) => false,
        _ if separator == Separator::Equals || separator == Separator::Tag => true,
        _ if digits == value.len() => digits >= 3,
        // Scopes look like this: `token:read`.
        _ if separator == Separator::Colon && !is_quoted => digits > 0 && value.len() >= 6,
        _ if separator == Separator::Space && !is_quoted && !name.starts_with(b"-") => {
            digits > 0 && value.len() >= 5
        }
        _ => true,
    }
}

/// True if a string is a placeholder for a value.
fn is_placeholder(text: &[u8]) -> bool {
    values::is_reference(text)
        || matches!(text, [b'$', b'(' | b'A'..=b'Z', ..] | [b'<' | b'%' | b'[', ..])
        || text.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
}

/// Returns the start and the length of the secrets in a cookie header: the first value if the header sets a cookie,
/// otherwise all.
fn cookies(name: &[u8], value: &[u8], at: usize) -> (usize, usize) {
    let length = line(value);
    if !value[..length].contains(&b'=') && values::is_word(&value[..run(value, TOKEN)]) {
        return (0, 0);
    }
    if !matches!(name, [b's' | b'S', ..]) {
        return (at, length);
    }
    let begin = value[..length].iter().position(|byte| *byte == b'=').map_or(0, |equals| equals + 1);
    let end = value[begin..length].iter().position(|byte| *byte == b';').unwrap_or(length - begin);
    (at + begin, end)
}

/// Returns the length of text before the end of the line or a quote.
fn line(text: &[u8]) -> usize {
    text.iter().position(|byte| matches!(byte, b'\\' | b'\'')).unwrap_or(text.len())
}

/// Returns the length of a list's elements if they are not objects.
fn list(text: &[u8]) -> usize {
    match text.iter().take(4096).position(|byte| matches!(byte, b']' | b'{')) {
        Some(end) if text[end] == b']' => end,
        _ => 0,
    }
}

/// Returns the length of a value without trailing punctuation.
fn unpunctuated(value: &[u8]) -> usize {
    let is_mark = |byte: &u8| matches!(byte, b',' | b';' | b'.' | b'}' | b']' | b')');
    value.iter().rposition(|byte| !is_mark(byte)).map_or(0, |last| last + 1)
}

/// Returns the start and the length of the password in a URL. `text` begins with the authority; the start counts from
/// `://`.
fn password_in(text: &[u8]) -> (usize, usize) {
    let authority = text.get(..run(text, AUTHORITY)).unwrap_or_default();
    let at = authority.iter().rposition(|byte| *byte == b'@').unwrap_or(0);
    let colon = authority.iter().position(|byte| *byte == b':').unwrap_or(at) + 1;
    (3 + if colon < at { colon } else { 0 }, at.saturating_sub(colon))
}

/// Flags of each byte.
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

/// Returns the length of the run of bytes at the start of a string that have the flag `of`.
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

    /// Returns a made-up token.
    fn fake_token(prefix: &str) -> String {
        format!("{prefix}{}", "0aB1cD2eF3gH4iJ5kL6m")
    }

    #[test]
    fn masks_exactly_what_looks_like_a_secret() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        let key = "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEE\\n-----END EC PRIVATE KEY-----\\n";
        for (text, expected) in [
            (jwt.to_owned(), "[redacted]".to_owned()),
            (format!("Bearer {jwt}, ok"), "Bearer [redacted], ok".into()),
            (format!("it said: {key}"), "it said: [redacted]".into()),
            ("AKIAIOSFODNN7EXAMPLE".into(), "[redacted]".into()),
            (format!("a\\n{}\\tb", fake_token("ghp_")), "a\\n[redacted]\\tb".into()),
            (format!("\\u001b{}", fake_token("ghp_")), "\\u001b[redacted]".into()),
            (format!("({})", fake_token("sk_live_")), "([redacted])".into()),
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
            (format!("{} {}", fake_token("npm_"), fake_token("hf_")), "[redacted] [redacted]".into()),
            // Secrets with nothing else in the text: at its beginning, after an escape, in the shortest text,
            // truncated.
            ("-----BEGIN PRIVATE KEY-----".into(), "[redacted]".into()),
            ("a\\n-----BEGIN PRIVATE KEY".into(), "a\\n[redacted]".into()),
            ("Basic dXNlcjp3".into(), "Basic [redacted]".into()),
            ("Bearer opaque-1".into(), "Bearer [redacted]".into()),
            ("PRIVATE+KEY+example.com/a+01234567+AQIDBAUG".into(), "[redacted]".into()),
            // A value ends where its syntax ends.
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
    fn masks_text_at_the_start_of_the_buffer() {
        let mut text = br#""AKIAIOSFODNN7EXAMPLE""#.to_vec();
        assert_eq!((mask(&mut text, 0), &text[..]), (1, &br#""[redacted]""#[..]));
    }

    #[test]
    fn recognizes_aws_key_identifiers() {
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
    fn keeps_other_texts() {
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
    fn scans_long_texts_in_linear_time() {
        for part in ["token=", "a:", "://", "://a:", "eyJ.", "-", "Bearer ", "\\u0000", "ghp_", "x=token="] {
            let text = part.repeat(250_000 / part.len());
            let (masked, _) = masked(&text);
            assert!(masked.len() <= text.len() * 3);
        }
    }
}
