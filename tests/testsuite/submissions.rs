//! What a log takes of a submission and what it refuses, case by case (SPEC section 6).
#![cfg(not(target_arch = "wasm32"))]

use countersign::base64;
use countersign::error::Code;
use countersign::export::writer::Writer;
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{ChainId, append_signature, write_close, write_event, write_open};
use countersign::log::{
    AcceptanceError, Admission, Empty, Evidence, Growth, Intake, Kind, Known, Leaf, Life, Limits, Rules,
    Submission, SubmissionError, Taken, VoidGrants,
};
use countersign::merkle::leaf_hash;
use countersign::note::{SignerKey, VerifierKey};
use countersign::time::Time;
use countersign::tolerance::{EMITTER, LATE, SETTLE};
use countersign::trust::Trust;

const ORIGIN: &str = "log.example/audit";

fn key(name: &str) -> SignerKey {
    SignerKey::generate(name, [name.len() as u8; 32]).unwrap()
}

fn emitter() -> SignerKey {
    key("example.com/emitter")
}

/// Any second of a minute.
fn at(second: i64) -> Time {
    Time::from_millis(1_795_150_000_000 + second * 1_000).unwrap()
}

/// Links of one chain, made as an emitter may that does not keep to the rules.
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

    /// The first links again, for a chain that goes on otherwise.
    fn fork(&self, links: usize) -> Self {
        Self { key: key(self.key.verifier_key().name()), id: self.id, links: self.links[..links].to_vec() }
    }

    fn signed(&self, mut link: String) -> String {
        let signature = self.key.sign(link.as_bytes());
        append_signature(&mut link, &signature);
        link
    }

    /// An event link after that link, with that seq; what it commits to makes it one of its own.
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

/// A submission's body: links without their events, and key notes.
fn body<'l>(leaves: impl IntoIterator<Item = &'l String>) -> String {
    let mut lines = Writer::new();
    for leaf in leaves {
        if leaf.starts_with("countersign/v1 keys\n") { lines.note(leaf) } else { lines.link(leaf) }
    }
    lines.as_str().to_owned()
}

fn submit<'l>(
    growth: &mut Growth,
    rules: &Rules,
    leaves: impl IntoIterator<Item = &'l String>,
) -> Result<Taken, SubmissionError> {
    submit_when(at(60), growth, rules, leaves)
}

/// The same when the log's clock shows that.
fn submit_when<'l>(
    now: Time,
    growth: &mut Growth,
    rules: &Rules,
    leaves: impl IntoIterator<Item = &'l String>,
) -> Result<Taken, SubmissionError> {
    let submission = Submission::parse(body(leaves).as_bytes(), &Limits::default())?;
    growth.submit(rules, &Empty, &submission, now).map_err(AcceptanceError::refusal)
}

/// The kind of a refusal; `Ok` where all was taken.
fn kind(taken: Result<Taken, SubmissionError>) -> Result<(), Kind> {
    taken.map(drop).map_err(|refusal| refusal.kind)
}

fn anyone() -> Rules {
    Rules::new(ORIGIN, None)
}

fn emitters(keys: &[&SignerKey]) -> Trust {
    let add = |trust: Trust, key: &&SignerKey| trust.with_emitter(key.verifier_key().clone()).unwrap();
    keys.iter().fold(Trust::default(), add)
}

/// A trust file with these lines too.
fn with_lines(trust: &Trust, lines: &str) -> Rules {
    let trust = Trust::parse(&[&trust.to_text(), lines.as_bytes()].concat()).unwrap();
    Rules::new(ORIGIN, Some(trust))
}

/// A log that has these links, and what it says to others.
fn refused<'l>(taken: &[String], brought: impl IntoIterator<Item = &'l String>) -> SubmissionError {
    let mut growth = Growth::new(0);
    if !taken.is_empty() {
        submit(&mut growth, &anyone(), taken).unwrap();
    }
    let refusal = submit(&mut growth, &anyone(), brought).unwrap_err();
    assert_eq!(growth.size(), taken.len() as u64, "nothing of it is taken");
    refusal
}

fn evidence(refusal: SubmissionError) -> Evidence {
    match refusal.kind {
        Kind::Fork(evidence) => *evidence,
        _ => panic!("{refusal:?}"),
    }
}

#[test]
fn a_fork_is_proven_up_to_the_link_whose_signature_vouches_for_it() {
    let chain = Chain::open(emitter(), 1).event(1).event(2).event(3);
    let twin = chain.fork(2).unsigned_event(7).unsigned_event(8).event(9).event(10);
    let other = Chain::open(emitter(), 2).unsigned_event(1).event(2);
    // Links of another chain, in between, are none of its evidence.
    let brought = twin.links[2..].iter().zip(&other.links).flat_map(|(one, other)| [one, other]);
    let found = evidence(refused(&chain.links, brought));
    assert_eq!((found.chain, found.seq, found.index), (chain.id, 2, Some(2)));
    assert_eq!(found.refused, twin.links[2..5]);
}

#[test]
fn what_no_signature_vouches_for_is_no_fork() {
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let twin = chain.fork(2).unsigned_event(7).unsigned_event(8).event(9);
    let [.., first, second, third] = &twin.links[..] else { unreachable!() };
    let wrong_prev = twin.signed(twin.link(&chain.links[0], 3, at(1), 8));
    let wrong_seq = twin.signed(twin.link(first, 4, at(1), 8));
    let again = twin.signed(twin.link(first, 2, at(1), 8));
    for brought in [
        vec![first, second],
        vec![first, third],
        vec![first, &wrong_prev],
        vec![first, &wrong_seq],
        vec![first, &again],
    ] {
        let refusal = refused(&chain.links, brought);
        assert_eq!((&refusal.kind, refusal.error.code), (&Kind::Malformed, Code::Refused), "{refusal}");
    }
    let (part, _) = third.rsplit_once(' ').unwrap();
    let forged = format!("{part} {}", base64::encode([7; 64]));
    let refusal = refused(&chain.links, [first, second, &forged]);
    assert_eq!((&refusal.kind, refusal.error.code), (&Kind::Malformed, Code::Signature));
    assert_eq!(refusal.error.line, Some(3));
}

#[test]
fn of_two_continuations_in_one_submission_each_is_evidence() {
    let chain = Chain::open(emitter(), 1).event(1);
    let one = chain.fork(2).unsigned_event(2).unsigned_event(3).event(4).event(5);
    let other = chain.fork(2).unsigned_event(6).event(7);
    let between = Chain::open(emitter(), 2).unsigned_event(1).unsigned_event(2).event(3);
    let (first, rest) = one.links[2..].split_at(1);
    let brought: Vec<&String> =
        first.iter().chain(&between.links).chain(rest).chain(&other.links[2..]).collect();
    let found = evidence(refused(&chain.links, brought));
    assert_eq!((found.chain, found.seq, found.index), (chain.id, 2, None));
    assert_eq!(found.refused, [&one.links[2..5], &other.links[2..]].concat());
    // What they share is no part of it, though it came with the same submission.
    let brought: Vec<&String> = one.links[..5].iter().chain(&other.links[2..]).collect();
    let found = evidence(refused(&[], brought));
    assert_eq!((found.seq, found.index), (2, None));
    assert_eq!(found.refused, [&one.links[2..5], &other.links[2..]].concat());
    // The log has the first link after which they part, and the submission the one that is not the other's.
    let held = chain.fork(2).unsigned_event(2).event(3);
    let goes_on = held.fork(4).unsigned_event(4).event(5);
    let otherwise = held.fork(4).event(6);
    let brought = goes_on.links[4..].iter().chain(&otherwise.links[4..]);
    let found = evidence(refused(&held.links, brought));
    assert_eq!((found.seq, found.index), (4, None));
    assert_eq!(found.refused, [&goes_on.links[4..], &otherwise.links[4..]].concat());
    // Nothing vouches for the first of the two.
    let unsigned = held.fork(4).unsigned_event(4);
    let refusal = refused(&held.links, [&unsigned.links[4], &otherwise.links[4]]);
    assert_eq!((&refusal.kind, refusal.error.code), (&Kind::Malformed, Code::Refused));
}

#[test]
fn a_link_after_the_close_link_or_after_another_link_is_a_fork() {
    let open = Chain::open(emitter(), 1).event(1);
    let closed = open.fork(2).close();
    let refusal = refused(&closed.links, [&closed.fork(3).event(2).links[3]]);
    assert!(refusal.error.message.ends_with("is closed"), "{refusal}");
    let found = evidence(refusal);
    assert_eq!((found.seq, found.index), (3, Some(2)));
    // The log has a link where the chain that was closed has its end.
    let refusal = refused(&closed.links, [&open.fork(2).event(2).links[2]]);
    assert!(refusal.error.message.ends_with("has another link 2 in the log"), "{refusal}");
    let after_another = open.signed(open.link(&closed.links[2], 2, at(1), 1));
    let refusal = refused(&open.links, [&after_another]);
    assert!(refusal.error.message.ends_with("has another link 1 in the log"), "{refusal}");
    let found = evidence(refusal);
    assert_eq!((found.seq, found.index, found.refused), (2, Some(1), vec![after_another]));
}

#[test]
fn a_link_goes_on_where_its_chain_stands_and_never_back_in_time() {
    let chain = Chain::open(emitter(), 1).event(1).event(2).event(3);
    let Kind::Gap { chain: id, expected, last } = refused(&chain.links[..2], [&chain.links[3]]).kind else {
        panic!("not a gap")
    };
    let second = leaf_hash(chain.links[1].as_bytes());
    assert_eq!((id, expected, last), (chain.id, 2, Some(second)));
    let Kind::Gap { expected: 0, last: None, .. } =
        refused(&chain.links[..1], [&Chain::open(emitter(), 2).event(1).links[1]]).kind
    else {
        panic!("not a gap")
    };
    let early = chain.signed(chain.link(&chain.links[3], 4, at(0), 4));
    let refusal = refused(&chain.links, [&early]);
    assert_eq!(
        (&refusal.kind, refusal.error.code, refusal.error.line),
        (&Kind::Malformed, Code::Refused, Some(1))
    );
    let mut growth = Growth::new(0);
    submit(&mut growth, &anyone(), &chain.links).unwrap();
    let same_time = chain.signed(chain.link(&chain.links[3], 4, at(1), 4));
    assert_eq!(submit(&mut growth, &anyone(), [&same_time]).unwrap().added, 1);
}

#[test]
fn each_chain_ends_signed_and_the_refusal_names_the_line_where_one_does_not() {
    let (one, two) =
        (Chain::open(emitter(), 1).unsigned_event(1), Chain::open(emitter(), 2).unsigned_event(1));
    let whole = one.fork(2).event(2);
    let leaves: Vec<&String> = one.links.iter().chain(&two.links).chain(&whole.links[2..]).collect();
    let mut growth = Growth::new(0);
    let refusal = submit(&mut growth, &anyone(), leaves.iter().copied()).unwrap_err();
    assert_eq!(
        (&refusal.kind, refusal.error.code, refusal.error.line),
        (&Kind::Malformed, Code::Refused, Some(4))
    );
    let end = two.fork(2).event(2);
    let taken = submit(&mut growth, &anyone(), leaves.into_iter().chain(&end.links[2..])).unwrap();
    assert_eq!((taken.added, growth.size()), (6, 6));
}

#[test]
fn what_is_there_already_is_told_with_the_place_that_it_has() {
    let mut growth = Growth::new(0);
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let revoked = key("example.com/revoked");
    let revoke = note(&[Statement::Revoke { key: revoked.verifier_key().clone(), since: None }], &revoked);
    submit(&mut growth, &anyone(), [&chain.links[0], &revoke, &chain.links[1]]).unwrap();
    let taken = submit(&mut growth, &anyone(), [&chain.links[2], &chain.links[1], &revoke, &revoke]).unwrap();
    assert_eq!((taken.added, taken.repeated), (1, 3));
    let tip = taken.chains[&chain.id];
    assert_eq!((tip.seq, tip.index, tip.hash), (2, 3, leaf_hash(chain.links[2].as_bytes())));
    let notes: Vec<_> = taken.notes.iter().map(|held| (held.index, held.hash)).collect();
    assert_eq!(notes, [(1, leaf_hash(revoke.as_bytes()))]);
    // Nothing of it need be new.
    let taken = submit(&mut growth, &anyone(), &chain.links[..2]).unwrap();
    let tip = taken.chains[&chain.id];
    assert_eq!((taken.added, tip.seq, tip.index, tip.hash), (0, 1, 2, leaf_hash(chain.links[1].as_bytes())));
}

#[test]
fn a_revocation_acts_from_its_line_on_and_on_its_key_alone() {
    let (revoked, good) = (emitter(), key("example.com/good"));
    let rules = with_lines(&emitters(&[&revoked, &good]), "");
    let chain = Chain::open(revoked, 1).event(1).event(2);
    let other = Chain::open(good, 2).event(1);
    let revoke = Statement::Revoke { key: chain.key.verifier_key().clone(), since: None };
    let revoke = note(&[revoke], &chain.key);
    let mut growth = Growth::new(0);
    let before = [&chain.links[0], &chain.links[1], &other.links[0]];
    let all = before.into_iter().chain([&revoke]);
    submit(&mut growth, &rules, all.chain([&other.links[1]])).unwrap();
    let refusal = submit(&mut growth, &rules, [&chain.links[2]]).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Unauthorized, Some(1)));
    // The same within one submission.
    let within_one = before.into_iter().chain([&revoke, &chain.links[2]]);
    let refusal = submit(&mut Growth::new(0), &rules, within_one).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Unauthorized, Some(5)));
    let alone = [&chain.links[0], &chain.links[1], &revoke, &chain.links[2]];
    let refusal = submit(&mut Growth::new(0), &rules, alone).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Unauthorized, Some(4)));
    // Another key's link just before it changes nothing.
    let further = other.fork(2).event(2);
    let refusal = submit(&mut growth, &rules, [&further.links[2], &chain.links[2]]).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Unauthorized, Some(2)));
}

#[test]
fn what_is_for_another_log_is_not_taken() {
    let elsewhere = Rules::new("log.example/other", None);
    let revoke = Statement::Revoke { key: emitter().verifier_key().clone(), since: None };
    for leaf in [&Chain::open(emitter(), 1).links[0], &note(&[revoke], &emitter())] {
        assert_eq!(submit(&mut Growth::new(0), &anyone(), [leaf]).unwrap().added, 1);
        let refusal = submit(&mut Growth::new(0), &elsewhere, [leaf]).unwrap_err();
        assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Unauthorized, Some(1)));
    }
}

#[test]
fn one_issuer_in_whose_name_the_statement_is_suffices_and_another_does_not() {
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
        let taken = submit(&mut Growth::new(0), &rules, [note]);
        let kind = taken.map(drop).map_err(|refusal| refusal.kind);
        assert_eq!(kind, if is_taken { Ok(()) } else { Err(Kind::Unauthorized) });
    }
}

#[test]
fn a_revocation_of_the_trust_file_acts_from_its_moment_on() {
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
            let taken = submit_when(at(1), &mut Growth::new(0), &rules, [&chain.links[0], &link]);
            assert_eq!(kind(taken), if is_taken { Ok(()) } else { Err(Kind::Unauthorized) }, "{second}");
        }
    }
    let always = with_lines(&both, &format!("revoke {} -\n", emitter().verifier_key()));
    let refusal = submit(&mut Growth::new(0), &always, &Chain::open(emitter(), 1).links).unwrap_err();
    assert_eq!(refusal.kind, Kind::Unauthorized);
}

/// A thief writes what time he likes: the log asks its own clock.
#[test]
fn a_key_that_the_trust_file_revokes_is_refused_however_its_links_are_dated() {
    let line = format!("revoke {} {}\n", emitter().verifier_key(), at(600));
    let chain = Chain::open(emitter(), 1).event(1);
    let alone = with_lines(&emitters(&[&emitter()]), &line);
    let witness = SignerKey::generate_witness("w.example", [9; 32]).unwrap();
    let witness = format!("witness w {}\nquorum w\n", witness.verifier_key());
    let trust =
        String::from_utf8(emitters(&[&emitter()]).to_text()).unwrap().replace("quorum none\n", &witness);
    let witnessed = Rules::new(ORIGIN, Some(Trust::parse((trust + &line).as_bytes()).unwrap()));
    let cases = [
        (&alone, 599_999, true),
        (&alone, 600_000, false),
        (&alone, 90_000_000_000, false),
        // Witnesses take a while, and their clocks may be ahead: what they cannot attest before the revocation is
        // suspect for good.
        (&witnessed, 600_000 - SETTLE - 1, true),
        (&witnessed, 600_000 - SETTLE, false),
        (&witnessed, 599_999, false),
    ];
    for (rules, millis, is_taken) in cases {
        let now = Time::from_millis(at(0).millis() + millis).unwrap();
        let taken = kind(submit_when(now, &mut Growth::new(0), rules, &chain.links));
        assert_eq!(taken, if is_taken { Ok(()) } else { Err(Kind::Unauthorized) }, "{millis}");
    }
}

#[test]
fn a_link_may_be_ahead_of_the_logs_clock_by_so_much() {
    let (rules, chain) = (with_lines(&emitters(&[&emitter()]), ""), Chain::open(emitter(), 1).event(1));
    let when = |behind: i64| Time::from_millis(at(1).millis() - behind).unwrap();
    let mut growth = Growth::new(0);
    submit_when(when(EMITTER), &mut growth, &rules, &chain.links).unwrap();
    assert_eq!(growth.latest(), Some(at(1)));
    // The open link is a second older than the other one.
    for (behind, line, wait) in [(EMITTER + 1, 2, 1), (EMITTER + 3_600_000, 1, 3_599_000)] {
        let now = when(behind);
        // What the log has it tells, whatever its clock shows by now.
        let again = submit_when(now, &mut growth, &rules, &chain.links).unwrap();
        assert_eq!((again.added, again.repeated), (0, 2));
        let refusal = submit_when(now, &mut Growth::new(0), &rules, &chain.links).unwrap_err();
        assert_eq!((refusal.kind, refusal.error.code), (Kind::Early { now, wait }, Code::Early));
        assert_eq!(refusal.error.line, Some(line));
    }
    for now in [Time::MIN, Time::MAX] {
        let taken = submit_when(now, &mut Growth::new(0), &rules, &chain.links);
        assert_eq!(taken.is_ok(), now == Time::MAX);
    }
}

/// With witnesses, a key's links must be attested within a day after its grants: what comes too late for that would
/// spoil the verdict of every export.
#[test]
fn links_of_a_grant_that_ended_are_taken_for_as_long_as_they_can_be_attested() {
    let (issuer, granted) = (key("example.com"), emitter());
    let witness = SignerKey::generate_witness("w.example", [9; 32]).unwrap();
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
        let taken = kind(submit_when(now, &mut Growth::new(0), rules, leaves));
        assert_eq!(taken, if is_taken { Ok(()) } else { Err(Kind::Unauthorized) }, "{millis}");
    }
}

#[test]
fn a_key_note_is_taken_of_keys_alone_that_the_log_knows() {
    let (issuer, named, granted) = (key("example.com"), key("example.com/named"), key("example.com/granted"));
    let (stranger, banned) = (key("example.org/stranger"), key("example.org/banned"));
    let trust = emitters(&[&named]).with_issuer(issuer.verifier_key().clone()).unwrap();
    let rules = with_lines(&trust, &format!("revoke {} {}\n", banned.verifier_key(), at(9)));
    let revoke = |key: &SignerKey| Statement::Revoke { key: key.verifier_key().clone(), since: None };
    let grant = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
    let grant = note(&[grant], &issuer);
    let taken = |leaves: &[&String]| kind(submit(&mut Growth::new(0), &rules, leaves.iter().copied()));
    for (leaves, is_taken) in [
        (vec![&note(&[revoke(&stranger)], &stranger)], false),
        (vec![&note(&[revoke(&named)], &named)], true),
        (vec![&note(&[revoke(&banned)], &banned)], true),
        (vec![&note(&[revoke(&issuer)], &issuer)], true),
        (vec![&note(&[revoke(&granted)], &granted)], false),
        (vec![&grant, &note(&[revoke(&granted)], &granted)], true),
        (vec![&note(&[revoke(&granted)], &issuer)], true),
        (vec![&note(&vec![revoke(&stranger); 500], &stranger)], false),
        // A stranger beside one who is known brings nothing in.
        (vec![&grant, &note(&[revoke(&granted), revoke(&stranger)], &granted)], false),
    ] {
        assert_eq!(taken(&leaves), if is_taken { Ok(()) } else { Err(Kind::Unauthorized) }, "{leaves:?}");
    }
    assert!(submit(&mut Growth::new(0), &anyone(), [&note(&[revoke(&stranger)], &stranger)]).is_ok());
}

#[test]
fn an_issuer_that_the_trust_file_revokes_may_revoke_and_not_grant() {
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
        let taken = submit(&mut Growth::new(0), rules, [statement]);
        let kind = taken.map(drop).map_err(|refusal| refusal.kind);
        assert_eq!(kind, if is_taken { Ok(()) } else { Err(Kind::Unauthorized) });
    }
}

/// What a key says of itself stays in the log for good: 58 kB each, as often as it likes.
#[test]
fn a_key_revokes_itself_once() {
    let (issuer, about) = (key("example.com"), emitter());
    let rules = with_lines(&emitters(&[&about]).with_issuer(issuer.verifier_key().clone()).unwrap(), "");
    let revoke =
        |seconds: i64| Statement::Revoke { key: about.verifier_key().clone(), since: Some(at(seconds)) };
    let own = |seconds: i64| note(&[revoke(seconds)], &about);
    let mut growth = Growth::new(0);
    assert!(submit(&mut growth, &rules, [&note(&vec![revoke(9); 2], &about)]).is_err());
    submit(&mut growth, &rules, [&own(9)]).unwrap();
    for again in [own(10), own(8), note(&[revoke(8)], &about)] {
        let refusal = submit(&mut growth, &rules, [&again]).unwrap_err();
        assert_eq!(refusal.kind, Kind::Unauthorized);
    }
    // The same note gets its old index, and an issuer may say more.
    assert_eq!(submit(&mut growth, &rules, [&own(9)]).unwrap().repeated, 1);
    submit(&mut growth, &rules, [&note(&[revoke(8)], &issuer)]).unwrap();
    assert_eq!(growth.size(), 2);
    assert!(submit(&mut Growth::new(0), &rules, [&note(&[revoke(9)], &issuer), &own(8)]).is_err());
}

/// Anybody can name a key that the log knows. What alarms are made of is what the key itself signed.
#[test]
fn a_refusal_says_whether_the_key_signed_what_is_refused() {
    let (revoked, early) = (emitter(), key("example.com/early"));
    let line = format!("revoke {} -\n", revoked.verifier_key());
    let rules = with_lines(&emitters(&[&revoked, &early]), &line);
    let forged = |chain: &Chain| {
        let last = chain.links.len() - 1;
        let (unsigned, signature) = chain.links[last].rsplit_once(' ').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let mut links = chain.links.clone();
        links[last] = format!("{unsigned} {other}{}", &signature[1..]);
        links
    };
    let refused = |leaves: &[String]| submit_when(at(-600), &mut Growth::new(0), &rules, leaves).unwrap_err();
    for (chain, is_early) in [(Chain::open(revoked, 1), false), (Chain::open(early, 1), true)] {
        for (links, is_signed) in [(chain.links.clone(), true), (forged(&chain), false)] {
            let refusal = refused(&links);
            assert_eq!(matches!(refusal.kind, Kind::Early { .. }), is_early, "{refusal}");
            assert_eq!(refusal.is_signed, is_signed, "{refusal}");
        }
    }
    // Of a link without a signature the next signed one speaks.
    let rules = with_lines(&emitters(&[&emitter()]), "");
    let chain = Chain::open(emitter(), 2).unsigned_event(1).unsigned_event(2).event(3);
    let ahead = Time::from_millis(at(1).millis() - EMITTER - 1).unwrap();
    for (links, is_signed) in
        [(chain.links.clone(), true), (forged(&chain), false), (chain.links[..3].to_vec(), false)]
    {
        let refusal = submit_when(ahead, &mut Growth::new(0), &rules, &links).unwrap_err();
        assert!(matches!(refusal.kind, Kind::Early { .. }) && refusal.error.line == Some(2));
        assert_eq!(refusal.is_signed, is_signed);
    }
}

/// An issuer whose key was stolen granted a thief's: readers trust nothing of it, so the log takes nothing either.
#[test]
fn a_revoked_issuers_grant_is_void_and_another_issuers_is_not() {
    let (issuer, granted) = (key("example.com"), emitter());
    let other = SignerKey::generate("example.com", [77; 32]).unwrap();
    let grant = |until: Option<i64>, by: &SignerKey| {
        note(
            &[Statement::Grant { key: granted.verifier_key().clone(), from: None, until: until.map(at) }],
            by,
        )
    };
    let notes = [grant(None, &other), grant(Some(1), &issuer)];
    let issuers = format!("issuer {}\nissuer {}\n", issuer.verifier_key(), other.verifier_key());
    let before = Rules::new(ORIGIN, Some(Trust::parse(issuers.as_bytes()).unwrap()));
    let mut growth = Growth::new(0);
    submit(&mut growth, &before, [&notes[0], &notes[1]]).unwrap();
    let trust = Trust::parse(format!("{issuers}revoke {} -\n", issuer.verifier_key()).as_bytes()).unwrap();
    let mut void = VoidGrants::of(&trust).unwrap();
    for note in &notes {
        void.note(&trust, &KeyNote::parse(note).unwrap(), None);
    }
    let rules = Rules::new(ORIGIN, Some(trust)).with_void(void);
    let chain = Chain::open(emitter(), 7);
    assert_eq!(kind(submit_when(at(60), &mut growth, &rules, &chain.links)), Ok(()));
}

#[test]
fn what_an_issuer_granted_is_refused_once_the_trust_file_revokes_it() {
    let (issuer, granted) = (key("example.com"), emitter());
    let other = SignerKey::generate("example.com", [77; 32]).unwrap();
    let witness = SignerKey::generate_witness("w.example", [9; 32]).unwrap();
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
    // What the log took before, and who goes on with it.
    let before = Rules::new(ORIGIN, Some(trust(issuers.clone())));
    let chain = Chain::open(emitter(), 1).event(1).event(2);
    let grant = statement(None);
    let mut growth = Growth::new(0);
    submit(&mut growth, &before, [&grant, &chain.links[0], &chain.links[1]]).unwrap();
    let since = at(600).to_string();
    let minutes = |minutes: i64| at(minutes * 60);
    for (lines, existed_by, now, is_taken) in [
        (issuers.clone(), None, minutes(1), true),
        // Without witnesses nothing shows when it was granted.
        (issuers.clone() + &revoke("-"), None, minutes(1), false),
        (issuers.clone() + &revoke(&since), None, minutes(1), false),
        (issuers.clone() + &revoke(&since), Some(at(599)), minutes(1), false),
        (issuers.clone() + &quorum + &revoke("-"), Some(at(1)), minutes(1), false),
        // It was there before that moment, or may still be shown to have been.
        (issuers.clone() + &quorum + &revoke(&since), Some(at(599)), minutes(100), true),
        (issuers.clone() + &quorum + &revoke(&since), Some(at(600)), minutes(100), false),
        (issuers.clone() + &quorum + &revoke(&since), None, minutes(100), false),
        (issuers.clone() + &quorum + &revoke(&since), None, minutes(4), true),
        (issuers.clone() + &quorum + &revoke(&since), None, minutes(5), false),
    ] {
        let trust = trust(lines.clone());
        let void = VoidGrants::of(&trust).map(|mut void| {
            void.note(&trust, &KeyNote::parse(&grant).unwrap(), existed_by);
            void
        });
        assert_eq!(void.is_some(), lines.contains("revoke"));
        let rules = Rules::new(ORIGIN, Some(trust)).with_void(void.unwrap_or_default());
        for links in [&chain.links[2..], &Chain::open(emitter(), 7).links] {
            let taken = kind(submit_when(now, &mut growth.clone(), &rules, links));
            assert_eq!(
                taken,
                if is_taken { Ok(()) } else { Err(Kind::Unauthorized) },
                "{lines} {existed_by:?} {now}"
            );
        }
        // What is there stays.
        assert_eq!(submit_when(now, &mut growth.clone(), &rules, &chain.links[..2]).unwrap().repeated, 2);
    }
    // One that is not revoked grants it anew, for a new chain.
    let revoked = trust(issuers + &revoke("-"));
    let open = Statement::Grant { key: granted.verifier_key().clone(), from: None, until: None };
    let anew = note(&[open], &other);
    let mut void = VoidGrants::of(&revoked).unwrap();
    for note in [&grant, &anew] {
        void.note(&revoked, &KeyNote::parse(note).unwrap(), None);
    }
    let rules = Rules::new(ORIGIN, Some(revoked)).with_void(void);
    submit(&mut growth, &rules, [&anew]).unwrap();
    assert!(submit(&mut growth, &rules, &chain.links[2..]).is_err());
    submit(&mut growth, &rules, &Chain::open(emitter(), 8).links).unwrap();
}

#[test]
fn a_grant_holds_within_its_window_and_for_chains_begun_after_it() {
    let (issuer, granted) = (key("example.com"), emitter());
    let trust = Trust::default().with_issuer(issuer.verifier_key().clone()).unwrap();
    let rules = Rules::new(ORIGIN, Some(trust));
    let grant =
        Statement::Grant { key: granted.verifier_key().clone(), from: Some(at(0)), until: Some(at(2)) };
    let grant = note(&[grant], &issuer);
    let chain = Chain::open(granted, 1);
    for (second, is_taken) in [(0, true), (1, true), (2, false), (3, false)] {
        let link = chain.signed(chain.link(&chain.links[0], 1, at(second), 1));
        let taken = submit(&mut Growth::new(0), &rules, [&grant, &chain.links[0], &link]);
        let kind = taken.map(drop).map_err(|refusal| refusal.kind);
        assert_eq!(kind, if is_taken { Ok(()) } else { Err(Kind::Unauthorized) }, "{second}");
    }
    let refusal = submit(&mut Growth::new(0), &rules, [&chain.links[0], &grant]).unwrap_err();
    assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Unauthorized, Some(1)));
}

#[test]
fn a_body_is_read_up_to_its_limits_and_not_beyond() {
    let chain = Chain::open(emitter(), 1).event(1);
    let body = body(&chain.links);
    let kind = |body: &[u8], bytes: usize, lines: usize| {
        Submission::parse(body, &Limits { bytes, lines })
            .map(|read| read.entries().len())
            .map_err(|error| error.kind)
    };
    assert_eq!(kind(body.as_bytes(), body.len(), 2), Ok(2));
    assert_eq!(kind(body.as_bytes(), body.len() - 1, 2), Err(Kind::TooLarge));
    assert_eq!(kind(body.as_bytes(), body.len(), 1), Err(Kind::TooLarge));
    // What it takes in memory is its texts and little else.
    let read = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
    assert!((body.len()..4096).contains(&read.bytes()), "{} of {}", read.bytes(), body.len());
    // Blank lines are none, and are counted where a line is named.
    let spaced = format!("\n \r\n{}", body.replace('\n', "\r\n\n"));
    assert_eq!(kind(spaced.as_bytes(), 1 << 20, 2), Ok(2));
    for (text, line) in [(&b"\n\n{\"link\":\"\xff\"}\n"[..], 3), (b"\n{}\n", 2), (b"\xff", 1)] {
        let refusal = Submission::parse(text, &Limits::default()).unwrap_err();
        assert_eq!((&refusal.kind, refusal.error.line), (&Kind::Malformed, Some(line)));
    }
    assert_eq!(kind(b" \n\n", 1 << 20, 2), Err(Kind::Malformed));
}

/// What a log knows of those who write: a chain and whose it is, a key that was revoked, and a key note.
#[derive(Default)]
struct Acquaintances {
    chain: Option<(ChainId, VerifierKey)>,
    revoked: Option<VerifierKey>,
    note: Option<Hash>,
}

impl Known for Acquaintances {
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
fn strangers_are_known_by_their_first_leaf() {
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
    let nobody = Acquaintances::default;
    let knows_chain =
        || Acquaintances { chain: Some((strange.id, stranger.verifier_key().clone())), ..nobody() };
    let knows_key = || Acquaintances { revoked: Some(stranger.verifier_key().clone()), ..nobody() };
    let knows_note = || Acquaintances { note: Some(leaf_hash(own_grant.as_bytes())), ..nobody() };
    let admitted = |rules: &Rules, known: &Acquaintances, leaves: &[&String]| {
        let mut admission = Admission::new(rules, known);
        let mut admit = |leaf: &Leaf| admission.admit(leaf);
        let mut intake = Intake::new(Limits::default());
        let body = body(leaves.iter().copied());
        let taken = intake.push(body.as_bytes(), &mut admit).and_then(|()| intake.finish(&mut admit));
        taken.map(drop).map_err(AcceptanceError::refusal)
    };
    for (known, leaves, expected) in [
        (nobody(), vec![&named_chain.links[0], &named_chain.links[1]], Ok(())),
        (nobody(), vec![begun], Err(Kind::Unauthorized)),
        (nobody(), vec![&named_chain.links[0], begun], Err(Kind::Unauthorized)),
        (knows_key(), vec![begun], Ok(())),
        (knows_chain(), vec![&strange.links[1]], Ok(())),
        (nobody(), vec![&granted, begun], Ok(())),
        (nobody(), vec![begun, &granted], Err(Kind::Unauthorized)),
        (nobody(), vec![&own_grant], Err(Kind::Unauthorized)),
        // What a note revokes it does not make known.
        (nobody(), vec![&revoked, begun], Err(Kind::Unauthorized)),
        (knows_note(), vec![&own_grant, begun], Ok(())),
    ] {
        let kind = admitted(&rules, &known, &leaves).map_err(|refusal| refusal.kind);
        assert_eq!(kind, expected, "{leaves:?}");
    }
    // A link whose chain's begin is missing, and one for another log, are refused as such.
    let gap = admitted(&rules, &nobody(), &[&strange.links[1]]).unwrap_err().kind;
    assert_eq!(gap, Kind::Gap { chain: strange.id, expected: 0, last: None });
    let other = admitted(&rules, &nobody(), &[&elsewhere]).unwrap_err().error;
    assert!(other.to_string().contains("other.example/audit"), "{other}");
    // A log without a trust file takes leaves from everyone.
    assert_eq!(admitted(&anyone(), &nobody(), &[begun, &own_grant, &strange.links[1]]), Ok(()));
}
