//! Detects tokens by their form.

/// Minimum number of characters after a token's prefix.
const MIN_REST: usize = 16;
const AWS_SECRET: usize = 40;

/// Documented prefixes of tokens, grouped by their first character. At least [`MIN_REST`] characters follow,
/// with a digit or no lowercase letter among them. After a prefix marked `#`, at least 32 hex digits follow;
/// after one marked `%`, a mix of digits, lowercase letters, and capital letters. Prefixes with `csr_` are
/// readers' tokens of a countersign log.
const PREFIXES: [&str; 22] = [
    "api_org_ AIza AKIA ASIA ABIA ACCA ATATT3 ATCTT3 ATBB AGE-SECRET-KEY- A3-%",
    "CCIPAT_ CFPAT-",
    "EAAA% EZAK EZTK",
    "FLWSECK",
    "GOCSPX- GR1348941",
    "LTAI%",
    "NRAK- NRII- NRJS- NRRA-",
    "PMAK- PRIVATE-KEY-",
    "SG. SK#",
    "bkua_ bb_live_",
    "csr_ cfut_ cfat_",
    "dckr_pat_ dckr_oat_ dop_v1_ doo_v1_ dor_v1_ dapi# dp.pt. dp.st. dp.ct. dp.sa. ddp_ duffel_",
    "figd_ fio-u- fo1_ fm2_",
    "github_pat_ ghp_ gho_ ghu_ ghs_ ghr_ glpat- gldt- glrt- glptt- glcbt- glsoat- glft- glagent- glsa_ glc_ gsk_%",
    "hvs. hvb. hvr. hf_",
    "key-# lin_api_ lin_oauth_",
    "npm_ nfp_ ntn_ nvapi- ops_eyJ",
    "pypi-AgE pul-# pscale_tkn_ pscale_pw_ pscale_oauth_ pplx-% p8e-",
    "rk_live_ rk_test_ rubygems_ rdme_ rnd_% re_% r8_% sk_live_ sk_test_ sk_prod_ sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or- sk-lf- sk-% sbp_# sq0atp- sq0csp- sntrys_ sntryu_ sgp_ sl.%",
    "shpat_ shpca_ shppa_ shpss_ tfp_ tvly- vercel_ whsec_",
    "v1.0-#",
    "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe. xapp- xwfp- xkeysib- xsmtpsib- xai-% ya29. AQVN%",
];

/// True if a run of letters, digits, `_`, `-`, and `.` is a token.
pub(crate) fn is_secret(token: &[u8]) -> bool {
    if token.len() <= MIN_REST {
        return false;
    }
    // A JWT's header and claims are JSON objects: base64 of `{"`.
    if token.starts_with(b"eyJ") {
        return token.split(|byte| *byte == b'.').nth(2).is_some();
    }
    has_prefix(token) || is_parted(token) || is_mailchimp(token)
}

fn has_prefix(token: &[u8]) -> bool {
    let first = token.first();
    prefixes().any(|prefix| {
        let bytes = prefix.as_bytes();
        bytes.first() == first && {
            let (prefix, kind) = match bytes {
                [prefix @ .., kind @ (b'#' | b'%')] => (prefix, *kind),
                _ => (bytes, 0),
            };
            token.strip_prefix(prefix).is_some_and(|rest| is_rest(rest, kind))
        }
    })
}

fn prefixes() -> impl Iterator<Item = &'static str> {
    PREFIXES.iter().flat_map(|prefixes| prefixes.split(' '))
}

fn is_rest(rest: &[u8], kind: u8) -> bool {
    let has = |is: fn(&u8) -> bool| rest.iter().any(is);
    let has_digit = has(u8::is_ascii_digit);
    match kind {
        b'#' => rest.len() >= 2 * MIN_REST && rest.iter().take(2 * MIN_REST).all(u8::is_ascii_hexdigit),
        b'%' => {
            rest.len() >= MIN_REST && has_digit && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
        }
        _ => rest.len() >= MIN_REST && (has_digit || !has(u8::is_ascii_lowercase)),
    }
}

/// True for 32 hex digits and the name of a data center: `…-us12`.
fn is_mailchimp(token: &[u8]) -> bool {
    token.split_at_checked(2 * MIN_REST).is_some_and(|(key, place)| {
        matches!(place, [b'-', b'u', b's', b'0'..=b'9', ..])
            && place.len() <= 5
            && key.iter().all(u8::is_ascii_hexdigit)
    })
}

/// True for tokens of Discord and HCP Terraform, which have parts separated by dots.
fn is_parted(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let [Some(first), Some(second), Some(third), None] =
        [parts.next(), parts.next(), parts.next(), parts.next()]
    else {
        return false;
    };
    let is_discord = matches!(first, [b'M' | b'N' | b'O', ..])
        && (23..=28).contains(&first.len())
        && (6..=7).contains(&second.len())
        && (27..=40).contains(&third.len());
    is_discord || second == b"atlasv1" && first.len() == 14
}

/// True if a token continues after a character that would end another token: Telegram's `123456789:AA…`,
/// Entra's `abc8Q~…`.
pub(crate) fn is_continued(token: &[u8], rest: &[u8]) -> bool {
    let run = |text: &[u8]| text.iter().take_while(|byte| is_part(**byte) || **byte == b'~').count();
    match rest {
        [b':', key @ ..] => {
            (8..=10).contains(&token.len())
                && token.iter().all(u8::is_ascii_digit)
                && key.starts_with(b"AA")
                && (33..=40).contains(&run(key))
        }
        [b'~', key @ ..] => {
            matches!(token, [.., b'0'..=b'9', b'Q']) && token.len() == 5 && (30..=40).contains(&run(key))
        }
        _ => false,
    }
}

/// Returns the length of text after a token that belongs to its secret: AWS's secret access key after the key's
/// identifier, or the rest of a [continued token](is_continued).
pub(crate) fn continuation(token: &[u8], rest: &[u8]) -> usize {
    let run = |text: &[u8]| {
        text.iter().take_while(|byte| is_part(**byte) || matches!(byte, b'~' | b'/' | b'+' | b'=')).count()
    };
    match rest {
        [b':', key @ ..] if is_continued(token, rest) => 1 + run(key),
        [b':' | b',' | b' ' | b'|' | b';', key @ ..]
            if matches!(token, [b'A', b'K' | b'S', b'I', b'A', ..]) && run(key) == AWS_SECRET =>
        {
            1 + AWS_SECRET
        }
        _ => 0,
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_each_documented_prefix() {
        for prefix in prefixes() {
            let (prefix, rest) = match prefix.strip_suffix('#') {
                Some(prefix) => (prefix, "0123456789abcdef".repeat(3)),
                None => (prefix.trim_end_matches('%'), "0aB1cD2eF3gH4iJ5kL6m".into()),
            };
            assert!(is_secret(format!("{prefix}{rest}").as_bytes()), "{prefix}");
            assert!(!is_secret(format!("{prefix}{}", &rest[..4]).as_bytes()), "{prefix}");
            assert!(!is_secret(prefix.as_bytes()), "{prefix}");
        }
    }
}
