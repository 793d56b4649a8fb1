//! The frame of a report: what was verified, by what, when, and by whose word (SPEC section 14).

use core::convert::Infallible;

use countersign::canonical::canonicalize;
use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;
use countersign::verify::report::{Check, Checks, Counts, Log};
use countersign::verify::{CheckState, FindingCode, Report, Verdict, Why};

use crate::MOST_SAMPLED;
use crate::json::{Json, invalid, object};

/// The name of the format.
pub const FORMAT: &str = "evidence/v1";
/// No frame is longer, in bytes.
pub const LONGEST_FRAME: usize = 8 << 20;
/// So many pins can there be.
pub const MOST_PINS: usize = 64;
/// So many events can have a word written to them.
pub const MOST_PAPERS: usize = 10_000;
/// No comment is longer, in bytes.
pub const LONGEST_COMMENT: usize = 8_000;
/// No other text that a person writes is longer, in bytes.
const LONGEST_TEXT: usize = 16_000;
/// So many sections can there be.
pub const MOST_SECTIONS: usize = 200;
const MOST_BLOCKS: usize = 10_000;
const MOST_CELLS: usize = 64;
/// No picture is longer, in bytes.
const LONGEST_PICTURE: usize = 128 << 10;

/// A file, by its name and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What it was called, without a path.
    pub name: String,
    /// The SHA-256 of its bytes.
    pub sha256: Hash,
    /// How many bytes it has.
    pub size: u64,
}

impl Described {
    /// A file of that name with these bytes.
    pub fn of(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self { name: name.into(), sha256: Hash::of(&[bytes]), size: bytes.len() as u64 }
    }

    /// Whether these are its bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.size == bytes.len() as u64 && self.sha256 == Hash::of(&[bytes])
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

/// What verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// `countersign` for the program, `countersign page` for the auditor's page.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the program's file, or of the page.
    pub sha256: Hash,
}

/// A sample, as it was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// How many were asked for.
    pub wanted: u64,
    /// The seed.
    pub seed: String,
    /// The root that was drawn by.
    pub root: Hash,
    /// Whether witnesses saw that root.
    pub witnessed: bool,
    /// Out of how many.
    pub candidates: u64,
    /// The leaves, in the order in which they were drawn.
    pub leaves: Vec<u64>,
}

/// What of the export the report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// How many events that verify were selected.
    pub events: u64,
    /// The leaves that were looked at, where not all were.
    pub range: Option<(u64, u64)>,
    /// Which of the selected events were drawn.
    pub sample: Option<Sampled>,
}

/// The smaller export that an evidence file has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sliced {
    /// The slice.
    pub file: Described,
    /// How many events it shows.
    pub events: u64,
    /// The report of verifying the slice alone, as JSON.
    pub report: String,
}

/// What a person wrote to an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// The event's leaf.
    pub leaf: u64,
    /// Whether it was looked at and is done.
    pub ticked: bool,
    /// Whether it was marked.
    pub flagged: bool,
    /// What was written to it.
    pub comment: String,
}

/// What a part of a section is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Items.
    List(Vec<String>),
    /// Rows under a head, each as long as it.
    Table {
        /// What the columns are called.
        head: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
    /// A picture as SVG, which readers show as an image, and what is on it in words.
    Picture {
        /// The SVG.
        svg: String,
        /// The words.
        text: String,
    },
}

/// What another command has to say, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its parts.
    pub blocks: Vec<Block>,
    /// The same for programs, as JSON.
    pub data: Option<String>,
}

impl Section {
    /// Whether a report can have it.
    ///
    /// # Errors
    /// [`Code::Evidence`] where it is longer than a report's parts may be.
    pub fn check(&self) -> Result<(), Error> {
        section(section_json(self)?).map(drop)
    }
}

/// A report with all that it takes to know what it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The export.
    pub file: Described,
    /// What verified it.
    pub tool: Tool,
    /// When.
    pub time: Time,
    /// The trust file.
    pub trust: Option<Described>,
    /// The pins that it was held against.
    pub pins: Vec<Described>,
    /// Which events were asked for; lengths of time in it count back from `time`.
    pub query: Option<String>,
    /// What was selected.
    pub scope: Scope,
    /// The report of verifying the export, as JSON.
    pub report: String,
    /// What an evidence file has in it, where that is not the export itself.
    pub slice: Option<Sliced>,
    /// Under which reference it is filed.
    pub reference: String,
    /// Who examined it.
    pub examiner: String,
    /// What was written to events, by leaf.
    pub papers: Vec<Paper>,
    /// What else there is to say.
    pub sections: Vec<Section>,
}

impl Frame {
    /// Reads a frame, canonical or not.
    ///
    /// # Errors
    /// [`Code::Evidence`] with the member that is not as it should be.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        Self::parse_with(text, None)
    }

    /// Reads a frame in which `file`, `trust`, `pins` and `slice` may lack hash and size: those are taken from their
    /// bytes.
    pub(crate) fn parse_with(text: &[u8], bytes: Option<&Bytes<'_>>) -> Result<Self, Error> {
        if text.len() > LONGEST_FRAME {
            return Err(Error::new(Code::Evidence, "a report above 8 MiB").with_hint("select less"));
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
                "report",
                "slice",
                "reference",
                "examiner",
                "papers",
                "sections",
            ],
        )?;
        if required(format, "countersign")?.into_text("countersign", 64)? != FORMAT {
            return Err(invalid("countersign", "not a report of this format")
                .with_hint("evidence/v1 is what this version reads"));
        }
        let describe = |json: Json, what: &str, bytes: Option<&[u8]>| match (bytes, json.get("name").cloned())
        {
            (Some(bytes), Some(name)) => Ok(Described::of(name.into_text("name", 1024)?, bytes)),
            _ => Described::parse(json, what),
        };
        let time = required(time, "time")?.into_text("time", 24)?;
        let pins = required(pins, "pins")?.into_array("pins", MOST_PINS)?;
        let papers = required(papers, "papers")?.into_array("papers", MOST_PAPERS)?;
        let papers: Vec<Paper> = papers.into_iter().map(paper).collect::<Result<_, _>>()?;
        if !papers.is_sorted_by(|one, next| one.leaf < next.leaf) {
            return Err(invalid("papers", "not by leaf, or one leaf twice"));
        }
        let sections = required(sections, "sections")?.into_array("sections", MOST_SECTIONS)?;
        let frame = Self {
            file: Described::parse(required(file, "file")?, "file")?,
            tool: parse_tool(required(tool, "tool")?)?,
            time: Time::parse(time.as_bytes()).ok_or_else(|| invalid("time", "not a time"))?,
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
            reference: required(reference, "reference")?.into_text("reference", LONGEST_TEXT)?,
            examiner: required(examiner, "examiner")?.into_text("examiner", LONGEST_TEXT)?,
            papers,
            sections: sections.into_iter().map(section).collect::<Result<_, _>>()?,
        };
        frame.is_consistent()?;
        Ok(frame)
    }

    /// Reads a frame in which `trust` and `pins` may lack hash and size, which are taken from these bytes.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of(text: &[u8], trust: Option<&[u8]>, pins: &[&[u8]]) -> Result<Self, Error> {
        Self::parse_with(text, Some(&Bytes { trust, pins, export: None }))
    }

    /// The frame as canonical JSON.
    ///
    /// # Errors
    /// [`Code::Evidence`] where it would not be read again.
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

    /// What the words for its report's verdict depend on (see [`Report::why`]); none also where its writer says too little.
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
        let Ok(checks) = Checks::of(check);
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
            signers: Vec::new(),
            findings: Vec::new(),
            finding_counts: found.collect::<Option<_>>()?,
        };
        report.why()
    }
}

/// The bytes of what a frame describes.
pub(crate) struct Bytes<'a> {
    pub(crate) trust: Option<&'a [u8]>,
    pub(crate) pins: &'a [&'a [u8]],
    pub(crate) export: Option<&'a [u8]>,
}

fn required(value: Option<Json>, name: &str) -> Result<Json, Error> {
    value.ok_or_else(|| invalid(name, "it is not there"))
}

fn optional_text(json: Json, what: &str) -> Result<Option<String>, Error> {
    json.some().map(|text| text.into_text(what, LONGEST_TEXT)).transpose()
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
    hash.map(Hash).ok_or_else(|| invalid("sha256", "not a SHA-256 in hex"))
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
        return Err(invalid("report", "not a report of this format"));
    }
    String::from_utf8(json.canonical()?).map_err(|_| invalid("report", "not UTF-8"))
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
    object([
        ("events", scope.events.into()),
        ("range", range.unwrap_or(Json::Null)),
        ("sample", sample.unwrap_or(Json::Null)),
    ])
}

fn parse_scope(json: Json) -> Result<Scope, Error> {
    let [events, range, sample] = json.members("scope", ["events", "range", "sample"])?;
    let range = required(range, "range")?.some().map(|range| {
        let ends = range.into_array("range", 2)?;
        let ends: Vec<u64> =
            ends.into_iter().map(|end| end.into_number("range")).collect::<Result<_, _>>()?;
        match *ends {
            [first, end] if first < end => Ok((first, end)),
            _ => Err(invalid("range", "not two indexes, the first below the second")),
        }
    });
    Ok(Scope {
        events: required(events, "events")?.into_number("events")?,
        range: range.transpose()?,
        sample: required(sample, "sample")?.some().map(parse_sample).transpose()?,
    })
}

fn parse_sample(json: Json) -> Result<Sampled, Error> {
    let [wanted, seed, root, witnessed, candidates, leaves] =
        json.members("sample", ["wanted", "seed", "root", "witnessed", "candidates", "entries"])?;
    let root = required(root, "root")?.into_text("root", 64)?;
    let leaves = required(leaves, "entries")?.into_array("entries", MOST_SAMPLED)?;
    Ok(Sampled {
        wanted: required(wanted, "wanted")?.into_number("wanted")?,
        seed: required(seed, "seed")?.into_text("seed", LONGEST_TEXT)?,
        root: Hash::from_base64(root).ok_or_else(|| invalid("root", "not a root hash"))?,
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
        comment: required(comment, "comment")?.into_text("comment", LONGEST_COMMENT)?,
    })
}

fn texts(values: &[String]) -> Json {
    Json::Array(values.iter().map(|text| text.as_str().into()).collect())
}

fn parse_texts(json: Json, what: &str, most: usize) -> Result<Vec<String>, Error> {
    json.into_array(what, most)?.into_iter().map(|text| text.into_text(what, LONGEST_TEXT)).collect()
}

fn section_json(section: &Section) -> Result<Json, Error> {
    let blocks = section.blocks.iter().map(|block| match block {
        Block::Text(text) => object([("text", text.as_str().into())]),
        Block::List(items) => object([("list", texts(items))]),
        Block::Table { head, rows } => {
            let rows = rows.iter().map(|row| texts(row)).collect();
            object([("head", texts(head)), ("rows", Json::Array(rows))])
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
    let blocks = required(blocks, "blocks")?.into_array("blocks", MOST_BLOCKS)?;
    let data = required(data, "data")?.some().map(|data| data.canonical()).transpose()?;
    Ok(Section {
        title: required(title, "title")?.into_text("title", 1024)?,
        blocks: blocks.into_iter().map(block).collect::<Result<_, _>>()?,
        data: data
            .map(|data| String::from_utf8(data).map_err(|_| invalid("data", "not UTF-8")))
            .transpose()?,
    })
}

fn block(json: Json) -> Result<Block, Error> {
    match json.members("blocks", ["text", "list", "head", "rows", "svg"])? {
        [Some(text), None, None, None, None] => Ok(Block::Text(text.into_text("text", LONGEST_TEXT)?)),
        [Some(text), None, None, None, Some(svg)] => Ok(Block::Picture {
            svg: svg.into_text("svg", LONGEST_PICTURE)?,
            text: text.into_text("text", LONGEST_TEXT)?,
        }),
        [None, Some(list), None, None, None] => Ok(Block::List(parse_texts(list, "list", MOST_BLOCKS)?)),
        [None, None, Some(head), Some(rows), None] => {
            let head = parse_texts(head, "head", MOST_CELLS)?;
            let rows = rows.into_array("rows", MOST_BLOCKS)?;
            let rows: Vec<_> =
                rows.into_iter().map(|row| parse_texts(row, "rows", MOST_CELLS)).collect::<Result<_, _>>()?;
            if rows.iter().any(|row| row.len() != head.len()) {
                return Err(invalid("rows", "a row that is not as long as its head"));
            }
            Ok(Block::Table { head, rows })
        }
        _ => Err(invalid("blocks", "neither a text, a list, a table nor a picture")),
    }
}

/// Whether a text is a frame, by how its canonical form begins.
pub fn is_frame(text: &[u8]) -> bool {
    text.starts_with(b"{\"countersign\":\"evidence/")
}

/// The report as canonical JSON.
///
/// # Errors
/// [`Code::Evidence`] for what is not JSON.
pub fn canonical_report(report: &[u8]) -> Result<String, Error> {
    let canonical = canonicalize(report).map_err(|error| error.with_code(Code::Evidence))?;
    String::from_utf8(canonical).map_err(|_| invalid("report", "not UTF-8"))
}
