//! Deciding before something is done: the rules of a pack that say what they decide, and a watchlist (SPEC section 13,
//! "Decisions").
//!
//! What takes several events is none of a gate's business: it has no state but the watchlist that it was given.
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
//! let gate = Gate::parse(&pack).map_err(|faults| faults[0].clone())?;
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
use crate::error::{AnalyzeError, told};
use crate::fields::Fields;
use crate::pack::{FORMAT, MAX_BYTES, MAX_RULES};
use crate::prefilter::Prefilter;
use crate::rule::{decision_of, filtered, has_selectors, names_us};
use crate::tree::{Node, Value as Written};
use crate::watchlist::{Kind, Places, Watchlist};
use crate::zone::Zone;

/// A pack's rules that decide, and who is watched.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The pack as it was given.
    text: Box<str>,
    /// Its hash, which is computed when something is decided by it first.
    hash: OnceCell<Hash>,
    zone: Zone,
    fields: Fields,
    rules: Vec<Deciding>,
    prefilter: Prefilter,
    watchlist: Option<Watchlist>,
    /// By what the list knows anything.
    kinds: Vec<Kind>,
    /// The memory that the event before took.
    spare: RefCell<Document<'static>>,
    /// Who asked lately, and where they stand in the list: most ask again, and what stands for a value there takes long
    /// to compute.
    known: RefCell<Vec<Known>>,
}

/// A value, and where it stands.
type Known = Option<(Kind, Box<str>, Places)>;

/// So many are known, of values of at most so many bytes.
const KNOWN: usize = 256;
const MAX_KNOWN: usize = 128;

/// A rule that decides.
#[derive(Clone, Debug)]
struct Deciding {
    id: String,
    title: String,
    decision: Decision,
    detection: Detection,
    is_about_us: bool,
}

/// What is decided, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided<'g> {
    /// What becomes of it: [`Decision::Allow`] where a rule excepts it.
    pub decision: Decision,
    /// The id of the rule that decides, or that found what the watchlist names.
    pub rule: &'g str,
    /// That rule's title, where the pack has it.
    pub title: Option<&'g str>,
    /// The hash of that rule's pack.
    pub pack: Hash,
    /// The id of the finding, where the watchlist decides.
    pub finding: Option<&'g str>,
    /// When the watchlist's entry runs out.
    pub until: Option<Time>,
}

impl Decided<'_> {
    /// This as one JSON object in canonical form.
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

/// What a rule has to say to be recorded with its decision.
fn text(node: &Node, key: &str) -> Result<String, AnalyzeError> {
    node.get(key)
        .and_then(Node::text)
        .map(str::to_owned)
        .ok_or_else(|| unbuilt(&told!("a rule has no {key}")))
}

fn unbuilt(problem: &str) -> AnalyzeError {
    AnalyzeError::new("pack.shape", 0, problem, "build it with `countersign rules build`")
}

impl Gate {
    /// Reads a pack as `countersign rules build` writes it. Of its rules those count that look at each event by itself
    /// and say what they decide.
    ///
    /// # Errors
    ///
    /// The faults of these rules; `pack.canonical` for a text that is not in canonical form, whose hash would not be
    /// the pack's.
    pub fn parse(json: &str) -> Result<Self, Vec<AnalyzeError>> {
        if json.len() > MAX_BYTES {
            return Err(vec![AnalyzeError::new(
                "pack.long",
                0,
                "a pack has at most 16 MiB",
                "make several packs",
            )]);
        }
        // A file ends in a line feed, and the pack before it.
        let json = json.strip_suffix('\n').unwrap_or(json);
        let one = |fault| vec![fault];
        let (node, is_canonical) = Node::parse_json(json).map_err(one)?;
        if node.get("countersign").and_then(Node::text) != Some(FORMAT) {
            return Err(one(unbuilt("it is not a pack of this format")));
        }
        if !is_canonical {
            let hint = "give the pack as `countersign rules build` writes it, byte for byte";
            return Err(one(AnalyzeError::new(
                "pack.canonical",
                0,
                "its text is not in canonical form",
                hint,
            )));
        }
        let Some(Written::List(rules)) = node.get("rules").map(|rules| &rules.value) else {
            return Err(one(unbuilt("it has no rules")));
        };
        if rules.len() > MAX_RULES {
            return Err(one(AnalyzeError::new(
                "pack.rules",
                0,
                "a pack has at most 10,000 rules",
                "make several packs",
            )));
        }
        let zone = match node.get("timezone") {
            None => Zone::default(),
            Some(zone) => zone
                .text()
                .and_then(Zone::parse)
                .ok_or_else(|| one(unbuilt("its time zone cannot be read")))?,
        };
        let mut fields = Fields::default();
        let (mut deciding, mut faults) = (Vec::new(), Vec::new());
        for rule in rules {
            match Deciding::compile(rule, &mut fields) {
                Ok(rule) => deciding.extend(rule),
                Err(fault) => {
                    faults.push(fault.of_rule(rule.get("title").and_then(Node::text).unwrap_or_default()));
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            text: json.into(),
            hash: OnceCell::new(),
            zone,
            prefilter: Prefilter::of(deciding.iter().map(|rule| &rule.detection), &fields),
            fields,
            rules: deciding,
            watchlist: None,
            kinds: Vec::new(),
            spare: RefCell::default(),
            known: RefCell::default(),
        })
    }

    /// The pack's hash.
    pub fn pack(&self) -> Hash {
        *self.hash.get_or_init(|| Hash::of(&[self.text.as_bytes()]))
    }

    /// How many rules of the pack decide.
    pub const fn rules(&self) -> usize {
        self.rules.len()
    }

    /// The list that counts.
    pub const fn watchlist(&self) -> Option<&Watchlist> {
        self.watchlist.as_ref()
    }

    /// Takes a list in place of the one before. Who signed it has been looked at.
    ///
    /// # Errors
    ///
    /// That of [`Watchlist::replaces`]: the list before goes on to count.
    pub fn watch(&mut self, list: Watchlist) -> Result<(), Error> {
        if let Some(before) = &self.watchlist {
            list.replaces(before)?;
        }
        // They stand in the order of their kinds.
        self.kinds = list.entries().iter().map(|entry| entry.kind).collect();
        self.kinds.dedup();
        self.watchlist = Some(list);
        self.known = RefCell::new(vec![None; KNOWN]);
        Ok(())
    }

    /// What is decided of an event before it is recorded; `None` where nothing decides, so that it goes on. A list that no longer holds decides nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Event`] where the text is no JSON, or above 256 KiB.
    pub fn decide(&self, event: &str, now: Time) -> Result<Option<Decided<'_>>, Error> {
        let document = self
            .spare
            .take()
            .reread(event)
            .ok_or_else(|| Error::new(Code::Event, "this is no JSON, or above 256 KiB"))?;
        let decided = self.decided(document.root(), now);
        self.spare.replace(document.emptied());
        Ok(decided)
    }

    fn decided(&self, event: Value<'_>, now: Time) -> Option<Decided<'_>> {
        let read = parse_own(&event);
        let entry = Entry { event: Some(event), read: read.as_ref(), ..Entry::recorded(now) };
        let found = self.fields.find(&entry, self.zone);
        let is_ours = is_ours(&entry);
        let mut by_rule: Option<&Deciding> = None;
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
        let decided = by_rule.map(|rule| Decided {
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

    /// The strictest that the watchlist has.
    fn watched<'a>(&self, event: Value<'a>, read: Option<&'a Read<'a>>, now: Time) -> Option<Decided<'_>> {
        let list = self.watchlist.as_ref().filter(|list| now < list.header().until)?;
        let mut strictest: Option<Decided<'_>> = None;
        for kind in self.kinds.iter().copied() {
            let value = kind.value(event, read);
            let places = value.map(|value| self.places(list, kind, &value));
            let Some(entry) = places.and_then(|places| list.strictest(places, now)) else { continue };
            if strictest.is_none_or(|other| other.decision < entry.decision) {
                strictest = Some(Decided {
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

    /// Where a value stands in the list.
    fn places(&self, list: &Watchlist, kind: Kind, value: &str) -> Places {
        let made = || list.places(kind, value);
        let mut known = self.known.borrow_mut();
        let place = value.bytes().fold(kind as usize, |place, byte| (place * 31 + usize::from(byte)) % KNOWN);
        let Some(slot) = known.get_mut(place).filter(|_| value.len() <= MAX_KNOWN) else { return made() };
        match slot {
            Some((of, text, places)) if *of == kind && **text == *value => *places,
            _ => slot.insert((kind, value.into(), made())).2,
        }
    }
}

impl Deciding {
    /// A rule, where it looks at each event by itself and decides.
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
