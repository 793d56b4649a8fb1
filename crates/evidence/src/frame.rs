//! The frame of a report: what was verified, with which tool, when, and with whose trust file (SPEC section 14).

use core::convert::Infallible;

use countersign::canonical::canonicalize;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use countersign::verify::report::{Check, Checks, Counts, Log};
use countersign::verify::{CheckState, FindingCode, Report, Verdict, Why};

use crate::MAX_SAMPLED;
use crate::detections::Detections;
use crate::json::{Json, invalid, object, required, unexpected};

/// The name of the format, with its version.
pub const FORMAT: &str = "evidence/v1";
/// The maximum size of a frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 8 << 20;
/// The maximum number of pins.
pub const MAX_PINS: usize = 64;
/// The maximum number of events with notes.
pub const MAX_PAPERS: usize = 10_000;
/// The maximum length of a comment, in bytes.
pub const MAX_COMMENT_BYTES: usize = 8_000;
/// The maximum length of any other text from a person, in bytes.
const MAX_TEXT_BYTES: usize = 16_000;
/// The maximum number of sections.
pub const MAX_SECTIONS: usize = 200;
const MAX_BLOCKS: usize = 10_000;
const MAX_CELLS: usize = 64;
/// The maximum size of a picture, in bytes.
const MAX_PICTURE_BYTES: usize = 128 << 10;

/// The description of a file: its name, and the hash and size of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name of the file, without a path.
    pub name: String,
    /// The SHA-256 of the content.
    pub sha256: Hash,
    /// The size in bytes.
    pub size: u64,
}

impl Described {
    /// Describes a file with this name and content.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self { name: name.into(), sha256: Hash::digest(&[bytes]), size: bytes.len() as u64 }
    }

    /// True if this is the content of the file.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.size == bytes.len() as u64 && self.sha256 == Hash::digest(&[bytes])
    }

    fn json(&self) -> Json {
        object([
            ("name", self.name.as_str().into()),
            ("sha256", hex::encode(&self.sha256.0).as_str().into()),
            ("size", self.size.into()),
        ])
    }

    fn parse(json: Json, what: &str) -> Result<Self, Error> {
        let [name, sha256, size] = json.members(what, ["name", "sha256", "size"])?;
        Ok(Self {
            name: required(name, "name")?.into_text("name", 1024)?,
            sha256: parse_hex(required(sha256, "sha256")?)?,
            size: required(size, "size")?.into_number("size")?,
        })
    }
}

/// The tool that verified the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// `countersign` for the program, `countersign page` for the auditor's page, `countersign console`
    /// for a log's console.
    pub name: String,
    /// The version of the tool.
    pub version: String,
    /// The SHA-256 of the program's file, or of the page.
    pub sha256: Hash,
}

/// A drawn sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// The requested number of events.
    pub wanted: u64,
    /// The seed.
    pub seed: String,
    /// The root that, with the seed, determined the sample.
    pub root: Hash,
    /// True if a quorum of witnesses cosigned that root.
    pub witnessed: bool,
    /// The number of events that the sample was drawn from.
    pub candidates: u64,
    /// The entries of the sample, in the order in which they were drawn.
    pub leaves: Vec<u64>,
}

/// The search of a report's query: how many events it examined, and of how many it can't tell who did what when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// The number of events that verify and were searched.
    pub events: u64,
    /// The number of these events that state no actor, no action, or no time that the query could compare: those
    /// that [`UNRECOGNIZED`] selects.
    pub unrecognized: u64,
}

/// The query that selects the events that no parser recognizes, and whose fields of SPEC section 12 state no actor, no
/// action, or no time, and those that state a time which can't be understood.
pub const UNRECOGNIZED: &str = "-has:as (-has:action OR -has:actor OR -has:occurred_at) OR time:unclear";

/// The part of the export that the report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The number of selected events that verify.
    pub events: u64,
    /// The search that selected them; `None` exactly if there is no query.
    pub examined: Option<Examined>,
    /// The range of entries that was examined, if it wasn't all of them.
    pub range: Option<(u64, u64)>,
    /// The sample of the selected events, if one was drawn.
    pub sample: Option<Sampled>,
}

/// The slice in an evidence file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sliced {
    /// The file of the slice.
    pub file: Described,
    /// The number of events that it shows.
    pub events: u64,
    /// The report of verifying the slice alone, as JSON.
    pub report: String,
}

/// The notes of a person on an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// The event's entry.
    pub leaf: u64,
    /// True if the event was examined.
    pub ticked: bool,
    /// True if the event was flagged.
    pub flagged: bool,
    /// The comment on the event.
    pub comment: String,
}

/// A block of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A paragraph of text.
    Text(String),
    /// A list of items.
    List(Vec<String>),
    /// A table whose rows are as long as its head.
    Table {
        /// The names of the columns.
        head: Vec<String>,
        /// The rows, each with a cell per column.
        rows: Vec<Vec<String>>,
    },
    /// A picture as SVG, which readers show as an image, with a text alternative.
    Picture {
        /// The picture as SVG.
        svg: String,
        /// The text alternative for readers who can't see it.
        text: String,
    },
}

/// The result of another command, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The result for programs, as JSON.
    pub data: Option<String>,
}

impl Section {
    /// Checks that a report can contain the section.
    ///
    /// # Errors
    /// [`Code::Evidence`] if it exceeds the limits of a report.
    pub fn check(&self) -> Result<(), Error> {
        section(section_json(self)?).map(drop)
    }
}

/// The parts of a log that an export does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportGaps {
    /// True if the export as a whole is verified.
    pub is_verified: bool,
    /// The number of events whose content is withheld.
    pub withheld: u64,
    /// The number of omitted entries.
    pub omitted: u64,
}

impl ExportGaps {
    /// Returns the gaps of the export that a report is about.
    pub fn from_report(report: &Report) -> Self {
        Self {
            is_verified: report.verdict == Verdict::Verified,
            withheld: report.counts.withheld,
            omitted: report.counts.skipped,
        }
    }
}

/// A report with its provenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The export.
    pub file: Described,
    /// The tool that verified it.
    pub tool: Tool,
    /// The time of verification.
    pub time: Time,
    /// The trust file.
    pub trust: Option<Described>,
    /// The pins that it was compared with.
    pub pins: Vec<Described>,
    /// The query that selected events. Relative times in it count back from `time`.
    pub query: Option<String>,
    /// The selection.
    pub scope: Scope,
    /// The result of detection rules over the selected events; `None` if no rules were run.
    pub detections: Option<Detections>,
    /// The report of verifying the export, as JSON.
    pub report: String,
    /// The slice in the evidence file, if it doesn't contain the export itself.
    pub slice: Option<Sliced>,
    /// The reference under which it is filed.
    pub reference: String,
    /// The person who examined it.
    pub examiner: String,
    /// The notes on events, ordered by entry.
    pub papers: Vec<Paper>,
    /// The results of other commands.
    pub sections: Vec<Section>,
}

impl Frame {
    /// Parses a frame, canonical or not.
    ///
    /// # Errors
    /// [`Code::Evidence`] with the invalid member.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        Self::parse_with(text, None)
    }

    /// Parses a frame in which `file`, `trust`, `pins`, and `slice` may lack hash and size, which are then computed
    /// from their content.
    pub(crate) fn parse_with(text: &[u8], bytes: Option<&Bytes<'_>>) -> Result<Self, Error> {
        if text.len() > MAX_FRAME_BYTES {
            return Err(Error::new(Code::Evidence, "the report is larger than 8 MiB")
                .with_hint("select fewer events"));
        }
        let [
            format,
            file,
            tool,
            time,
            trust,
            pins,
            query,
            scope,
            detections,
            report,
            slice,
            reference,
            examiner,
            papers,
            sections,
        ] = Json::parse(text)?.members(
            "evidence",
            [
                "countersign",
                "file",
                "tool",
                "time",
                "trust",
                "pins",
                "query",
                "scope",
                "detections",
                "report",
                "slice",
                "reference",
                "examiner",
                "papers",
                "sections",
            ],
        )?;
        if required(format, "countersign")?.into_text("countersign", 64)? != FORMAT {
            return Err(invalid("countersign", "the report has an unknown format")
                .with_hint("use a newer version of the program or page; this one reads evidence/v1"));
        }
        let describe = |json: Json, what: &str, bytes: Option<&[u8]>| match (bytes, json.get("name").cloned())
        {
            (Some(bytes), Some(name)) => Ok(Described::new(name.into_text("name", 1024)?, bytes)),
            _ => Described::parse(json, what),
        };
        let time = required(time, "time")?.into_text("time", 24)?;
        let pins = required(pins, "pins")?.into_array("pins", MAX_PINS)?;
        let papers = required(papers, "papers")?.into_array("papers", MAX_PAPERS)?;
        let papers: Vec<Paper> = papers.into_iter().map(paper).collect::<Result<_, _>>()?;
        if !papers.is_sorted_by(|one, next| one.leaf < next.leaf) {
            return Err(invalid("papers", "the notes are not ordered by entry, or an entry is repeated"));
        }
        let sections = required(sections, "sections")?.into_array("sections", MAX_SECTIONS)?;
        let frame = Self {
            file: Described::parse(required(file, "file")?, "file")?,
            tool: parse_tool(required(tool, "tool")?)?,
            time: Time::parse(time.as_bytes()).ok_or_else(|| unexpected("must be a time", "time"))?,
            trust: required(trust, "trust")?
                .some()
                .map(|trust| describe(trust, "trust", bytes.and_then(|bytes| bytes.trust)))
                .transpose()?,
            pins: pins
                .into_iter()
                .enumerate()
                .map(|(place, pin)| {
                    describe(pin, "pins", bytes.and_then(|bytes| bytes.pins.get(place).copied()))
                })
                .collect::<Result<_, _>>()?,
            query: optional_text(required(query, "query")?, "query")?,
            scope: parse_scope(required(scope, "scope")?)?,
            detections: required(detections, "detections")?.some().map(Detections::from_json).transpose()?,
            report: report_text(&required(report, "report")?)?,
            slice: required(slice, "slice")?
                .some()
                .map(|slice| {
                    let [file, events, report] = slice.members("slice", ["file", "events", "report"])?;
                    let file = required(file, "file")?;
                    Ok::<_, Error>(Sliced {
                        file: describe(file, "file", bytes.and_then(|bytes| bytes.export))?,
                        events: required(events, "events")?.into_number("events")?,
                        report: report_text(&required(report, "report")?)?,
                    })
                })
                .transpose()?,
            reference: required(reference, "reference")?.into_text("reference", MAX_TEXT_BYTES)?,
            examiner: required(examiner, "examiner")?.into_text("examiner", MAX_TEXT_BYTES)?,
            papers,
            sections: sections.into_iter().map(section).collect::<Result<_, _>>()?,
        };
        frame.check_consistency()?;
        Ok(frame)
    }

    /// Parses a frame in which `trust` and `pins` may lack hash and size, which are then computed from this content.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn parse_with_content(text: &[u8], trust: Option<&[u8]>, pins: &[&[u8]]) -> Result<Self, Error> {
        Self::parse_with(text, Some(&Bytes { trust, pins, export: None }))
    }

    /// Returns the frame as canonical JSON.
    ///
    /// # Errors
    /// [`Code::Evidence`] if it couldn't be parsed again.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let list = |values: &[Described]| Json::Array(values.iter().map(Described::json).collect());
        let tool = object([
            ("name", self.tool.name.as_str().into()),
            ("version", self.tool.version.as_str().into()),
            ("sha256", hex::encode(&self.tool.sha256.0).as_str().into()),
        ]);
        let slice = self.slice.as_ref().map(|slice| {
            Ok::<_, Error>(object([
                ("file", slice.file.json()),
                ("events", slice.events.into()),
                ("report", Json::parse(slice.report.as_bytes())?),
            ]))
        });
        let papers = self.papers.iter().map(|paper| {
            object([
                ("entry", paper.leaf.into()),
                ("ticked", Json::Bool(paper.ticked)),
                ("flagged", Json::Bool(paper.flagged)),
                ("comment", paper.comment.as_str().into()),
            ])
        });
        let text = object([
            ("countersign", FORMAT.into()),
            ("file", self.file.json()),
            ("tool", tool),
            ("time", self.time.to_string().as_str().into()),
            ("trust", self.trust.as_ref().map_or(Json::Null, Described::json)),
            ("pins", list(&self.pins)),
            ("query", self.query.as_deref().into()),
            ("scope", scope(&self.scope)),
            ("detections", self.detections.as_ref().map_or(Json::Null, Detections::json)),
            ("report", Json::parse(self.report.as_bytes())?),
            ("slice", slice.transpose()?.unwrap_or(Json::Null)),
            ("reference", self.reference.as_str().into()),
            ("examiner", self.examiner.as_str().into()),
            ("papers", Json::Array(papers.collect())),
            ("sections", Json::Array(self.sections.iter().map(section_json).collect::<Result<_, _>>()?)),
        ])
        .canonical()?;
        Self::parse(&text).map(|_| text)
    }

    /// Returns the parts of the log that the report on the export does not show.
    pub fn gaps(&self) -> ExportGaps {
        let report = Json::parse(self.report.as_bytes()).ok();
        let member = |name| report.as_ref().and_then(|report| report.get(name));
        let number = |name| member("counts")?.get(name)?.number();
        ExportGaps {
            is_verified: member("verdict").and_then(Json::text_of) == Some(Verdict::Verified.as_str()),
            withheld: number("withheld").unwrap_or_default(),
            omitted: number("skipped").unwrap_or_default(),
        }
    }

    /// Returns what determines the wording of the report's verdict (see [`Report::why`]). None also if the writer
    /// recorded too little.
    pub fn why(&self) -> Option<Why> {
        let report = Json::parse(self.report.as_bytes()).ok()?;
        let at = |path: [&str; 2]| path.iter().try_fold(&report, |json, name| json.get(name));
        let number = |path| at(path).and_then(Json::number).unwrap_or_default();
        let check = |name| {
            let state = at(["checks", name]).and_then(|check| check.get("state")).and_then(Json::text_of);
            let is_passed = state == Some(CheckState::Pass.as_str());
            let state = if is_passed { CheckState::Pass } else { CheckState::NotChecked };
            Ok::<_, Infallible>(Check { state, checked: 0, failed: 0, reason: None })
        };
        let Ok(checks) = Checks::collect(check);
        let Some(Json::Object(found)) = report.get("finding_counts") else { return None };
        let code = |word: &str| FindingCode::ALL.iter().copied().find(|code| code.as_str() == word);
        let found = found.iter().map(|(word, _)| Some((code(word)?, 1)));
        let size = at(["log", "size"]).and_then(Json::number);
        let report = Report {
            countersign: "report/v1",
            verdict: Verdict::parse(report.get("verdict").and_then(Json::text_of)?)?,
            complete: None,
            origin: None,
            checks,
            counts: Counts {
                entries: number(["counts", "entries"]),
                skipped: number(["counts", "skipped"]),
                ..Counts::default()
            },
            log: size.map(|size| Log { size, root: Hash([0; 32]), time: None }),
            root_log: None,
            history: None,
            only_grew: false,
            summaries: 0,
            signers: Vec::new(),
            findings: Vec::new(),
            finding_counts: found.collect::<Option<_>>()?,
        };
        report.why()
    }
}

/// The content of the files that a frame describes.
pub(crate) struct Bytes<'a> {
    pub(crate) trust: Option<&'a [u8]>,
    pub(crate) pins: &'a [&'a [u8]],
    pub(crate) export: Option<&'a [u8]>,
}

fn optional_text(json: Json, what: &str) -> Result<Option<String>, Error> {
    json.some().map(|text| text.into_text(what, MAX_TEXT_BYTES)).transpose()
}

fn parse_hex(json: Json) -> Result<Hash, Error> {
    let text = json.into_text("sha256", 64)?;
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> =
        text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect();
    let hash = bytes.and_then(|bytes| bytes.try_into().ok());
    hash.map(Hash).ok_or_else(|| unexpected("must be a SHA-256 in hex", "sha256"))
}

fn parse_tool(json: Json) -> Result<Tool, Error> {
    let [name, version, sha256] = json.members("tool", ["name", "version", "sha256"])?;
    Ok(Tool {
        name: required(name, "name")?.into_text("name", 256)?,
        version: required(version, "version")?.into_text("version", 256)?,
        sha256: parse_hex(required(sha256, "sha256")?)?,
    })
}

fn report_text(json: &Json) -> Result<String, Error> {
    if json.get("countersign") != Some(&"report/v1".into()) {
        return Err(invalid("report", "the report has an unknown format"));
    }
    String::from_utf8(json.canonical()?).map_err(|_| invalid("report", "the report is not UTF-8"))
}

fn scope(scope: &Scope) -> Json {
    let range = scope.range.map(|(first, end)| Json::Array(vec![first.into(), end.into()]));
    let sample = scope.sample.as_ref().map(|sample| {
        object([
            ("wanted", sample.wanted.into()),
            ("seed", sample.seed.as_str().into()),
            ("root", sample.root.to_string().as_str().into()),
            ("witnessed", Json::Bool(sample.witnessed)),
            ("candidates", sample.candidates.into()),
            ("entries", Json::Array(sample.leaves.iter().map(|&leaf| leaf.into()).collect())),
        ])
    });
    let examined = scope.examined.map(|examined| {
        object([("events", examined.events.into()), ("unrecognized", examined.unrecognized.into())])
    });
    object([
        ("events", scope.events.into()),
        ("examined", examined.unwrap_or(Json::Null)),
        ("range", range.unwrap_or(Json::Null)),
        ("sample", sample.unwrap_or(Json::Null)),
    ])
}

fn parse_scope(json: Json) -> Result<Scope, Error> {
    let [events, examined, range, sample] =
        json.members("scope", ["events", "examined", "range", "sample"])?;
    let range = required(range, "range")?.some().map(|range| {
        let ends = range.into_array("range", 2)?;
        let ends: Vec<u64> =
            ends.into_iter().map(|end| end.into_number("range")).collect::<Result<_, _>>()?;
        match *ends {
            [first, end] if first < end => Ok((first, end)),
            _ => Err(unexpected("must be two indexes, the first less than the second", "range")),
        }
    });
    Ok(Scope {
        events: required(events, "events")?.into_number("events")?,
        examined: required(examined, "examined")?.some().map(parse_examined).transpose()?,
        range: range.transpose()?,
        sample: required(sample, "sample")?.some().map(parse_sample).transpose()?,
    })
}

fn parse_examined(json: Json) -> Result<Examined, Error> {
    let [events, unrecognized] = json.members("examined", ["events", "unrecognized"])?;
    Ok(Examined {
        events: required(events, "events")?.into_number("events")?,
        unrecognized: required(unrecognized, "unrecognized")?.into_number("unrecognized")?,
    })
}

fn parse_sample(json: Json) -> Result<Sampled, Error> {
    let [wanted, seed, root, witnessed, candidates, leaves] =
        json.members("sample", ["wanted", "seed", "root", "witnessed", "candidates", "entries"])?;
    let root = required(root, "root")?.into_text("root", 64)?;
    let leaves = required(leaves, "entries")?.into_array("entries", MAX_SAMPLED)?;
    Ok(Sampled {
        wanted: required(wanted, "wanted")?.into_number("wanted")?,
        seed: required(seed, "seed")?.into_text("seed", MAX_TEXT_BYTES)?,
        root: Hash::from_base64(root).ok_or_else(|| unexpected("must be a root hash", "root"))?,
        witnessed: required(witnessed, "witnessed")?.into_bool("witnessed")?,
        candidates: required(candidates, "candidates")?.into_number("candidates")?,
        leaves: leaves.into_iter().map(|leaf| leaf.into_number("entries")).collect::<Result<_, _>>()?,
    })
}

fn paper(json: Json) -> Result<Paper, Error> {
    let [leaf, ticked, flagged, comment] =
        json.members("papers", ["entry", "ticked", "flagged", "comment"])?;
    Ok(Paper {
        leaf: required(leaf, "entry")?.into_number("entry")?,
        ticked: required(ticked, "ticked")?.into_bool("ticked")?,
        flagged: required(flagged, "flagged")?.into_bool("flagged")?,
        comment: required(comment, "comment")?.into_text("comment", MAX_COMMENT_BYTES)?,
    })
}

fn strings(values: &[String]) -> Json {
    Json::Array(values.iter().map(|text| text.as_str().into()).collect())
}

fn parse_strings(json: Json, what: &str, max: usize) -> Result<Vec<String>, Error> {
    json.into_array(what, max)?.into_iter().map(|text| text.into_text(what, MAX_TEXT_BYTES)).collect()
}

fn section_json(section: &Section) -> Result<Json, Error> {
    let blocks = section.blocks.iter().map(|block| match block {
        Block::Text(text) => object([("text", text.as_str().into())]),
        Block::List(items) => object([("list", strings(items))]),
        Block::Table { head, rows } => {
            let rows = rows.iter().map(|row| strings(row)).collect();
            object([("head", strings(head)), ("rows", Json::Array(rows))])
        }
        Block::Picture { svg, text } => {
            object([("svg", svg.as_str().into()), ("text", text.as_str().into())])
        }
    });
    let data = section.data.as_ref().map(|data| Json::parse(data.as_bytes())).transpose()?;
    Ok(object([
        ("title", section.title.as_str().into()),
        ("blocks", Json::Array(blocks.collect())),
        ("data", data.unwrap_or(Json::Null)),
    ]))
}

fn section(json: Json) -> Result<Section, Error> {
    let [title, blocks, data] = json.members("sections", ["title", "blocks", "data"])?;
    let blocks = required(blocks, "blocks")?.into_array("blocks", MAX_BLOCKS)?;
    let data = required(data, "data")?.some().map(|data| data.canonical()).transpose()?;
    Ok(Section {
        title: required(title, "title")?.into_text("title", 1024)?,
        blocks: blocks.into_iter().map(block).collect::<Result<_, _>>()?,
        data: data
            .map(|data| String::from_utf8(data).map_err(|_| invalid("data", "the data is not UTF-8")))
            .transpose()?,
    })
}

fn block(json: Json) -> Result<Block, Error> {
    match json.members("blocks", ["text", "list", "head", "rows", "svg"])? {
        [Some(text), None, None, None, None] => Ok(Block::Text(text.into_text("text", MAX_TEXT_BYTES)?)),
        [Some(text), None, None, None, Some(svg)] => Ok(Block::Picture {
            svg: svg.into_text("svg", MAX_PICTURE_BYTES)?,
            text: text.into_text("text", MAX_TEXT_BYTES)?,
        }),
        [None, Some(list), None, None, None] => Ok(Block::List(parse_strings(list, "list", MAX_BLOCKS)?)),
        [None, None, Some(head), Some(rows), None] => {
            let head = parse_strings(head, "head", MAX_CELLS)?;
            let rows = rows.into_array("rows", MAX_BLOCKS)?;
            let rows: Vec<_> = rows
                .into_iter()
                .map(|row| parse_strings(row, "rows", MAX_CELLS))
                .collect::<Result<_, _>>()?;
            if rows.iter().any(|row| row.len() != head.len()) {
                return Err(invalid("rows", "each row must have as many cells as the header"));
            }
            Ok(Block::Table { head, rows })
        }
        _ => Err(invalid("blocks", "a block must be a text, a list, a table, or a picture")),
    }
}

/// True if a text starts like the canonical form of a frame.
pub fn is_frame(text: &[u8]) -> bool {
    text.starts_with(b"{\"countersign\":\"evidence/")
}

/// Returns the report as canonical JSON.
///
/// # Errors
/// [`Code::Evidence`] if it isn't JSON.
pub fn canonical_report(report: &[u8]) -> Result<String, Error> {
    let canonical = canonicalize(report).map_err(|error| error.with_code(Code::Evidence))?;
    String::from_utf8(canonical).map_err(|_| invalid("report", "the report is not UTF-8"))
}
