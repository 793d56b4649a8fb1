//! Tenant logs: what an honest operator shows verifies, and each lie is noticed (SPEC section 16).
//!
//! The scenarios are conformance vectors, too. With `COUNTERSIGN_WRITE=1`, the first test writes them into
//! `tests/vectors/tenant-*`.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::checkpoint::Checkpoint;
use countersign::keys::{KeyNote, Statement};
use countersign::pin::Pin;
use countersign::tenant::{HeadProof, State, TenantOrigin};
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, Verification, Verifier};
use countersign_slice::Selection;

use crate::common::sliced::slice;
use crate::common::tenant_world::{
    EMITTER, ROOT, RootLog, chain, key, line, root_key, root_of, tenant, time_of, witness_key,
};

/// The ticks at which the log of the scenarios grew, the only anchor among them, and the last.
const FIRST: u64 = 2_000;
const ANCHOR: u64 = 4_095;
const LAST: u64 = 4_100;

/// An export with what its reader trusts, and the expected result.
struct Scenario {
    name: &'static str,
    about: &'static str,
    lines: Vec<String>,
    trust: String,
    pins: Vec<String>,
    verdict: Verdict,
    /// The codes of findings other than `chain.*` infos.
    codes: &'static [&'static str],
}

/// A log of acme with two chains: five entries before the anchor, and four after it.
struct Acme {
    origin: TenantOrigin,
    entries: Vec<String>,
    root: RootLog,
}

impl Acme {
    fn new() -> Self {
        let origin = tenant(0xac);
        let mut entries = chain(origin.as_str(), "first", 3, FIRST);
        entries.extend(chain(origin.as_str(), "second", 2, ANCHOR + 1));
        let mut root = RootLog::default();
        root.publish(FIRST + 20, &origin, &entries[..5]);
        root.publish(ANCHOR, &origin, &entries[..5]);
        root.publish(LAST, &origin, &entries);
        Self { origin, entries, root }
    }

    fn header(&self) -> String {
        header(self.origin.as_str(), self.entries.len())
    }

    fn anchor(&self) -> String {
        line("anchor", &self.root.anchor(ANCHOR, LAST + 1).to_string())
    }

    fn head(&self, tick: u64) -> String {
        head_line(&self.root.head(tick))
    }

    /// Returns the export, with its anchor and its last head.
    fn export(&self) -> Vec<String> {
        self.export_with(&self.anchor(), &self.head(LAST))
    }

    fn export_with(&self, anchor: &str, head: &str) -> Vec<String> {
        let (before, after) = self.entries.split_at(5);
        let parts = [&[self.header()], before, &[anchor.to_owned()], after, &[head.to_owned()]];
        parts.concat().into_iter().filter(|line| !line.is_empty()).collect()
    }
}

fn header(origin: &str, size: usize) -> String {
    format!("{{\"countersign\":\"export/v1\",\"origin\":\"{origin}\",\"range\":[0,{size}]}}")
}

fn head_line(proof: &HeadProof) -> String {
    line("head", &proof.to_string())
}

/// Returns the trust file of a reader of this log.
fn trust(origin: &str) -> String {
    format!("{}origin {origin} {}\n", trust_without_origin(), FIRST + 10)
}

fn trust_without_origin() -> String {
    let (log, witness) = (root_key(), witness_key());
    format!(
        "log {}\nwitness w {}\nquorum w\nemitter {}\n",
        log.verifier_key(),
        witness.verifier_key(),
        key(EMITTER, 3).verifier_key()
    )
}

fn scenario(
    name: &'static str,
    about: &'static str,
    lines: Vec<String>,
    verdict: Verdict,
    codes: &'static [&'static str],
) -> Scenario {
    Scenario { name, about, lines, trust: trust(tenant(0xac).as_str()), pins: Vec::new(), verdict, codes }
}

/// Returns the last head with a change that the root log doesn't have.
fn changed(change: impl Fn(&mut countersign::tenant::Anchor)) -> HeadProof {
    let mut proof = Acme::new().root.head(LAST);
    change(&mut proof.anchor);
    proof
}

fn with_head(proof: &HeadProof) -> Vec<String> {
    let acme = Acme::new();
    acme.export_with(&acme.anchor(), &head_line(proof))
}

/// Returns a log whose second entry onward differs from acme's, as if it had always been so.
fn rewritten() -> Acme {
    let origin = tenant(0xac);
    let mut entries = chain(origin.as_str(), "rewritten", 3, FIRST);
    entries.extend(chain(origin.as_str(), "second", 2, ANCHOR + 1));
    let mut root = RootLog::default();
    root.publish(FIRST + 20, &origin, &Acme::new().entries[..5]);
    root.publish(ANCHOR, &origin, &Acme::new().entries[..5]);
    root.publish(LAST, &origin, &entries);
    Acme { origin, entries, root }
}

fn honest() -> Vec<Scenario> {
    use Verdict::{Untrusted, Verified};
    let acme = Acme::new();
    let mut all = vec![
        scenario(
            "tenant",
            "A tenant's whole log: complete, and compared with an anchor",
            acme.export(),
            Verified,
            &[],
        ),
        scenario(
            "tenant-two-heads",
            "An earlier head stays in the export",
            {
                let mut lines = acme.export();
                lines.insert(6, acme.head(FIRST + 20));
                lines
            },
            Verified,
            &[],
        ),
        scenario(
            "tenant-anchor-after-a-head",
            "Each head proves the anchors before it",
            {
                let mut acme = Acme::new();
                acme.root.publish(ANCHOR + 2, &acme.origin, &acme.entries[..5]);
                let anchor = line("anchor", &acme.root.anchor(ANCHOR, ANCHOR + 3).to_string());
                let mut lines = acme.export_with(&anchor, &acme.head(LAST));
                lines.insert(7, acme.head(ANCHOR + 2));
                lines
            },
            Verified,
            &[],
        ),
        Scenario {
            pins: vec![acme.root.head(FIRST + 20).to_string()],
            ..scenario("tenant-pin", "A head is a pin", acme.export(), Verified, &[])
        },
        Scenario {
            trust: trust_without_origin(),
            ..scenario(
                "tenant-unnamed",
                "The reader named no expected log",
                acme.export(),
                Untrusted,
                &["log.unnamed"],
            )
        },
        Scenario {
            trust: trust(acme.origin.as_str())
                .replace(root_key().verifier_key().as_str(), key("other.example", 1).verifier_key().as_str()),
            ..scenario(
                "tenant-root-untrusted",
                "No trusted key signed the root log",
                acme.export(),
                Untrusted,
                &["log.unknown"],
            )
        },
    ];
    let mut young = Acme::new();
    young.root = RootLog::default();
    young.root.publish(3_000, &young.origin, &young.entries[..5]);
    young.entries.truncate(5);
    let lines = [vec![young.header()], young.entries.clone(), vec![young.head(3_000)]].concat();
    all.push(scenario("tenant-before-the-first-anchor", "No anchor exists yet", lines, Verified, &[]));

    let mut ended = Acme::new();
    ended.root.publish(LAST, &ended.origin, &ended.entries).head.state = State::Ended;
    all.push(scenario("tenant-ended", "A log that ended", ended.export(), Verified, &[]));

    // An issuer's note for the root log grants the emitter's key.
    let origin = tenant(0xac);
    let issuer = key("example.com", 4);
    let grant = Statement::Grant { key: key(EMITTER, 3).verifier_key().clone(), from: None, until: None };
    let note = KeyNote::sign(ROOT, &[grant], &issuer).unwrap();
    let entries = [vec![line("note", &note)], chain(origin.as_str(), "granted", 2, FIRST)].concat();
    let mut root = RootLog::default();
    root.publish(3_000, &origin, &entries);
    let granted = Acme { origin, entries, root };
    let lines = [vec![granted.header()], granted.entries.clone(), vec![granted.head(3_000)]].concat();
    let emitter = format!("emitter {}\n", key(EMITTER, 3).verifier_key());
    let trust =
        trust(granted.origin.as_str()).replace(&emitter, &format!("issuer {}\n", issuer.verifier_key()));
    let about = "A key note for the root log acts in a tenant's log";
    all.push(Scenario { trust, ..scenario("tenant-key-note-of-the-root", about, lines, Verified, &[]) });

    // A log that has its own key, although its origin looks like a tenant's.
    let origin = tenant(0xac);
    let entries = chain(origin.as_str(), "own", 2, FIRST);
    let own = key(origin.as_str(), 5);
    let checkpoint = Checkpoint::new(origin.as_str(), entries.len() as u64, root_of(&entries)).unwrap();
    let note = checkpoint.sign(&own).unwrap();
    let lines =
        [vec![header(origin.as_str(), entries.len())], entries.clone(), vec![line("checkpoint", &note)]]
            .concat();
    let emitter = key(EMITTER, 3);
    let trust = format!("log {}\nemitter {}\n", own.verifier_key(), emitter.verifier_key());
    let about = "A key with the whole origin makes it the origin of an ordinary log";
    all.push(Scenario {
        trust: trust.clone(),
        ..scenario("tenant-origin-with-its-own-key", about, lines, Verified, &[])
    });
    let mut root = RootLog::default();
    root.publish(3_000, &origin, &entries);
    let lines =
        [vec![header(origin.as_str(), entries.len())], entries, vec![head_line(&root.head(3_000))]].concat();
    let trust = format!("{trust}log {}\n", root_key().verifier_key());
    let about = "A head proves nothing about a log with its own key";
    all.push(Scenario {
        trust,
        ..scenario("tenant-head-of-an-ordinary-log", about, lines, Verdict::Broken, &["head.origin"])
    });

    // A slice.
    let acme = Acme::new();
    let about = "A slice shows less, and keeps the anchor";
    all.push(scenario("tenant-slice", about, sliced(&acme.export()), Verified, &[]));
    all
}

/// Returns a slice of the export with the event of the second chain's first event link.
fn sliced(export: &[String]) -> Vec<String> {
    let slice = slice(&export.join("\n"), &Selection::all().range(6, 7), None).unwrap();
    slice.lines().map(str::to_owned).collect()
}

fn lies() -> Vec<Scenario> {
    use Verdict::{Altered, Broken, NotChecked, Verified};
    let acme = Acme::new();
    let whole = acme.export();
    let last = whole.len() - 1;
    let mut all = vec![
        Scenario {
            trust: trust(tenant(0xbb).as_str()),
            ..scenario(
                "tenant-of-another-name",
                "The reader expects another log",
                whole.clone(),
                Broken,
                &["expected.origin"],
            )
        },
        scenario(
            "tenant-other-head",
            "The head is another tenant's",
            {
                let mut root = RootLog::default();
                root.publish(LAST, &tenant(0xbb), &acme.entries);
                acme.export_with("", &head_line(&root.head(LAST)))
            },
            Broken,
            &["head.origin", "witness.quorum"],
        ),
        scenario(
            "tenant-stale-head",
            "The head is not in the last directory",
            acme.export_with("", &head_line(&acme.root.head_in(LAST, LAST + 2))),
            Altered,
            &["head.last"],
        ),
        scenario(
            "tenant-last-entry-is-no-directory",
            "Another entry of the root log hides that no newer head is shown",
            {
                let mut root = acme.root.clone();
                root.put(LAST + 1, "something else");
                acme.export_with("", &head_line(&root.head_in(LAST, LAST + 2)))
            },
            Altered,
            &["head.last"],
        ),
        scenario(
            "tenant-head-one-level-less",
            "The path is of a directory of another depth",
            with_head(&changed(|anchor| _ = anchor.siblings.pop())),
            Altered,
            &["head.path"],
        ),
        scenario(
            "tenant-head-one-level-more",
            "The path is of a directory of another depth",
            with_head(&changed(|anchor| anchor.siblings.push(root_of(&Acme::new().entries)))),
            Altered,
            &["head.path"],
        ),
        scenario(
            "tenant-head-of-seven-levels",
            "A directory has at least eight levels",
            with_head(&changed(|anchor| anchor.siblings.truncate(7))),
            Broken,
            &["format.head"],
        ),
        scenario(
            "tenant-head-nested",
            "A root log is no tenant's log",
            {
                let nested = format!("{}/t/", tenant(0xbb));
                let mut lines = whole.clone();
                lines[last] = lines[last].replace(&format!("{ROOT}/t/"), &nested);
                lines
            },
            Broken,
            &["format.head"],
        ),
        scenario(
            "tenant-wrong-salt",
            "The salt is not that of the directory",
            with_head(&changed(|anchor| anchor.salt[0] ^= 1)),
            Altered,
            &["head.path"],
        ),
        scenario(
            "tenant-head-larger",
            "The head is ahead of its tree",
            {
                let mut shorter = Acme::new();
                _ = shorter.entries.pop();
                let mut lines = shorter.export_with(&acme.anchor(), &acme.head(LAST));
                lines[0] = acme.header();
                lines
            },
            Altered,
            &["range.missing", "signature.unsigned_tail", "tree.position"],
        ),
        scenario(
            "tenant-truncated",
            "Entries at the end are missing, and the head states another size",
            {
                let (mut shorter, full) = (Acme::new(), Acme::new());
                shorter.entries.truncate(5);
                let head = changed(|anchor| anchor.head.size = 5);
                shorter.export_with(&full.anchor(), &head_line(&head))
            },
            Altered,
            &["head.path", "tree.root"],
        ),
        scenario(
            "tenant-root-unsigned",
            "Only a key of another log signed the root log's checkpoint",
            {
                let mut proof = acme.root.head(LAST);
                proof.checkpoint.note.signatures.remove(0);
                with_head(&proof)
            },
            Verdict::Untrusted,
            &["log.unknown"],
        ),
        scenario(
            "tenant-root-signature-invalid",
            "The root log's signature is invalid",
            {
                let mut proof = acme.root.head(LAST);
                proof.checkpoint.note.signatures[0].signature[8] ^= 1;
                with_head(&proof)
            },
            Altered,
            &["log.signature"],
        ),
        scenario(
            "tenant-root-not-witnessed",
            "No witness cosigned the root log's checkpoint",
            {
                let mut proof = acme.root.head(LAST);
                _ = proof.checkpoint.note.signatures.pop();
                with_head(&proof)
            },
            Broken,
            &["witness.quorum"],
        ),
        scenario(
            "tenant-anchor-missing",
            "An anchor that must be there is not",
            acme.export_with("", &acme.head(LAST)),
            NotChecked,
            &["append_only.anchor"],
        ),
        Scenario {
            trust: trust_without_origin() + &format!("origin {}\n", acme.origin),
            ..scenario(
                "tenant-anchors-left-out",
                "Without a tick in the trust file, a log can look younger than it is",
                acme.export_with("", &acme.head(LAST)),
                Verified,
                &[],
            )
        },
        Scenario {
            trust: trust_without_origin() + &format!("origin {}\n", acme.origin),
            pins: vec![acme.root.head(FIRST + 20).to_string()],
            ..scenario(
                "tenant-anchor-missing-since-the-pin",
                "A pin shows that the log existed, so it must show its anchors",
                acme.export_with("", &acme.head(LAST)),
                NotChecked,
                &["append_only.anchor"],
            )
        },
        scenario(
            "tenant-anchor-out-of-place",
            "An anchor comes after more entries than it states",
            {
                let mut lines = whole.clone();
                let anchor = lines.remove(6);
                lines.insert(7, anchor);
                lines
            },
            Altered,
            &["append_only.anchor", "head.order"],
        ),
        scenario(
            "tenant-anchor-of-another-tree",
            "The anchor's hashes are of another root log",
            {
                let mut root = acme.root.clone();
                root.put(7, "another entry");
                let anchor = line("anchor", &root.anchor(ANCHOR, LAST + 1).to_string());
                acme.export_with(&anchor, &acme.head(LAST))
            },
            Altered,
            &["append_only.anchor", "head.path"],
        ),
        scenario(
            "tenant-anchor-malformed",
            "An anchor without its index",
            {
                let anchor = acme.anchor().replace("index ", "tick ");
                acme.export_with(&anchor, &acme.head(LAST))
            },
            Broken,
            &["append_only.anchor", "format.head"],
        ),
        scenario(
            "tenant-anchor-of-another-tenant",
            "An anchor of another log",
            {
                let mut root = acme.root.clone();
                root.publish(ANCHOR, &tenant(0xbb), &acme.entries[..5]);
                root.publish(LAST, &acme.origin, &acme.entries);
                let anchor = line("anchor", &root.anchor(ANCHOR, LAST + 1).to_string());
                acme.export_with(&anchor, &head_line(&root.head(LAST)))
            },
            Broken,
            &["append_only.anchor", "head.origin"],
        ),
        scenario(
            "tenant-two-heads-of-a-tick",
            "Two directories were signed as one tick",
            {
                let mut other = acme.root.clone();
                other.publish(LAST, &acme.origin, &acme.entries[..5]);
                let mut lines = whole.clone();
                lines.insert(7, head_line(&other.head(LAST)));
                lines
            },
            Altered,
            &["append_only.anchor", "head.path", "head.split"],
        ),
        scenario(
            "tenant-growth-after-the-end",
            "A log that ended grew",
            {
                let mut root = acme.root.clone();
                root.publish(ANCHOR, &acme.origin, &acme.entries[..5]).head.state = State::Ended;
                let anchor = line("anchor", &root.anchor(ANCHOR, LAST + 1).to_string());
                acme.export_with(&anchor, &head_line(&root.head(LAST)))
            },
            Altered,
            &["head.order"],
        ),
        scenario(
            "tenant-smaller-later",
            "A later anchor is of fewer entries than an earlier head",
            {
                let mut root = acme.root.clone();
                root.publish(ANCHOR - 10, &acme.origin, &acme.entries);
                let anchor = line("anchor", &root.anchor(ANCHOR, LAST + 1).to_string());
                acme.export_with(&anchor, &head_line(&root.head(ANCHOR - 10)))
            },
            Altered,
            &["head.order", "head.path"],
        ),
        scenario(
            "tenant-tick-in-the-future",
            "The tick is six minutes later than the witness's time",
            {
                let mut root = acme.root.clone();
                root.publish(LAST, &acme.origin, &acme.entries).time = time_of(LAST + 361);
                let anchor = line("anchor", &root.anchor(ANCHOR, LAST + 1).to_string());
                acme.export_with(&anchor, &head_line(&root.head(LAST)))
            },
            Broken,
            &["time.future"],
        ),
    ];
    let forged = rewritten();
    all.push(scenario(
        "tenant-rewritten",
        "The entries are not those of the anchor",
        forged.export(),
        Altered,
        &["append_only.anchor", "append_only.rewritten"],
    ));
    // The operator shows this reader another history, and its lie in the directory of each anchor, too.
    let mut alternating = rewritten();
    alternating.root.publish(ANCHOR, &alternating.origin, &alternating.entries[..5]);
    let pinned = |proof: HeadProof| vec![proof.to_string()];
    all.push(scenario(
        "tenant-two-histories",
        "An export that agrees with its anchor cannot show that others saw another anchor; their receipts do",
        alternating.export(),
        Verified,
        &[],
    ));
    all.push(Scenario {
        pins: pinned(Acme::new().root.head(FIRST + 20)),
        ..scenario(
            "tenant-rewritten-since-the-pin",
            "The entries are not those of the pin",
            alternating.export(),
            Altered,
            &["append_only.split_view"],
        )
    });
    all.push(Scenario {
        pins: pinned(alternating.root.head(LAST)),
        ..scenario(
            "tenant-root-split",
            "The pin is of the same size of the root log, with another root",
            acme.export(),
            Altered,
            &["append_only.split_view", "head.split"],
        )
    });
    all
}

fn verify(scenario: &Scenario, pieces: usize) -> Verification {
    let options = Options {
        trust: Trust::parse(scenario.trust.as_bytes()).unwrap(),
        pins: scenario.pins.iter().map(|pin| Pin::parse(pin).unwrap()).collect(),
        ..Options::default()
    };
    let export = scenario.lines.join("\n") + "\n";
    let mut verifier = Verifier::new(options);
    export.as_bytes().chunks(pieces).for_each(|piece| verifier.push(piece));
    verifier.finish()
}

#[test]
fn each_scenario_has_its_verdict_and_findings() {
    let mut failures = Vec::new();
    for scenario in honest().into_iter().chain(lies()) {
        let report = verify(&scenario, 1 << 16).report;
        let codes = report.finding_counts.iter().map(|(code, _)| code.as_str());
        let codes: Vec<_> =
            codes.filter(|code| !matches!(*code, "chain.jump" | "chain.open" | "payload.withheld")).collect();
        if (report.verdict, &codes[..]) != (scenario.verdict, scenario.codes) {
            failures.push(format!(
                "{}: {} {codes:?} instead of {} {:?}\n{:?}",
                scenario.name,
                report.verdict.as_str(),
                scenario.verdict.as_str(),
                scenario.codes,
                report.findings.iter().map(|finding| &finding.message).collect::<Vec<_>>()
            ));
        }
        #[cfg(not(target_arch = "wasm32"))]
        if std::env::var_os("COUNTERSIGN_WRITE").is_some() {
            write(&scenario, &report);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[cfg(not(target_arch = "wasm32"))]
fn write(scenario: &Scenario, report: &countersign::verify::Report) {
    use std::fs;

    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(scenario.name);
    fs::create_dir_all(&folder).unwrap();
    let report = crate::common::cases::stripped(serde_json::to_value(report).unwrap());
    fs::write(folder.join("README"), format!("{}.\n", scenario.about)).unwrap();
    fs::write(folder.join("export.ndjson"), scenario.lines.join("\n") + "\n").unwrap();
    fs::write(folder.join("trust.txt"), &scenario.trust).unwrap();
    fs::write(folder.join("report.json"), serde_json::to_string_pretty(&report).unwrap() + "\n").unwrap();
    for (number, pin) in (1..).zip(&scenario.pins) {
        fs::write(folder.join(format!("pin-{number}.txt")), pin).unwrap();
    }
}

#[test]
fn the_export_is_shown_complete_and_its_head_can_be_pinned() {
    let scenario = &honest()[0];
    let verification = verify(scenario, 1000);
    let report = serde_json::to_value(&verification.report).unwrap();
    assert_eq!(report["complete"], serde_json::json!({"by": "range", "range": [0, 9]}));
    assert_eq!(report["root_log"]["origin"], ROOT);
    assert_eq!(report["root_log"]["size"], LAST + 1);
    assert_eq!(report["history"]["anchors"], 1);
    assert_eq!(report["history"]["since"], time_of(ANCHOR).to_string());
    let pin = Pin::parse(&verification.pin.unwrap()).unwrap();
    assert_eq!(
        (pin.origin.as_str(), pin.size, pin.head.unwrap().tick + 1),
        (tenant(0xac).as_str(), 9, LAST + 1)
    );
}

#[test]
fn a_live_view_is_verified_at_each_head() {
    let mut acme = Acme::new();
    acme.root.publish(ANCHOR + 2, &acme.origin, &acme.entries[..5]);
    let trust = Trust::parse(trust(acme.origin.as_str()).as_bytes()).unwrap();
    let mut verifier = Verifier::live(Options { trust, ..Options::default() });
    let mut push = |lines: &[String]| {
        verifier.push((lines.join("\n") + "\n").as_bytes());
        verifier.settle();
        verifier.report().map(|verification| (verification.report.verdict, verification.report.history))
    };
    let header = format!("{{\"countersign\":\"export/v1\",\"origin\":\"{}\",\"range\":[0]}}", acme.origin);
    let lines = [vec![header], acme.entries[..5].to_vec(), vec![acme.head(FIRST + 20)]].concat();
    assert_eq!(push(&lines), Some((Verdict::Verified, None)));
    // A head after the anchor requires it.
    assert_eq!(push(&[acme.head(ANCHOR + 2)]).unwrap().0, Verdict::NotChecked);
    let anchor = line("anchor", &acme.root.anchor(ANCHOR, LAST + 1).to_string());
    // It comes too late: after a head of a later tick.
    let lines = [vec![anchor], acme.entries[5..].to_vec(), vec![acme.head(LAST)]].concat();
    assert_eq!(push(&lines).unwrap().0, Verdict::Altered);
}

#[test]
fn an_unnamed_log_has_no_answer_even_if_a_checkpoint_follows_its_head() {
    let acme = Acme::new();
    let (origin, size) = (acme.origin.as_str(), acme.entries.len() as u64);
    let checkpoint = Checkpoint::new(origin, size, root_of(&acme.entries)).unwrap();
    let mut lines = acme.export();
    lines.push(line("checkpoint", &checkpoint.sign(&key(origin, 5)).unwrap()));
    let named = scenario("", "", lines, Verdict::Broken, &[]);
    assert_eq!(verify(&named, 1 << 16).report.checks.log.checked, 1);
    let unnamed = Scenario { trust: trust_without_origin(), ..named };
    assert_eq!(verify(&unnamed, 1 << 16).report.checks.log.checked, 0);
}

#[test]
fn growth_is_claimed_only_by_a_head_that_is_the_last_checkpoint() {
    let acme = Acme::new();
    let (origin, size) = (acme.origin.as_str(), acme.entries.len() as u64);
    let trust = trust(origin) + "growth w\n";
    let scenario =
        |lines| Scenario { trust: trust.clone(), ..scenario("", "", lines, Verdict::Verified, &[]) };
    let honest = scenario(acme.export());
    assert!(verify(&honest, 1 << 16).report.only_grew);
    assert!(!verify(&Scenario { trust: self::trust(origin), ..honest }, 1 << 16).report.only_grew);
    // Its witness doesn't know what a tenant log was before, because this isn't a checkpoint of the root log.
    let checkpoint = Checkpoint::new(origin, size, root_of(&acme.entries)).unwrap();
    let seconds = time_of(LAST + 1).millis().cast_unsigned() / 1000;
    let cosignature = checkpoint.cosign(&witness_key(), seconds).unwrap();
    let checkpoint = checkpoint.sign(&key(origin, 1)).unwrap() + &cosignature;
    let lines = [acme.export(), vec![line("checkpoint", &checkpoint)]].concat();
    assert!(!verify(&scenario(lines), 1 << 16).report.only_grew);
}

#[test]
fn a_live_view_claims_growth_only_while_it_is_verified() {
    let acme = Acme::new();
    let trust = trust(acme.origin.as_str()) + "growth w\n";
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let mut verifier = Verifier::live(Options { trust, ..Options::default() });
    let mut push = |lines: &[String]| {
        verifier.push((lines.join("\n") + "\n").as_bytes());
        verifier.settle();
        verifier.report().map(|verification| (verification.report.verdict, verification.report.only_grew))
    };
    let header = format!("{{\"countersign\":\"export/v1\",\"origin\":\"{}\",\"range\":[0]}}", acme.origin);
    let lines = [vec![header], acme.entries[..5].to_vec(), vec![acme.head(FIRST + 20)]].concat();
    assert_eq!(push(&lines), Some((Verdict::Verified, true)));
    // The anchor is missing.
    let lines = [acme.entries[5..].to_vec(), vec![acme.head(LAST)]].concat();
    assert_eq!(push(&lines), Some((Verdict::NotChecked, false)));
}

#[test]
fn anchors_out_of_place_are_compared_with_nothing() {
    let acme = Acme::new();
    let mut later = acme.root.anchor(ANCHOR, LAST + 1);
    later.tick = 2 * 4_096 - 1;
    later.time = time_of(later.tick);
    let mut lines = acme.export();
    // After four entries, although it states five.
    lines.insert(5, line("anchor", &later.to_string()));
    let report = verify(&scenario("", "", lines, Verdict::Altered, &[]), 1 << 16).report;
    let orders = report.findings.iter().filter(|finding| finding.code.as_str() == "head.order");
    // The anchor after it and the head have earlier ticks.
    assert_eq!((orders.count(), report.history.map(|history| history.anchors)), (1, Some(1)));
}

#[test]
fn at_most_512_anchors_wait_for_a_head() {
    let acme = Acme::new();
    let anchors: Vec<_> = (1..=513)
        .map(|number| {
            let mut anchor = acme.root.anchor(ANCHOR, LAST + 1);
            anchor.tick = 4_096 * number - 1;
            anchor.time = time_of(anchor.tick);
            line("anchor", &anchor.to_string())
        })
        .collect();
    for (count, found) in [(512, 0), (513, 1)] {
        let lines = acme.export_with(&anchors[..count].join("\n"), &acme.head(LAST));
        let report = verify(&scenario("", "", lines, Verdict::Altered, &[]), 1 << 16).report;
        let places = report.findings.iter().filter(|finding| finding.message.contains("out of place"));
        assert_eq!(places.count(), found, "{count}");
    }
}
