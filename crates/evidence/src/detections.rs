//! The result of detection rules that a report files: the rules, the events that they examined, and their findings
//! (SPEC section 14).

use std::collections::BTreeSet;

use countersign::error::Error;
use countersign::hash::Hash;

use crate::json::{ALTERED, Json, invalid, object, required, unexpected};

/// The maximum number of findings of a report.
pub const MAX_DETECTIONS: u64 = 100_000;
/// The maximum number of rules in a pack.
const MAX_RULES: usize = 10_000;
/// The maximum number of fields of a rule, and of sources.
const MAX_NAMES: usize = 10_000;
/// The maximum length of a rule's id or title, and of a name, in bytes.
const MAX_NAME_BYTES: usize = 64 << 10;
/// The levels of findings, from the most serious.
const LEVELS: [&str; 5] = ["critical", "high", "medium", "low", "informational"];

/// The rules of a report: a pack, which the evidence file contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackFacts {
    /// The name of the pack.
    pub name: String,
    /// The version that its author gave it; may be empty.
    pub version: String,
    /// The SHA-256 of the pack's canonical JSON.
    pub hash: Hash,
    /// The number of its rules.
    pub rules: u64,
}

/// The findings of one rule at one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFindings {
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The level of these findings: `critical`, `high`, `medium`, `low`, or `informational`.
    pub level: String,
    /// The number of the findings; at least 1.
    pub findings: u64,
}

/// The events that one parser recognizes, and how far the rules cover them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// The parser.
    pub parser: String,
    /// The number of events that it recognizes.
    pub events: u64,
    /// The number of these that a rule for this source could examine.
    pub covered: u64,
    /// The number of the pack's rules for this source.
    pub rules: u64,
}

/// A rule that could examine no event of its source, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindRuleFacts {
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The fields that it needs and that no event of its source has.
    pub fields: Vec<String>,
    /// The number of events that it couldn't examine.
    pub events: u64,
}

/// Events of a parser that lack the same promised facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadFacts {
    /// The parser.
    pub parser: String,
    /// The facts that they lack, by name.
    pub facts: Vec<String>,
    /// Their number.
    pub events: u64,
    /// The first one's entry.
    pub first_leaf: u64,
}

/// The extent to which the rules could examine the events (SPEC section 13.14).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoverageFacts {
    /// The number of events examined.
    pub events: u64,
    /// The number of events that no parser recognizes.
    pub unparsed: u64,
    /// The number of events that a parser recognizes, but that no rule for their source could examine.
    pub uncovered: u64,
    /// The number of rules.
    pub rules: u64,
    /// The number of rules that could apply to at least one event.
    pub applicable: u64,
    /// The rules that could examine no event of their source.
    pub blind: Vec<BlindRuleFacts>,
    /// The events by parser.
    pub sources: Vec<SourceFacts>,
    /// The events that state a time which their parser doesn't understand.
    pub unclear_times: Option<EntryCount>,
    /// The events in which their parser doesn't find what it promises.
    pub unread: Vec<UnreadFacts>,
}

impl CoverageFacts {
    /// True if each event is covered and was read, no event's time is unclear, and no rule is blind. Only then does the
    /// absence of findings mean that no event matches a rule.
    pub fn is_complete(&self) -> bool {
        self.unparsed == 0
            && self.uncovered == 0
            && self.blind.is_empty()
            && self.unclear_times.is_none()
            && self.unread.is_empty()
    }
}

/// A number, and the first entry counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCount {
    /// The number; at least 1.
    pub number: u64,
    /// The first entry counted.
    pub first_leaf: u64,
}

/// A rule that reached a limit of SPEC section 13.12, so that it may have found less than there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitFacts {
    /// The rule's id, or the name of the baselines.
    pub rule: String,
    /// The groups that were dropped.
    pub groups: Option<EntryCount>,
    /// The hits that were dropped or ignored.
    pub hits: Option<EntryCount>,
    /// The number of findings that are not listed.
    pub findings: u64,
}

/// The result of running the rules of a pack over the events of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detections {
    /// The rules.
    pub pack: PackFacts,
    /// The version of the engine that ran them.
    pub engine: String,
    /// The number of findings.
    pub findings: u64,
    /// The digest of the findings (SPEC section 13.11).
    pub digest: Hash,
    /// The findings by rule and level, the most serious first. Empty if no rule fired.
    pub rules: Vec<RuleFindings>,
    /// The extent to which the rules could examine the events.
    pub coverage: CoverageFacts,
    /// The rules that reached a limit.
    pub limits: Vec<LimitFacts>,
    /// The events that state a time later than their recording, which rules over several events ignore.
    pub future: Option<EntryCount>,
}

impl Detections {
    /// Parses the JSON of a result, as `countersign_analyze::summary` writes it.
    ///
    /// # Errors
    /// [`Code::Evidence`](countersign::error::Code::Evidence) with the invalid member.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        Self::from_json(Json::parse(text)?)
    }

    pub(crate) fn from_json(json: Json) -> Result<Self, Error> {
        let [pack, engine, findings, digest, rules, coverage, limits, future] = json.members(
            "detections",
            ["pack", "engine", "findings", "digest", "rules", "coverage", "limits", "future"],
        )?;
        let list = |list, name| required(list, name)?.into_array(name, MAX_RULES);
        let detections = Self {
            pack: parse_pack(required(pack, "pack")?)?,
            engine: name(engine, "engine")?,
            findings: number(findings, "findings")?,
            digest: hash(digest, "digest")?,
            rules: list(rules, "rules")?.into_iter().map(parse_findings).collect::<Result<_, _>>()?,
            coverage: parse_coverage(required(coverage, "coverage")?)?,
            limits: list(limits, "limits")?.into_iter().map(parse_limit).collect::<Result<_, _>>()?,
            future: entry_count(future, "future")?,
        };
        detections.check_consistency()?;
        Ok(detections)
    }

    pub(crate) fn json(&self) -> Json {
        let Self { pack, engine, findings, digest, rules, coverage, limits, future } = self;
        let rules = rules.iter().map(|RuleFindings { rule, title, level, findings }| {
            object([
                ("rule", rule.as_str().into()),
                ("title", title.as_str().into()),
                ("level", level.as_str().into()),
                ("findings", (*findings).into()),
            ])
        });
        let limits = limits.iter().map(|LimitFacts { rule, groups, hits, findings }| {
            object([
                ("rule", rule.as_str().into()),
                ("groups", count_json(*groups)),
                ("hits", count_json(*hits)),
                ("findings", (*findings).into()),
            ])
        });
        object([
            (
                "pack",
                object([
                    ("name", pack.name.as_str().into()),
                    ("version", pack.version.as_str().into()),
                    ("hash", pack.hash.to_string().as_str().into()),
                    ("rules", pack.rules.into()),
                ]),
            ),
            ("engine", engine.as_str().into()),
            ("findings", (*findings).into()),
            ("digest", digest.to_string().as_str().into()),
            ("rules", Json::Array(rules.collect())),
            ("coverage", coverage_json(coverage)),
            ("limits", Json::Array(limits.collect())),
            ("future", count_json(*future)),
        ])
    }

    /// Fails if the result contradicts itself.
    fn check_consistency(&self) -> Result<(), Error> {
        let Self { pack, coverage, rules, findings, .. } = self;
        if *findings > MAX_DETECTIONS {
            let message =
                format!("a report has at most {MAX_DETECTIONS} findings, but the rules made {findings}");
            let hint = "use fewer rules, or rules that fire less often";
            return Err(invalid("findings", &message).with_hint(hint));
        }
        let place = |level: &str| LEVELS.iter().position(|known| *known == level);
        let keys: BTreeSet<_> = rules.iter().map(|found| (&found.rule, &found.level)).collect();
        let sum = rules.iter().try_fold(0_u64, |sum, found| sum.checked_add(found.findings));
        let is_listed = keys.len() == rules.len()
            && rules.is_sorted_by_key(|found| place(&found.level))
            && rules.iter().all(|found| found.findings > 0);
        if sum != Some(*findings) || !is_listed {
            return Err(refuse("rules", "the findings by rule contradict the number of findings"));
        }
        if *findings == 0 && self.digest != Hash::digest(&[]) {
            return Err(refuse("digest", "the report states no findings, but its digest says otherwise"));
        }
        let total =
            |of: fn(&SourceFacts) -> u64| coverage.sources.iter().map(of).try_fold(0_u64, u64::checked_add);
        let parsed = coverage.events.checked_sub(coverage.unparsed);
        let covered = parsed.and_then(|parsed| parsed.checked_sub(coverage.uncovered));
        let unread = coverage.unread.iter().map(|of| of.events).try_fold(0_u64, u64::checked_add);
        let blind: BTreeSet<_> = coverage.blind.iter().map(|blind| &blind.rule).collect();
        let is_consistent = parsed.is_some()
            && total(|source| source.events) == parsed
            && covered.is_some()
            && parsed.zip(unread).is_some_and(|(parsed, unread)| unread <= parsed)
            && parsed.zip(coverage.unclear_times).is_none_or(|(parsed, unclear)| unclear.number <= parsed)
            && total(|source| source.covered) == covered
            && coverage.sources.iter().all(|source| source.covered <= source.events)
            && coverage.rules == pack.rules
            && blind.len() == coverage.blind.len()
            && coverage.applicable.saturating_add(blind.len() as u64) <= coverage.rules
            && keys.iter().map(|(rule, _)| rule).collect::<BTreeSet<_>>().len() as u64 <= coverage.rules;
        if is_consistent { Ok(()) } else { Err(refuse("coverage", "the numbers contradict each other")) }
    }

    /// Compares the result with that of running the same rules again.
    pub(crate) fn agrees(&self, now: &Self) -> Result<(), Error> {
        let differs = |member: &str, message: &str| Err(refuse(member, message));
        if self.pack != now.pack {
            return differs("pack", "the rules in the file are not those that the report names");
        }
        if self.engine != now.engine {
            let message = "the report was made with another version of the rules' engine";
            let hint = "use the version of the program or page that the report names";
            return Err(invalid("engine", message).with_hint(hint));
        }
        if self.coverage != now.coverage {
            return differs("coverage", "the rules examine other events than the report states");
        }
        if self == now {
            Ok(())
        } else {
            differs("findings", "the rules have other findings than the report states")
        }
    }

    /// Compares the pack in a file with its description, and the rules that fired with the pack.
    pub(crate) fn describes(&self, pack: &[u8]) -> Result<(), Error> {
        if Hash::digest(&[pack]) != self.pack.hash {
            return Err(refuse("rules", "the content does not match the hash in the report"));
        }
        let pack = Json::parse_as_is(pack).map_err(|error| error.in_member("rules"))?;
        let word =
            |json: &Json, name: &str| json.get(name).and_then(Json::text_of).unwrap_or_default().to_owned();
        let Some(Json::Array(rules)) = pack.get("rules") else {
            return Err(refuse("rules", "the content is not a pack of rules"));
        };
        let facts = (word(&pack, "name"), word(&pack, "version"), rules.len() as u64);
        if facts != (self.pack.name.clone(), self.pack.version.clone(), self.pack.rules) {
            return Err(refuse("pack", "the rules in the file are not those that the report names"));
        }
        let known: BTreeSet<_> = rules.iter().map(|rule| (word(rule, "id"), word(rule, "title"))).collect();
        let fired = self.rules.iter().map(|found| (&found.rule, &found.title));
        let blind = self.coverage.blind.iter().map(|blind| (&blind.rule, &blind.title));
        let is_known = fired.chain(blind).all(|(rule, title)| known.contains(&(rule.clone(), title.clone())));
        if is_known {
            Ok(())
        } else {
            Err(refuse("rules", "the report names a rule that the pack does not have"))
        }
    }
}

fn refuse(member: &str, message: &str) -> Error {
    invalid(member, message).with_hint(ALTERED)
}

fn name(value: Option<Json>, member: &str) -> Result<String, Error> {
    required(value, member)?.into_text(member, MAX_NAME_BYTES)
}

fn number(value: Option<Json>, member: &str) -> Result<u64, Error> {
    required(value, member)?.into_number(member)
}

fn hash(value: Option<Json>, member: &str) -> Result<Hash, Error> {
    Hash::from_base64(name(value, member)?).ok_or_else(|| unexpected("must be a SHA-256 in base64", member))
}

fn entry_count(value: Option<Json>, member: &str) -> Result<Option<EntryCount>, Error> {
    let Some(json) = required(value, member)?.some() else { return Ok(None) };
    let [of, first] = json.members(member, ["number", "first_entry"])?;
    let count = EntryCount { number: number(of, "number")?, first_leaf: number(first, "first_entry")? };
    if count.number == 0 {
        return Err(unexpected("must be at least 1", "number"));
    }
    Ok(Some(count))
}

fn count_json(count: Option<EntryCount>) -> Json {
    count.map_or(Json::Null, |EntryCount { number, first_leaf }| {
        object([("number", number.into()), ("first_entry", first_leaf.into())])
    })
}

fn parse_pack(json: Json) -> Result<PackFacts, Error> {
    let [of, version, hashed, rules] = json.members("pack", ["name", "version", "hash", "rules"])?;
    Ok(PackFacts {
        name: name(of, "name")?,
        version: name(version, "version")?,
        hash: hash(hashed, "hash")?,
        rules: number(rules, "rules")?,
    })
}

fn parse_findings(json: Json) -> Result<RuleFindings, Error> {
    let [rule, title, level, findings] = json.members("rules", ["rule", "title", "level", "findings"])?;
    let level = name(level, "level")?;
    if !LEVELS.contains(&level.as_str()) {
        return Err(unexpected("must be a level", "level"));
    }
    Ok(RuleFindings {
        rule: name(rule, "rule")?,
        title: name(title, "title")?,
        level,
        findings: number(findings, "findings")?,
    })
}

fn parse_limit(json: Json) -> Result<LimitFacts, Error> {
    let [rule, groups, hits, findings] = json.members("limits", ["rule", "groups", "hits", "findings"])?;
    Ok(LimitFacts {
        rule: name(rule, "rule")?,
        groups: entry_count(groups, "groups")?,
        hits: entry_count(hits, "hits")?,
        findings: number(findings, "findings")?,
    })
}

fn parse_coverage(json: Json) -> Result<CoverageFacts, Error> {
    let [events, unparsed, uncovered, rules, applicable, blind, sources, unclear_times, unread, complete] =
        json.members(
            "coverage",
            [
                "events",
                "unparsed",
                "uncovered",
                "rules",
                "applicable",
                "blind",
                "sources",
                "unclear_times",
                "unread",
                "complete",
            ],
        )?;
    let blind = required(blind, "blind")?.into_array("blind", MAX_RULES)?;
    let sources = required(sources, "sources")?.into_array("sources", MAX_NAMES)?;
    let unread = required(unread, "unread")?.into_array("unread", MAX_NAMES)?;
    let coverage = CoverageFacts {
        events: number(events, "events")?,
        unparsed: number(unparsed, "unparsed")?,
        uncovered: number(uncovered, "uncovered")?,
        rules: number(rules, "rules")?,
        applicable: number(applicable, "applicable")?,
        blind: blind.into_iter().map(parse_blind).collect::<Result<_, _>>()?,
        sources: sources.into_iter().map(parse_source).collect::<Result<_, _>>()?,
        unclear_times: entry_count(unclear_times, "unclear_times")?,
        unread: unread.into_iter().map(parse_unread).collect::<Result<_, _>>()?,
    };
    if required(complete, "complete")?.into_bool("complete")? != coverage.is_complete() {
        return Err(refuse("complete", "the value contradicts the numbers beside it"));
    }
    Ok(coverage)
}

fn parse_blind(json: Json) -> Result<BlindRuleFacts, Error> {
    let [rule, title, fields, events] = json.members("blind", ["rule", "title", "fields", "events"])?;
    let fields = required(fields, "fields")?.into_array("fields", MAX_NAMES)?;
    Ok(BlindRuleFacts {
        rule: name(rule, "rule")?,
        title: name(title, "title")?,
        fields: fields
            .into_iter()
            .map(|field| field.into_text("fields", MAX_NAME_BYTES))
            .collect::<Result<_, _>>()?,
        events: number(events, "events")?,
    })
}

fn parse_unread(json: Json) -> Result<UnreadFacts, Error> {
    let [parser, facts, events, first] =
        json.members("unread", ["parser", "facts", "events", "first_entry"])?;
    let facts = required(facts, "facts")?.into_array("facts", MAX_NAMES)?;
    Ok(UnreadFacts {
        parser: name(parser, "parser")?,
        facts: facts
            .into_iter()
            .map(|fact| fact.into_text("facts", MAX_NAME_BYTES))
            .collect::<Result<_, _>>()?,
        events: number(events, "events")?,
        first_leaf: number(first, "first_entry")?,
    })
}

fn parse_source(json: Json) -> Result<SourceFacts, Error> {
    let [parser, events, covered, rules] =
        json.members("sources", ["parser", "events", "covered", "rules"])?;
    Ok(SourceFacts {
        parser: name(parser, "parser")?,
        events: number(events, "events")?,
        covered: number(covered, "covered")?,
        rules: number(rules, "rules")?,
    })
}

fn coverage_json(coverage: &CoverageFacts) -> Json {
    let CoverageFacts {
        events,
        unparsed,
        uncovered,
        rules,
        applicable,
        blind,
        sources,
        unclear_times,
        unread,
    } = coverage;
    let unread = unread.iter().map(|UnreadFacts { parser, facts, events, first_leaf }| {
        object([
            ("parser", parser.as_str().into()),
            ("facts", Json::Array(facts.iter().map(|fact| fact.as_str().into()).collect())),
            ("events", (*events).into()),
            ("first_entry", (*first_leaf).into()),
        ])
    });
    let blind = blind.iter().map(|BlindRuleFacts { rule, title, fields, events }| {
        object([
            ("rule", rule.as_str().into()),
            ("title", title.as_str().into()),
            ("fields", Json::Array(fields.iter().map(|field| field.as_str().into()).collect())),
            ("events", (*events).into()),
        ])
    });
    let sources = sources.iter().map(|SourceFacts { parser, events, covered, rules }| {
        object([
            ("parser", parser.as_str().into()),
            ("events", (*events).into()),
            ("covered", (*covered).into()),
            ("rules", (*rules).into()),
        ])
    });
    object([
        ("events", (*events).into()),
        ("unparsed", (*unparsed).into()),
        ("uncovered", (*uncovered).into()),
        ("rules", (*rules).into()),
        ("applicable", (*applicable).into()),
        ("blind", Json::Array(blind.collect())),
        ("sources", Json::Array(sources.collect())),
        ("unclear_times", count_json(*unclear_times)),
        ("unread", Json::Array(unread.collect())),
        ("complete", Json::Bool(coverage.is_complete())),
    ])
}
