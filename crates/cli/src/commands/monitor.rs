//! `countersign monitor`: follows a log for ever, and says what is wrong with it.

mod chains;
mod finding;
mod look;
mod memory;
mod tree;
mod webhook;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use countersign::time::Time;
use countersign::verify::Severity;
use serde_json::json;

use self::chains::Judge;
use self::finding::{Finding, Findings};
use self::look::Watch;
use self::memory::{Keep, Memory};
use self::webhook::Webhook;
use crate::arg_groups::{FormatArgs, RequiredTrustArgs};
use crate::args;
use crate::args::origin;
use crate::commands::verify::now;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::source;
use crate::io::style::{bad, doubt, faint, label, plain};
use crate::io::verdict::{count, entries};
use crate::io::{stop, style};

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

/// The interval at which a running look checks for silence and for a request to stop.
const TICK: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let origin = origin::of(&trust, args.origin.as_deref())?;
    let source = source::open(&args.log)?;
    let also = args.also.iter().map(|place| source::open(place)).collect::<Result<Vec<_>, _>>()?;
    let webhook = args.webhook.as_deref().map(Webhook::new).transpose()?;
    let keep = match (&args.state, &args.pin) {
        (Some(path), _) => Keep::State(path.clone()),
        (None, Some(path)) => Keep::Pin(path.clone()),
        (None, None) => Keep::Nothing,
    };
    let mut memory = keep.load(&origin)?;
    memory.watched_since.get_or_insert(now()?.millis());
    keep.try_writing()?;
    if memory.pin.is_none() && !args.once {
        style::warn("this log was not seen before, so earlier rewrites can't be noticed");
    }
    let silence = args.silence.map(|seconds| seconds.saturating_mul(1_000));
    let judge = Judge::new(&origin, &trust);
    let watch = Watch { source: &*source, also: &also, judge, silence, timeout: args.timeout };
    stop::gracefully();
    Monitor { args, origin: &origin, keep, webhook, memory, told_size: None, kept: String::new() }
        .follow(&watch)
}

struct Monitor<'a> {
    args: &'a Args,
    origin: &'a str,
    keep: Keep,
    webhook: Option<Webhook>,
    memory: Memory,
    /// The size that was printed last, and whether all of its entries had been read.
    told_size: Option<(u64, bool)>,
    /// What was written last.
    kept: String,
}

impl Monitor<'_> {
    fn follow(&mut self, watch: &Watch<'_>) -> Result<ExitStatus, CliError> {
        loop {
            let (mut findings, memory, now) = self.look(watch)?;
            if stop::asked() && !findings.is_fatal() {
                // Nothing of this look was kept: the next run sees it again.
                return Ok(if self.args.once { ExitStatus::NotChecked } else { ExitStatus::Success });
            }
            self.memory.accept(memory);
            watch.check_silence(&watch.last_heard(&self.memory), now, &mut findings);
            self.tell(&findings, now)?;
            self.tell_size(&findings);
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

    /// Looks once, and meanwhile reports silence as soon as it lasts too long: a look may take as long as the log's
    /// server makes it.
    fn look(&mut self, watch: &Watch<'_>) -> Result<(Findings, Memory, Time), CliError> {
        let (begun, heard) = (now()?, watch.last_heard(&self.memory));
        let mut memory = self.memory.clone();
        thread::scope(|scope| {
            let (done, ended) = sync_channel(1);
            scope.spawn(move || {
                let findings = watch.look(&mut memory, begun);
                let _ = done.send((findings, memory));
            });
            loop {
                match ended.recv_timeout(TICK) {
                    Ok((findings, mut memory)) => {
                        let now = now()?;
                        if memory.grown_at == Some(begun.millis()) {
                            memory.grown_at = Some(now.millis());
                        }
                        return Ok((findings, memory, now));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(CliError::unusable("monitor.look", "a look ended early", "run it again"));
                    }
                }
                if stop::asked() {
                    watch.cancel();
                }
                if self.args.once {
                    continue;
                }
                let (mut silent, now) = (Findings::default(), now()?);
                watch.check_silence(&heard, now, &mut silent);
                if silent.list().iter().any(|finding| !self.memory.lasting.contains(&finding.name())) {
                    // Whether anything else is over is not known yet.
                    silent.stop();
                    self.tell(&silent, now)?;
                }
            }
        })
    }

    /// Says what is new. It is remembered before the webhook is asked, and again when that has taken it.
    fn tell(&mut self, findings: &Findings, now: Time) -> Result<(), CliError> {
        let mut text = String::new();
        let mut lasting = BTreeSet::new();
        for finding in findings.list() {
            let known = finding.lasting && !lasting.insert(finding.name());
            if known || (finding.lasting && self.memory.lasting.contains(&finding.name())) {
                continue;
            }
            let value = finding.to_json(self.origin, &now.to_string());
            if self.args.format.is_json() {
                let _ = writeln!(text, "{value}");
            } else {
                text.push_str(&self::text(finding, now));
            }
            if !finding.evidence.is_empty() {
                self.memory.add_evidence(value.clone());
            }
            if self.webhook.is_some() {
                self.memory.unsent.push(value);
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
        if findings.is_incomplete() {
            // Of what could not be looked at it is not known whether it is over.
            lasting.extend(self.memory.lasting.iter().cloned());
        }
        for name in self.memory.lasting.difference(&lasting) {
            if self.args.format.is_json() {
                let over = json!({ "countersign": "finding/v1", "log": self.origin, "time": now.to_string(), "over": name });
                let _ = writeln!(text, "{over}");
            } else {
                let _ = writeln!(text, "{} {now} {} is over", style::good("✓"), label(plain(name)));
            }
        }
        self.memory.lasting = lasting;
        style::write(&text).map_err(|error| CliError::io("write", "standard output", &error))?;
        self.keep.save(&self.memory, self.origin, &mut self.kept)?;
        if let Some(webhook) = &mut self.webhook {
            let waiting = self.memory.unsent.len();
            webhook.send(&mut self.memory);
            if self.memory.unsent.len() != waiting {
                self.keep.save(&self.memory, self.origin, &mut self.kept)?;
            }
        }
        Ok(())
    }

    /// Says how large the log is, where that is new; as done only where this look was whole and found nothing.
    fn tell_size(&mut self, findings: &Findings) {
        let Some(pin) = &self.memory.pin else { return };
        let checkpoint = &pin.checkpoint;
        let told = (checkpoint.size, self.memory.edge.end() == checkpoint.size);
        if self.told_size.replace(told) == Some(told) || self.args.format.is_json() {
            return;
        }
        let chains = count(self.memory.chains.open() as u64, "open chain");
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
