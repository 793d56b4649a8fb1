//! Which names say that their value is a secret.
//!
//! A name is taken apart into words, and it is they that say it: `refreshToken`, `refresh_token` and `X-Refresh-Token`
//! are one. The last word can say that the value is about a secret and none itself: `password_changed_at`,
//! `token_count`. Of a name in the namespace of a domain, as Kubernetes has them, it is what follows that counts:
//! `authorization.k8s.io/decision`.

/// What a word says.
const SECRET: u8 = b'!';
/// A secret, and so is its `id`: Vault's `secret_id`.
const SECRET_ID: u8 = b'$';
/// A secret, unless it says where a list goes on: `next_token`.
const TOKEN: u8 = b'?';
/// The same, unless they are counted: `prompt_tokens`.
const SECRETS: u8 = b'*';
/// What goes on elsewhere.
const PLACE: u8 = b'~';
/// What is counted or how, and harmless at the end.
const COUNT: u8 = b'+';
/// A key or a code, which is a secret after the words for that.
const KEY: u8 = b'=';
const CODE: u8 = b'#';
const OF_KEY: u8 = b'<';
const OF_CODE: u8 = b'(';
/// Both of these.
const OF_BOTH: u8 = b'[';
/// What has an `id` that is a secret, and a key.
const SESSION: u8 = b'{';
const ID: u8 = b'@';
/// At the end of a name: its value is none.
const HARMLESS: u8 = b'-';

/// The words, by their lengths from 2 on: each with what it says, and a space.
const WORDS: [&[u8]; 12] = [
    b"id@ at- in- on- ",
    b"jwt! otp! pwd! psk! cvv! cvc! key= api< ssh< aes< rsa< mfa( 2fa( sms( ttl- age- url- uri- max+ min+ num+ sum+ ids- ",
    b"totp! csrf! xsrf! keys= code# hmac< auth[ seed( next~ page~ type- kind- name- size- date- time- mode- path- file- used+ ",
    b"token? codes# input+ total+ limit+ count+ until- since- state- valid- index- scope- field- label- usage- store- bytes- reset- ",
    b"cursor~ reason- secret$ cookie! passwd! bearer! sessid! tokens* phrase# access< master< shared< deploy< backup( factor( output+ prompt+ cached+ length- expiry- status- policy- method- domain- prefix- suffix- issuer- scopes- ",
    b"secrets$ cookies! session{ private< signing< account< consent- version- changed- updated- created- expires- expired- enabled- invalid- rotated- revoked- deleted- manager- missing- ",
    b"decision- password! passcode! mnemonic! recovery( security( disabled- required- strength- rotation- provider- attempts- failures- lifetime- duration- endpoint- location- ",
    b"passwords! secretkey! accesskey! sessionid! phpsessid! timestamp- algorithm- reasoning+ remaining+ ",
    b"pagination~ passphrase! privatekey! jsessionid! encryption< expiration- completion+ ",
    b"credentials! fingerprint- ",
    b"continuation~ verification( ",
    b"authorization! ",
];

/// Of each length the letters that its words begin and end with. Each name of each event is asked for, and with most
/// words there is nothing to look for.
static ENDS: [u64; 12] = {
    let mut ends = [0; 12];
    let mut at = 0;
    while at < WORDS.len() {
        let (words, length) = (WORDS[at], at + 2);
        let mut word = 0;
        while word < words.len() {
            ends[at] |= end_bit(words[word], words[word + length - 1]);
            word += length + 2;
        }
        at += 1;
    }
    ends
};

/// One of 64 bits for the first and the last letter of a word, in any case.
const fn end_bit(first: u8, last: u8) -> u64 {
    1 << (((first | 0x20) as u32 * 5 + (last | 0x20) as u32) % 64)
}

/// Short names that are too much of a word within others.
const WHOLE: [&str; 4] = ["pass", "pw", "sid", "connect.sid"];

/// Names that read as if their values were secrets, which these are not: whether a machine's metadata take a token, what
/// mirrors traffic and what a key is for (AWS), what was authorised (Google), and the sessions that Okta's System Log names.
const HARMLESS_NAMES: [&[u8]; 6] = [
    b"httptokens",
    b"trafficmirrorsessionid",
    b"customermasterkeyspec",
    b"authorizationinfo",
    b"externalsessionid",
    b"rootsessionid",
];
/// Names that say of what is within `authorization` what was authorised, and by what (Azure).
const AUTHORISED: [&[u8]; 5] = [b"action", b"role", b"principalid", b"roleassignmentid", b"roledefinitionid"];
/// Names of what AWS calls an access key's identifier: it tells which key, and is no secret.
const KEY_IDS: [&[u8]; 2] = [b"accesskeyid", b"awsaccesskeyid"];

/// Whether a name is one of these, in any case and however its words are separated.
fn is_one_of(names: &[&[u8]], name: &[u8]) -> bool {
    let letters = || name.iter().filter(|byte| !matches!(byte, b'_' | b'-'));
    names.iter().any(|known| letters().map(u8::to_ascii_lowercase).eq(known.iter().copied()))
}

/// Whether a name says that its value identifies a key of AWS.
pub fn is_key_id(name: &[u8]) -> bool {
    matches!(name, [b'a' | b'A', .., b'd' | b'D']) && is_one_of(&KEY_IDS, name)
}

/// Whether a name says that its value is a secret.
pub fn is_secret(name: &[u8]) -> bool {
    // Most names are one word.
    if name.iter().all(u8::is_ascii_lowercase) {
        return matches!(meaning(name), SECRET | SECRET_ID | TOKEN | SECRETS)
            || matches!(name, b"pass" | b"pw" | b"sid");
    }
    let (secret, harmless) = read(name);
    secret && harmless == 0 && !is_one_of(&HARMLESS_NAMES, name)
}

/// Whether a name says, of what is within a secret, that it is none: `expiration`, or `accessKeyId`, but not `id`.
pub fn is_about(name: &[u8]) -> bool {
    matches!(read(name), (_, HARMLESS) | (true, ID)) || is_one_of(&AUTHORISED, name)
}

/// Whether there is a secret in a name, and what its last word says that makes its value none; 0 for nothing.
fn read(name: &[u8]) -> (bool, u8) {
    let name = without_domain(name);
    let is_whole = |whole: &&str| name.eq_ignore_ascii_case(whole.as_bytes());
    // `Sid` names a statement of an AWS policy.
    let mut secret = name != b"Sid" && WHOLE.iter().any(is_whole);
    let (mut last, mut harmless) = (0, 0);
    for part in name.split(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()) {
        let mut rest = part;
        while !rest.is_empty() {
            let (word, after) = next_word(rest);
            let says = meaning(word);
            let pair = matches!(
                (last, says),
                (OF_KEY | OF_BOTH | SESSION, KEY) | (OF_CODE | OF_BOTH, CODE) | (SESSION | SECRET_ID, ID)
            );
            // `PassWord` is one word too.
            let is_whole = rest.len() == part.len()
                && !after.is_empty()
                && says != PLACE
                && matches!(meaning(part), SECRET | TOKEN);
            let says_so = match says {
                SECRET | SECRET_ID => true,
                TOKEN => last != PLACE,
                SECRETS => !matches!(last, PLACE | COUNT),
                _ => false,
            };
            secret |= pair || is_whole || says_so;
            harmless = if matches!(says, HARMLESS | COUNT | ID) && !pair { says } else { 0 };
            last = says;
            rest = after;
        }
    }
    (secret, harmless)
}

/// What follows the namespace of a domain; the name itself, where it is in none.
fn without_domain(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|byte| *byte == b'/').and_then(|at| name.split_at_checked(at + 1)) {
        Some((domain, rest)) if domain.contains(&b'.') => rest,
        _ => name,
    }
}

/// The first word and what follows it. A capital begins one after a small letter, and before one: `OAuthAPIKey`.
fn next_word(text: &[u8]) -> (&[u8], &[u8]) {
    let mut capital = true;
    for (at, byte) in text.iter().enumerate() {
        let small_after = text.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        if at > 0 && byte.is_ascii_uppercase() && (!capital || small_after) {
            return text.split_at(at);
        }
        capital = byte.is_ascii_uppercase();
    }
    (text, &[])
}

fn meaning(mut word: &[u8]) -> u8 {
    // Counted through: `password2`.
    while let [rest @ .., b'0'..=b'9'] = word {
        word = rest;
    }
    let (length, [first, .., last]) = (word.len(), word) else { return 0 };
    let at = length - 2;
    if ENDS.get(at).is_some_and(|ends| ends & end_bit(*first, *last) != 0) {
        let first = first.to_ascii_lowercase();
        for entry in WORDS[at].chunks_exact(length + 2) {
            if entry.first() == Some(&first)
                && let Some((known, [says, ..])) = entry.split_at_checked(length)
                && known.eq_ignore_ascii_case(word)
            {
                return *says;
            }
        }
    }
    let ends: &[&[u8]] = match last.to_ascii_lowercase() {
        b'd' => &[b"password", b"passwd"],
        b't' => &[b"secret"],
        b'n' => &[b"token"],
        b'y' => &[b"apikey"],
        _ => &[],
    };
    // Glued together.
    if ends.iter().any(|end| ends_with(word, end)) { SECRET } else { 0 }
}

/// Whether a text ends so, in any case.
pub(crate) fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let last = text.len().checked_sub(end.len()).and_then(|at| text.get(at..));
    last.is_some_and(|last| last.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_in_the_list_of_its_length() {
        for (words, length) in WORDS.iter().zip(2..) {
            for word in words.split_inclusive(|byte| *byte == b' ') {
                assert_eq!(word.len(), length + 2, "{}", word.escape_ascii());
                assert_eq!(meaning(&word[..length]), word[length]);
            }
        }
    }

    #[test]
    fn a_name_says_that_its_value_is_a_secret() {
        let names = "password Password PassWord userPassWord ApiKEY passwd user_password newPassword PASSWORD_HASH passwordHash password2 userpassword \
            pass pwd db.pwd passphrase secret secrets client_secret clientSecret CLIENT-SECRET clientsecret aws_secret_access_key \
            token access_token accessToken accesstoken refreshToken refresh-token id_token X-Auth-Token authtoken oauth2Token \
            tokens refreshTokens csrf_token csrf xsrf-token api_key apiKey apikey API_KEY x-api-key X-API-Key xApiKey apiKeys \
            private_key privateKey PRIVATE_KEY privatekey ssh_private_key signing_key encryptionKey access_key accessKey \
            account_key master_key hmac_key authorization Authorization Proxy-Authorization authorizationCode cookie Cookie \
            Set-Cookie cookies session_id sessionId sessionID sessionid PHPSESSID JSESSIONID sid connect.sid session_key \
            credentials jwt otp totp cvv bearer secret_id recovery_code backup_codes security_code mfaCode MFACode mfaCODE seed_phrase mnemonic \
            password_hint two_factor_code OAuthAPIKey http.request.header.authorization APITOKEN next_password page_secret \
            vault.example/token vault.example/pass auth/token password/old kubernetes.io/service-account.token";
        for name in names.split_whitespace() {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_name_says_something_about_a_secret_or_nothing_of_one() {
        let names = "token_count tokenCount max_tokens prompt_tokens completionTokens total_tokens tokens_used token_type \
            token_id token_name token_expires_at tokenExpiresIn token_endpoint token_url author authority author_id authored \
            authorized_by authorize authentication_method keyboard monkey keynote key keys key_id public_key primary_key \
            foreign_key idempotency_key sort_key partitionKey cache_key password_changed_at passwordChangedAt password_policy \
            password_strength passwordRequired secret_name secretVersion secret_version secretary tokenizer tokenize detokenized \
            cookie_consent cookie_name cookiecutter session session_type sessions session_count access access_level access_key_id \
            api api_version account_id account_code code status_code error_code postal_code zip_code pin passport compass bypass \
            passed passing credential credential_id secretly api_key_id apiKeyName private_key_path private privacy client_id \
            user_sid account_sid signature hash id name Time _ - é passwörd nextToken next_page_token continuationTokens \
            authorization.k8s.io/decision authorization.k8s.io/reason rbac.authorization.kubernetes.io/autoupdate \
            authorization_decision Sid httpTokens HttpTokens http_tokens trafficMirrorSessionId TrafficMirrorSessionId externalSessionId \
            rootSessionId authorizationInfo customerMasterKeySpec";
        for name in names.split_whitespace() {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
        assert!(!is_secret(b""));
    }

    #[test]
    fn a_name_says_which_key_of_aws() {
        for name in
            "accessKeyId AccessKeyId access_key_id AWS_ACCESS_KEY_ID awsAccessKeyId".split_whitespace()
        {
            assert!(is_key_id(name.as_bytes()), "{name}");
        }
        for name in "accessKey keyId apiKeyId accessKeyIds _ secretAccessKeyId".split_whitespace() {
            assert!(!is_key_id(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_name_says_of_what_is_within_a_secret_that_it_is_none() {
        for name in
            "expiration secretName defaultMode type accessKeyId token_id expires_at action scope role principalId"
                .split_whitespace()
        {
            assert!(is_about(name.as_bytes()), "{name}");
        }
        for name in "id value key sessionToken secret_id password count username data 1".split_whitespace() {
            assert!(!is_about(name.as_bytes()), "{name}");
        }
    }
}
