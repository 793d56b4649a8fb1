//! Checks what a value looks like, for values whose names say that they may be secrets.

/// Words of states, settings, and sentences, in alphabetical order. None is a secret.
const WORDS: &str = "2fa a active all allow allowed always an and any are as at audit auto automatic basic be bearer been blocked by \
can cannot changed completed complex confirmed created custom daily day days default deleted denied deny \
disable disabled disallowed does empty enable enabled enforced error expired expires expiring external fail \
failed failure false flow for forced found from generated given good granted had has hashed have hidden high \
hour hours if ignored in inactive incorrect internal invalid is issued it jwt length locked low manual masked \
match matches may medium minute minutes missing mode month monthly months must needs never new no none not null \
oauth2 of off ok on only opaque optional or organization over owner partial pending present private protected \
provided public read refused rejected removed renewed requested required reset returned revoked rotated saml \
second seconds set should simple skipped so started strong succeeded success successful successfully supported \
that the their then this timeout to token too true type undefined unknown unlimited unset until unused \
unverified updated used valid verified via warning was weak week weekly weeks were when will with without wrong \
year yearly years yes your";

/// Beginnings of resource names and of references to values elsewhere.
const REFERENCES: [&[u8]; 6] = [b"arn:", b"projects/", b"//", b"/subscriptions/", b"${", b"{{"];

/// True if the text contains only words for states and settings, such as `disabled` or `not set`, or is empty.
pub(crate) fn is_state(text: &[u8]) -> bool {
    text.len() != 1
        && text.len() <= 40
        && text.split(|byte| matches!(byte, b' ' | b'_' | b'-' | b'.')).all(is_word)
}

/// True if a word is in the list. True for the empty word.
pub(crate) fn is_word(word: &[u8]) -> bool {
    // No word has 13 bytes or more.
    word.is_empty()
        || word.len() < 13
            && WORDS.split_ascii_whitespace().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// True if a string names a resource or refers to a value elsewhere.
pub(crate) fn is_reference(text: &[u8]) -> bool {
    REFERENCES.iter().any(|beginning| text.starts_with(beginning))
}

/// True if a string has at least four digits and otherwise only separators.
pub(crate) fn is_digits(text: &[u8]) -> bool {
    text.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4
        && text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
}

/// True for a UUID, and for a string whose letters and digits alternate as often as in random text. Names of things
/// rarely do.
pub(crate) fn is_random(text: &[u8]) -> bool {
    let kind = |byte: &u8| match byte {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 2,
        b'a'..=b'z' => 3,
        _ => 0,
    };
    // `aB` counts as a change and `Ba` does not: names are written like that.
    let change = |pair: &&[u8]| matches!((kind(&pair[0]), kind(&pair[1])), (1, 2 | 3) | (2 | 3, 1) | (3, 2));
    let changes = text.windows(2).filter(change).count();
    let is_uuid = text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_uuid || text.len() >= 16 && changes * 4 >= text.len() && !text.contains(&b' ')
}
