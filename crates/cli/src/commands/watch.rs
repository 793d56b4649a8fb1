//! `countersign watch`: follows a log, and delivers findings at once.

mod mailing;
mod own;
mod print;
mod terminal;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::time::Time;
use countersign_analyze::Rule;
use countersign_client::{Client, Prefix, Redirects};
use countersign_delivery::Directory;
use countersign_watch::{
    CommandDestination, Destination, HttpViews, Item, Lister, LiveViews, Outcome, Publish, RecordDestination,
    Watch, WatchConfig, WatchObserver, WatchState, WebhookDestination,
};

pub(crate) use self::own::start as watch_own_log;
use self::print::Printer;
pub(crate) use self::terminal::WatchTerminal;
use crate::arg_groups::{AccessArgs, FormatArgs, TrustArgs};
use crate::args;
use crate::args::origin;
use crate::commands::rules;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::submit::log_server;
use crate::io::verdict::{count, entries};
use crate::io::{input, key, parsers, stop, style, token, verdict, webhook};

/// Follow a log and report findings as they appear
///
/// Verifies the log server's stream like `countersign verify`, and applies the rules of `countersign analyze` to it.
/// Each finding is sent once to each destination, with an id, even after a kill: position, state, and undelivered
/// findings are saved together. If a chain turns out to be untrustworthy, findings based on it are retracted under
/// the same id.
#[derive(clap::Args)]
#[command(mut_arg("trust", |trust| trust.required_unless_present("list")))]
#[allow(clippy::struct_excessive_bools, reason = "independent options")]
#[command(group = clap::ArgGroup::new("signs").args(["record", "watchlist"]).multiple(true))]
#[command(after_help = "\
Examples:
  countersign watch https://log.example --trust trust.txt --state /var/lib/countersign-watch
  countersign watch https://log.example --trust trust.txt --state watch/ --webhook https://alerts.example/hook --webhook-key webhook.key
  countersign watch https://log.example --trust trust.txt --state watch/ --rules pack.json --record --key watch.key
  countersign watch --list --state watch/

Exit status: 0 stopped (or --once is done), 1 the log was altered or doesn't prove what it shows, \
2 unusable arguments or state.")]
pub(crate) struct Args {
    /// URL of the log server
    #[arg(value_name = "URL", required_unless_present = "list")]
    log: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Origin of the log, if the trust file names several
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
    /// Rules: a pack, or files or directories of Sigma rules, or built-in. Can be repeated [default: built-in]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Detection")]
    rules: Vec<PathBuf>,
    #[command(flatten, next_help_heading = "Detection")]
    own: parsers::ParserArgs,
    /// Directory for the position and undelivered findings; created if missing
    #[arg(long, value_name = "DIR", help_heading = "Following the log")]
    state: PathBuf,
    /// Without a saved state, start at the log's current end instead of its first entry
    #[arg(long, help_heading = "Following the log")]
    from_now: bool,
    #[command(flatten, next_help_heading = None)]
    format: FormatArgs,
    /// Stop at the log's current end, once all findings are delivered
    #[arg(long, help_heading = "Following the log")]
    once: bool,
    /// Show the latest findings, and who acknowledged them
    #[arg(long, help_heading = None, conflicts_with_all = [
        "log", "trust", "origin", "token_file", "rules", "parsers", "from_now", "format", "json", "once", "webhook",
        "webhook_key", "exec", "smtp", "mail_from", "mail_to", "smtp_user", "smtp_password_file", "watchlist",
        "watchlist_for", "record", "key",
    ])]
    list: bool,
    /// Post each finding to this URL, as JSON
    #[arg(long, value_name = "URL", requires = "webhook_key", help_heading = "Where findings go")]
    webhook: Option<String>,
    /// File with the secret that signs posts: whsec_ and base64, as in Standard Webhooks
    #[arg(long, value_name = "FILE", requires = "webhook", help_heading = "Where findings go")]
    webhook_key: Option<PathBuf>,
    /// Run this shell command for each finding, with the finding as JSON on standard input
    #[arg(long, value_name = "CMD", help_heading = "Where findings go")]
    exec: Option<String>,
    #[command(flatten)]
    mail: mailing::MailArgs,
    /// Write a signed watchlist for gates to this file
    ///
    /// Lists the subjects of findings, for rules with a countersign.decision of challenge or deny that are
    /// correlations with group-by or use baselines. No built-in rule has a decision, so use your own with --rules.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Where findings go")]
    watchlist: Option<PathBuf>,
    /// Keep an entry on the watchlist this long, such as 15m, 1h, or 1d
    #[arg(long, value_name = "AGE", default_value = "1h", value_parser = args::positive_duration, requires = "watchlist", help_heading = "Where findings go")]
    watchlist_for: Duration,
    /// Record findings in the log itself, and once an hour which entries were searched
    #[arg(long, requires = "key", help_heading = "Where findings go")]
    record: bool,
    /// Private key for --record (an emitter of the log) and for signing watchlists. Use one made for this
    #[arg(long, value_name = "FILE", requires = "signs", help_heading = "Where findings go")]
    key: Option<PathBuf>,
}

/// The time limit for destinations to accept waiting findings after the watch is stopped.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// The time limit with --once, unless the watch is stopped.
const ONCE_PATIENCE: Duration = Duration::from_mins(5);

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if args.list {
        return list(&args.state);
    }
    let (Some(log), Some(trust)) = (&args.log, args.trust.path()) else { return Ok(ExitStatus::Unusable) };
    let trust = input::trust(trust)?;
    let origin = origin::select(&trust, args.origin.as_deref())?;
    let pack = rules::load(&args.rules)?;
    let prefix = Prefix::parse(log).map_err(|why| {
        CliError::unusable("http.url", why, "use a URL such as https://log.example").within("the URL")
    })?;
    let token = args.access.token()?;
    if token.is_some() {
        token::warn_if_token_unencrypted(&prefix.join("stream", &[]));
    }
    let views = HttpViews::new(prefix, token)?;
    let name = shown(&args.state);
    let store = Arc::new(Directory::open(&args.state)?);
    let state = WatchState::load(&store, &name)?;
    let observer: Arc<dyn WatchObserver> = Arc::new(WatchTerminal { pack: pack.name.clone() });
    let mut destinations: Vec<Box<dyn Destination>> = vec![Box::new(Printer { json: args.format.is_json() })];
    if let (Some(url), Some(path)) = (&args.webhook, &args.webhook_key) {
        let secret = webhook::secret(path)?;
        let client = Client::new(Redirects::SameHostWithBody)?;
        destinations.push(Box::new(WebhookDestination(webhook::open(url, secret, client)?)));
    }
    if let Some(command) = &args.exec {
        destinations.push(Box::new(CommandDestination::new(command)));
    }
    if let Some(mail) = args.mail.open(&origin)? {
        destinations.push(Box::new(mail));
    }
    if let Some(path) = args.key.as_deref().filter(|_| args.record) {
        let folder = args.state.join("record");
        let server = Box::new(log_server(log)?);
        let key = key::load(path)?;
        destinations.push(Box::new(RecordDestination::new(
            &folder,
            key,
            &trust,
            &origin,
            server,
            observer.clone(),
        )?));
    }
    if args.watchlist.is_some() && !pack.rules().iter().any(Rule::can_list) {
        style::warn(&format!(
            "no rule of the pack {} adds entries to the watchlist; that requires a countersign.decision of challenge or deny, and a correlation that groups by actor or address (parsed.actor.id, parsed.address)",
            style::plain(&pack.name)
        ));
    }
    if let Some(list) = &args.watchlist {
        // Fail now if the file can't be written, not weeks later at the first finding.
        Output::create(Some(list))?;
    }
    let lister = match (&args.watchlist, &args.key) {
        (Some(list), Some(path)) => {
            Some(Lister::new(publish_to(list.clone()), key::load(path)?, args.watchlist_for))
        }
        _ => None,
    };
    let end = if args.once || args.from_now { Some(views.size(&origin, &trust)?) } else { None };
    let views: Arc<dyn LiveViews> = Arc::new(views);
    let parsers = args.own.load()?;
    let config = WatchConfig { origin, trust, pack: &pack, parsers, scans: args.record, events: false };
    let begin = end.filter(|_| args.from_now).unwrap_or(0);
    let watch = Watch::open(store, &name, state, config, begin, destinations, observer)?;
    stop::enable_service();
    let mut watch = watch.until(end.filter(|_| args.once)).watchlist(lister);
    let ended = watch.follow(&views);
    let outcome = watch.end(ended.is_ok(), if args.once { ONCE_PATIENCE } else { END_PATIENCE })?;
    ended?;
    report_outcome(&outcome, &name, args.once)
}

/// Returns a function that publishes watchlists by replacing a file.
fn publish_to(path: PathBuf) -> Publish {
    let publish = move |list: &str| -> Result<(), CliError> {
        let mut output = Output::create(Some(&path))?;
        output.write(list.as_bytes())?;
        output.finish()
    };
    Box::new(move |list| publish(list).map_err(CliError::into_engine_error))
}

/// Reports the outcome of a watch.
fn report_outcome(outcome: &Outcome, name: &str, is_once: bool) -> Result<ExitStatus, CliError> {
    let checked = entries(outcome.position);
    if outcome.is_delivered {
        style::done(&format!("{checked} checked"));
        return Ok(ExitStatus::Success);
    }
    let message = format!("{checked} checked; {}", undelivered(outcome.waiting as u64));
    if is_once {
        let hint = "run it again when the destinations can be reached; undelivered findings are saved";
        return Err(CliError::unusable("watch.waiting", message, hint).within(name));
    }
    style::warn(&(message + "; saved for the next run"));
    Ok(ExitStatus::Success)
}

/// Describes what was not delivered, given the longest queue of a destination.
fn undelivered(waiting: u64) -> String {
    match waiting {
        // Findings are in the outbox, but the log has not accepted all of them.
        0 => "not all findings are recorded in the log yet".into(),
        waiting => format!("{} not delivered", count(waiting, "finding")),
    }
}

/// Shows the latest findings.
fn list(folder: &Path) -> Result<ExitStatus, CliError> {
    let state = WatchState::read(folder)?;
    let waiting = |id: &str| state.waiting.iter().any(|item: &Item| item.id == id);
    let mut text = String::new();
    for finding in &state.reported {
        let mark = if finding.retracted { doubt("! retracted") } else { bad("✗ alert") };
        let when = Time::from_millis(finding.time).map_or_else(String::new, |time| time.to_string());
        let _ = writeln!(text, "{mark} {} {}", faint(when), label(plain(&finding.title)));
        let _ = writeln!(text, "  {} {}", faint("id:"), finding.id);
        let _ = if finding.first == finding.last {
            writeln!(text, "  {} {}", faint("entry:"), finding.first)
        } else {
            writeln!(text, "  {} {} to {}", faint("entries:"), finding.first, finding.last)
        };
        match &finding.acknowledged {
            Some((by, leaf)) => {
                let _ = writeln!(text, "  {} {} (entry {leaf})", faint("acknowledged by:"), plain(by));
            }
            None if waiting(&finding.id) => {
                let _ = writeln!(text, "  {}", faint("not yet delivered to every destination"));
            }
            None => {}
        }
    }
    let checked = entries(state.position);
    let _ = writeln!(text, "{} {checked} of {} checked", good("✓"), plain(&state.origin));
    verdict::print(&text)?;
    Ok(ExitStatus::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undelivered_counts_findings_not_records() {
        assert_eq!(undelivered(2), "2 findings not delivered");
        assert_eq!(undelivered(0), "not all findings are recorded in the log yet");
    }
}
