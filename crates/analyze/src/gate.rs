//! Decisions about requests before they are carried out, by a pack's rules with decisions and by a
//! watchlist (SPEC section 13, "Decisions").
//!
//! A gate judges single events. Its only state is the watchlist that it was given.
//!
//! ```
//! use countersign_analyze::{Decision, Gate};
//!
//! let pack = r#"{"countersign":"rules/v1","name":"edge","rules":[{
//!     "countersign.decision":"deny",
//!     "detection":{
//!         "condition":"path and not known",
//!         "known":{"parsed.actor.id|startswith":"svc_"},
//!         "path":{"http.path|startswith":"/internal"}
//!     },
//!     "id":"internal","level":"high","title":"A path that is internal"
//! }]}"#.split('\n').map(str::trim).collect::<String>();
//! let gate = Gate::parse(&pack).map_err(|errors| errors[0].clone())?;
//! let now = "2026-11-20T06:00:00.000Z".parse()?;
//!
//! let event = r#"{"action":"http.request","actor":{"id":"u_1"},"http":{"method":"GET","path":"/internal/jobs"}}"#;
//! let decided = gate.decide(event, now)?.unwrap();
//! assert_eq!((decided.decision, decided.rule), (Decision::Deny, "internal"));
//! assert!(gate.decide(&event.replace("u_1", "svc_1"), now)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::cell::{OnceCell, RefCell};

use countersign::canonical::write_string;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::parser::parse_own;
use countersign_query::value::{Document, Value};
use countersign_query::{Entry, Read};

use crate::analyzer::is_ours;
use crate::decision::Decision;
use crate::detection::Detection;
use crate::error::{AnalyzeError, explain};
use crate::fields::Fields;
use crate::pack::{FORMAT, MAX_BYTES, MAX_RULES};
use crate::prefilter::Prefilter;
use crate::rule::{decision_of, filtered, has_selectors, names_us};
use crate::tree::{Node, Value as Written};
use crate::watchlist::{Kind, Places, Watchlist};
use crate::zone::Zone;

/// The rules of a pack that make decisions, and a watchlist.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The pack's canonical JSON.
    text: Box<str>,
    /// The pack's hash, computed at the first decision that needs it.
    hash: OnceCell<Hash>,
    zone: Zone,
    fields: Fields,
    rules: Vec<DecisionRule>,
    prefilter: Prefilter,
    watchlist: Option<Watchlist>,
    /// The kinds of values that the watchlist contains, without repeats.
    kinds: Vec<Kind>,
    /// A document whose memory the next event reuses.
    spare: RefCell<Document<'static>>,
    /// A direct-mapped cache of watchlist lookups: most requesters send several requests, and a lookup hashes
    /// the value.
    cache: RefCell<Vec<CacheSlot>>,
}

/// A value and its places in the watchlist.
type CacheSlot = Option<(Kind, Box<str>, Places)>;

/// The number of cached lookups, and the length in bytes above which a value isn't cached.
const CACHE_SLOTS: usize = 256;
const MAX_CACHED_BYTES: usize = 128;

/// A rule that makes a decision.
#[derive(Clone, Debug)]
struct DecisionRule {
    id: String,
    title: String,
    decision: Decision,
    detection: Detection,
    is_about_us: bool,
}

/// A decision, and the rule or watchlist entry that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateDecision<'g> {
    /// The decision; [`Decision::Allow`] if a rule exempts the request.
    pub decision: Decision,
    /// The id of the rule that made the decision, or of the rule behind the watchlist entry.
    pub rule: &'g str,
    /// The rule's title, if this gate's pack contains the rule.
    pub title: Option<&'g str>,
    /// The hash of the rule's pack.
    pub pack: Hash,
    /// The id of the finding behind the watchlist entry, if the watchlist made the decision.
    pub finding: Option<&'g str>,
    /// The expiry of the watchlist entry.
    pub until: Option<Time>,
}

impl GateDecision<'_> {
    /// Returns the decision as a JSON object in canonical form.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        out.extend(b"{\"decision\":\"");
        out.extend(self.decision.as_str().bytes());
        out.push(b'"');
        let mut member = |name: &str, value: &str| {
            out.push(b',');
            write_string(name, &mut out);
            out.push(b':');
            write_string(value, &mut out);
        };
        if let Some(finding) = self.finding {
            member("finding", finding);
        }
        member("pack", &self.pack.to_string());
        member("rule", self.rule);
        if let Some(title) = self.title {
            member("title", title);
        }
        if let Some(until) = self.until {
            member("until", &until.to_string());
        }
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Returns a text field that every rule with a decision must have.
fn text(node: &Node, key: &str) -> Result<String, AnalyzeError> {
    node.get(key)
        .and_then(Node::text)
        .map(str::to_owned)
        .ok_or_else(|| unbuilt(&explain!("a rule has no `{key}`")))
}

fn unbuilt(problem: &str) -> AnalyzeError {
    AnalyzeError::new("pack.shape", 0, problem, "build the pack with `countersign rules build`")
}

impl Gate {
    /// Parses a pack as written by `countersign rules build`. Keeps the rules that judge single events and
    /// make a decision.
    ///
    /// # Errors
    ///
    /// The errors of these rules, or `pack.canonical` if the text isn't canonical JSON, because its hash
    /// would then differ from the pack's.
    pub fn parse(json: &str) -> Result<Self, Vec<AnalyzeError>> {
        if json.len() > MAX_BYTES {
            return Err(vec![AnalyzeError::new(
                "pack.long",
                0,
                "the pack is larger than 16 MiB",
                "split it into several packs",
            )]);
        }
        // The file ends with a line feed that isn't part of the pack.
        let json = json.strip_suffix('\n').unwrap_or(json);
        let one = |fault| vec![fault];
        let (node, is_canonical) = Node::parse_json(json).map_err(one)?;
        if node.get("countersign").and_then(Node::text) != Some(FORMAT) {
            return Err(one(unbuilt("the file is not a `rules/v1` pack")));
        }
        if !is_canonical {
            let hint = "pass the pack exactly as `countersign rules build` wrote it";
            return Err(one(AnalyzeError::new("pack.canonical", 0, "the pack is not canonical JSON", hint)));
        }
        let Some(Written::List(rules)) = node.get("rules").map(|rules| &rules.value) else {
            return Err(one(unbuilt("the pack has no `rules` list")));
        };
        if rules.len() > MAX_RULES {
            return Err(one(AnalyzeError::new(
                "pack.rules",
                0,
                "a pack has at most 10,000 rules",
                "split it into several packs",
            )));
        }
        let zone = match node.get("timezone") {
            None => Zone::default(),
            Some(zone) => zone
                .text()
                .and_then(Zone::parse)
                .ok_or_else(|| one(unbuilt("the pack's `timezone` is not a valid time zone")))?,
        };
        let mut fields = Fields::default();
        let (mut deciding, mut faults) = (Vec::new(), Vec::new());
        for rule in rules {
            match DecisionRule::compile(rule, &mut fields) {
                Ok(rule) => deciding.extend(rule),
                Err(fault) => {
                    faults.push(fault.of_rule(rule.get("title").and_then(Node::text).unwrap_or_default()));
                }
            }
        }
        if fields.asks_category() {
            faults.push(AnalyzeError::new(
                "rule.category",
                0,
                "a gate doesn't know the categories of events",
                "test `parsed.action` in rules with a decision",
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            text: json.into(),
            hash: OnceCell::new(),
            zone,
            prefilter: Prefilter::new(deciding.iter().map(|rule| &rule.detection), &fields),
            fields,
            rules: deciding,
            watchlist: None,
            kinds: Vec::new(),
            spare: RefCell::default(),
            cache: RefCell::default(),
        })
    }

    /// Returns the pack's hash.
    pub fn pack(&self) -> Hash {
        *self.hash.get_or_init(|| Hash::digest(&[self.text.as_bytes()]))
    }

    /// Returns the number of rules that make decisions.
    pub const fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Returns the watchlist in force.
    pub const fn watchlist(&self) -> Option<&Watchlist> {
        self.watchlist.as_ref()
    }

    /// Replaces the watchlist. The caller has verified its signature.
    ///
    /// # Errors
    ///
    /// Returns the error of [`Watchlist::replaces`] and keeps the previous list.
    pub fn watch(&mut self, list: Watchlist) -> Result<(), Error> {
        if let Some(before) = &self.watchlist {
            list.replaces(before)?;
        }
        // Entries are sorted by kind.
        self.kinds = list.entries().iter().map(|entry| entry.kind).collect();
        self.kinds.dedup();
        self.watchlist = Some(list);
        self.cache = RefCell::new(vec![None; CACHE_SLOTS]);
        Ok(())
    }

    /// Decides about an event before it is recorded. Returns `None` if no rule and no watchlist entry
    /// matches: the request may proceed. An expired watchlist is ignored.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Event`] if the text isn't JSON or is larger than 256 KiB.
    pub fn decide(&self, event: &str, now: Time) -> Result<Option<GateDecision<'_>>, Error> {
        let document = self.spare.take().reread(event).ok_or_else(|| {
            Error::new(Code::Event, "the event is not valid JSON, or is larger than 256 KiB")
        })?;
        let decided = self.decided(document.root(), now);
        self.spare.replace(document.emptied());
        Ok(decided)
    }

    fn decided(&self, event: Value<'_>, now: Time) -> Option<GateDecision<'_>> {
        let read = parse_own(&event);
        let entry = Entry { event: Some(event), read: read.as_ref(), ..Entry::recorded(now) };
        let found = self.fields.find(&entry, self.zone);
        let is_ours = is_ours(&entry);
        let mut by_rule: Option<&DecisionRule> = None;
        for rule in self.prefilter.find(&found).filter_map(|nth| self.rules.get(nth)) {
            if is_ours && !rule.is_about_us || !rule.detection.holds(&found) {
                continue;
            }
            if rule.decision == Decision::Allow {
                by_rule = Some(rule);
                break;
            }
            if by_rule.is_none_or(|other| other.decision < rule.decision) {
                by_rule = Some(rule);
            }
        }
        let decided = by_rule.map(|rule| GateDecision {
            decision: rule.decision,
            rule: &rule.id,
            title: Some(&rule.title),
            pack: self.pack(),
            finding: None,
            until: None,
        });
        if by_rule.is_some_and(|rule| rule.decision != Decision::Challenge) {
            return decided;
        }
        match self.watched(event, read.as_ref(), now) {
            Some(watched) if decided.is_none_or(|decided| decided.decision < watched.decision) => {
                Some(watched)
            }
            _ => decided,
        }
    }

    /// Returns the strictest decision of the watchlist.
    fn watched<'a>(
        &self,
        event: Value<'a>,
        read: Option<&'a Read<'a>>,
        now: Time,
    ) -> Option<GateDecision<'_>> {
        let list = self.watchlist.as_ref().filter(|list| now < list.header().until)?;
        let mut strictest: Option<GateDecision<'_>> = None;
        for kind in self.kinds.iter().copied() {
            let value = kind.value(event, read);
            let places = value.map(|value| self.places(list, kind, &value));
            let Some(entry) = places.and_then(|places| list.strictest(places, now)) else { continue };
            if strictest.is_none_or(|other| other.decision < entry.decision) {
                strictest = Some(GateDecision {
                    decision: entry.decision,
                    rule: &entry.rule,
                    title: None,
                    pack: list.header().pack,
                    finding: Some(&entry.finding),
                    until: Some(entry.until),
                });
            }
        }
        strictest
    }

    /// Returns the places of a value in the watchlist, cached.
    fn places(&self, list: &Watchlist, kind: Kind, value: &str) -> Places {
        let look_up = || list.places(kind, value);
        let mut cache = self.cache.borrow_mut();
        let nth = value.bytes().fold(kind as usize, |nth, byte| (nth * 31 + usize::from(byte)) % CACHE_SLOTS);
        let Some(slot) = cache.get_mut(nth).filter(|_| value.len() <= MAX_CACHED_BYTES) else {
            return look_up();
        };
        match slot {
            Some((of, text, places)) if *of == kind && **text == *value => *places,
            _ => slot.insert((kind, value.into(), look_up())).2,
        }
    }
}

impl DecisionRule {
    /// Compiles a rule. Returns `None` if it is a correlation or makes no decision.
    fn compile(node: &Node, fields: &mut Fields) -> Result<Option<Self>, AnalyzeError> {
        let (Some(decision), Some(detection)) = (decision_of(node)?, node.get("detection")) else {
            return Ok(None);
        };
        fields.has_selectors = has_selectors(node)?;
        Ok(Some(Self {
            id: text(node, "id")?,
            title: text(node, "title")?,
            decision,
            detection: filtered(detection, node, fields)?,
            is_about_us: names_us(detection),
        }))
    }
}
