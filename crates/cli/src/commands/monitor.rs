//! `countersign monitor`: follows a log for ever, and says what is wrong with it.

mod keep;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign::time::Time;
use countersign::verify::Severity;
use countersign_client::{now, open};
use countersign_monitor::{Finding, Findings, Monitor, MonitorState, Observer, Webhook};
use indicatif::ProgressBar;
use serde_json::json;

use self::keep::Keep;
use crate::arg_groups::{FormatArgs, RequiredTrustArgs};
use crate::args;
use crate::args::origin;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::style::{bad, doubt, faint, label, plain};
use crate::io::verdict::{count, entries};
use crate::io::{progress, stop, style};

/// Keep watching a log, and report what is wrong with it
///
/// Checks again and again that the log's key and enough witnesses signed it, that it only grew and was never
/// rewritten or cut back, that every chain in it continues without gaps, that every key may sign, and that the log
/// doesn't fall silent. Each finding is reported once. If the log shows two histories, the monitor stops; both
/// checkpoints are then evidence. Network problems are reported, and it tries again.
#[derive(clap::Args)]
#[command(mut_arg("format", |format| format.help("How to print findings; as JSON, one per line")))]
#[command(after_help = "\
Examples:
  countersign monitor https://log.example/audit --trust trust.txt --state monitor.json
  countersign monitor https://log.example/audit --trust trust.txt --state monitor.json --also https://mirror.example/audit --webhook https://alerts.example/hook
  countersign monitor https://log.example/audit --trust trust.txt --state monitor.json --once || alert

Exit status: 0 nothing found (or stopped), 1 altered or broken, 2 unusable arguments, \
3 signed by a key you haven't trusted, 5 not (fully) checked because the log could not be read.")]
pub(crate) struct Args {
    /// The log: the URL under which its checkpoint and tiles are, or a folder with `checkpoint` and `tile/`
    #[arg(value_name = "URL|DIR")]
    log: String,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    /// The origin of the log, if the trust file names several
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    /// Where to remember what was seen, including evidence; created if missing
    #[arg(long, value_name = "FILE", help_heading = "What to remember")]
    state: Option<PathBuf>,
    /// Where to keep only the checkpoint, in the form that `verify --pin` reads; each run then reads the entries
    /// again
    #[arg(long, value_name = "FILE", conflicts_with = "state", help_heading = "What to remember")]
    pin: Option<PathBuf>,
    /// Another place that serves this log, or a witness's monitoring prefix. Both must agree. Can be repeated
    #[arg(long, value_name = "URL|DIR")]
    also: Vec<String>,
    /// How often to check: 10s, 5m
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = args::pause, help_heading = "When to check")]
    every: Duration,
    /// Check once, and exit with a status that says what was found
    #[arg(long, help_heading = "When to check")]
    once: bool,
    /// Report when the log has had no new entries or cosignatures for this long: 1h, 2d
    #[arg(long, value_name = "AGE", value_parser = args::seconds, help_heading = "When to check")]
    silence: Option<i64>,
    /// The longest time that one check may read entries: 90s, 1h. The next check continues after the last entry that was
    /// verified. It also limits every other request
    #[arg(long, value_name = "AGE", default_value = "10m", value_parser = args::pause, help_heading = "When to check")]
    timeout: Duration,
    /// Post each finding as JSON to this address
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let origin = origin::of(&trust, args.origin.as_deref())?;
    let source = open(&args.log)?;
    let also = args.also.iter().map(|place| open(place)).collect::<Result<Vec<_>, _>>()?;
    let webhook = args.webhook.as_deref().map(Webhook::new).transpose()?;
    let keep = match (&args.state, &args.pin) {
        (Some(path), _) => Keep::State(path.clone()),
        (None, Some(path)) => Keep::Pin(path.clone()),
        (None, None) => Keep::Nothing,
    };
    let mut state = keep.load(&origin)?;
    state.begin(now()?);
    keep.try_writing()?;
    if state.pin().is_none() && !args.once {
        style::warn("this log was not seen before, so earlier rewrites can't be noticed");
    }
    let silence = args.silence.map(|seconds| seconds.saturating_mul(1_000));
    let terminal = Terminal::default();
    let monitor = Monitor::new(&origin, &trust, &*source, &terminal);
    let monitor = monitor.also(&also).silence(silence).timeout(args.timeout);
    stop::gracefully();
    Reporter { args, origin: &origin, keep, webhook, told_size: None, kept: String::new() }
        .follow(&monitor, &mut state)
}

/// Shows how far a check is, and passes on that the program was asked to stop.
#[derive(Default)]
struct Terminal(Mutex<Option<ProgressBar>>);

impl Observer for Terminal {
    fn is_stopped(&self) -> bool {
        stop::asked()
    }

    fn reading(&self, done: u64, total: u64) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bar.get_or_insert_with(|| progress::count("reading", total)).set_position(done);
    }

    fn has_read(&self) {
        if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Reports what a monitor finds.
struct Reporter<'a> {
    args: &'a Args,
    origin: &'a str,
    keep: Keep,
    webhook: Option<Webhook>,
    /// The size that was printed last, and whether all of its entries had been read.
    told_size: Option<(u64, bool)>,
    /// What was written last.
    kept: String,
}

impl Reporter<'_> {
    fn follow(&mut self, monitor: &Monitor<'_>, state: &mut MonitorState) -> Result<ExitStatus, CliError> {
        loop {
            let checked =
                monitor.check(
                    state,
                    |state, silent, now| {
                        if self.args.once { Ok(()) } else { self.tell(state, silent, now) }
                    },
                )?;
            let Some((findings, now)) = checked else {
                // Nothing of this check was kept: the next run sees it again.
                return Ok(if self.args.once { ExitStatus::NotChecked } else { ExitStatus::Success });
            };
            self.tell(state, &findings, now)?;
            self.tell_size(state, &findings);
            if findings.is_fatal() || self.args.once {
                return Ok(status(&findings));
            }
            let next = Instant::now() + self.args.every;
            while Instant::now() < next {
                if stop::asked() {
                    return Ok(ExitStatus::Success);
                }
                std::thread::sleep((next - Instant::now()).min(Duration::from_millis(100)));
            }
        }
    }

    /// Says what is new. It is remembered before the webhook is asked, and again when that has taken it.
    fn tell(&mut self, state: &mut MonitorState, findings: &Findings, now: Time) -> Result<(), CliError> {
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
        self.keep.save(state, self.origin, &mut self.kept)?;
        if let Some(webhook) = &mut self.webhook {
            let waiting = state.unsent();
            webhook.send(state).iter().for_each(|notice| style::warn(&notice.to_string()));
            if state.unsent() != waiting {
                self.keep.save(state, self.origin, &mut self.kept)?;
            }
        }
        Ok(())
    }

    /// Says how large the log is, where that is new; as done only where this look was whole and found nothing.
    fn tell_size(&mut self, state: &MonitorState, findings: &Findings) {
        let Some(pin) = state.pin() else { return };
        let checkpoint = &pin.checkpoint;
        let told = (checkpoint.size, state.read_entries() == checkpoint.size);
        if self.told_size.replace(told) == Some(told) || self.args.format.is_json() {
            return;
        }
        let chains = count(state.open_chains() as u64, "open chain");
        let size = entries(checkpoint.size);
        let seen = format!("{}: {size}, {chains}, root {}", plain(self.origin), checkpoint.root);
        if status(findings) == ExitStatus::Success {
            style::done(&seen);
            return;
        }
        let codes: BTreeSet<&str> = findings.list().iter().map(|finding| finding.kind.code).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        if findings.is_incomplete() {
            style::warn(&format!("the log was not checked ({codes}). Seen before: {seen}"));
        } else {
            style::warn(&format!("{seen}, with {codes}"));
        }
    }
}

/// What to exit with, by the worst of what was found.
fn status(findings: &Findings) -> ExitStatus {
    let has = |test: &dyn Fn(&Finding) -> bool| findings.list().iter().any(test);
    if has(&|finding| finding.kind.severity == Severity::Error) {
        ExitStatus::Broken
    } else if has(&|finding| {
        matches!(
            finding.kind.code,
            "log.unreachable" | "log.unread" | "also.unreachable" | "append_only.behind"
        )
    }) {
        ExitStatus::NotChecked
    } else if has(&|finding| matches!(finding.kind.code, "log.unknown" | "key.unknown")) {
        ExitStatus::Untrusted
    } else {
        ExitStatus::Success
    }
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
    for (nth, checkpoint) in finding.evidence.iter().enumerate() {
        let _ = writeln!(text, "    {}", faint(format_args!("checkpoint {}:", nth + 1)));
        for line in checkpoint.lines() {
            let _ = writeln!(text, "      {}", plain(line));
        }
    }
    text
}
