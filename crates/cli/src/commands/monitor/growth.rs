//! `countersign monitor --all-tenants`: checks that all tenant logs of a root log only grow, and may cosign it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::note::VerifierKey;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign::verify::Severity;
use countersign_client::{Answer, Body, Client, Deadline, Prefix, Redirects, Source, Token, Url, open};
use countersign_errors::{EngineError, now};
use countersign_growth::wire::{MAX_ANSWER_BYTES, MAX_PROOFS_ANSWER_BYTES};
use countersign_growth::{GrowthCode, GrowthState};
use countersign_log_server::server::Address;
use countersign_log_server::witness::{
    Coverage, GrowthDb, GrowthError, GrowthFollower, GrowthGuard, GrowthReport, GrowthSource, MemoryError,
    StateDb, WitnessKey,
};
use countersign_monitor::extends;
use serde_json::{Value, json};

use crate::args;
use crate::args::origin;
use crate::commands::serve::log_to_stderr;
use crate::commands::witness::Witness;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::count;
use crate::io::{key, stop, style, token};

/// The time that a checkpoint's tick may take to appear. It is less than the time that log servers wait for witnesses.
const PATIENCE: Duration = Duration::from_secs(4);
/// The time limit for reading the tiles of the root log that show that it only grew.
const ROOT_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of checkpoints that one check may try, because the first snapshot can be of a later tick.
const MAX_TRIES: usize = 5;

/// The options for all tenant logs.
#[derive(clap::Args)]
#[command(next_help_heading = "All tenant logs")]
pub(super) struct GrowthArgs {
    /// Check that every tenant log of a root log only grows, at each tick
    ///
    /// Needs a token with the right `growth` for all logs, and --state. Its reader learns the size of every tenant log,
    /// and when it grew, but no events and no names.
    #[arg(long, requires = "state", conflicts_with_all = ["pin", "also", "silence", "webhook", "timeout"])]
    pub(super) all_tenants: bool,
    /// Also be a witness that cosigns only the ticks that it has checked. The log's trust file then names it
    #[arg(long, requires_all = ["all_tenants", "key"], conflicts_with_all = ["once", "every"])]
    cosign: bool,
    /// Key files of the witness (`countersign keygen NAME --witness`, `--ml-dsa`): each key cosigns every checkpoint
    #[arg(long, value_name = "FILE", requires = "cosign", num_args = 1..)]
    key: Vec<PathBuf>,
    /// Address of the witness: host and port, or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081", requires = "cosign")]
    listen: Address,
    /// The time now, as for `countersign witness`
    #[arg(long, value_name = "T", value_parser = args::time, requires = "cosign")]
    clock_is: Option<Time>,
    /// Continue after findings about ticks up to this one, which you have examined
    ///
    /// A finding is kept in the file of --state and reported at each start, and nothing is cosigned, until you decide
    /// about it. Afterward, every tick must still follow from the last state that passed, and the ticks with findings are
    /// never cosigned. If the logs don't follow from that state, use another key and another state file.
    #[arg(long, value_name = "TICK", requires = "all_tenants")]
    resume_after: Option<u64>,
}

/// Runs the check of all tenant logs.
pub(super) fn run(args: &super::Args) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let selected = origin::select(&trust, args.origin.as_deref())?;
    let origin = TenantOrigin::parse(&selected).map_or(selected.clone(), |tenant| tenant.root().to_owned());
    let keys: Vec<VerifierKey> = trust.logs().filter(|key| key.name() == origin).cloned().collect();
    let (source, path) = (source(args)?, state(args));
    let db = GrowthDb::open(path).map_err(|error| unusable_state(&error, path))?;
    let follower = GrowthFollower::new(&origin, Box::new(source), db);
    let mut follower = follower.map_err(|error| unusable_state(&error, path))?;
    if let Some(tick) = args.growth.resume_after {
        let decided = follower.decide(tick).map_err(|error| unusable_state(&error, path))?;
        let findings = count(decided as u64, "finding");
        style::done(&format!(
            "{findings} up to tick {tick} decided; later ticks must follow from the last state that passed"
        ));
    }
    if follower.state().is_none() && !args.once {
        style::warn("these logs are new to the monitor, so earlier rewrites can't be detected");
    }
    stop::enable_service();
    let printer =
        Printer { origin: origin.clone(), is_json: args.format.is_json(), is_witness: args.growth.cosign };
    follower.take_reports().iter().for_each(|report| printer.print(report));
    if args.growth.cosign {
        return cosign(args, follower, keys, printer);
    }
    let root = open(&args.log)?;
    follow(args, follower, &*root, &keys, &printer)
}

fn witness_keys(args: &super::Args) -> Result<Vec<WitnessKey>, CliError> {
    args.growth.key.iter().map(|path| key::load_witness(path)).collect()
}

/// Returns the file of `--state`, which `--all-tenants` requires.
fn state(args: &super::Args) -> &Path {
    args.state.as_deref().unwrap_or(Path::new(""))
}

fn source(args: &super::Args) -> Result<OverHttp, CliError> {
    let prefix = Prefix::parse(&args.log).map_err(|why| {
        let hint = "use the URL of the root log's server, such as https://log.example";
        CliError::unusable("http.url", why, hint)
    })?;
    let token = args.access.token()?.ok_or_else(|| {
        let hint =
            "get one from the log operator (`countersign token add NAME --right growth --log all`), and pass it with --token-file";
        CliError::unusable("token.missing", "--all-tenants needs a token with the right growth", hint)
    })?;
    let address: Url = prefix.join("growth", &[]);
    token::warn_if_token_unencrypted(&address);
    let root = open(&args.log)?;
    Ok(OverHttp { client: Client::new(Redirects::SameHostWithBody)?, prefix, token, root })
}

/// The route of a log server.
struct OverHttp {
    client: Client,
    prefix: Prefix,
    token: Token,
    /// The public tiles of the root log.
    root: Box<dyn Source>,
}

impl GrowthSource for OverHttp {
    fn ticks(&self, from: Option<u64>) -> Result<Vec<u8>, String> {
        let from = from.map(|from| from.to_string());
        let query: Vec<(&str, &str)> = from.iter().map(|from| ("from", from.as_str())).collect();
        let url = self.prefix.join("growth", &query);
        body(self.client.get_with_token(&url, self.token.as_str(), MAX_ANSWER_BYTES, &Deadline::default()))
    }

    fn proofs(&self, lines: String) -> Result<Vec<u8>, String> {
        let lines = Body { content_type: "application/x-ndjson", bytes: lines.into_bytes() };
        let url = self.prefix.join("growth", &[]);
        body(self.client.post(&url, lines, Some(self.token.as_str()), MAX_PROOFS_ANSWER_BYTES))
    }

    fn root_extends(&self, earlier: &Checkpoint, later: &Checkpoint) -> Result<bool, String> {
        self.root.set_deadline(Some(Instant::now() + ROOT_TIMEOUT));
        extends(&*self.root, earlier, later).map_err(|error| error.without_place())
    }

    fn published_size(&self) -> Result<u64, String> {
        self.root.set_deadline(Some(Instant::now() + ROOT_TIMEOUT));
        let published = self.root.checkpoint().map_err(|error| error.without_place())?;
        Ok(published.checkpoint.size)
    }
}

fn body(answer: Result<Answer, EngineError>) -> Result<Vec<u8>, String> {
    match answer {
        Ok(Answer { status: 200, body, .. }) => Ok(body),
        Ok(Answer { status: 401 | 403 | 404, .. }) => {
            Err("the server doesn't accept the token; it needs the right growth for all logs".to_owned())
        }
        Ok(Answer { status, .. }) => Err(format!("the server responded with status {status}")),
        Err(error) => Err(error.without_place()),
    }
}

/// Prints reports.
#[derive(Clone)]
struct Printer {
    origin: String,
    is_json: bool,
    /// True if this is a growth witness, not only a monitor.
    is_witness: bool,
}

impl Printer {
    fn print(&self, report: &GrowthReport) {
        let code = report.code.as_str();
        let text = if self.is_json {
            format!("{}\n", self.json(report))
        } else if report.code == GrowthCode::Began {
            self.print_first_tick(report.tick);
            return;
        } else {
            self.text(report)
        };
        if let Err(error) = style::write(&text) {
            tracing::error!(%error, code, "a finding can't be printed");
        }
    }

    /// Prints the first tick of a growth witness, which it must publish.
    fn print_first_tick(&self, first: u64) {
        if self.is_witness {
            style::done(&format!("the first tick of this growth witness is {first}: publish it"));
            let tick = if first == 0 { String::new() } else { format!(" {first}") };
            anstream::eprintln!("  {} growth NAME{tick}", label("trust file:"));
        }
    }

    fn json(&self, report: &GrowthReport) -> Value {
        let GrowthReport { code, log, tick, message, evidence, recheck: _, is_settled } = report;
        let log = log.as_deref().unwrap_or(&self.origin);
        let (code, severity, hint) = (code.as_str(), code.severity(), code.hint());
        if *is_settled {
            return json!({
                "countersign": "finding/v1", "log": log, "time": time(), "over": code, "tick": tick,
            });
        }
        json!({
            "countersign": "finding/v1", "log": log, "time": time(), "code": code, "severity": severity,
            "message": message, "hint": hint, "tick": tick, "evidence": evidence,
        })
    }

    fn text(&self, report: &GrowthReport) -> String {
        let GrowthReport { code, log, tick, message, evidence, recheck: _, is_settled } = report;
        let (log, time) = (plain(log.as_deref().unwrap_or(&self.origin)), time());
        let (hint, title) = (code.hint(), label(code.as_str()));
        if *is_settled {
            return format!("{} {time} {title} {log}, tick {tick}, is over\n", good("✓"));
        }
        let word = match code.severity() {
            Severity::Error => bad("✗ error  "),
            Severity::Warning => doubt("! warning"),
            Severity::Info => faint("i info   "),
        };
        let message = plain(message);
        let mut text =
            format!("{word} {time} {title} {log}, tick {tick}: {message}\n    {} {hint}\n", faint("hint:"));
        for (nth, evidence) in evidence.iter().enumerate() {
            let _ = writeln!(text, "    {}", faint(format_args!("evidence {}:", nth + 1)));
            for line in evidence.lines() {
                let _ = writeln!(text, "      {}", plain(line));
            }
        }
        text
    }
}

fn time() -> String {
    now().map_or_else(|_| String::new(), |now| now.to_string())
}

/// Checks the published ticks repeatedly.
fn follow(
    args: &super::Args,
    mut follower: GrowthFollower,
    root: &dyn Source,
    keys: &[VerifierKey],
    printer: &Printer,
) -> Result<ExitStatus, CliError> {
    let (mut reported, mut failed) = (None, None);
    loop {
        let is_first = follower.state().is_none();
        let checked = check(&mut follower, root, keys);
        follower.take_reports().iter().for_each(|report| printer.print(report));
        let status = match checked {
            Ok(()) => {
                if let Some(state) = follower.state().filter(|state| reported != Some(state.size())) {
                    reported = Some(state.size());
                    if !args.format.is_json() {
                        style::done(&summary(&printer.origin, state, follower.coverage(), is_first));
                    }
                }
                failed = None;
                ExitStatus::Success
            }
            Err(Failure::Found) => ExitStatus::Broken,
            Err(Failure::Unread(why)) => {
                if failed.as_ref() != Some(&why) {
                    style::warn(&format!("the tenant logs were not checked (growth.unread): {why}"));
                    failed = Some(why);
                }
                ExitStatus::NotChecked
            }
            Err(Failure::Memory(error)) => {
                return Err(unusable_state(&error, state(args)));
            }
        };
        if args.once {
            return Ok(status);
        }
        if stop::sleep(args.every) {
            return Ok(stopped(!follower.open_findings().is_empty()));
        }
    }
}

/// Returns the exit status of a monitor that is stopped.
const fn stopped(has_findings: bool) -> ExitStatus {
    if has_findings { ExitStatus::Broken } else { ExitStatus::Success }
}

/// Says what was checked, and claims nothing about other ticks.
fn summary(origin: &str, state: &GrowthState, coverage: Coverage, is_first: bool) -> String {
    let (origin, logs) = (plain(origin), count(state.logs() as u64, "tenant log"));
    let (first, tick, Coverage { since, skipped }) = (state.first(), state.tick(), coverage);
    if is_first {
        return format!("{origin}: {logs} at tick {tick}; nothing before it was checked");
    }
    let checked = if since == tick {
        format!("{origin}: {logs} at tick {tick}")
    } else {
        format!("{origin}: {logs} only grew, from tick {since} to tick {tick}")
    };
    if skipped == 0 {
        return checked;
    }
    let skipped = count(skipped, "tick");
    format!(
        "{checked}; {skipped} between tick {first} and tick {since} were not checked, only compared across"
    )
}

enum Failure {
    Found,
    Unread(String),
    Memory(MemoryError),
}

/// Checks all ticks up to the published checkpoint.
fn check(follower: &mut GrowthFollower, root: &dyn Source, keys: &[VerifierKey]) -> Result<(), Failure> {
    let mut last = Failure::Unread("the log server shows no ticks".to_owned());
    for _ in 0..MAX_TRIES {
        let signed = root.checkpoint().map_err(|error| Failure::Unread(error.without_place()))?;
        check_signature(&signed, keys).map_err(Failure::Unread)?;
        let is_earlier = signed.checkpoint.size < follower.size();
        let checked = if is_earlier { follower.check_earlier(&signed) } else { Ok(()) };
        last = match checked.and_then(|()| follower.catch_up(&signed, PATIENCE)) {
            Ok(()) => return Ok(()),
            Err(GrowthError::Found(_)) => return Err(Failure::Found),
            Err(GrowthError::Memory(error)) => return Err(Failure::Memory(error)),
            Err(error @ (GrowthError::Unavailable(_) | GrowthError::Unproven(_))) => {
                return Err(Failure::Unread(error.to_string()));
            }
            Err(error @ GrowthError::Unchecked(_)) => Failure::Unread(error.to_string()),
        };
        // The next checkpoint may be that of the snapshot.
        std::thread::sleep(Duration::from_millis(500));
    }
    Err(last)
}

fn check_signature(signed: &SignedCheckpoint, keys: &[VerifierKey]) -> Result<(), String> {
    let opened = signed.log_signatures(keys);
    if opened.verified.is_empty() || !opened.invalid.is_empty() {
        return Err("the checkpoint isn't signed by the log's key in the trust file".to_owned());
    }
    Ok(())
}

/// Runs a witness that cosigns only what it has checked.
fn cosign(
    args: &super::Args,
    follower: GrowthFollower,
    logs: Vec<VerifierKey>,
    printer: Printer,
) -> Result<ExitStatus, CliError> {
    log_to_stderr(args.format.is_json());
    let GrowthArgs { listen, clock_is, .. } = &args.growth;
    let keys = witness_keys(args)?;
    let state = cosigned(state(args));
    check_cosigned(&printer.origin, &follower, &state)?;
    if let Some(state) = follower.state() {
        printer.print_first_tick(state.first());
    }
    let guard = GrowthGuard::new(follower, PATIENCE, move |report| printer.print(report));
    let has_findings = guard.has_findings();
    let (listen, clock_is, guard) = (listen.clone(), *clock_is, Some(Box::new(guard) as _));
    Witness { title: "growth witness", keys, logs, state, listen, clock_is, guard }.run()?;
    Ok(stopped(has_findings.load(Ordering::Relaxed)))
}

/// Fails if the witness cosigned a later tick than the last one in its state.
fn check_cosigned(origin: &str, follower: &GrowthFollower, path: &Path) -> Result<(), CliError> {
    let db = StateDb::open(path).map_err(|error| unusable_state(&error, path))?;
    let cosigned = db.cosigned_size(origin).map_err(|error| unusable_state(&error, path))?;
    if cosigned <= follower.size() {
        return Ok(());
    }
    let message = if follower.state().is_none() {
        "the witness has cosigned checkpoints, but its state of the tenant logs is missing"
    } else {
        "the witness's state of the tenant logs is older than its last cosignature"
    };
    let hint = "restore the newest file of --state; without it, the witness can't tell whether the logs only grew since then";
    Err(CliError::unusable("state.invalid", message, hint).within(&shown(path)))
}

/// Returns the file for what was cosigned, next to that of `--state`.
fn cosigned(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".cosigned");
    name.into()
}

fn unusable_state(error: &MemoryError, path: &Path) -> CliError {
    let (code, hint) = match error {
        MemoryError::InUse => ("server.in_use", "stop the other monitor first"),
        _ => (
            "state.invalid",
            "check the file and its permissions; it must be of this log, and of --all-tenants",
        ),
    };
    CliError::unusable(code, error.to_string(), hint).within(&shown(path))
}
