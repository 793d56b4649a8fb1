//! `countersign show`: the events that verify, and nothing beside them.

mod export;
mod indexed;
mod search;
mod searcher;
mod side;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::verify::report::{Report, SignerTrust};
use countersign::verify::{CoveredLink, FindingCode, Options, Standing as KeyStanding, VerifiedEvent};
use countersign_query::value::{Document, Value};
use countersign_query::{Findings, Outcome, Party, Query, Read, Readings};
use indexed::{Answer, Asked as Asking};
use search::{Asked, Search, State, Wanted};

use crate::errors::Failure;
use crate::found::Found;
use crate::style::{doubt, good, label, plain};
use crate::{args, query, readings, report, verdict, verify};

/// Show the events of an export that verify
///
/// Verifies the export first, and then shows the events that match their links, on links that a valid signature
/// covers: as a table, or one event whole with what proves it. Whose signatures they are is shown with each; whom
/// to trust is told by the trust file.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign show audit.ndjson --trust trust.txt
  countersign show audit.ndjson da7f84a510cb84b8cbb5b74a63c306ec/3 --trust trust.txt
  countersign show audit.ndjson --trust trust.txt --query 'actor:ada outcome:failure,denied since:-7d'
  countersign show audit.ndjson --trust trust.txt --query 'actor:ada' --index
  countersign show audit.ndjson --trust trust.txt --json | jq .read.action
  countersign show audit.ndjson --limit 100000 | less")]
pub(crate) struct Args {
    /// The export, perhaps compressed with gzip or zstd; - is the standard input
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// One event, by its chain and its place there
    #[arg(value_name = "C/SEQ", value_parser = args::place)]
    event: Option<(ChainId, u64)>,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Only events that are so (docs/query.md has the language)
    #[arg(long, value_name = "QUERY", conflicts_with = "event", allow_hyphen_values = true)]
    query: Option<String>,
    /// Keep the verified events in columns in a file, so that the next query need not verify the export again. It is
    /// sealed with a key of yours, and made anew where the export or the trust file is another (docs/index-files.md)
    /// [default place: beside the export, EXPORT.csindex]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, requires = "query")]
    index: Option<Option<PathBuf>>,
    /// Print one JSON object a line for each event: leaf, chain, seq, time, signer, standing, event as signed, and
    /// read, which is what the event says by its reading and was not signed. The verdict goes to standard error
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    own: readings::Own,
    /// How many events are shown at most [default: 1000 in the table, all as JSON]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// On how many threads [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// How many events the table shows where nothing is said.
const ROWS: u64 = 1000;

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let asked = args.query.as_deref().map(query::parse).transpose()?;
    let readings = args.own.load()?;
    let most = args.limit.map_or(if args.json { u64::MAX } else { ROWS }, u64::from);
    if let (Some(side), Some(query)) = (&args.index, &asked) {
        return by_index(args, side.as_deref(), query, &readings, most);
    }
    let trust = verify::trust_or_nobody(args.trust.as_deref())?;
    let options = Options { trust, ..Options::default() };
    let wanted = wanted(args.event, asked.as_ref(), &readings);
    let state = State::default();
    let mut search = Search::new(&wanted, &state, most);
    let mut taken = Ok(());
    let threads = args.threads.map_or_else(verify::cores, usize::from);
    let verification = verify::look(
        &mut report::contents(&args.export)?,
        options,
        threads,
        || state.look(&wanted),
        |told| {
            if taken.is_ok() {
                taken = search.take(told);
            }
        },
    )?;
    taken?;
    let report = &verification.report;
    let (found, findings) = search.finish();
    let headline = verdict::headline(report);
    let standings = Standings::of(report);
    if let (Some((chain, seq)), 0) = (args.event, found.kept()) {
        if !args.json {
            print(&(headline + "\n\n"))?;
        }
        let hint = "it is not here, withheld, altered, or no valid signature covers it: `countersign verify` says more";
        let message = format!("no event {chain}/{seq} verifies");
        return Err(Failure::unusable("event.not_shown", message, hint).into_broken());
    }
    if args.event.is_some() && !args.json {
        let mut text = headline + "\n\n";
        found.for_each(|event| {
            one(&mut text, &event, report, &standings, &readings);
            Ok(())
        })?;
        print(&text)?;
    } else {
        all(args, headline, found, &standings, &readings, findings.as_ref())?;
    }
    Ok(report.verdict.exit_status())
}

fn by_index(
    args: &Args,
    side: Option<&Path>,
    query: &Query,
    readings: &Readings,
    most: u64,
) -> Result<u8, Failure> {
    let (export, trust) = (&*args.export, args.trust.as_deref());
    let asked = Asking { export, side, trust, query, readings, threads: verify::threads(args.threads), most };
    let Answer { found, findings, verified } = asked.answer()?;
    let standings = Standings::kept(&verified.signers, &verified.suspects);
    all(args, verified.headline, found, &standings, readings, Some(&findings))?;
    Ok(verified.status)
}

/// What was found, as it was asked for.
fn all(
    args: &Args,
    headline: String,
    found: Found,
    standings: &Standings<'_>,
    readings: &Readings,
    findings: Option<&Findings>,
) -> Result<(), Failure> {
    if args.json {
        lines(found, standings, readings)?;
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{headline}");
        if let Some(findings) = findings {
            let _ = write!(err, "{}", query::told(findings, VERIFY));
        }
        return Ok(());
    }
    let mut text = headline + "\n\n";
    table(&mut text, found, standings, readings, findings)?;
    print(&text)
}

fn wanted<'q>(event: Option<(ChainId, u64)>, asked: Option<&'q Query>, readings: &'q Readings) -> Wanted<'q> {
    match (event, asked) {
        (Some((chain, seq)), _) => Wanted::One(chain, seq),
        (None, Some(query)) => Wanted::Matching(Box::new(Asked::new(query, readings))),
        (None, None) => Wanted::All,
    }
}

/// Each event as one line of JSON.
fn lines(found: Found, standings: &Standings<'_>, readings: &Readings) -> Result<(), Failure> {
    let mut out = io::BufWriter::with_capacity(1 << 16, anstream::stdout().lock());
    let mut open = true;
    found.for_each(|event| {
        if open {
            open = written(out.write_all(json_line(&event, standings, readings).as_bytes()))?;
        }
        Ok(())
    })?;
    written(out.flush()).map(drop)
}

/// Whether somebody still reads what was written.
fn written(result: io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::io("write", "standard output", &error)),
    }
}

/// One event on one line.
fn json_line(event: &VerifiedEvent, standings: &Standings<'_>, readings: &Readings) -> String {
    let document = Document::parse(&event.event);
    let root = document.as_ref().map(Document::root);
    let read = root.as_ref().and_then(|event| readings.read(event));
    let mut facts = serde_json::json!({
        "leaf": event.index,
        "chain": event.chain.to_string(),
        "seq": event.seq,
        "time": event.time.to_string(),
        "signer": event.vkey.as_str(),
        "standing": standings.of_link(event).word(),
    })
    .to_string();
    facts.pop();
    let mut said = Vec::new();
    match read {
        Some(read) => read.write_json(&mut said),
        None => said.extend(b"null"),
    }
    // The event stands as it was signed, to the byte.
    format!("{facts},\"event\":{},\"read\":{}}}\n", event.event, String::from_utf8_lossy(&said))
}

fn print(text: &str) -> Result<(), Failure> {
    written(anstream::stdout().lock().write_all(text.as_bytes())).map(drop)
}

/// Whether the key that signed is one to trust, by the end of the export; the best comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Trusted,
    Unknown,
    Suspect,
    Revoked,
}

impl Standing {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Unknown => "unknown",
            Self::Suspect => "suspect",
            Self::Revoked => "revoked",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Trusted => "✓",
            Self::Unknown => "?",
            Self::Suspect => "!",
            Self::Revoked => "✗",
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.mark(), self.word())
    }
}

/// How signers can be trusted.
const TRUSTS: [SignerTrust; 4] =
    [SignerTrust::Revoked, SignerTrust::TrustFile, SignerTrust::Granted, SignerTrust::Unknown];

/// What the whole report says of signers and chains.
pub(crate) struct Standings<'r> {
    signers: HashMap<Cow<'r, str>, SignerTrust>,
    suspects: HashSet<ChainId>,
}

impl<'r> Standings<'r> {
    pub(crate) fn of(report: &'r Report) -> Self {
        let doubted = |code| matches!(code, FindingCode::KeySuspect | FindingCode::KeyLate);
        let suspects = report.findings.iter().filter(|finding| doubted(finding.code));
        Self {
            signers: report
                .signers
                .iter()
                .map(|signer| (signer.vkey.as_str().into(), signer.trust))
                .collect(),
            suspects: suspects.filter_map(|finding| finding.chain).collect(),
        }
    }

    /// As they were kept, by their words.
    fn kept(signers: &'r [(String, String)], suspects: &[String]) -> Self {
        let trust = |word: &str| TRUSTS.into_iter().find(|trust| trust.as_str() == word);
        let signers = signers.iter().filter_map(|(key, word)| Some((Cow::Borrowed(&**key), trust(word)?)));
        Self {
            signers: signers.collect(),
            suspects: suspects.iter().filter_map(|chain| ChainId::parse(chain.as_bytes())).collect(),
        }
    }

    /// Each key, and the word for how it is trusted.
    fn signers(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.signers.iter().map(|(key, trust)| (&**key, trust.as_str()))
    }

    /// The chains that are suspect.
    fn suspects(&self) -> impl Iterator<Item = &ChainId> {
        self.suspects.iter()
    }

    pub(crate) fn of_link(&self, link: &CoveredLink) -> Standing {
        self.of_signer(&link.vkey, link.chain, link.authorised)
    }

    pub(crate) fn of_signer(&self, vkey: &VerifierKey, chain: ChainId, authorised: bool) -> Standing {
        let trust = self.signers.get(vkey.as_str()).copied();
        match KeyStanding::of(trust, self.suspects.contains(&chain), authorised) {
            KeyStanding::Trusted => Standing::Trusted,
            KeyStanding::Unknown => Standing::Unknown,
            KeyStanding::Suspect => Standing::Suspect,
            KeyStanding::Revoked => Standing::Revoked,
        }
    }
}

fn table(
    text: &mut String,
    found: Found,
    standings: &Standings<'_>,
    readings: &Readings,
    findings: Option<&Findings>,
) -> Result<(), Failure> {
    let (kept, total) = (found.kept(), found.total);
    if let Some(findings) = findings.filter(|findings| findings.of > 0) {
        text.push_str(&query::told(findings, VERIFY));
        if kept == 0 {
            return Ok(());
        }
        text.push('\n');
    }
    if kept == 0 {
        let _ = writeln!(text, "No event of this export verifies. `countersign verify` says why.");
        return Ok(());
    }
    let mut rows = Vec::new();
    found.for_each(|event| {
        rows.push(Row::of(event, standings, readings));
        Ok(())
    })?;
    // What no event of the table has takes no room.
    let any = |has: fn(&Says) -> bool| rows.iter().any(|row| has(&row.says));
    let happened = any(|says| !says.happened.is_empty());
    let address = any(|says| !says.address.is_empty());
    let read_as = any(|says| !says.read_as.is_empty() && says.read_as != OWN);
    let columns = [
        (true, "ENTRY"),
        (true, "TIME"),
        (true, "CHAIN/SEQ"),
        (happened, "HAPPENED"),
        (true, "ACTION"),
        (true, "ACTOR"),
        (true, "TARGET"),
        (address, "FROM"),
        (true, "OUTCOME"),
        (read_as, "READ AS"),
        (true, "SIGNER"),
        (true, "KEY"),
    ];
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().filter(|(shown, _)| *shown).map(|(_, name)| *name));
    for row in rows {
        let cells = [
            row.link.index.to_string(),
            row.link.time.to_string(),
            format!("{}/{}", row.link.chain, row.link.seq),
            row.says.happened,
            row.says.action,
            row.says.actor,
            row.says.target,
            row.says.address,
            row.says.outcome,
            row.says.read_as,
            plain(row.link.vkey.name()),
            row.standing.to_string(),
        ];
        table.add_row(columns.iter().zip(cells).filter(|((shown, _), _)| *shown).map(|(_, cell)| cell));
    }
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if total > kept {
        let _ = writeln!(text, "\n… and {} more that verify: --limit shows more", total - kept);
    }
    Ok(())
}

/// Which events are searched.
const VERIFY: &str = "that verify";
/// The reading of our own shape.
const OWN: &str = "countersign";

/// An event of the table.
struct Row {
    link: CoveredLink,
    standing: Standing,
    says: Says,
}

impl Row {
    fn of(event: VerifiedEvent, standings: &Standings<'_>, readings: &Readings) -> Self {
        let (standing, says) = (standings.of_link(&event), Says::of(&event, readings));
        Self { link: event.link, standing, says: says.map(|text| cell(&text)) }
    }
}

/// What the table has of an event beside its place and its signer.
#[derive(Default)]
struct Says {
    happened: String,
    action: String,
    actor: String,
    target: String,
    address: String,
    outcome: String,
    read_as: String,
}

impl Says {
    fn of(event: &VerifiedEvent, readings: &Readings) -> Self {
        let document = Document::parse(&event.event);
        let Some(root) = document.as_ref().map(Document::root) else { return Self::default() };
        readings.read(&root).map_or_else(|| Self::by_members(root), |read| Self::by_reading(&read))
    }

    fn map(self, each: impl Fn(String) -> String) -> Self {
        let Self { happened, action, actor, target, address, outcome, read_as } = self;
        let [happened, action, actor, target, address, outcome, read_as] =
            [happened, action, actor, target, address, outcome, read_as].map(each);
        Self { happened, action, actor, target, address, outcome, read_as }
    }

    fn by_reading(read: &Read<'_>) -> Self {
        // Others' identifiers are mostly not for people.
        let party = |party: &Party<'_>| {
            let (first, second) =
                if read.read_as == OWN { (&party.id, &party.name) } else { (&party.name, &party.id) };
            first.as_deref().or(second.as_deref()).unwrap_or_default().to_owned()
        };
        Self {
            happened: read.time.map(|time| time.to_string()).unwrap_or_default(),
            action: read.action.as_deref().unwrap_or_default().into(),
            actor: party(&read.actor),
            target: party(&read.target),
            address: read.address.as_deref().unwrap_or_default().into(),
            outcome: read.outcome.as_str().into(),
            read_as: read.read_as.clone().into_owned(),
        }
    }

    /// Of an event that no reading fits.
    fn by_members(event: Value<'_>) -> Self {
        let text = |path: &str| event.at(path).and_then(Value::said).map(std::borrow::Cow::into_owned);
        let first = |paths: [&str; 2]| paths.into_iter().find_map(text).unwrap_or_default();
        Self {
            action: text("action").unwrap_or_default(),
            actor: first(["actor.id", "actor"]),
            target: first(["target.id", "target"]),
            outcome: text("outcome").unwrap_or_else(|| Outcome::NotStated.as_str().into()),
            ..Self::default()
        }
    }
}

/// A text on one line of a table.
fn cell(text: &str) -> String {
    const WIDTH: usize = 40;
    let text = plain(text).replace('\n', "\\n");
    if text.chars().count() <= WIDTH {
        return text;
    }
    text.chars().take(WIDTH - 1).chain(['…']).collect()
}

fn one(
    text: &mut String,
    event: &VerifiedEvent,
    report: &Report,
    standings: &Standings<'_>,
    readings: &Readings,
) {
    let VerifiedEvent { link, event: json } = event;
    let CoveredLink { line, index, chain, seq, time, vkey, .. } = link;
    let trust = standings.of_link(event);
    let trust = if trust == Standing::Trusted { good(trust) } else { doubt(trust) };
    let fact = |name: &str, value: &str| format!("{} {value}\n", label(format_args!("{name:<12}")));
    text.push_str(&fact("event", &format!("{chain}/{seq}")));
    text.push_str(&fact("leaf", &format!("{index}, on line {line}")));
    text.push_str(&fact("time", &format!("{time}, by the emitter's clock")));
    text.push_str(&fact("signer", &format!("{} {}", plain(vkey.as_str()), trust)));
    text.push_str(&fact("key ID", &verdict::key_id(vkey)));
    text.push_str(&fact("payload", "matches its link's commit"));
    text.push_str(&fact("signature", "a valid signature of this key covers the link"));
    text.push_str(&fact("tree", &tree(*index, report)));
    let document = Document::parse(json);
    let root = document.as_ref().map(Document::root);
    if let Some(read) = root.as_ref().and_then(|event| readings.read(event)) {
        text.push('\n');
        let party = |party: &Party<'_>| {
            let kind = party.kind.as_deref().map(|kind| format!("({kind})"));
            let parts = [party.name.as_deref(), party.id.as_deref(), kind.as_deref()];
            parts.into_iter().flatten().map(plain).collect::<Vec<_>>().join(" ")
        };
        let said = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(plain).unwrap_or_default();
        for (name, value) in [
            (
                "read as",
                format!("{}; what follows was not signed, the event below was", plain(&read.read_as)),
            ),
            ("what", said(&read.action)),
            ("who", party(&read.actor)),
            ("when", read.time.map(|time| time.to_string()).unwrap_or_default()),
            ("to what", party(&read.target)),
            ("from", said(&read.address)),
            ("outcome", read.outcome.as_str().to_owned()),
            ("reason", said(&read.reason)),
        ] {
            if !value.is_empty() {
                text.push_str(&fact(name, &value));
            }
        }
    }
    let _ = writeln!(text, "\n{}", plain(&indented(json)));
}

/// The event's JSON with a line for each member and item, and all else as it is: what is shown is what was hashed.
fn indented(json: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    let mut in_string = false;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_string = !in_string;
                text.push('"');
            }
            '\\' if in_string => {
                text.push('\\');
                text.extend(characters.next());
            }
            _ if in_string => text.push(character),
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                text.push(character);
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(close);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => text.push(character),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

fn tree(index: u64, report: &Report) -> String {
    match &report.log {
        Some(log) if index < log.size => {
            format!("within the checkpoint of {} entries, root {}", log.size, log.root)
        }
        _ => "no checkpoint that matches covers it".into(),
    }
}
