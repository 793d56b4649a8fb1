//! Tests of accepting and rejecting submissions, case by case (SPEC section 6).
#![cfg(not(target_arch = "wasm32"))]

use countersign::base64;
use countersign::error::Code;
use countersign::export::writer::Writer;
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{ChainId, append_signature, write_close, write_event, write_open};
use countersign::log::{
    AcceptanceError, Admission, Empty, Entry, Evidence, Intake, KeyLookup, Life, Limits, PendingBatch,
    RefusalKind, Rules, Submission, SubmissionError, SubmissionOutcome, VoidGrants,
};
use countersign::merkle::leaf_hash;
use countersign::note::{SignerKey, VerifierKey};
use countersign::time::Time;
use countersign::tolerance::{EMITTER, LATE, SETTLE};
use countersign::trust::Trust;

const ORIGIN: &str = "log.example/audit";

fn key(name: &str) -> SignerKey {
    SignerKey::from_seed(name, [name.len() as u8; 32]).unwrap()
}

fn emitter() -> SignerKey {
    key("example.com/emitter")
}

/// Returns the time at a second of a minute.
fn at(second: i64) -> Time {
    Time::from_millis(1_795_150_000_000 + second * 1_000).unwrap()
}

/// Links of one chain, as written by an emitter that may break the rules.
struct Chain {
    key: SignerKey,
    id: ChainId,
    links: Vec<String>,
}

impl Chain {
    fn open(key: SignerKey, nonce: u8) -> Self {
        let mut link = write_open(ORIGIN, key.verifier_key(), at(0), &[nonce; 16]);
        let signature = key.sign(link.as_bytes());
        append_signature(&mut link, &signature);
        Self { key, id: ChainId::of_open(&leaf_hash(link.as_bytes())), links: vec![link] }
    }

    /// Copies the first links, to continue the chain differently.
    fn fork(&self, links: usize) -> Self {
        Self { key: key(self.key.verifier_key().name()), id: self.id, links: self.links[..links].to_vec() }
    }

    fn signed(&self, mut link: String) -> String {
        let signature = self.key.sign(link.as_bytes());
        append_signature(&mut link, &signature);
        link
    }

    /// Returns an event link after `before`, with this seq. `what` makes its commit unique.
    fn link(&self, before: &str, seq: u64, time: Time, what: u8) -> String {
        let commit = countersign::hash::Hash([what; 32]);
        write_event(self.id, seq, time, &leaf_hash(before.as_bytes()), &commit)
    }

    fn next(&self, what: u8) -> String {
        self.link(self.links.last().unwrap(), self.links.len() as u64, at(1), what)
    }

    fn unsigned_event(mut self, what: u8) -> Self {
        let link = self.next(what);
        self.links.push(link);
        self
    }

    fn event(mut self, what: u8) -> Self {
        let link = self.signed(self.next(what));
        self.links.push(link);
        self
    }

    fn close(mut self) -> Self {
        let before = leaf_hash(self.links.last().unwrap().as_bytes());
        let link = write_close(self.id, self.links.len() as u64, at(1), &before);
        let link = self.signed(link);
        self.links.push(link);
        self
    }
}

fn note(statements: &[Statement], signer: &SignerKey) -> String {
    KeyNote::sign(ORIGIN, statements, signer).unwrap()
}

/// Returns a submission's body: links without their events, and key notes.
fn body<'l>(leaves: impl IntoIterator<Item = &'l String>) -> String {
    let mut lines = Writer::new();
    for leaf in leaves {
        if leaf.starts_with("countersign/v1 keys\n") { lines.note(leaf) } else { lines.link(leaf) }
    }
    lines.as_str().to_owned()
}

fn submit<'l>(
    batch: &mut PendingBatch,
    rules: &Rules,
    leaves: impl IntoIterator<Item = &'l String>,
) -> Result<SubmissionOutcome, SubmissionError> {
    submit_when(at(60), batch, rules, leaves)
}

/// Submits with the log's clock at `now`.
fn submit_when<'l>(
    now: Time,
    batch: &mut PendingBatch,
    rules: &Rules,
    leaves: impl IntoIterator<Item = &'l String>,
) -> Result<SubmissionOutcome, SubmissionError> {
    let submission = Submission::parse(body(leaves).as_bytes(), &Limits::default())?;
    batch.submit(rules, &Empty, &submission, now).map_err(AcceptanceError::refusal)
}

/// Returns the kind of a refusal, or `Ok` if the submission was accepted.
fn kind(taken: Result<SubmissionOutcome, SubmissionError>) -> Result<(), RefusalKind> {
    taken.map(drop).map_err(|refusal| refusal.kind)
}

fn anyone() -> Rules {
    Rules::new(ORIGIN, None)
}

fn emitters(keys: &[&SignerKey]) -> Trust {
    let add = |trust: Trust, key: &&SignerKey| trust.with_emitter(key.verifier_key().clone()).unwrap();
    keys.iter().fold(Trust::default(), add)
}

/// Returns rules with these lines added to the trust file.
fn with_lines(trust: &Trust, lines: &str) -> Rules {
    let trust = Trust::parse(&[&trust.to_text(), lines.as_bytes()].concat()).unwrap();
    Rules::new(ORIGIN, Some(trust))
}

/// Submits `submitted` to a log that has the links `taken`, and returns the refusal.
fn refused<'l>(taken: &[String], submitted: impl IntoIterator<Item = &'l String>) -> SubmissionError {
    let mut batch = PendingBatch::new(0);
    if !taken.is_empty() {
        submit(&mut batch, &anyone(), taken).unwrap();
    }
    let refusal = submit(&mut batch, &anyone(), submitted).unwrap_err();
    assert_eq!(batch.size(), taken.len() as u64, "nothing of it is taken");
    refusal
}

fn evidence(refusal: SubmissionError) -> Evidence {
    match refusal.kind {
        RefusalKind::Fork(evidence) => *evidence,
        _ => panic!("{refusal:?}"),
    }
}

#[test]
fn a_fork_is_proven_up_to_the_next_signed_link() {
    let chain = Chain::open(emitter(), 1).event(1).event(2).event(3);
    let twin = chain.fork(2).unsigned_event(7).unsigned_event(8).event(9).event(10);
    let other = Chain::open(emitter(), 2).unsigned_event(1).event(2);
    // Links of another chain in between are not part of the evidence.
    let submitted = twin.links[2..].iter().zip(&other.links).flat_map(|(one, other)| [one, other]);
    let found = evidence(refused(&chain.links, submitted));
    assert_eq!((found.chain, found.seq, found.index), (chain.id, 2, Some(2)));
    assert_eq!(found.refused, twin.links[2..5]);
}

#[test]
fn a_continuation_without_a_signature_is_no_fork() {
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let twin = chain.fork(2).unsigned_event(7).unsigned_event(8).event(9);
    let [.., first, second, third] = &twin.links[..] else { unreachable!() };
    let wrong_prev = twin.signed(twin.link(&chain.links[0], 3, at(1), 8));
    let wrong_seq = twin.signed(twin.link(first, 4, at(1), 8));
    let again = twin.signed(twin.link(first, 2, at(1), 8));
    for submitted in [
        vec![first, second],
        vec![first, third],
        vec![first, &wrong_prev],
        vec![first, &wrong_seq],
        vec![first, &again],
    ] {
        let refusal = refused(&chain.links, submitted);
        let gap = RefusalKind::Gap { chain: chain.id, expected: 0, last: None };
        assert_eq!((refusal.kind, refusal.is_signed), (gap, false));
    }
    let (part, _) = third.rsplit_once(' ').unwrap();
    let forged = format!("{part} {}", base64::encode([7; 64]));
    let refusal = refused(&chain.links, [first, second, &forged]);
    assert!(matches!(refusal.kind, RefusalKind::Gap { expected: 0, last: None, .. }), "{refusal}");
    // Someone who knows the chain's last link learns that the signature is wrong.
    let refusal = refused(&chain.links[..2], [first, second, &forged]);
    assert_eq!((&refusal.kind, refusal.error.code), (&RefusalKind::Malformed, Code::Signature));
    assert_eq!(refusal.error.line, Some(3));
}

#[test]
fn both_of_two_continuations_in_one_submission_are_evidence() {
    let chain = Chain::open(emitter(), 1).event(1);
    let one = chain.fork(2).unsigned_event(2).unsigned_event(3).event(4).event(5);
    let other = chain.fork(2).unsigned_event(6).event(7);
    let between = Chain::open(emitter(), 2).unsigned_event(1).unsigned_event(2).event(3);
    let (first, rest) = one.links[2..].split_at(1);
    let submitted: Vec<&String> =
        first.iter().chain(&between.links).chain(rest).chain(&other.links[2..]).collect();
    let found = evidence(refused(&chain.links, submitted));
    assert_eq!((found.chain, found.seq, found.index), (chain.id, 2, None));
    assert_eq!(found.refused, [&one.links[2..5], &other.links[2..]].concat());
    // The links that they share are not part of the evidence, though they were in the same submission.
    let submitted: Vec<&String> = one.links[..5].iter().chain(&other.links[2..]).collect();
    let found = evidence(refused(&[], submitted));
    assert_eq!((found.seq, found.index), (2, None));
    assert_eq!(found.refused, [&one.links[2..5], &other.links[2..]].concat());
    // The log has the first link that differs; the submission has the other one.
    let held = chain.fork(2).unsigned_event(2).event(3);
    let goes_on = held.fork(4).unsigned_event(4).event(5);
    let otherwise = held.fork(4).event(6);
    let submitted = goes_on.links[4..].iter().chain(&otherwise.links[4..]);
    let found = evidence(refused(&held.links, submitted));
    assert_eq!((found.seq, found.index), (4, None));
    assert_eq!(found.refused, [&goes_on.links[4..], &otherwise.links[4..]].concat());
    // No signature vouches for the first of the two.
    let unsigned = held.fork(4).unsigned_event(4);
    let refusal = refused(&held.links, [&unsigned.links[4], &otherwise.links[4]]);
    assert_eq!((&refusal.kind, refusal.error.code), (&RefusalKind::Malformed, Code::Refused));
}

#[test]
fn a_link_after_the_close_link_or_after_another_link_is_a_fork() {
    let open = Chain::open(emitter(), 1).event(1);
    let closed = open.fork(2).close();
    let refusal = refused(&closed.links, [&closed.fork(3).event(2).links[3]]);
    assert!(refusal.error.message.ends_with("is closed"), "{refusal}");
    let found = evidence(refusal);
    assert_eq!((found.seq, found.index), (3, Some(2)));
    // The log has another link at the position of the close link.
    let refusal = refused(&closed.links, [&open.fork(2).event(2).links[2]]);
    assert!(refusal.error.message.starts_with("the log has a different link 2 in chain "), "{refusal}");
    let after_another = open.signed(open.link(&closed.links[2], 2, at(1), 1));
    let refusal = refused(&open.links, [&after_another]);
    assert!(refusal.error.message.starts_with("the log has a different link 1 in chain "), "{refusal}");
    let found = evidence(refusal);
    assert_eq!((found.seq, found.index, found.refused), (2, Some(1), vec![after_another]));
}

#[test]
fn a_link_must_continue_its_chain_and_not_go_back_in_time() {
    let chain = Chain::open(emitter(), 1).event(1).event(2).event(3);
    let RefusalKind::Gap { chain: id, expected, last } = refused(&chain.links[..2], [&chain.links[3]]).kind
    else {
        panic!("not a gap")
    };
    let second = leaf_hash(chain.links[1].as_bytes());
    assert_eq!((id, expected, last), (chain.id, 2, Some(second)));
    let RefusalKind::Gap { expected: 0, last: None, .. } =
        refused(&chain.links[..1], [&Chain::open(emitter(), 2).event(1).links[1]]).kind
    else {
        panic!("not a gap")
    };
    let early = chain.signed(chain.link(&chain.links[3], 4, at(0), 4));
    let refusal = refused(&chain.links, [&early]);
    assert_eq!(
        (&refusal.kind, refusal.error.code, refusal.error.line),
        (&RefusalKind::Malformed, Code::Refused, Some(1))
    );
    let mut batch = PendingBatch::new(0);
    submit(&mut batch, &anyone(), &chain.links).unwrap();
    let same_time = chain.signed(chain.link(&chain.links[3], 4, at(1), 4));
    assert_eq!(submit(&mut batch, &anyone(), [&same_time]).unwrap().added, 1);
}

#[test]
fn each_chain_must_end_signed_and_the_refusal_names_the_line() {
    let (one, two) =
        (Chain::open(emitter(), 1).unsigned_event(1), Chain::open(emitter(), 2).unsigned_event(1));
    let whole = one.fork(2).event(2);
    let leaves: Vec<&String> = one.links.iter().chain(&two.links).chain(&whole.links[2..]).collect();
    let mut batch = PendingBatch::new(0);
    let refusal = submit(&mut batch, &anyone(), leaves.iter().copied()).unwrap_err();
    assert_eq!(
        (&refusal.kind, refusal.error.code, refusal.error.line),
        (&RefusalKind::Malformed, Code::Refused, Some(4))
    );
    let end = two.fork(2).event(2);
    let taken = submit(&mut batch, &anyone(), leaves.into_iter().chain(&end.links[2..])).unwrap();
    assert_eq!((taken.added, batch.size()), (6, 6));
}

#[test]
fn repeated_links_are_reported_with_their_index() {
    let mut batch = PendingBatch::new(0);
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let revoked = key("example.com/revoked");
    let revoke = note(&[Statement::Revoke { key: revoked.verifier_key().clone(), since: None }], &revoked);
    submit(&mut batch, &anyone(), [&chain.links[0], &revoke, &chain.links[1]]).unwrap();
    let taken = submit(&mut batch, &anyone(), [&chain.links[2], &chain.links[1], &revoke, &revoke]).unwrap();
    assert_eq!((taken.added, taken.repeated), (1, 3));
    let tip = taken.chains[&chain.id];
    assert_eq!((tip.seq, tip.index, tip.hash), (2, 3, leaf_hash(chain.links[2].as_bytes())));
    let notes: Vec<_> = taken.notes.iter().map(|held| (held.index, held.hash)).collect();
    assert_eq!(notes, [(1, leaf_hash(revoke.as_bytes()))]);
    // A submission may consist of repeats.
    let taken = submit(&mut batch, &anyone(), &chain.links[..2]).unwrap();
    let tip = taken.chains[&chain.id];
    assert_eq!((taken.added, tip.seq, tip.index, tip.hash), (0, 1, 2, leaf_hash(chain.links[1].as_bytes())));
}

#[test]
fn a_revocation_affects_only_its_key_from_its_line_on() {
    let (revoked, good) = (emitter(), key("example.com/good"));
    let rules = with_lines(&emitters(&[&revoked, &good]), "");
    let chain = Chain::open(revoked, 1).event(1).event(2);
    let other = Chain::open(good, 2).event(1);
    let revoke = Statement::Revoke { key: chain.key.verifier_key().clone(), since: None };
    let revoke = note(&[revoke], &chain.key);
    let mut batch = PendingBatch::new(0);
    let before = [&chain.links[0], &chain.links[1], &other.links[0]];
    let all = before.into_iter().chain([&revoke]);
    submit(&mut batch, &rules, all.chain([&other.links[1]])).unwrap();
    let refusal = submit(&mut batch, &rules, [&chain.links[2]]).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Unauthorized, Some(1)));
    // Check the same within one submission.
    let within_one = before.into_iter().chain([&revoke, &chain.links[2]]);
    let refusal = submit(&mut PendingBatch::new(0), &rules, within_one).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Unauthorized, Some(5)));
    let alone = [&chain.links[0], &chain.links[1], &revoke, &chain.links[2]];
    let refusal = submit(&mut PendingBatch::new(0), &rules, alone).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Unauthorized, Some(4)));
    // Another key's link just before it changes nothing.
    let further = other.fork(2).event(2);
    let refusal = submit(&mut batch, &rules, [&further.links[2], &chain.links[2]]).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Unauthorized, Some(2)));
}

#[test]
fn rejects_chains_and_notes_of_another_log() {
    let elsewhere = Rules::new("log.example/other", None);
    let revoke = Statement::Revoke { key: emitter().verifier_key().clone(), since: None };
    for leaf in [&Chain::open(emitter(), 1).links[0], &note(&[revoke], &emitter())] {
        assert_eq!(submit(&mut PendingBatch::new(0), &anyone(), [leaf]).unwrap().added, 1);
        let refusal = submit(&mut PendingBatch::new(0), &elsewhere, [leaf]).unwrap_err();
        assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Unauthorized, Some(1)));
    }
}

#[test]
fn one_issuer_whose_name_covers_the_statement_suffices() {
    let (issuer, other) = (key("example.com"), key("example.org"));
    let add = |trust: Trust, key: &SignerKey| trust.with_issuer(key.verifier_key().clone()).unwrap();
    let rules = Rules::new(ORIGIN, Some(add(add(Trust::default(), &issuer), &other)));
    assert!(anyone().admits(emitter().verifier_key()) && !rules.admits(emitter().verifier_key()));
    let grant = [Statement::Grant { key: emitter().verifier_key().clone(), from: None, until: None }];
    let by_issuer = note(&grant, &issuer);
    let by_other = note(&grant, &other);
    let (_, line_of_other) = by_other.split_once("\n\n").unwrap();
    let by_both = format!("{by_issuer}{line_of_other}");
    for (note, is_taken) in [(&by_issuer, true), (&by_both, true), (&by_other, false)] {
        let taken = submit(&mut PendingBatch::new(0), &rules, [note]);
        let kind = taken.map(drop).map_err(|refusal| refusal.kind);
        assert_eq!(kind, if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) });
    }
}

#[test]
fn a_revocation_in_the_trust_file_acts_from_its_time_on() {
    let (revoked, good) = (emitter(), key("example.com/good"));
    let both = emitters(&[&revoked, &good]);
    let lines = format!("revoke {} {}\n", revoked.verifier_key(), at(2));
    let rules = with_lines(&both, &lines);
    assert!(!rules.admits(revoked.verifier_key()) && rules.admits(good.verifier_key()));
    for (key, second, is_taken) in
        [(revoked, [1, 2, 3], [true, false, false]), (good, [1, 2, 3], [true, true, true])]
    {
        let chain = Chain::open(key, 1);
        for (second, is_taken) in second.into_iter().zip(is_taken) {
            let link = chain.signed(chain.link(&chain.links[0], 1, at(second), 1));
            let taken = submit_when(at(1), &mut PendingBatch::new(0), &rules, [&chain.links[0], &link]);
            assert_eq!(
                kind(taken),
                if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) },
                "{second}"
            );
        }
    }
    let always = with_lines(&both, &format!("revoke {} -\n", emitter().verifier_key()));
    let refusal = submit(&mut PendingBatch::new(0), &always, &Chain::open(emitter(), 1).links).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unauthorized);
}

/// A thief can date links freely, so the log uses its own clock.
#[test]
fn a_key_revoked_by_the_trust_file_is_rejected_however_links_are_dated() {
    let line = format!("revoke {} {}\n", emitter().verifier_key(), at(600));
    let chain = Chain::open(emitter(), 1).event(1);
    let alone = with_lines(&emitters(&[&emitter()]), &line);
    let witness = SignerKey::witness_from_seed("w.example", [9; 32]).unwrap();
    let witness = format!("witness w {}\nquorum w\n", witness.verifier_key());
    let trust =
        String::from_utf8(emitters(&[&emitter()]).to_text()).unwrap().replace("quorum none\n", &witness);
    let witnessed = Rules::new(ORIGIN, Some(Trust::parse((trust + &line).as_bytes()).unwrap()));
    let cases = [
        (&alone, 599_999, true),
        (&alone, 600_000, false),
        (&alone, 90_000_000_000, false),
        // Witnesses take a while, and their clocks may be ahead: links that they cannot attest before the revocation
        // are suspect forever.
        (&witnessed, 600_000 - SETTLE - 1, true),
        (&witnessed, 600_000 - SETTLE, false),
        (&witnessed, 599_999, false),
    ];
    for (rules, millis, is_taken) in cases {
        let now = Time::from_millis(at(0).millis() + millis).unwrap();
        let taken = kind(submit_when(now, &mut PendingBatch::new(0), rules, &chain.links));
        assert_eq!(taken, if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) }, "{millis}");
    }
}

#[test]
fn a_link_may_be_ahead_of_the_logs_clock_by_the_tolerance() {
    let (rules, chain) = (with_lines(&emitters(&[&emitter()]), ""), Chain::open(emitter(), 1).event(1));
    let when = |behind: i64| Time::from_millis(at(1).millis() - behind).unwrap();
    let mut batch = PendingBatch::new(0);
    submit_when(when(EMITTER), &mut batch, &rules, &chain.links).unwrap();
    assert_eq!(batch.latest(), Some(at(1)));
    // The open link is a second older than the other one.
    for (behind, line, wait) in [(EMITTER + 1, 2, 1), (EMITTER + 3_600_000, 1, 3_599_000)] {
        let now = when(behind);
        // Repeats are answered regardless of the clock.
        let again = submit_when(now, &mut batch, &rules, &chain.links).unwrap();
        assert_eq!((again.added, again.repeated), (0, 2));
        let refusal = submit_when(now, &mut PendingBatch::new(0), &rules, &chain.links).unwrap_err();
        assert_eq!((refusal.kind, refusal.error.code), (RefusalKind::Early { now, wait }, Code::Early));
        assert_eq!(refusal.error.line, Some(line));
    }
    for now in [Time::MIN, Time::MAX] {
        let taken = submit_when(now, &mut PendingBatch::new(0), &rules, &chain.links);
        assert_eq!(taken.is_ok(), now == Time::MAX);
    }
}

/// If there are witnesses, a key's links must be attested within a day after its grants end. A link that arrives too
/// late for that would spoil the verdict of every export.
#[test]
fn links_after_a_grant_are_accepted_as_long_as_they_can_be_attested() {
    let (issuer, granted) = (key("example.com"), emitter());
    let witness = SignerKey::witness_from_seed("w.example", [9; 32]).unwrap();
    let lines = format!("issuer {}\n", issuer.verifier_key());
    let quorum = format!("witness w {}\nquorum w\n", witness.verifier_key());
    let alone = Rules::new(ORIGIN, Some(Trust::parse(lines.as_bytes()).unwrap()));
    let witnessed = Rules::new(ORIGIN, Some(Trust::parse((quorum + &lines).as_bytes()).unwrap()));
    let statement = |until| Statement::Grant { key: granted.verifier_key().clone(), from: None, until };
    let (grant, open) = (note(&[statement(Some(at(2)))], &issuer), note(&[statement(None)], &issuer));
    let chain = Chain::open(emitter(), 1).event(1);
    let last = at(2).millis() + LATE - SETTLE - 1;
    for (rules, grant, millis, is_taken) in [
        (&witnessed, &grant, last, true),
        (&witnessed, &grant, last + 1, false),
        (&witnessed, &grant, last + 1_000_000_000_000, false),
        (&witnessed, &open, last + 1, true),
        (&alone, &grant, last + 1, true),
    ] {
        let now = Time::from_millis(millis).unwrap();
        let leaves = [grant, &chain.links[0], &chain.links[1]];
        let taken = kind(submit_when(now, &mut PendingBatch::new(0), rules, leaves));
        assert_eq!(taken, if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) }, "{millis}");
    }
}

#[test]
fn a_key_note_is_accepted_only_about_known_keys() {
    let (issuer, named, granted) = (key("example.com"), key("example.com/named"), key("example.com/granted"));
    let (stranger, banned) = (key("example.org/stranger"), key("example.org/banned"));
    let trust = emitters(&[&named]).with_issuer(issuer.verifier_key().clone()).unwrap();
    let rules = with_lines(&trust, &format!("revoke {} {}\n", banned.verifier_key(), at(9)));
    let revoke = |key: &SignerKey| Statement::Revoke { key: key.verifier_key().clone(), since: None };
    let grant = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
    let grant = note(&[grant], &issuer);
    let taken = |leaves: &[&String]| kind(submit(&mut PendingBatch::new(0), &rules, leaves.iter().copied()));
    for (leaves, is_taken) in [
        (vec![&note(&[revoke(&stranger)], &stranger)], false),
        (vec![&note(&[revoke(&named)], &named)], true),
        (vec![&note(&[revoke(&banned)], &banned)], true),
        (vec![&note(&[revoke(&issuer)], &issuer)], true),
        (vec![&note(&[revoke(&granted)], &granted)], false),
        (vec![&grant, &note(&[revoke(&granted)], &granted)], true),
        (vec![&note(&[revoke(&granted)], &issuer)], true),
        (vec![&note(&vec![revoke(&stranger); 500], &stranger)], false),
        // A note about a known key does not admit an unknown one.
        (vec![&grant, &note(&[revoke(&granted), revoke(&stranger)], &granted)], false),
    ] {
        assert_eq!(
            taken(&leaves),
            if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) },
            "{leaves:?}"
        );
    }
    assert!(submit(&mut PendingBatch::new(0), &anyone(), [&note(&[revoke(&stranger)], &stranger)]).is_ok());
}

#[test]
fn an_issuer_revoked_by_the_trust_file_may_revoke_but_not_grant() {
    let (issuer, about) = (key("example.com"), emitter());
    let trust = Trust::default().with_issuer(issuer.verifier_key().clone()).unwrap();
    let grant =
        note(&[Statement::Grant { key: about.verifier_key().clone(), from: None, until: None }], &issuer);
    let revoke = note(&[Statement::Revoke { key: about.verifier_key().clone(), since: None }], &issuer);
    let good = with_lines(&trust, "");
    let revoked = with_lines(&trust, &format!("revoke {} {}\n", issuer.verifier_key(), at(9)));
    for (rules, statement, is_taken) in
        [(&good, &grant, true), (&good, &revoke, true), (&revoked, &grant, false), (&revoked, &revoke, true)]
    {
        let taken = submit(&mut PendingBatch::new(0), rules, [statement]);
        let kind = taken.map(drop).map_err(|refusal| refusal.kind);
        assert_eq!(kind, if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) });
    }
}

/// Self-revocations stay in the log forever, 58 kB each, so a key could flood it.
#[test]
fn a_key_may_revoke_itself_only_once() {
    let (issuer, about) = (key("example.com"), emitter());
    let rules = with_lines(&emitters(&[&about]).with_issuer(issuer.verifier_key().clone()).unwrap(), "");
    let revoke =
        |seconds: i64| Statement::Revoke { key: about.verifier_key().clone(), since: Some(at(seconds)) };
    let own = |seconds: i64| note(&[revoke(seconds)], &about);
    let mut batch = PendingBatch::new(0);
    assert!(submit(&mut batch, &rules, [&note(&vec![revoke(9); 2], &about)]).is_err());
    submit(&mut batch, &rules, [&own(9)]).unwrap();
    for again in [own(10), own(8), note(&[revoke(8)], &about)] {
        let refusal = submit(&mut batch, &rules, [&again]).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unauthorized);
    }
    // A repeated note gets its old index, and an issuer may state more.
    assert_eq!(submit(&mut batch, &rules, [&own(9)]).unwrap().repeated, 1);
    submit(&mut batch, &rules, [&note(&[revoke(8)], &issuer)]).unwrap();
    assert_eq!(batch.size(), 2);
    assert!(submit(&mut PendingBatch::new(0), &rules, [&note(&[revoke(9)], &issuer), &own(8)]).is_err());
}

/// Returns the links with another signature of the last one.
fn forged(links: &[String]) -> Vec<String> {
    let (last, earlier) = links.split_last().unwrap();
    let (unsigned, signature) = last.rsplit_once(' ').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    [earlier, &[format!("{unsigned} {other}{}", &signature[1..])]].concat()
}

/// A stranger knows at most a chain's ID and its key. The refusal of what the key didn't sign must not depend on what the log
/// knows about them.
#[test]
fn a_stranger_learns_nothing_about_chains_and_keys() {
    let (issuer, stranger) = (key("example.com"), key("example.com/stranger"));
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let closed = chain.fork(3).close();
    let trust = emitters(&[]).with_issuer(issuer.verifier_key().clone()).unwrap();
    let vkey = emitter().verifier_key().clone();
    let named = with_lines(&trust, &format!("emitter {vkey}\n"));
    let banned = with_lines(&trust, &format!("emitter {vkey}\nrevoke {vkey} -\n"));
    let granting = with_lines(&trust, "");
    let grant = note(&[Statement::Grant { key: vkey.clone(), from: None, until: Some(at(2)) }], &issuer);
    let revoke = note(&[Statement::Revoke { key: vkey, since: None }], &issuer);
    let before: &[&[String]] = &[&chain.links];
    let logs: Vec<(&Rules, &Rules, Vec<String>)> = vec![
        (&named, &named, before.concat()),
        (&named, &named, closed.links.clone()),
        (&named, &named, Vec::new()),
        (&named, &named, vec![chain.links[0].clone()]),
        (&named, &banned, before.concat()),
        (&named, &banned, Vec::new()),
        (&granting, &granting, [std::slice::from_ref(&grant), &chain.links[..]].concat()),
        (&granting, &granting, vec![grant.clone()]),
        (
            &granting,
            &granting,
            [std::slice::from_ref(&grant), &chain.links[..], std::slice::from_ref(&revoke)].concat(),
        ),
        (&granting, &granting, vec![revoke]),
        (&granting, &granting, Vec::new()),
    ];
    let guess = Hash([5; 32]);
    let mut links = Vec::new();
    for seq in [1, 2, 3, 4, 90] {
        for time in [at(-600), at(1), at(7_200)] {
            let event = write_event(chain.id, seq, time, &guess, &guess);
            let next = write_event(chain.id, seq + 1, time, &leaf_hash(event.as_bytes()), &guess);
            let close = write_close(chain.id, seq, time, &guess);
            let [signed, next, close] = [&event, &next, &close].map(|link| {
                let (mut link, signature) = (link.clone(), stranger.sign(link.as_bytes()));
                append_signature(&mut link, &signature);
                link
            });
            links.extend([vec![signed], vec![event.clone()], vec![event, next], vec![close]]);
        }
    }
    let submit_to = |(before, after, held): &(&Rules, &Rules, Vec<String>), links: &[String]| {
        let mut batch = PendingBatch::new(0);
        if !held.is_empty() {
            submit_when(at(2), &mut batch, before, held).unwrap();
        }
        submit_when(at(60), &mut batch, after, links).unwrap_err()
    };
    for links in links {
        let refusals: Vec<_> = logs.iter().map(|log| submit_to(log, &links)).collect();
        assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{links:?}: {refusals:#?}");
        let RefusalKind::Gap { expected, last, .. } = refusals[0].kind else { panic!("{}", refusals[0]) };
        assert_eq!((expected, last, refusals[0].is_signed), (0, None, false));
    }
    // An open link names its key. Logs that have another chain of the key refuse it in the same way.
    let other = Chain::open(emitter(), 9).event(1);
    for links in [forged(&other.links[..1]), [forged(&other.links[..1]), other.links[1..].to_vec()].concat()]
    {
        let refusals: Vec<_> = logs.iter().map(|log| submit_to(log, &links)).collect();
        assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{links:?}: {refusals:#?}");
        assert_eq!(refusals[0].error.code, Code::Signature);
    }
    // The key's holder learns more.
    let signed = chain.signed(write_event(chain.id, 90, at(1), &guess, &guess));
    let refusal = submit_to(&logs[0], &[signed]);
    let last = Some(leaf_hash(chain.links[2].as_bytes()));
    assert_eq!(refusal.kind, RefusalKind::Gap { chain: chain.id, expected: 3, last });
    assert!(refusal.is_signed);
}

/// Anyone can name a key that the log knows. Alerts should depend on what the key really signed.
#[test]
fn a_refusal_tells_if_the_key_signed_the_rejected_link() {
    let (revoked, early) = (emitter(), key("example.com/early"));
    let line = format!("revoke {} -\n", revoked.verifier_key());
    let rules = with_lines(&emitters(&[&revoked, &early]), &line);
    let refused =
        |leaves: &[String]| submit_when(at(-600), &mut PendingBatch::new(0), &rules, leaves).unwrap_err();
    for (chain, is_early) in [(Chain::open(revoked, 1), false), (Chain::open(early, 1), true)] {
        let refusal = refused(&chain.links);
        assert_eq!(matches!(refusal.kind, RefusalKind::Early { .. }), is_early, "{refusal}");
        assert!(refusal.is_signed, "{refusal}");
        let refusal = refused(&forged(&chain.links));
        assert_eq!((refusal.error.code, refusal.is_signed), (Code::Signature, false), "{refusal}");
    }
    // For an unsigned link, the next signed one counts.
    let rules = with_lines(&emitters(&[&emitter()]), "");
    let chain = Chain::open(emitter(), 2).unsigned_event(1).unsigned_event(2).event(3);
    let ahead = Time::from_millis(at(1).millis() - EMITTER - 1).unwrap();
    for (links, code, line) in [
        (chain.links.clone(), Code::Early, 2),
        (forged(&chain.links), Code::Signature, 4),
        (chain.links[..3].to_vec(), Code::Refused, 3),
    ] {
        let refusal = submit_when(ahead, &mut PendingBatch::new(0), &rules, &links).unwrap_err();
        assert_eq!((refusal.error.code, refusal.error.line), (code, Some(line)), "{refusal}");
        assert_eq!(refusal.is_signed, code == Code::Early);
    }
}

/// A stolen issuer key may have granted a thief's key. Readers trust no such grant, so the log accepts none.
#[test]
fn a_grant_of_a_revoked_issuer_is_void() {
    let (issuer, granted) = (key("example.com"), emitter());
    let other = SignerKey::from_seed("example.com", [77; 32]).unwrap();
    let grant = |until: Option<i64>, by: &SignerKey| {
        note(
            &[Statement::Grant { key: granted.verifier_key().clone(), from: None, until: until.map(at) }],
            by,
        )
    };
    let notes = [grant(None, &other), grant(Some(1), &issuer)];
    let issuers = format!("issuer {}\nissuer {}\n", issuer.verifier_key(), other.verifier_key());
    let before = Rules::new(ORIGIN, Some(Trust::parse(issuers.as_bytes()).unwrap()));
    let mut batch = PendingBatch::new(0);
    submit(&mut batch, &before, [&notes[0], &notes[1]]).unwrap();
    let trust = Trust::parse(format!("{issuers}revoke {} -\n", issuer.verifier_key()).as_bytes()).unwrap();
    let mut void = VoidGrants::for_trust(&trust).unwrap();
    for note in &notes {
        void.note(&trust, &KeyNote::parse(note).unwrap(), None);
    }
    let rules = Rules::new(ORIGIN, Some(trust)).with_void(void);
    let chain = Chain::open(emitter(), 7);
    assert_eq!(kind(submit_when(at(60), &mut batch, &rules, &chain.links)), Ok(()));
}

#[test]
fn links_under_a_grant_are_rejected_once_the_trust_file_revokes_the_issuer() {
    let (issuer, granted) = (key("example.com"), emitter());
    let other = SignerKey::from_seed("example.com", [77; 32]).unwrap();
    let witness = SignerKey::witness_from_seed("w.example", [9; 32]).unwrap();
    let issuers = format!("issuer {}\nissuer {}\n", issuer.verifier_key(), other.verifier_key());
    let quorum = format!("witness w {}\nquorum w\n", witness.verifier_key());
    let revoke = |since: &str| format!("revoke {} {since}\n", issuer.verifier_key());
    let statement = |until: Option<i64>| {
        note(
            &[Statement::Grant { key: granted.verifier_key().clone(), from: None, until: until.map(at) }],
            &issuer,
        )
    };
    let trust = |lines: String| Trust::parse(lines.as_bytes()).unwrap();
    // The log accepted links before; then the chain continues.
    let before = Rules::new(ORIGIN, Some(trust(issuers.clone())));
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let grant = statement(None);
    let mut batch = PendingBatch::new(0);
    submit(&mut batch, &before, [&grant, &chain.links[0], &chain.links[1]]).unwrap();
    let since = at(600).to_string();
    let minutes = |minutes: i64| at(minutes * 60);
    for (lines, existed_by, now, is_taken) in [
        (issuers.clone(), None, minutes(1), true),
        // If there are no witnesses, nothing shows when the key was granted.
        (issuers.clone() + &revoke("-"), None, minutes(1), false),
        (issuers.clone() + &revoke(&since), None, minutes(1), false),
        (issuers.clone() + &revoke(&since), Some(at(599)), minutes(1), false),
        (issuers.clone() + &quorum + &revoke("-"), Some(at(1)), minutes(1), false),
        // The grant existed before that moment, or may still be shown to have.
        (issuers.clone() + &quorum + &revoke(&since), Some(at(599)), minutes(100), true),
        (issuers.clone() + &quorum + &revoke(&since), Some(at(600)), minutes(100), false),
        (issuers.clone() + &quorum + &revoke(&since), None, minutes(100), false),
        (issuers.clone() + &quorum + &revoke(&since), None, minutes(4), true),
        (issuers.clone() + &quorum + &revoke(&since), None, minutes(5), false),
    ] {
        let trust = trust(lines.clone());
        let void = VoidGrants::for_trust(&trust).map(|mut void| {
            void.note(&trust, &KeyNote::parse(&grant).unwrap(), existed_by);
            void
        });
        assert_eq!(void.is_some(), lines.contains("revoke"));
        let rules = Rules::new(ORIGIN, Some(trust)).with_void(void.unwrap_or_default());
        for links in [&chain.links[2..], &Chain::open(emitter(), 7).links] {
            let taken = kind(submit_when(now, &mut batch.clone(), &rules, links));
            assert_eq!(
                taken,
                if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) },
                "{lines} {existed_by:?} {now}"
            );
        }
        // Links accepted before stay.
        assert_eq!(submit_when(now, &mut batch.clone(), &rules, &chain.links[..2]).unwrap().repeated, 2);
    }
    // Another issuer that is not revoked grants the key again, for a new chain.
    let revoked = trust(issuers + &revoke("-"));
    let open = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
    let anew = note(&[open], &other);
    let mut void = VoidGrants::for_trust(&revoked).unwrap();
    for note in [&grant, &anew] {
        void.note(&revoked, &KeyNote::parse(note).unwrap(), None);
    }
    let rules = Rules::new(ORIGIN, Some(revoked)).with_void(void);
    submit(&mut batch, &rules, [&anew]).unwrap();
    assert!(submit(&mut batch, &rules, &chain.links[2..]).is_err());
    submit(&mut batch, &rules, &Chain::open(emitter(), 8).links).unwrap();
}

#[test]
fn a_grant_holds_within_its_window_and_for_chains_opened_after_it() {
    let (issuer, granted) = (key("example.com"), emitter());
    let trust = Trust::default().with_issuer(issuer.verifier_key().clone()).unwrap();
    let rules = Rules::new(ORIGIN, Some(trust));
    let grant =
        Statement::Grant { key: granted.verifier_key().clone(), from: Some(at(0)), until: Some(at(2)) };
    let grant = note(&[grant], &issuer);
    let chain = Chain::open(granted, 1);
    for (second, is_taken) in [(0, true), (1, true), (2, false), (3, false)] {
        let link = chain.signed(chain.link(&chain.links[0], 1, at(second), 1));
        let taken = submit(&mut PendingBatch::new(0), &rules, [&grant, &chain.links[0], &link]);
        let kind = taken.map(drop).map_err(|refusal| refusal.kind);
        assert_eq!(kind, if is_taken { Ok(()) } else { Err(RefusalKind::Unauthorized) }, "{second}");
    }
    let refusal = submit(&mut PendingBatch::new(0), &rules, [&chain.links[0], &grant]).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Unauthorized, Some(1)));
}

#[test]
fn a_body_is_parsed_up_to_its_limits() {
    let chain = Chain::open(emitter(), 1).event(1);
    let body = body(&chain.links);
    let kind = |body: &[u8], bytes: usize, lines: usize| {
        Submission::parse(body, &Limits { bytes, lines })
            .map(|read| read.entries().len())
            .map_err(|error| error.kind)
    };
    assert_eq!(kind(body.as_bytes(), body.len(), 2), Ok(2));
    assert_eq!(kind(body.as_bytes(), body.len() - 1, 2), Err(RefusalKind::TooLarge));
    assert_eq!(kind(body.as_bytes(), body.len(), 1), Err(RefusalKind::TooLarge));
    // A submission takes little more memory than its text.
    let read = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
    assert!((body.len()..4096).contains(&read.bytes()), "{} of {}", read.bytes(), body.len());
    // Blank lines don't count as lines, but count in line numbers.
    let spaced = format!("\n \r\n{}", body.replace('\n', "\r\n\n"));
    assert_eq!(kind(spaced.as_bytes(), 1 << 20, 2), Ok(2));
    for (text, line) in [(&b"\n\n{\"link\":\"\xff\"}\n"[..], 3), (b"\n{}\n", 2), (b"\xff", 1)] {
        let refusal = Submission::parse(text, &Limits::default()).unwrap_err();
        assert_eq!((&refusal.kind, refusal.error.line), (&RefusalKind::Malformed, Some(line)));
    }
    assert_eq!(kind(b" \n\n", 1 << 20, 2), Err(RefusalKind::Malformed));
}

/// The knowledge of a log: a chain with its key, a revoked key, and a key note.
#[derive(Default)]
struct KnownKeys {
    chain: Option<(ChainId, VerifierKey)>,
    revoked: Option<VerifierKey>,
    note: Option<Hash>,
}

impl KeyLookup for KnownKeys {
    type Error = std::convert::Infallible;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, Self::Error> {
        Ok(self.chain.iter().find(|(id, _)| id == chain).map(|(_, key)| key.clone()))
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, Self::Error> {
        Ok(Life { revoked: self.revoked.as_ref() == Some(key), ..Life::default() })
    }

    fn has_note(&self, hash: &Hash) -> Result<bool, Self::Error> {
        Ok(self.note.as_ref() == Some(hash))
    }
}

#[test]
fn unauthorized_keys_are_rejected_by_their_first_leaf() {
    let (issuer, named, stranger) = (key("example.com"), emitter(), key("example.com/stranger"));
    let trust = emitters(&[&named]).with_issuer(issuer.verifier_key().clone()).unwrap();
    let rules = Rules::new(ORIGIN, Some(trust));
    let statement = |key: &SignerKey, grant: bool| {
        let key = key.verifier_key().clone();
        if grant {
            Statement::Grant { key, from: None, until: None }
        } else {
            Statement::Revoke { key, since: None }
        }
    };
    let named_chain = Chain::open(emitter(), 1).event(1);
    let strange = Chain::open(key("example.com/stranger"), 2).event(1);
    let begun = &strange.links[0];
    let elsewhere = write_open("other.example/audit", named.verifier_key(), at(0), &[3; 16]);
    let elsewhere = named_chain.signed(elsewhere);
    let granted = note(&[statement(&stranger, true)], &issuer);
    let own_grant = note(&[statement(&stranger, true)], &stranger);
    let revoked = note(&[statement(&stranger, false)], &issuer);
    let knows_nothing = KnownKeys::default;
    let knows_chain =
        || KnownKeys { chain: Some((strange.id, stranger.verifier_key().clone())), ..knows_nothing() };
    let knows_key = || KnownKeys { revoked: Some(stranger.verifier_key().clone()), ..knows_nothing() };
    let knows_note = || KnownKeys { note: Some(leaf_hash(own_grant.as_bytes())), ..knows_nothing() };
    let admitted = |rules: &Rules, known: &KnownKeys, leaves: &[&String]| {
        let mut admission = Admission::new(rules, known);
        let mut admit = |entry: &mut Entry| admission.admit(entry);
        let mut intake = Intake::new(Limits::default());
        let body = body(leaves.iter().copied());
        let taken = intake.push(body.as_bytes(), &mut admit).and_then(|()| intake.finish(&mut admit));
        taken.map(drop).map_err(AcceptanceError::refusal)
    };
    for (known, leaves, expected) in [
        (knows_nothing(), vec![&named_chain.links[0], &named_chain.links[1]], Ok(())),
        (knows_nothing(), vec![begun], Err(RefusalKind::Unauthorized)),
        (knows_nothing(), vec![&named_chain.links[0], begun], Err(RefusalKind::Unauthorized)),
        (knows_key(), vec![begun], Ok(())),
        (knows_chain(), vec![&strange.links[1]], Ok(())),
        (knows_nothing(), vec![&granted, begun], Ok(())),
        (knows_nothing(), vec![begun, &granted], Err(RefusalKind::Unauthorized)),
        (knows_nothing(), vec![&own_grant], Err(RefusalKind::Unauthorized)),
        // A key that a note revokes does not become known by it.
        (knows_nothing(), vec![&revoked, begun], Err(RefusalKind::Unauthorized)),
        (knows_note(), vec![&own_grant, begun], Ok(())),
    ] {
        let kind = admitted(&rules, &known, &leaves).map_err(|refusal| refusal.kind);
        assert_eq!(kind, expected, "{leaves:?}");
    }
    // Only the holder of a key learns what the log knows about it.
    let forged = |link: &str| {
        let (signed, signature) = link.rsplit_once(' ').unwrap();
        let changed = if signature.starts_with('A') { "B" } else { "A" };
        format!("{signed} {changed}{}", &signature[1..])
    };
    let (forged_named, forged_strange) = (forged(&named_chain.links[0]), forged(begun));
    for (known, link) in
        [(knows_nothing(), &forged_named), (knows_nothing(), &forged_strange), (knows_key(), &forged_strange)]
    {
        let refusal = admitted(&rules, &known, &[link]).unwrap_err();
        assert_eq!(refusal.error.to_string(), "signature.invalid: line 1: the link's signature is invalid");
        assert_eq!(refusal.kind, RefusalKind::Malformed);
    }
    // A link whose open link is missing, and one for another log, are rejected as such.
    let gap = admitted(&rules, &knows_nothing(), &[&strange.links[1]]).unwrap_err().kind;
    assert_eq!(gap, RefusalKind::Gap { chain: strange.id, expected: 0, last: None });
    let other = admitted(&rules, &knows_nothing(), &[&elsewhere]).unwrap_err().error;
    assert!(other.to_string().contains("other.example/audit"), "{other}");
    // A log without a trust file accepts leaves from everyone.
    assert_eq!(admitted(&anyone(), &knows_nothing(), &[begun, &own_grant, &strange.links[1]]), Ok(()));
}
