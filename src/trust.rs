//! The trust file: what the reader of an export decides to trust (SPEC section 8).
//!
//! The file is a C2SP tlog-policy with five more kinds of line. Words are separated by spaces and tabs; a line that
//! begins with `#` is a comment.
//!
//! ```text
//! log log.example/audit+8e3e8e37+AW/J8OsuOPVmWI8/pwifiQM4XIRhCKEm/ssmvJYjLcem https://log.example/
//! witness w1 witness1.example+5a2cc2d2+BOSsI41n4D8Qug0nupyEG/69+p36Edg19GrqXrsvtErb
//! witness w2 witness2.example+1bfa2c96+BHepSUIhEYngEPuM3icUz+HKKasVlt5xmMvxwgx6QwET
//! group both all w1 w2
//! quorum both
//! growth w2 4095
//! issuer example.com+bc4569aa+AUZU0gDOogvgoU5wZaG0m0u5PFGydGYThkEhqh72KpUp
//! emitter example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5
//! revoke example.com/dashboard/b+6e6e358c+AVzl3WhC/jb9qd7QbzM/pSUPF830okbRhcUprMWXW5Va 2026-11-20T06:00:00.000Z
//! origin log.example/audit/t/8f000000000000000000000000000001 4095
//! ```
//!
//! Names of witnesses and groups are byte strings, local to the file, and must be defined on an earlier line than
//! their use.
//!
//! ```
//! use countersign::trust::Trust;
//!
//! let trust = Trust::parse(b"
//!     witness w1 witness1.example+5a2cc2d2+BOSsI41n4D8Qug0nupyEG/69+p36Edg19GrqXrsvtErb
//!     witness w2 witness2.example+1bfa2c96+BHepSUIhEYngEPuM3icUz+HKKasVlt5xmMvxwgx6QwET
//!     group either any w1 w2
//!     quorum either
//! ")?;
//! assert!(trust.quorum_met(&|witness| witness == 1));
//! assert!(!trust.quorum_met(&|_| false));
//! # Ok::<(), countersign::Error>(())
//! ```

use std::sync::Arc;

use crate::error::{Code, Error};
use crate::integer;
use crate::keys::{parse_bound, write_bound};
use crate::note::{KeyType, VerifierKey, is_name};
use crate::phrases;
use crate::time::Time;

/// A reader's trust decisions. The default trusts no key and requires no witnesses. Clones share their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(Arc<Lists>);

/// The lines of a trust file, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lists {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// `None` for `quorum none`.
    quorum: Option<Member>,
    issuers: Vec<VerifierKey>,
    emitters: Vec<VerifierKey>,
    revocations: Vec<Revocation>,
    origins: Vec<ExpectedOrigin>,
}

/// An `origin` line: names a log that the reader expects. Exports of logs that the file doesn't name fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedOrigin {
    /// The log's origin, for example a tenant's.
    pub origin: String,
    /// The first tick for which a tenant log must show its anchors, if the line states one.
    pub since: Option<u64>,
}

/// A `revoke` line: the key is not trusted from `since` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// An emitter's key, or an issuer's.
    pub key: VerifierKey,
    /// The moment of revocation, or `None` for always.
    pub since: Option<Time>,
}

/// A `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Log {
    key: VerifierKey,
    url: Option<Vec<u8>>,
}

/// A `witness` line, and the `growth` lines for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Witness {
    name: Vec<u8>,
    key: VerifierKey,
    url: Option<Vec<u8>>,
    /// The first tick from which it checks that tenant logs only grow, if it is a growth witness.
    growth_since: Option<u64>,
}

/// A group that is met if at least `threshold` of `members` are: witnesses and earlier groups.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: Vec<u8>,
    threshold: usize,
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A group that counts two keys with one name as two witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubleCount<'a> {
    /// The name of the group, which need not be UTF-8.
    pub group: &'a [u8],
    /// The name of both keys.
    pub key_name: &'a str,
}

/// The two times of a checkpoint that witnesses saw (SPEC section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The earliest t such that the cosignatures of time ≤ t meet the quorum: the checkpoint existed by then.
    pub existed_by: Time,
    /// The latest t such that the cosignatures of time ≥ t meet the quorum: the checkpoint was seen at that time.
    pub seen_at: Time,
}

impl Trust {
    /// Parses a trust file.
    ///
    /// # Errors
    ///
    /// [`Code::Trust`], with the line if there is one.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        Reader::default().read(file)
    }

    /// Parses the trust for one log, given as a vkey or as a trust file with exactly one `log` line.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] for an invalid vkey, [`Code::Trust`] for an invalid trust file.
    pub fn parse_single_log(text: &str) -> Result<Self, Error> {
        let text = text.trim_matches([' ', '\t', '\n']);
        if !text.contains([' ', '\t', '\n']) {
            let log = Log { key: VerifierKey::parse_log(text)?, url: None };
            return Ok(Self(Arc::new(Lists { logs: vec![log], ..Lists::default() })));
        }
        Self::parse_file_of_single_log(text)
    }

    /// A separate function, so that engines that compile lazily don't compile it for a vkey.
    #[inline(never)]
    fn parse_file_of_single_log(text: &str) -> Result<Self, Error> {
        let trust = Self::parse(text.as_bytes())?;
        match trust.0.logs.len() {
            1 => Ok(trust),
            0 => Err(refuse("the trust file names no log").with_hint("add a line: log <vkey>")),
            _ => Err(refuse("the trust file names more than one log")
                .with_hint("keep only the line of the log to check")),
        }
    }

    /// Returns the keys of the logs. A key's name is its log's origin.
    pub fn logs(&self) -> impl ExactSizeIterator<Item = &VerifierKey> + Clone {
        self.0.logs.iter().map(|log| &log.key)
    }

    /// Returns the witnesses' keys in the file's order.
    pub fn witnesses(&self) -> impl ExactSizeIterator<Item = &VerifierKey> + Clone {
        self.0.witnesses.iter().map(|witness| &witness.key)
    }

    /// Returns the URL of the witness at index `place` of [`Trust::witnesses`], if the file has one in UTF-8.
    pub fn witness_url(&self, place: usize) -> Option<&str> {
        core::str::from_utf8(self.0.witnesses.get(place)?.url.as_deref()?).ok()
    }

    /// Returns the issuers: keys that may grant and revoke emitters whose names are under their own.
    pub fn issuers(&self) -> &[VerifierKey] {
        &self.0.issuers
    }

    /// Returns the emitters: keys that may sign chains without a grant in the log.
    pub fn emitters(&self) -> &[VerifierKey] {
        &self.0.emitters
    }

    /// Returns the revocations in the file's order. A key may occur more than once.
    pub fn revocations(&self) -> &[Revocation] {
        &self.0.revocations
    }

    /// Returns the origins of the logs that the reader expects, in the file's order. Empty if the file has no `origin`
    /// lines.
    pub fn origins(&self) -> &[ExpectedOrigin] {
        &self.0.origins
    }

    /// Adds a log.
    ///
    /// # Errors
    ///
    /// [`Code::Trust`] if the key is a witness's, or if there is a log with this public key.
    pub fn with_log(mut self, key: VerifierKey) -> Result<Self, Error> {
        if !key.is_for_logs() {
            return Err(Error::new(Code::Trust, format!("{key} is not of type 0x01 or 0x06")));
        }
        if self.logs().any(|log| log.public() == key.public()) {
            return Err(refuse(phrases::TRUST_LOG_TWICE));
        }
        Arc::make_mut(&mut self.0).logs.push(Log { key, url: None });
        Ok(self)
    }

    /// Adds an issuer.
    ///
    /// # Errors
    ///
    /// [`Code::Trust`] if the key is not of type `0x01`.
    pub fn with_issuer(mut self, key: VerifierKey) -> Result<Self, Error> {
        Arc::make_mut(&mut self.0).issuers.push(check_signer(key)?);
        Ok(self)
    }

    /// Adds an emitter.
    ///
    /// # Errors
    ///
    /// [`Code::Trust`] if the key is not of type `0x01`.
    pub fn with_emitter(mut self, key: VerifierKey) -> Result<Self, Error> {
        Arc::make_mut(&mut self.0).emitters.push(check_signer(key)?);
        Ok(self)
    }

    /// True if any line names the key: as an emitter, as an issuer, or to revoke it.
    pub fn names(&self, key: &VerifierKey) -> bool {
        let revoked = self.0.revocations.iter().map(|line| &line.key);
        self.0.emitters.iter().chain(&self.0.issuers).chain(revoked).any(|named| named == key)
    }

    /// Returns the time since which `revoke` lines revoke a key: `None` if they don't, `Some(None)` for
    /// always.
    pub fn revoked_since(&self, key: &VerifierKey) -> Option<Option<Time>> {
        // `None` (no bound) sorts before every time.
        self.0.revocations.iter().filter(|line| line.key == *key).map(|line| line.since).min()
    }

    /// True if cosignatures are required, that is, the quorum is not `none`.
    pub fn has_quorum(&self) -> bool {
        self.0.quorum.is_some()
    }

    /// True if the quorum is met when `cosigned` is true for the indexes in [`Trust::witnesses`] that cosigned.
    /// Always true if the quorum is `none`.
    pub fn quorum_met(&self, cosigned: &dyn Fn(usize) -> bool) -> bool {
        let met = |groups: &[bool], member: Member| match member {
            Member::Witness(witness) => cosigned(witness),
            Member::Group(group) => groups[group],
        };
        let mut groups = Vec::with_capacity(self.0.groups.len());
        for group in &self.0.groups {
            let members = group.members.iter().filter(|member| met(&groups, **member)).count();
            groups.push(members >= group.threshold);
        }
        self.0.quorum.is_none_or(|member| met(&groups, member))
    }

    /// Returns the groups in which an Ed25519 key and an ML-DSA-44 key with the same name can together replace another
    /// member: groups that require some, but not all, of their members. Both keys may belong to one witness.
    pub fn double_counts(&self) -> impl Iterator<Item = DoubleCount<'_>> {
        let key = |member: &Member| match *member {
            Member::Witness(witness) => Some(&self.0.witnesses[witness].key),
            Member::Group(_) => None,
        };
        let groups = self.0.groups.iter().filter(|group| (2..group.members.len()).contains(&group.threshold));
        groups.flat_map(move |group| {
            let keys = move |kind| {
                group.members.iter().filter_map(key).filter(move |key: &&VerifierKey| key.key_type() == kind)
            };
            let names = keys(KeyType::MlDsa44).map(VerifierKey::name);
            let names = names.filter(move |name| keys(KeyType::Cosignature).any(|key| key.name() == *name));
            names.map(|key_name| DoubleCount { group: &group.name, key_name })
        })
    }

    /// True if the quorum can't be met without a particular growth witness, whose first tick is not after `created`. False
    /// if the quorum is `none`.
    ///
    /// If either of two growth witnesses suffices, each of them may have checked another history.
    pub fn requires_growth(&self, created: u64) -> bool {
        let began_in_time = |witness: &Witness| witness.growth_since.is_some_and(|since| since <= created);
        let is_required = |required: usize| !self.quorum_met(&|witness| witness != required);
        self.0.witnesses.iter().enumerate().any(|(at, witness)| began_in_time(witness) && is_required(at))
    }

    /// Returns the times of a checkpoint with these valid cosignatures, given as index in [`Trust::witnesses`] and
    /// time. `None` if the quorum is `none` or not met.
    pub fn times(&self, cosignatures: &[(usize, Time)]) -> Option<Times> {
        self.0.quorum?;
        let meets = |those: &dyn Fn(Time) -> bool| {
            self.quorum_met(&|witness| cosignatures.iter().any(|&(by, time)| by == witness && those(time)))
        };
        let mut times: Vec<Time> = cosignatures.iter().map(|&(_, time)| time).collect();
        times.sort_unstable();
        Some(Times {
            existed_by: *times.iter().find(|&&t| meets(&|time| time <= t))?,
            seen_at: *times.iter().rev().find(|&&t| meets(&|time| time >= t))?,
        })
    }

    /// Serializes to a trust file that [`Trust::parse`] reads back unchanged. Bytes, because names of witnesses and
    /// groups need not be UTF-8.
    pub fn to_text(&self) -> Vec<u8> {
        let name = |member: &Member| match *member {
            Member::Witness(witness) => self.0.witnesses[witness].name.clone(),
            Member::Group(group) => self.0.groups[group].name.clone(),
        };
        let word = |text: &str| text.as_bytes().to_vec();
        let key = |key: &VerifierKey| word(key.as_str());
        let mut lines: Vec<Vec<Vec<u8>>> = Vec::new();
        for log in &self.0.logs {
            lines.push([word("log"), key(&log.key)].into_iter().chain(log.url.clone()).collect());
        }
        for witness in &self.0.witnesses {
            let named = [word("witness"), witness.name.clone(), key(&witness.key)];
            lines.push(named.into_iter().chain(witness.url.clone()).collect());
        }
        for group in &self.0.groups {
            let rule = [word("group"), group.name.clone(), word(&group.threshold.to_string())];
            lines.push(rule.into_iter().chain(group.members.iter().map(name)).collect());
        }
        lines.push(vec![word("quorum"), self.0.quorum.as_ref().map_or(word("none"), name)]);
        for witness in &self.0.witnesses {
            let Some(since) = witness.growth_since else { continue };
            let since = (since > 0).then(|| word(&since.to_string()));
            lines.push([word("growth"), witness.name.clone()].into_iter().chain(since).collect());
        }
        lines.extend(self.0.issuers.iter().map(|issuer| vec![word("issuer"), key(issuer)]));
        lines.extend(self.0.emitters.iter().map(|emitter| vec![word("emitter"), key(emitter)]));
        for revoked in &self.0.revocations {
            lines.push(vec![word("revoke"), key(&revoked.key), word(&write_bound(revoked.since))]);
        }
        for expected in &self.0.origins {
            let since = expected.since.map(|tick| word(&tick.to_string()));
            lines.push([word("origin"), word(&expected.origin)].into_iter().chain(since).collect());
        }
        lines.into_iter().flat_map(|words| [words.join(&b' '), vec![b'\n']].concat()).collect()
    }
}

fn check_signer(key: VerifierKey) -> Result<VerifierKey, Error> {
    if key.key_type() == KeyType::Ed25519 {
        return Ok(key);
    }
    Err(Error::new(Code::Trust, format!("{key} is not of type 0x01")))
}

/// The parser's state.
#[derive(Default)]
struct Reader {
    trust: Lists,
    /// Sorted by bytes. Sorted lists compile to less code than maps.
    names: Vec<Name>,
    /// The public keys of the logs and of the witnesses, each list sorted.
    log_keys: Vec<Vec<u8>>,
    witness_keys: Vec<Vec<u8>>,
    has_quorum: bool,
}

/// A defined name, and whether a group has it as a member.
struct Name {
    text: Vec<u8>,
    member: Member,
    grouped: bool,
}

/// Inserts a key into a sorted list. Returns true if it is new.
fn insert(keys: &mut Vec<Vec<u8>>, key: &VerifierKey) -> bool {
    let place = keys.binary_search_by(|known| known.as_slice().cmp(key.public()));
    if let Err(place) = place {
        keys.insert(place, key.public().to_vec());
    }
    place.is_err()
}

/// Maximum size of a trust file, in bytes.
const MAX_FILE: usize = 1 << 20;

fn refuse(why: &'static str) -> Error {
    Error::new(Code::Trust, why)
}

impl Reader {
    fn read(mut self, file: &[u8]) -> Result<Trust, Error> {
        if file.len() > MAX_FILE {
            return Err(refuse(phrases::TRUST_SIZE));
        }
        for (line, at) in file.split(|&b| b == b'\n').zip(1..) {
            self.line(line).map_err(|error| error.at_line(at))?;
        }
        if !self.has_quorum && !self.trust.witnesses.is_empty() {
            return Err(refuse(phrases::TRUST_NO_QUORUM).with_hint(phrases::HINT_TRUST_NO_QUORUM));
        }
        Ok(Trust(Arc::new(self.trust)))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        if let Some(&byte) = line.iter().find(|&&b| (b < b' ' && b != b'\t') || b == 0x7f) {
            let error = refuse(phrases::TRUST_CONTROL_CHARACTER);
            return Err(match byte {
                b'\r' => error.with_hint(phrases::HINT_TRUST_CRLF),
                // Zero bytes mean UTF-16. If a page decoded the file as text, its byte order mark is lost.
                0 => error.with_hint(phrases::HINT_HEADER_UTF16),
                0x1f => error.with_hint(phrases::HINT_TRUST_COMPRESSED),
                _ => error,
            });
        }
        let words: Vec<&[u8]> =
            line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        let [kind, rest @ ..] = &words[..] else { return Ok(()) };
        match (*kind, rest) {
            ([b'#', ..], _) => {}
            (b"log", [key, url @ ..]) if url.len() <= 1 => self.log(key, url.first().copied())?,
            (b"witness", [name, key, url @ ..]) if url.len() <= 1 => {
                self.witness(name, key, url.first().copied())?;
            }
            (b"group", [name, threshold, members @ ..]) if !members.is_empty() => {
                self.group(name, threshold, members)?;
            }
            (b"quorum", [name]) => self.quorum(name)?,
            (b"growth", [name, since @ ..]) if since.len() <= 1 => {
                self.growth(name, since.first().copied())?;
            }
            (b"issuer", [key]) => self.trust.issuers.push(parse_key(key, str::parse)?),
            (b"emitter", [key]) => self.trust.emitters.push(parse_key(key, str::parse)?),
            (b"revoke", [key, since]) => {
                let since = parse_bound(since)
                    .ok_or_else(|| refuse(phrases::TRUST_BOUND).with_hint(phrases::HINT_TRUST_BOUND))?;
                let key = parse_key(key, str::parse)?;
                self.trust.revocations.push(Revocation { key, since });
            }
            (b"origin", [origin, since @ ..]) if since.len() <= 1 => {
                self.origin(origin, since.first().copied())?;
            }
            _ => return Err(usage(kind)),
        }
        Ok(())
    }

    fn origin(&mut self, origin: &[u8], since: Option<&[u8]>) -> Result<(), Error> {
        let origin = core::str::from_utf8(origin).ok().filter(|origin| is_name(origin));
        let origin = origin.ok_or_else(|| refuse(phrases::TRUST_ORIGIN))?;
        let since = since.map(parse_tick).transpose()?;
        self.trust.origins.push(ExpectedOrigin { origin: origin.to_owned(), since });
        Ok(())
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Result<(), Error> {
        let key = parse_key(key, VerifierKey::parse_log)?;
        if !insert(&mut self.log_keys, &key) {
            return Err(refuse(phrases::TRUST_LOG_TWICE));
        }
        self.trust.logs.push(Log { key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), Error> {
        let key = parse_key(key, VerifierKey::parse_witness)?;
        if !insert(&mut self.witness_keys, &key) {
            return Err(refuse(phrases::TRUST_WITNESS_TWICE));
        }
        self.define(name, Member::Witness(self.trust.witnesses.len()))?;
        let (name, url) = (name.to_vec(), url.map(<[u8]>::to_vec));
        self.trust.witnesses.push(Witness { name, key, url, growth_since: None });
        Ok(())
    }

    fn growth(&mut self, name: &[u8], since: Option<&[u8]>) -> Result<(), Error> {
        let since = since.map_or(Ok(0), parse_tick)?;
        let Member::Witness(witness) = self.find(name)?.member else {
            return Err(refuse(phrases::TRUST_GROWTH));
        };
        let witness = &mut self.trust.witnesses[witness];
        // If there are several lines, the one that promises least counts.
        witness.growth_since = witness.growth_since.max(Some(since));
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), Error> {
        let threshold = match threshold {
            b"any" => Some(1),
            b"all" => Some(members.len()),
            digits => {
                let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
                integer::parse(&digits[zeros..]).and_then(|k| usize::try_from(k).ok())
            }
        };
        let threshold = threshold
            .filter(|k| (1..=members.len()).contains(k))
            .ok_or_else(|| refuse(phrases::TRUST_THRESHOLD))?;
        let members = members.iter().map(|member| self.take_member(member)).collect::<Result<Vec<_>, _>>()?;
        self.define(name, Member::Group(self.trust.groups.len()))?;
        self.trust.groups.push(Group { name: name.to_vec(), threshold, members });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), Error> {
        if core::mem::replace(&mut self.has_quorum, true) {
            return Err(refuse(phrases::TRUST_QUORUM_TWICE));
        }
        if name != b"none" {
            self.trust.quorum = Some(self.find(name)?.member);
        }
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), Error> {
        if name == b"none" {
            return Err(refuse(phrases::TRUST_NAME_NONE));
        }
        let Err(place) = self.place(name) else { return Err(refuse(phrases::TRUST_NAME_TWICE)) };
        self.names.insert(place, Name { text: name.to_vec(), member, grouped: false });
        Ok(())
    }

    fn find(&mut self, name: &[u8]) -> Result<&mut Name, Error> {
        let place = self.place(name).ok();
        place.and_then(|place| self.names.get_mut(place)).ok_or_else(|| refuse(phrases::TRUST_NAME_UNKNOWN))
    }

    /// Returns the index of a name in the sorted list, or else where to insert it.
    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.names.binary_search_by(|known| known.text.as_slice().cmp(name))
    }

    fn take_member(&mut self, name: &[u8]) -> Result<Member, Error> {
        let found = self.find(name)?;
        if core::mem::replace(&mut found.grouped, true) {
            return Err(refuse(phrases::LINE_MEMBER_TWICE).with_hint(phrases::HINT_TRUST_MEMBER_TWICE));
        }
        Ok(found.member)
    }
}

fn parse_key(text: &[u8], parse: fn(&str) -> Result<VerifierKey, Error>) -> Result<VerifierKey, Error> {
    let text = core::str::from_utf8(text).map_err(|_| refuse(phrases::TRUST_KEY_NOT_UTF8))?;
    parse(text).map_err(|error| error.with_code(Code::Trust))
}

fn parse_tick(text: &[u8]) -> Result<u64, Error> {
    integer::parse(text).ok_or_else(|| refuse(phrases::TRUST_TICK))
}

fn usage(kind: &[u8]) -> Error {
    let form = match kind {
        b"log" => "log <vkey> [<url>]",
        b"witness" => "witness <name> <vkey> [<url>]",
        b"group" => "group <name> any|all|<k> <name>...",
        b"quorum" => "quorum <name>|none",
        b"growth" => "growth <witness name> [<tick>]",
        b"issuer" => "issuer <vkey>",
        b"emitter" => "emitter <vkey>",
        b"revoke" => "revoke <vkey> <since>",
        b"origin" => "origin <origin> [<tick>]",
        // The word is not repeated: it may be a private key in the wrong place.
        _ if kind.starts_with(b"PRIVATE+KEY+") => {
            return refuse(phrases::TRUST_SECRET_KEY).with_hint(phrases::HINT_TRUST_SECRET_KEY);
        }
        _ => {
            return refuse(phrases::TRUST_KIND).with_hint(if kind.starts_with(b"\xef\xbb\xbf") {
                phrases::HINT_HEADER_BYTE_ORDER_MARK
            } else if kind.starts_with(b"{\"countersign\":") {
                phrases::HINT_TRUST_EXPORT
            } else if [&b"-----BEGIN"[..], b"ssh-", b"{"].iter().any(|start| kind.starts_with(start)) {
                phrases::HINT_TRUST_OTHER_KEY
            } else {
                phrases::HINT_TRUST_KINDS
            });
        }
    };
    refuse(phrases::TRUST_FORM).with_hint(form)
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::note::SignerKey;

    fn witness(seed: u8) -> VerifierKey {
        SignerKey::witness_from_seed("witness.example", [seed; 32]).expect("a name").verifier_key().clone()
    }

    #[test]
    fn two_keys_of_one_name_that_replace_another_member_are_found() {
        let pq = |name| VerifierKey::new(name, KeyType::MlDsa44, [7; 1312]).expect("a name");
        let ed = |name, seed| VerifierKey::new(name, KeyType::Cosignature, [seed; 32]).expect("a name");
        let keys = format!(
            "witness a {}\nwitness a-pq {}\nwitness b {}\nwitness c {}\n",
            ed("a.example", 1),
            pq("a.example"),
            ed("b.example", 2),
            ed("a.example", 3)
        );
        for (groups, expected) in [
            ("group g 2 a a-pq b", &["g"][..]),
            ("group g 3 a a-pq b c", &["g"]),
            // Each key is required, or one key is enough.
            ("group g all a a-pq b", &[]),
            ("group g any a a-pq b", &[]),
            // Keys of one type, or in different groups.
            ("group g 2 a c b", &[]),
            ("group pq any a-pq\ngroup ed 2 a b c\ngroup g all pq ed", &[]),
            ("group in 2 a a-pq b\ngroup g all in c", &["in"]),
        ] {
            let trust = Trust::parse(format!("{keys}{groups}\nquorum g\n").as_bytes()).expect("a trust file");
            let found: Vec<_> = trust.double_counts().collect();
            let names: Vec<_> = found.iter().map(|double| String::from_utf8_lossy(double.group)).collect();
            assert_eq!(names, expected, "{groups}");
            assert!(found.iter().all(|double| double.key_name == "a.example"), "{groups}");
        }
    }

    #[test]
    fn errors_do_not_repeat_a_misplaced_private_key() {
        let key = SignerKey::from_seed("example.com", [9; 32]).expect("a name").encode();
        let secret = key.splitn(5, '+').last().expect("the key's bytes");
        let lines = ["KEY", "log KEY", "issuer KEY", "emitter KEY", "revoke KEY -", "witness w KEY", "xKEY"];
        for line in lines {
            let error = Trust::parse(line.replace("KEY", &key).as_bytes()).expect_err("no trust file");
            assert!(!format!("{error} {error:?}").contains(secret), "{line}");
        }
    }

    fn at(second: i64) -> Time {
        Time::from_millis(second * 1000).expect("a time")
    }

    /// Parses a trust file with the witnesses w0, w1, w2 and these lines.
    fn trust(lines: &str) -> Result<Trust, Error> {
        let [a, b, c] = [0, 1, 2].map(witness);
        Trust::parse(format!("witness w0 {a}\nwitness w1 {b}\nwitness w2 {c}\n{lines}").as_bytes())
    }

    #[test]
    fn times_are_those_of_the_quorum() {
        let two = trust("group g 2 w0 w1 w2\nquorum g\n").expect("a trust file");
        let times = |cosignatures: &[(usize, i64)]| {
            let cosignatures: Vec<_> = cosignatures.iter().map(|&(by, second)| (by, at(second))).collect();
            two.times(&cosignatures).map(|times| (times.existed_by, times.seen_at))
        };
        assert_eq!(times(&[(0, 5)]), None);
        assert_eq!(times(&[(0, 5), (0, 6)]), None, "one witness twice");
        assert_eq!(times(&[(0, 5), (1, 3)]), Some((at(5), at(3))));
        // A single witness cannot move a time past what the two others attest.
        assert_eq!(times(&[(0, 5), (1, 6), (2, 1_000_000)]), Some((at(6), at(6))));
        assert_eq!(times(&[(0, 5), (1, 6), (2, 0)]), Some((at(5), at(5))));

        let nested = trust("group g any w1 w2\ngroup h all w0 g\nquorum h\n").expect("a trust file");
        let cosignatures = [(0, at(1)), (1, at(9)), (2, at(4))];
        assert_eq!(nested.times(&cosignatures), Some(Times { existed_by: at(4), seen_at: at(1) }));
        let none = trust("quorum none\n").expect("a trust file");
        assert_eq!(none.times(&cosignatures), None);
    }

    #[test]
    fn invalid_files_are_rejected_with_the_line() {
        let key = witness(9);
        let log = VerifierKey::new("log.example", KeyType::Ed25519, [7; 32]).expect("a name");
        let cases = [
            ("quorum w0\nquorum w0\n".to_owned(), Some(5)),
            ("quorum w3\n".to_owned(), Some(4)),
            ("quorum\n".to_owned(), Some(4)),
            ("quorum w0 w1\n".to_owned(), Some(4)),
            ("quorum W0\n".to_owned(), Some(4)),
            ("\n\ngroup g any\nquorum g\n".to_owned(), Some(6)),
            ("group g 1.5 w0\nquorum g\n".to_owned(), Some(4)),
            ("group g -1 w0\nquorum g\n".to_owned(), Some(4)),
            ("group g 0 w0\nquorum g\n".to_owned(), Some(4)),
            ("group g 2 w0\nquorum g\n".to_owned(), Some(4)),
            ("group w0 any w1\nquorum w0\n".to_owned(), Some(4)),
            ("group g all w0 w0\nquorum g\n".to_owned(), Some(4)),
            ("group g any w0\ngroup h any w0\nquorum h\n".to_owned(), Some(5)),
            (format!("witness w3 {}\nquorum w0\n", witness(1)), Some(4)),
            (format!("log {log}\nlog {log}\nquorum w0\n"), Some(5)),
            (format!("log {key}\nquorum w0\n"), Some(4)),
            (format!("witness w3 {log}\nquorum w0\n"), Some(4)),
            ("group g 99999999999999999999 w0\nquorum g\n".to_owned(), Some(4)),
            ("group none any w0\nquorum none\n".to_owned(), Some(4)),
            ("quorum w0 # one\n".to_owned(), Some(4)),
            ("# caf\u{7f}\nquorum w0\n".to_owned(), Some(4)),
            (format!("witness w3 {key} https://w.example/ more\nquorum w0\n"), Some(4)),
            (format!("witness {key}\nquorum w0\n"), Some(4)),
            (format!("witness w3\u{a0}{key}\nquorum w0\n"), Some(4)),
            ("origin log+example\nquorum w0\n".to_owned(), Some(4)),
            ("growth w0 01\nquorum w0\n".to_owned(), Some(4)),
            ("growth w3\nquorum w0\n".to_owned(), Some(4)),
            ("growth none\nquorum none\n".to_owned(), Some(4)),
            ("group g any w0\ngrowth g\nquorum g\n".to_owned(), Some(5)),
            ("origin log.example 01\nquorum w0\n".to_owned(), Some(4)),
            ("origin log.example 9007199254740992\nquorum w0\n".to_owned(), Some(4)),
            (String::new(), None),
        ];
        for (lines, line) in cases {
            let error = trust(&lines).expect_err(&lines);
            assert_eq!((error.code, error.line), (Code::Trust, line), "{lines:?}");
        }
        assert!(Trust::parse(b"\xef\xbb\xbfquorum none\n").is_err(), "a byte order mark is no white space");
        assert_eq!(trust("quorum w0\r\n").expect_err("CR").hint, Some("end lines with LF, not CR LF"));
    }

    #[test]
    fn files_have_at_most_1_mib() {
        let file = |length: usize| [&vec![b'#'; length - 12], &b"\nquorum none"[..]].concat();
        assert!(Trust::parse(&file(1 << 20)).is_ok());
        assert_eq!(Trust::parse(&file((1 << 20) + 1)).expect_err("too large").code, Code::Trust);
    }

    #[test]
    fn trust_files_round_trip() {
        let [a, b, c] = [0, 1, 2].map(witness);
        let key = |seed| VerifierKey::new("example.com", KeyType::Ed25519, [seed; 32]).expect("a name");
        let file = format!(
            "log {} https://log.example/\nlog {}\nwitness w0 {a}\nwitness w1 {b} https://w1.example/\n\
             witness w2 {c}\ngroup g 1 w1 w2\ngroup h 2 w0 g\nquorum h\ngrowth w0\ngrowth w2 7\nissuer {}\nemitter {}\n\
             revoke {} -\nrevoke {} 2026-11-20T06:00:00.000Z\n\
             origin log.example/audit\norigin log.example/audit 9007199254740991\n",
            key(1),
            key(2),
            key(3),
            key(4),
            key(5),
            key(5),
        );
        let read = Trust::parse(file.as_bytes()).expect("a trust file");
        assert_eq!(String::from_utf8(read.to_text()).as_ref(), Ok(&file));
        let urls = [0, 1, 2, 3].map(|place| read.witness_url(place));
        assert_eq!(urls, [None, Some("https://w1.example/"), None, None]);
        assert!(read.has_quorum() && !Trust::default().has_quorum());
        for (cosigned, enough) in [(&[0][..], false), (&[1, 2], false), (&[0, 1], true), (&[0, 2], true)] {
            assert_eq!(read.quorum_met(&|witness| cosigned.contains(&witness)), enough, "{cosigned:?}");
        }
    }

    #[test]
    fn growth_is_required_only_if_no_quorum_does_without_it() {
        let requires = |lines: &str, created| trust(lines).expect("a trust file").requires_growth(created);
        assert!(requires("quorum w0\ngrowth w0\n", 0));
        assert!(!requires("quorum w0\ngrowth w1\n", 9), "not in the quorum");
        assert!(!requires("quorum w0\n", 9), "none is marked");
        assert!(!requires("quorum none\ngrowth w0\n", 9), "none is required");
        assert!(!requires("group g any w0 w1\nquorum g\ngrowth w0\n", 9), "w1 suffices");
        let each_knows_another = "group g any w0 w1\nquorum g\ngrowth w0\ngrowth w1\n";
        assert!(!requires(each_knows_another, 9), "each may know another history");
        assert!(!requires("group g 2 w0 w1 w2\nquorum g\ngrowth w0\n", 9), "w1 and w2 suffice");
        assert!(!requires("group g 2 w0 w1 w2\nquorum g\ngrowth w0\ngrowth w1\n", 9), "as before");
        assert!(requires("group g all w0 w1\nquorum g\ngrowth w0\ngrowth w1\n", 9));
        assert!(requires("group g any w0 w1\ngroup h all g w2\nquorum h\ngrowth w2\n", 9));
        // A witness that began after the log's first tick doesn't know what the log was before.
        assert!(requires("quorum w0\ngrowth w0 8\n", 8) && !requires("quorum w0\ngrowth w0 8\n", 7));
        assert!(!requires("quorum w0\ngrowth w0 8\ngrowth w0 3\n", 7), "the later tick counts");
    }

    #[test]
    fn parses_a_single_log_from_a_vkey_or_a_trust_file() {
        let key = |name: &str| SignerKey::from_seed(name, [1; 32]).expect("a name").verifier_key().clone();
        let (log, other) =
            (key("log.example"), SignerKey::from_seed("other.example", [2; 32]).expect("a name"));
        let origins = |text: &str| {
            let trust = Trust::parse_single_log(text).map_err(|error| error.code)?;
            Ok(trust.logs().map(|log| log.name().to_owned()).collect::<Vec<_>>())
        };
        let expected = Ok(vec!["log.example".to_owned()]);
        assert_eq!(origins(log.as_str()), expected);
        assert_eq!(origins(&format!("{log}\n")), expected);
        assert_eq!(origins(&format!("log {log}")), expected);
        assert_eq!(origins(&format!("# ours\nlog {log} https://log.example/\nissuer {log}\n")), expected);
        assert_eq!(origins(&format!("log {log}\nlog {}\n", other.verifier_key())), Err(Code::Trust));
        assert_eq!(origins("# nothing\n"), Err(Code::Trust));
        assert_eq!(origins(""), Err(Code::Key));
        assert_eq!(origins("log.example"), Err(Code::Key));
        let secret = other.encode();
        let error = Trust::parse_single_log(&secret).expect_err("a secret key");
        assert!(!format!("{error} {error:?}").contains(&secret[40..]));
    }

    #[test]
    fn builds_trust_key_by_key() {
        let key = |name: &str| VerifierKey::new(name, KeyType::Ed25519, [7; 32]).expect("a name");
        let trust =
            Trust::default().with_log(key("log")).and_then(|trust| trust.with_emitter(key("emitter")));
        let trust = trust.and_then(|trust| trust.with_issuer(key("issuer"))).expect("keys of type 0x01");
        assert!(trust.logs().eq([&key("log")]) && trust.emitters() == [key("emitter")]);
        assert_eq!(Trust::parse(&trust.to_text()).as_ref(), Ok(&trust));
        assert!(trust.clone().with_log(key("other")).is_err(), "two logs with one public key");
        assert!(
            trust.clone().with_log(witness(1)).is_err() && trust.clone().with_issuer(witness(1)).is_err()
        );
        assert!(trust.with_emitter(witness(1)).is_err());
    }

    #[test]
    fn malformed_lines_are_rejected_with_their_form() {
        let key = witness(1);
        for (line, form) in [
            ("log", "log <vkey> [<url>]"),
            ("log KEY https://log.example more", "log <vkey> [<url>]"),
            ("witness w", "witness <name> <vkey> [<url>]"),
            ("witness w KEY https://w.example more", "witness <name> <vkey> [<url>]"),
            ("group g any", "group <name> any|all|<k> <name>..."),
            ("group g all", "group <name> any|all|<k> <name>..."),
            ("quorum", "quorum <name>|none"),
            ("quorum a b", "quorum <name>|none"),
            ("growth", "growth <witness name> [<tick>]"),
            ("growth w 1 2", "growth <witness name> [<tick>]"),
            ("issuer", "issuer <vkey>"),
            ("issuer KEY KEY", "issuer <vkey>"),
            ("emitter", "emitter <vkey>"),
            ("revoke KEY", "revoke <vkey> <since>"),
            ("origin", "origin <origin> [<tick>]"),
            ("origin log.example 1 2", "origin <origin> [<tick>]"),
        ] {
            let error = Trust::parse(line.replace("KEY", key.as_str()).as_bytes()).expect_err(line);
            assert_eq!((error.code, error.hint), (Code::Trust, Some(form)), "{line}");
        }
        let error = |line: &str| Trust::parse(line.as_bytes()).expect_err(line).into_message();
        assert_eq!(error("PRIVATE+KEY+a"), "this is a private key, not a trust file");
        assert_eq!(error("trust me"), "the line begins with an unknown word");
        for (file, says) in [
            ("trust me", "begin lines with log, witness"),
            ("\u{feff}log KEY", "byte order mark"),
            (r#"{"countersign":"export/v1","origin":"log.example"}"#, "this is an export"),
            ("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n", "PEM, SSH or JSON"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ana", "PEM, SSH or JSON"),
            (r#"{"kty":"OKP","crv":"Ed25519"}"#, "PEM, SSH or JSON"),
            ("l\0o\0g\0", "UTF-16"),
            ("\u{fffd}\u{fffd}l\0o\0g\0", "UTF-16"),
            ("\u{1f}\u{fffd}\u{8}\0", "compressed"),
        ] {
            let hint = Trust::parse(file.as_bytes()).expect_err(file).hint;
            assert!(hint.is_some_and(|hint| hint.contains(says)), "{file}");
        }
        let none = Trust::parse_single_log("quorum none\n").expect_err("no log");
        assert_eq!(none.message, "the trust file names no log");
    }
}
