//! Detects numbers with check digits or fixed forms: payment cards, IBANs, and US social security numbers.

/// Maximum length of such a number, in characters.
const MAX: usize = 34;
/// The length of an IBAN by country.
const IBANS: &str = "AD24AE23AT20BE16BG22CH21CY28CZ24DE22DK18EE20ES24FI18FR27GB22GI23GR27HR21HU28IE22IS26IT27LI21LT20LU20LV21MC27MT31NL18NO15PL28PT25RO24SA24SE24SI19SK24TR26";
/// Words that name things whose numbers look like card numbers.
const NUMBERED: [&[u8]; 10] = [
    b"order",
    b"invoice",
    b"transaction",
    b"trac",
    b"ticket",
    b"request",
    b"serial",
    b"sequence",
    b"parcel",
    b"ref",
];

/// True if a number may begin with this run of letters, digits, `-`, `_`, and `.`.
pub(crate) fn may_begin(token: &[u8]) -> bool {
    match token {
        [b'A'..=b'Z', b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', ..] => true,
        [b'0'..=b'9', rest @ ..] => {
            rest.len() >= 2 && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
        }
        _ => false,
    }
}

/// True if a name, or the words before a number, say that it identifies something other than a card.
pub(crate) fn is_numbered(words: &[u8]) -> bool {
    let begins =
        |text: &[u8], word: &[u8]| text.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
    let has_word = || {
        words.iter().enumerate().any(|(at, first)| {
            // Most letters begin none of these words. This check is a fast way out, which matters because
            // every field's name is examined.
            matches!(first | 0x20, b'i' | b'o'..=b't')
                && NUMBERED.iter().any(|word| begins(&words[at..], word))
        })
    };
    let last = words.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
    let is_id = matches!(words[..last], [.., b'i' | b'I', b'd' | b'D']);
    is_id || words.ends_with(b"#") || has_word()
}

/// Returns the length of the personal number at the start of a string, or 0. If `is_id`, or after words that identify
/// something else, only card numbers with the usual spaces count.
pub(crate) fn personal(before: &[u8], text: &[u8], is_id: bool) -> usize {
    if matches!(before, [.., b'.' | b'/' | b'-' | b'_' | b'+']) {
        return 0;
    }
    let mut number = [0u8; MAX];
    let mut groups = [0; MAX];
    let (mut count, mut group, mut end) = (0, 0, 0);
    let mut mark = None;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            // A word follows the number.
            b'A'..=b'Z' | b'a'..=b'z'
                if end < at && (byte.is_ascii_lowercase() || number[0].is_ascii_digit()) =>
            {
                break;
            }
            b'0'..=b'9' | b'A'..=b'Z' if count < MAX => {
                number[count] = *byte;
                count += 1;
                groups[group] += 1;
                end = at + 1;
            }
            // The separator is the same between all groups.
            b' ' | b'-' if end == at && at > 0 && group + 1 < MAX && mark.is_none_or(|mark| mark == byte) => {
                mark = Some(byte);
                group += 1;
            }
            b'a'..=b'z' | b'0'..=b'9' | b'A'..=b'Z' | b'_' => return 0,
            b'.' if text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => return 0,
            _ => break,
        }
    }
    let (number, groups) = (&number[..count], &groups[..=group]);
    let groups = groups.strip_suffix(&[0]).unwrap_or(groups);
    let context = || is_numbered(&before[before.len().saturating_sub(24)..]);
    let is_found = match groups {
        [3, 2, 4] => mark == Some(&b'-') && is_social(number),
        [15 | 16] => !is_id && is_card(number) && !context(),
        [4, 4, 4, 4] | [4, 6, 5] => is_card(number),
        _ => {
            is_iban(number)
                && (groups.len() == 1 || groups[..groups.len() - 1].iter().all(|group| *group == 4))
        }
    };
    if is_found { end } else { 0 }
}

fn is_social(number: &[u8]) -> bool {
    number.iter().all(u8::is_ascii_digit)
        && !matches!(
            number,
            [b'9', ..] | [b'0', b'0', b'0', ..] | [b'6', b'6', b'6', ..] | [_, _, _, b'0', b'0', ..]
        )
        && !number.ends_with(b"0000")
}

/// True for a number range that card issuers use, with a valid Luhn digit.
fn is_card(number: &[u8]) -> bool {
    if !number.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let begin = number.iter().take(4).fold(0, |begin, digit| begin * 10 + u32::from(digit - b'0'));
    let is_issued = match number.len() {
        15 => matches!(begin / 100, 34 | 37),
        _ => matches!(begin, 2221..=2720 | 3528..=3589 | 4000..=4999 | 5100..=5599 | 6011 | 6440..=6599),
    };
    let luhn: u32 = number
        .iter()
        .rev()
        .zip([false, true].iter().cycle())
        .map(|(digit, doubled)| match (u32::from(digit - b'0'), doubled) {
            (digit, true) if digit > 4 => digit * 2 - 9,
            (digit, true) => digit * 2,
            (digit, false) => digit,
        })
        .sum();
    is_issued && luhn.is_multiple_of(10)
}

/// True for an IBAN with its country's length and valid check digits (ISO 13616).
fn is_iban(number: &[u8]) -> bool {
    let Some((country, rest)) = number.split_at_checked(2) else { return false };
    let length = IBANS
        .as_bytes()
        .chunks_exact(4)
        .find(|known| known.starts_with(country))
        .map_or(0, |known| usize::from(known[2] - b'0') * 10 + usize::from(known[3] - b'0'));
    if number.len() != length || !rest.iter().take(2).all(u8::is_ascii_digit) {
        return false;
    }
    let moved = number[4..].iter().chain(&number[..4]);
    let rest = moved.fold(0, |rest, char| match char {
        b'0'..=b'9' => (rest * 10 + u32::from(char - b'0')) % 97,
        _ => (rest * 100 + u32::from(char - b'A') + 10) % 97,
    });
    rest == 1
}
