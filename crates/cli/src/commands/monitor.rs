//! `countersign monitor`: checks a log repeatedly, and reports problems.

mod growth;
mod storage;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign::verify::Severity;
use countersign_client::open_with_token;
use countersign_errors::now;
use countersign_monitor::{Finding, Findings, Monitor, MonitorObserver, MonitorState, MonitorWebhook};
use serde_json::{Value, json};

use self::growth::GrowthArgs;
use self::storage::Storage;
use crate::arg_groups::{AccessArgs, FormatArgs, RequiredTrustArgs};
use crate::args;
use crate::args::origin;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::progress::SharedCount;
use crate::io::style::{bad, doubt, faint, label, plain};
use crate::io::verdict::{count, entries};
use crate::io::{stop, style, token, trust_notes};

/// Check a log repeatedly, and report problems
///
/// Checks that the log's key and enough witnesses signed it, that it only grew and was never rewritten or truncated,
/// that every chain continues without gaps, that every key may sign, and that the log isn't silent. Each finding is
/// reported once. If the log shows two histories, the monitor stops, and both checkpoints are evidence. With --state, it
/// reports them again at each start, whatever the log shows then, until you start it with --resume. Network
/// problems are reported, and the monitor retries. A tenant log is read with a reader's token. Its heads are compared
/// with each other and with the log's anchors, which all readers compare.
///
/// With --all-tenants, checks all tenant logs of a root log without reading their events: at each tick, none may be
/// rewritten, shortened, or dropped. Ticks that it couldn't check are reported as a range. A finding stays in the file of
/// --state and is reported at each start until --resume-after. With --cosign, it is a growth witness: a C2SP tlog-witness
/// that cosigns only ticks that passed, and nothing while there is a finding. It prints its first tick, which you publish
/// for readers' trust files. It keeps what it cosigned in the file of --state with `.cosigned` after its name; back up
/// neither, and never go back to older copies.
#[derive(clap::Args)]
#[command(mut_arg("format", |format| format.help("How to print findings; as JSON, one per line")))]
#[command(after_help = "\
Examples:
  countersign monitor https://log.example --trust trust.txt --state monitor.json
  countersign monitor https://log.example --trust trust.txt --state monitor.json --also https://mirror.example --webhook https://alerts.example/hook
  countersign monitor https://log.example --trust trust.txt --state monitor.json --once || alert
  countersign monitor https://log.example/t/8f000000000000000000000000000001 --trust acme.txt --token-file token.txt --state acme.json
  countersign monitor https://log.example --all-tenants --trust trust.txt --token-file growth.token --state growth.state
  countersign monitor https://log.example --all-tenants --cosign --key witness.key --trust trust.txt --token-file growth.token --state growth.state

Exit status: 0 nothing found (or stopped), 1 altered or broken, 2 unusable arguments, \
3 signed by a key you don't trust, 5 not (fully) checked because the log could not be read.")]
pub(crate) struct Args {
    /// The log: the URL of its checkpoint and tiles, or a folder with `checkpoint` and `tile/`
    #[arg(value_name = "URL|DIR")]
    log: String,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    /// Origin of the log, if the trust file names several
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
    /// File for the monitor's state, including evidence; created if missing
    #[arg(long, value_name = "FILE", help_heading = "What to remember")]
    state: Option<PathBuf>,
    /// File for the checkpoint only, in the form that `verify --pin` reads; each run then reads all entries again
    #[arg(long, value_name = "FILE", conflicts_with = "state", help_heading = "What to remember")]
    pin: Option<PathBuf>,
    /// Continue although the log showed two histories, which you have examined. The evidence stays in the file
    #[arg(long, requires = "state", conflicts_with = "all_tenants", help_heading = "What to remember")]
    resume: bool,
    /// Another place that serves this log, or a witness's monitoring prefix, to compare the log with. Can be repeated.
    /// The token for a tenant log is sent to these places, too
    #[arg(long, value_name = "URL|DIR")]
    also: Vec<String>,
    /// Time between checks, such as 10s or 5m
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = args::positive_duration, help_heading = "When to check")]
    every: Duration,
    /// Minimum index of a pruned log. A monitor that has read nothing yet begins with the entry bundle that contains
    /// this entry
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        conflicts_with = "all_tenants",
        help_heading = "What to check"
    )]
    from: u64,
    /// Check once, and exit with a status that shows the result
    #[arg(long, help_heading = "When to check")]
    once: bool,
    /// Report if the log has no new entries or cosignatures for this long, such as 1h or 2d
    #[arg(long, value_name = "AGE", value_parser = args::seconds, help_heading = "When to check")]
    silence: Option<i64>,
    /// Time limit for reading entries in one check, and for every other request, such as 90s or 1h. The next check
    /// continues after the last verified entry
    #[arg(long, value_name = "AGE", default_value = "10m", value_parser = args::positive_duration, help_heading = "When to check")]
    timeout: Duration,
    /// Post each finding to this URL, as JSON
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    growth: GrowthArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if args.growth.all_tenants {
        return growth::run(args);
    }
    let trust = args.trust.load()?;
    trust_notes::warn(&trust, Some(args.trust.path()));
    let origin = origin::select(&trust, args.origin.as_deref())?;
    // Only a tenant log is shown to readers with a token alone.
    let is_tenant_log = TenantOrigin::for_reader(&origin, &trust).is_some();
    let token = if is_tenant_log { args.access.token()? } else { None };
    let open = |place: &String| {
        let url = if is_tenant_log { place.parse().ok() } else { None };
        match (&token, &url) {
            (Some(_), Some(url)) => token::warn_if_token_unencrypted(url),
            (None, Some(_)) => style::warn(
                "a log server shows a tenant log only to readers with a token: pass it with --token-file",
            ),
            _ => {}
        }
        open_with_token(place, token.clone())
    };
    let source = open(&args.log)?;
    let also = args.also.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let webhook = args.webhook.as_deref().map(MonitorWebhook::new).transpose()?;
    let storage = match (&args.state, &args.pin) {
        (Some(path), _) => Storage::State(path.clone()),
        (None, Some(path)) => Storage::Pin(path.clone()),
        (None, None) => Storage::Nothing,
    };
    let mut state = storage.load(&origin)?;
    state.set_begin(now()?);
    storage.try_writing()?;
    if args.resume {
        state.examine(now()?);
        storage.save(&state, &origin, &mut String::new())?;
    } else if let Some(finding) = state.two_histories() {
        print_stored(finding, args.format.is_json())?;
        return Ok(ExitStatus::Broken);
    }
    if state.pin().is_none() && !args.once {
        style::warn("this log is new to the monitor, so earlier rewrites can't be detected");
    }
    let silence = args.silence.map(|seconds| seconds.saturating_mul(1_000));
    let terminal = MonitorTerminal(SharedCount::new("reading"));
    let monitor = Monitor::new(&origin, &trust, &*source, &terminal);
    let monitor = monitor.also(&also).silence(silence).timeout(args.timeout).minimum_index(args.from);
    stop::enable_service();
    Reporter { args, origin: &origin, storage, webhook, reported_size: None, saved: String::new() }
        .follow(&monitor, &mut state)
}

/// Shows the progress of a check, and reports a request to stop.
struct MonitorTerminal(SharedCount);

impl MonitorObserver for MonitorTerminal {
    fn is_stopped(&self) -> bool {
        stop::is_requested()
    }

    fn reading(&self, done: u64, total: u64) {
        self.0.show(done, total);
    }

    fn reading_done(&self) {
        self.0.clear();
    }
}

/// Reports the findings of a monitor.
struct Reporter<'a> {
    args: &'a Args,
    origin: &'a str,
    storage: Storage,
    webhook: Option<MonitorWebhook>,
    /// The size that was printed last, and whether all of its entries were read.
    reported_size: Option<(u64, bool)>,
    /// The state that was written last.
    saved: String,
}

impl Reporter<'_> {
    fn follow(&mut self, monitor: &Monitor<'_>, state: &mut MonitorState) -> Result<ExitStatus, CliError> {
        loop {
            let checked = monitor.check(state, |state, silent, now| {
                if self.args.once { Ok(()) } else { self.report(state, silent, now) }
            })?;
            let Some((findings, now)) = checked else {
                // A stopped check leaves no trace, so the next run repeats it.
                return Ok(if self.args.once { ExitStatus::NotChecked } else { ExitStatus::Success });
            };
            self.report(state, &findings, now)?;
            self.report_size(state, &findings);
            if findings.is_fatal() || self.args.once {
                return Ok(status(&findings));
            }
            if stop::sleep(self.args.every) {
                return Ok(ExitStatus::Success);
            }
        }
    }

    /// Reports new findings. The state is saved before findings are sent to the webhook, and again when it has
    /// accepted some.
    fn report(&mut self, state: &mut MonitorState, findings: &Findings, now: Time) -> Result<(), CliError> {
        let changes = state.update(findings, self.origin, now, self.webhook.is_some());
        let mut text = String::new();
        for finding in changes.new {
            if self.args.format.is_json() {
                let _ = writeln!(text, "{}", finding.to_json(self.origin, &now.to_string()));
            } else {
                text.push_str(&self::text(finding, now));
            }
        }
        for (code, more) in findings.more() {
            let value =
                json!({ "countersign": "finding/v1", "log": self.origin, "code": code, "more": more });
            if self.args.format.is_json() {
                let _ = writeln!(text, "{value}");
            } else {
                let _ = writeln!(text, "  … and {more} more of {code}");
            }
        }
        for name in &changes.over {
            if self.args.format.is_json() {
                let over = json!({ "countersign": "finding/v1", "log": self.origin, "time": now.to_string(), "over": name });
                let _ = writeln!(text, "{over}");
            } else {
                let _ = writeln!(text, "{} {now} {} is over", style::good("✓"), label(plain(name)));
            }
        }
        style::write(&text).map_err(|error| CliError::io("write", "standard output", &error))?;
        self.storage.save(state, self.origin, &mut self.saved)?;
        if let Some(webhook) = &mut self.webhook {
            let waiting = state.unsent();
            webhook.send(state).iter().for_each(|notice| style::warn(&notice.to_string()));
            if state.unsent() != waiting {
                self.storage.save(state, self.origin, &mut self.saved)?;
            }
        }
        Ok(())
    }

    /// Prints the size of the log if it changed; as success only if the check was complete and without findings.
    fn report_size(&mut self, state: &MonitorState, findings: &Findings) {
        let Some(pin) = state.pin() else { return };
        let checkpoint = &pin.checkpoint;
        let reported = (checkpoint.size, state.read_entries() == checkpoint.size);
        if self.reported_size.replace(reported) == Some(reported) || self.args.format.is_json() {
            return;
        }
        let chains = count(state.open_chains() as u64, "open chain");
        let size = entries(checkpoint.size);
        let summary = format!("{}: {size}, {chains}, root {}", plain(self.origin), checkpoint.root);
        if status(findings) == ExitStatus::Success {
            style::done(&summary);
            return;
        }
        let codes: BTreeSet<&str> = findings.list().iter().map(|finding| finding.kind.code).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        if findings.is_incomplete() {
            style::warn(&format!("the log was not checked ({codes}); last state: {summary}"));
        } else {
            style::warn(&format!("{summary}, with {codes}"));
        }
    }
}

/// Returns the exit status for the worst finding.
fn status(findings: &Findings) -> ExitStatus {
    let has = |test: &dyn Fn(&Finding) -> bool| findings.list().iter().any(test);
    if has(&|finding| finding.kind.severity == Severity::Error) {
        ExitStatus::Broken
    } else if has(&|finding| {
        matches!(
            finding.kind.code,
            "log.unreachable"
                | "log.unread"
                | "also.unreachable"
                | "append_only.anchor"
                | "append_only.behind"
                | "tile.pruned"
                | "chain.no_open"
        )
    }) {
        ExitStatus::NotChecked
    } else if has(&|finding| matches!(finding.kind.code, "log.unknown" | "key.unknown")) {
        ExitStatus::Untrusted
    } else {
        ExitStatus::Success
    }
}

/// Prints a finding of an earlier run, which a person must examine.
fn print_stored(finding: &Value, is_json: bool) -> Result<(), CliError> {
    let string = |value: &Value| plain(value.as_str().unwrap_or_default());
    let text = if is_json {
        format!("{finding}\n")
    } else {
        let [time, code, message] = ["time", "code", "message"].map(|name| string(&finding[name]));
        let mut text = format!("{} {time} {}: {message}\n", bad("✗ error  "), label(code));
        let hint = "keep the state file, which has the evidence; once you have examined it, use --resume";
        let _ = writeln!(text, "    {} {hint}", faint("hint:"));
        let checkpoints = finding["evidence"].as_array().into_iter().flatten();
        text + &evidence(checkpoints.map(|checkpoint| checkpoint.as_str().unwrap_or_default()))
    };
    style::write(&text).map_err(|error| CliError::io("write", "standard output", &error))
}

fn text(finding: &Finding, now: Time) -> String {
    let word = match finding.kind.severity {
        Severity::Error => bad("✗ error  "),
        Severity::Warning => doubt("! warning"),
        Severity::Info => faint("i info   "),
    };
    let place = &finding.place;
    let mut places = Vec::new();
    places.extend(place.at.as_deref().map(plain));
    places.extend(place.index.map(|index| format!("entry {index}")));
    places.extend(place.chain.map(|chain| match place.seq {
        Some(seq) => format!("{chain}/{seq}"),
        None => format!("chain {chain}"),
    }));
    places.extend(place.key.as_deref().map(plain));
    let places = if places.is_empty() { String::new() } else { format!(" {}", places.join(", ")) };
    let mut text =
        format!("{word} {now} {}{places}: {}\n", label(finding.kind.code), plain(&finding.message));
    let _ = writeln!(text, "    {} {}", faint("hint:"), finding.kind.hint);
    text + &evidence(finding.evidence.iter().map(String::as_str))
}

/// Formats the checkpoints that prove a finding.
fn evidence<'c>(checkpoints: impl Iterator<Item = &'c str>) -> String {
    let mut text = String::new();
    for (nth, checkpoint) in checkpoints.enumerate() {
        let _ = writeln!(text, "    {}", faint(format_args!("checkpoint {}:", nth + 1)));
        for line in checkpoint.lines() {
            let _ = writeln!(text, "      {}", plain(line));
        }
    }
    text
}
