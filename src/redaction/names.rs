//! Classifies field names by whether they say that their value is a secret.
//!
//! A name is split into words, so `refreshToken`, `refresh_token`, and `X-Refresh-Token` are the same. The last word
//! can say that the value is only about a secret: `password_changed_at`, `token_count`. In a name with a domain as
//! namespace, as in Kubernetes, only the part after it counts: `authorization.k8s.io/decision`.

/// A secret.
const SECRET: u8 = b'!';
/// A secret whose `id` may be one too: Vault's `secret_id`.
const SECRET_ID: u8 = b'$';
/// A secret, unless it marks a position in a list: `next_token`.
const TOKEN: u8 = b'?';
/// Several secrets, unless they are counted: `prompt_tokens`.
const SECRETS: u8 = b'*';
/// A secret whose fields are all secrets too, regardless of their names.
const COOKIE: u8 = b'&';
/// A secret if it is the last word.
const PASS: u8 = b'_';
/// A number that is a secret.
const DIGITS: u8 = b'9';
/// A position where a list continues.
const PLACE: u8 = b'~';
/// A count or unit. Harmless at the end of a name.
const COUNT: u8 = b'+';
/// A key, a code, or a number. It is a secret after the words that say so (`OF_…`).
const KEY: u8 = b'=';
const CODE: u8 = b'#';
const NUMBER: u8 = b'n';
const OF_KEY: u8 = b'<';
const OF_CODE: u8 = b'(';
const OF_NUMBER: u8 = b'N';
/// A word before a secret key or code.
const OF_BOTH: u8 = b'[';
/// A word for something with an `id` and a key.
const SESSION: u8 = b'{';
const ID: u8 = b'@';
/// The value is no secret if this is the last word.
const HARMLESS: u8 = b'-';
/// A digest, from which no token or key can be recovered.
const HASH: u8 = b'h';
/// The word between a thing and where it came from.
const FROM: u8 = b'f';
/// The owner of a secret.
const ENTITY: u8 = b'%';

/// The words by length from 2 on. Each is followed by its meaning and a space. Harmless words also match in the
/// plural.
const WORDS: [&[u8]; 12] = [
    b"id@ at- in- on- by- ms- pw! ",
    b"jwt! otp! pwd! psk! cvv! cvc! ssn9 pin9 pan9 key= api< ssh< aes< rsa< mfa( 2fa( sms( ttl- age- url- uri- arn- alg- uti- jti- max+ min+ num+ sum+ ids- shah org% app% ",
    b"totp! csrf! xsrf! keys= code# pass_ hmac< auth[ seed( cardN hashh fromf next~ page~ type- kind- name- size- date- time- mode- path- file- days- rule- plan- flow- uuid- guid- used+ user% team% role% repo% ",
    b"token? codes# input+ total+ limit+ count+ until- since- state- valid- index- scope- field- label- usage- store- bytes- reset- hours- grant- check- alert- event- units- reuse- level- title- email% owner% login% group% actor% ",
    b"cursor~ reason- secret$ cookie& passwd! bearer! sessid! tokens* phrase# answer# numbern header= hashedh digesth access< master< shared< deploy< backup( factor( output+ prompt+ cached+ length- expiry- status- policy- method- domain- prefix- suffix- issuer- action- server- format- region- period- option- issued- failed- denied- result- client% tenant% member% ",
    b"secrets$ cookies& session{ private< signing< account< consent- version- changed- updated- created- expires- expired- enabled- invalid- rotated- revoked- deleted- removed- granted- blocked- manager- missing- minutes- seconds- setting- feature- request- history- support- allowed- subject- creator% project% context% service% ",
    b"decision- password! passcode! mnemonic! recovery( security( disabled- required- strength- rotation- provider- attempts- failures- lifetime- duration- endpoint- location- scanning- exchange- verified- complete- validity- interval- audience- accessor- checksumh evidence% username% metadata% resource% ",
    b"passwords! secretkey! accesskey! phpsessid! timestamp- algorithm- requested- completed- attempted- succeeded- supported- threshold- challenge- reasoning+ remaining+ principal% ",
    b"pagination~ passphrase! privatekey! jsessionid! encryption< expiration- complexity- protection- management- permission- identifier- prevention- completion+ thumbprinth ",
    b"credentials! fingerprint- application% ",
    b"continuation~ verification( subscription< notification- organization% ",
    b"authorization! ",
];

/// For each length, a bit set of the first and last letters of its words. Every name of every event is looked up, and
/// most words can be ruled out quickly.
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

/// Returns one of 64 bits for the first and the last letter of a word, ignoring case.
const fn end_bit(first: u8, last: u8) -> u64 {
    1 << (((first | 0x20) as u32 * 5 + (last | 0x20) as u32) % 64)
}

/// Names that look like names of secrets but are not. AWS: whether instance metadata requires a token, a
/// session that mirrors traffic, and the purpose of a key. Google: what was authorized. Okta's System Log:
/// sessions.
const HARMLESS_NAMES: [&[u8]; 6] = [
    b"httptokens",
    b"trafficmirrorsessionid",
    b"customermasterkeyspec",
    b"authorizationinfo",
    b"externalsessionid",
    b"rootsessionid",
];
/// Names of idempotency tokens. Such tokens are not secrets, but a field with such a name may contain one.
const REQUEST_TOKENS: [&[u8]; 3] = [b"clienttoken", b"clientrequesttoken", b"idempotencytoken"];
/// Names within `authorization` that say what was authorized and by what (Azure).
const AUTHORIZATION_FIELDS: [&[u8]; 5] =
    [b"action", b"role", b"principalid", b"roleassignmentid", b"roledefinitionid"];
/// Names of the identifier of an AWS access key, which is not a secret.
const KEY_IDS: [&[u8]; 2] = [b"accesskeyid", b"awsaccesskeyid"];

/// True if a name is one of these, ignoring case and how its words are separated.
fn is_one_of(names: &[&[u8]], name: &[u8]) -> bool {
    let letters = || name.iter().filter(|byte| !matches!(byte, b'_' | b'-'));
    names.iter().any(|known| letters().map(u8::to_ascii_lowercase).eq(known.iter().copied()))
}

/// True if a name says that its value is the identifier of an AWS key.
pub fn is_key_id(name: &[u8]) -> bool {
    matches!(name, [b'a' | b'A', .., b'd' | b'D']) && is_one_of(&KEY_IDS, name)
}

/// Endings of names of secrets that the words don't cover.
const ENDS_OF_SECRETS: [&[u8]; 8] = [
    b"password",
    b"apikey",
    b"connectionstring",
    b"connstring",
    b"samlresponse",
    b"samlassertion",
    b"codeverifier",
    b"connectsid",
];

/// The class of a field's value, by the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not a secret.
    Open,
    /// A secret.
    Secret,
    /// Several secrets. If the value is a number, it is their count and not a secret.
    Secrets,
    /// A secret. If it is an object, all of its fields are secrets, regardless of their names.
    Cookies,
    /// A secret if it consists of digits: `pin`.
    Digits,
    /// The identifier of a secret or request, unless it looks random: `secretId`, `clientToken`.
    SecretId,
    /// The identifier of a session. In text, which may contain cookies and URLs, it may be enough to take
    /// over the session.
    Session,
    /// A data source, which contains a password if it is a URL.
    Source,
}

/// Classifies a value by its name.
pub fn classify(name: &[u8]) -> Class {
    // Most names are one word and not a secret.
    if name.len() < 9 && name.iter().all(u8::is_ascii_lowercase) && meaning(name) == 0 {
        return whole(name);
    }
    read(name).0
}

/// True if a name says that its value is a secret.
pub fn is_secret(name: &[u8]) -> bool {
    matches!(classify(name), Class::Secret | Class::Secrets | Class::Cookies)
}

/// True if, by its name, a field within a secret is not secret itself: `expiration`, `accessKeyId`, `id`, `owner`.
/// Within cookies, only fields that describe the cookies are not secret.
pub fn is_about(name: &[u8], of_cookies: bool) -> bool {
    match read(name) {
        (_, HARMLESS | COUNT) => true,
        (class, ID) => !of_cookies && class != Class::SecretId,
        (Class::Open, ENTITY) => !of_cookies,
        (Class::Open, _) => is_one_of(&AUTHORIZATION_FIELDS, name),
        _ => false,
    }
}

/// Returns the class of a name, and the meaning of its last word if that is harmless, otherwise 0.
fn read(name: &[u8]) -> (Class, u8) {
    let name = without_domain(name);
    let (mut class, mut strong, mut hashed, mut past) = (Class::Open, false, false, false);
    let (mut last, mut harmless) = (0, 0);
    for part in name.split(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()) {
        let mut rest = part;
        while !rest.is_empty() {
            let (word, after) = next_word(rest);
            let says = meaning(word);
            if says == FROM && class == Class::Open && word.as_ptr() != name.as_ptr() {
                // `subjectFromWebIdentityToken` is a subject.
                return (Class::Open, harmless);
            }
            let pair = matches!(
                (last, says),
                (OF_KEY | OF_BOTH | SESSION, KEY) | (OF_CODE | OF_BOTH, CODE) | (OF_NUMBER, NUMBER)
            );
            let is_last = after.is_empty() && name.ends_with(part);
            let found = match says {
                SECRET | SECRET_ID => Class::Secret,
                COOKIE => Class::Cookies,
                TOKEN if last != PLACE => Class::Secret,
                SECRETS if !matches!(last, PLACE | COUNT) => Class::Secret,
                // A number counts those that passed.
                PASS if is_last => Class::Secrets,
                DIGITS if is_last => Class::Digits,
                ID if last == SECRET_ID => Class::SecretId,
                ID if last == SESSION => Class::Session,
                _ if pair => Class::Secret,
                _ => Class::Open,
            };
            class = match found {
                Class::Open => class,
                // A list of deleted or revoked secrets contains names.
                Class::Secret if matches!(word, [.., b's' | b'S']) => {
                    if past && matches!(says, SECRET_ID | SECRETS) { Class::SecretId } else { Class::Secrets }
                }
                _ => found,
            };
            strong |= matches!(says, SECRET | SECRET_ID | COOKIE);
            hashed |= says == HASH;
            past = says == HARMLESS && ends_with(word, b"ed");
            harmless = if matches!(says, HARMLESS | COUNT | ID | ENTITY) && !pair { says } else { 0 };
            last = says;
            rest = after;
        }
    }
    let is_named = matches!(class, Class::SecretId | Class::Session);
    if matches!(harmless, HARMLESS | COUNT) || harmless == ID && !is_named || hashed && !strong {
        class = Class::Open;
    } else if class == Class::Open && harmless != ID {
        class = whole(name);
    }
    if class == Class::Secret && is_one_of(&REQUEST_TOKENS, name) {
        class = Class::SecretId;
    }
    (if is_one_of(&HARMLESS_NAMES, name) { Class::Open } else { class }, harmless)
}

/// Classifies a name whose words have no meaning.
fn whole(name: &[u8]) -> Class {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let letters = || name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
    let has_end =
        |end: &&[u8]| letters().take(end.len()).map(u8::to_ascii_lowercase).eq(end.iter().rev().copied());
    if ENDS_OF_SECRETS.iter().any(has_end) {
        Class::Secret
    } else if is(b"dsn") {
        Class::Source
    } else if is(b"sessionid") || is(b"sid") && name != b"Sid" {
        // `Sid` names a statement of an AWS policy.
        Class::Session
    } else {
        Class::Open
    }
}

/// Returns the part after a domain namespace, or the whole name if it has none.
fn without_domain(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|byte| *byte == b'/').and_then(|at| name.split_at_checked(at + 1)) {
        Some((domain, rest)) if domain.contains(&b'.') => rest,
        _ => name,
    }
}

/// Splits off the first word. A capital letter begins a word if it follows or precedes a lowercase letter:
/// `OAuthAPIKey`.
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

/// Returns the meaning of a word, or that of its singular if it is harmless.
fn meaning(mut word: &[u8]) -> u8 {
    // Ignore trailing digits: `password2`.
    while let [rest @ .., b'0'..=b'9'] = word {
        word = rest;
    }
    match (listed(word), word) {
        (0, [singular @ .., b's' | b'S']) if listed(singular) == HARMLESS => HARMLESS,
        (says, _) => says,
    }
}

fn listed(word: &[u8]) -> u8 {
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
    // Words that are joined without a separator.
    if ends.iter().any(|end| ends_with(word, end)) { SECRET } else { 0 }
}

/// True if a string has this ending, ignoring case.
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
    fn classifies_names_of_secrets() {
        let names = "password Password PassWord userPassWord ApiKEY passwd user_password newPassword PASSWORD_HASH passwordHash password2 userpassword \
            pass pwd db.pwd passphrase secret secrets client_secret clientSecret CLIENT-SECRET clientsecret aws_secret_access_key \
            token access_token accessToken accesstoken refreshToken refresh-token id_token X-Auth-Token authtoken oauth2Token \
            tokens refreshTokens csrf_token csrf xsrf-token api_key apiKey apikey API_KEY x-api-key X-API-Key xApiKey apiKeys \
            private_key privateKey PRIVATE_KEY privatekey ssh_private_key signing_key encryptionKey access_key accessKey \
            account_key master_key hmac_key authorization Authorization Proxy-Authorization authorizationCode cookie Cookie \
            Set-Cookie cookies PHPSESSID JSESSIONID connect.sid session_key session_token \
            credentials jwt otp totp cvv bearer recovery_code backup_codes security_code mfaCode MFACode mfaCODE seed_phrase mnemonic \
            password_hint two_factor_code OAuthAPIKey http.request.header.authorization APITOKEN next_password page_secret \
            vault.example/token vault.example/pass auth/token password/old kubernetes.io/service-account.token \
            DB_PASS admin_pw old_pw pass-word card_number cardNumber creditCardNumber recovery_code security_answer \
            connectionString SAMLResponse saml_assertion code_verifier connect_sid auth_header subscription_key \
            secret_hash clientSecretHash password_prod token_github api_key_stripe db_password_old";
        for name in names.split_whitespace() {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn classifies_names_that_are_not_of_secrets() {
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
            rootSessionId authorizationInfo customerMasterKeySpec session_id sessionId sid uniqueTokenIdentifier \
            hashed_token hashedToken token_hash tokenHash api_key_hash token_sha256 PasswordRecoveryRequested \
            PasswordRecoveryCompleted subjectFromWebIdentityToken secretId secret_id secretIdList secret_id_accessor \
            passwordExpiryDays tokenValidityUnits secret_scanning secret_scanning_push_protection secretScanningAlert csrf_check \
            authorization_server id_token_signing_alg bearer_format secretNames tokenIds deletedSecrets passwordComplexity \
            token_scopes tokenPermissions password_required_changed passwordHistoryCount secretArn token_actor_id \
            oauth_token_revoked has_password_expired dsn boarding_pass_id";
        for name in names.split_whitespace() {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
        assert!(!is_secret(b""));
    }

    #[test]
    fn recognizes_names_of_aws_key_identifiers() {
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
    fn recognizes_descriptive_fields_within_secrets() {
        for name in
            "expiration secretName defaultMode type accessKeyId token_id expires_at action scope role principalId"
                .split_whitespace()
        {
            assert!(is_about(name.as_bytes(), false), "{name}");
        }
        for name in "id accountId count username user owner email scopes created_at".split_whitespace() {
            assert!(is_about(name.as_bytes(), false), "{name}");
        }
        for name in "value key sessionToken secret_id password data 1 from to prod".split_whitespace() {
            assert!(!is_about(name.as_bytes(), false), "{name}");
        }
        for name in "id user theme session".split_whitespace() {
            assert!(!is_about(name.as_bytes(), true), "{name}");
        }
        assert!(is_about(b"domain", true) && is_about(b"expires", true));
    }

    #[test]
    fn classifies_names_by_how_their_values_are_judged() {
        for (class, names) in [
            (Class::Secrets, "tokens apiKeys passwords credentials DB_PASS backup_codes"),
            (Class::Secret, "token password apiKey updatedPassword rotatedSecret"),
            (Class::Cookies, "cookie Set-Cookie cookies"),
            (Class::Digits, "pin ssn pan userPin card_pin"),
            (
                Class::SecretId,
                "secretId secret_id SecretID secretIdList deletedSecrets revoked_tokens clientToken",
            ),
            (Class::Session, "session_id sessionId sid SID sessionID sessionid"),
            (Class::Source, "dsn DSN"),
            (Class::Open, "Sid pin_count pinned pan_id user_sid session"),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(classify(name.as_bytes()), class, "{name}");
            }
        }
    }
}
