//! `countersign watch`: follows a log, and hands on at once what rules find in it.

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
use countersign_client::{Client, Prefix, Redirects, Server, Source as _};
use countersign_delivery::Directory;
use countersign_watch::{
    CommandDestination, HttpViews, Item, Lister, LiveViews, Observer, Outcome, Publish, Receiver,
    RecordDestination, Watch, WatchConfig, WatchState, WebhookDestination,
};

pub(crate) use self::own::begin as begin_own;
use self::print::Print;
pub(crate) use self::terminal::Terminal;
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

/// Follow a log, and report findings as they are made
///
/// Verifies what the log server streams, as `countersign verify` does, and applies the rules of `countersign
/// analyze` to it. Each finding is sent once to each receiver, with an id, even after a kill: position, state and
/// undelivered findings are saved together. If a finding's chain turns out not to be trusted, the finding is
/// retracted under the same id.
#[derive(clap::Args)]
#[command(mut_arg("trust", |trust| trust.required_unless_present("list")))]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[command(group = clap::ArgGroup::new("signs").args(["record", "watchlist"]).multiple(true))]
#[command(after_help = "\
Examples:
  countersign watch https://log.example/audit --trust trust.txt --state /var/lib/countersign-watch
  countersign watch https://log.example/audit --trust trust.txt --state watch/ --webhook https://alerts.example/hook --webhook-key webhook.key
  countersign watch https://log.example/audit --trust trust.txt --state watch/ --rules pack.json --record --key watch.key
  countersign watch --list --state watch/

Exit status: 0 stopped (or --once is done), 1 the log was altered or doesn't prove what it shows, \
2 unusable arguments or state.")]
pub(crate) struct Args {
    /// The log server's URL
    #[arg(value_name = "URL", required_unless_present = "list")]
    log: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    /// The origin of the log, if the trust file names several
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
    /// The rules: a pack, or files or directories of Sigma rules. Can be repeated [default: the rules that come
    /// with the program]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Detection")]
    rules: Vec<PathBuf>,
    #[command(flatten, next_help_heading = "Detection")]
    own: parsers::Own,
    /// Where to remember what was seen and what is yet to be delivered; created if missing
    #[arg(long, value_name = "DIR", help_heading = "Following the log")]
    state: PathBuf,
    /// If nothing is remembered yet, begin at the log's current end instead of its first entry
    #[arg(long, help_heading = "Following the log")]
    from_now: bool,
    #[command(flatten, next_help_heading = None)]
    format: FormatArgs,
    /// Stop at the end of the log, once all findings are delivered
    #[arg(long, help_heading = "Following the log")]
    once: bool,
    /// Show the latest findings, and who answered them
    #[arg(long, help_heading = None, conflicts_with_all = [
        "log", "trust", "origin", "token_file", "rules", "parsers", "from_now", "format", "json", "once", "webhook",
        "webhook_key", "exec", "smtp", "mail_from", "mail_to", "smtp_user", "smtp_password_file", "watchlist",
        "watchlist_for", "record", "key",
    ])]
    list: bool,
    /// Post each finding to this address, as JSON
    #[arg(long, value_name = "URL", requires = "webhook_key", help_heading = "Where findings go")]
    webhook: Option<String>,
    /// File with the secret that signs posts: whsec_ and base64, as in Standard Webhooks
    #[arg(long, value_name = "FILE", requires = "webhook", help_heading = "Where findings go")]
    webhook_key: Option<PathBuf>,
    /// Run this shell command for each finding, which it gets as JSON on standard input
    #[arg(long, value_name = "CMD", help_heading = "Where findings go")]
    exec: Option<String>,
    #[command(flatten)]
    mail: mailing::Mailing,
    /// Keep a signed watchlist in this file, for gates
    ///
    /// It lists whom findings are about, for rules with a countersign.decision of challenge or deny that are
    /// correlations with group-by, or about what is usual. No rule that comes with the program decides anything: give
    /// your own with --rules.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Where findings go")]
    watchlist: Option<PathBuf>,
    /// How long an entry stays on the watchlist: 15m, 1h, 1d
    #[arg(long, value_name = "AGE", default_value = "1h", value_parser = args::pause, requires = "watchlist", help_heading = "Where findings go")]
    watchlist_for: Duration,
    /// Record findings in the log itself, and once an hour what was searched
    #[arg(long, requires = "key", help_heading = "Where findings go")]
    record: bool,
    /// The key for --record (an emitter of the log) and for signing watchlists. Use one made for this
    #[arg(long, value_name = "FILE", requires = "signs", help_heading = "Where findings go")]
    key: Option<PathBuf>,
}

/// How long ending may take while receivers take what there is.
const ENDING: Duration = Duration::from_secs(10);
/// The same with --once, unless it is stopped.
const ONCE: Duration = Duration::from_mins(5);

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if args.list {
        return list(&args.state);
    }
    let (Some(log), Some(trust)) = (&args.log, args.trust.path()) else { return Ok(ExitStatus::Unusable) };
    let trust = input::trust(trust)?;
    let origin = origin::of(&trust, args.origin.as_deref())?;
    let pack = rules::load(&args.rules)?;
    let prefix = Prefix::parse(log).map_err(|why| {
        CliError::unusable("http.url", why, "write it as https://log.example/audit").within("the URL")
    })?;
    let token = args.access.token()?;
    if token.is_some() {
        token::warn_if_seen(&prefix.join("stream", &[]));
    }
    let views: Arc<dyn LiveViews> = Arc::new(HttpViews::new(prefix.clone(), token)?);
    let name = shown(&args.state);
    let store = Arc::new(Directory::open(&args.state)?);
    let state = WatchState::load(&store, &name)?;
    let observer: Arc<dyn Observer> = Arc::new(Terminal { pack: pack.name.clone() });
    let mut receivers: Vec<Box<dyn Receiver>> = vec![Box::new(Print { json: args.format.is_json() })];
    if let (Some(url), Some(path)) = (&args.webhook, &args.webhook_key) {
        let secret = webhook::secret(path)?;
        let client = Client::new(Redirects::SameHostWithBody)?;
        receivers.push(Box::new(WebhookDestination(webhook::open(url, secret, client)?)));
    }
    if let Some(command) = &args.exec {
        receivers.push(Box::new(CommandDestination::new(command)));
    }
    if let Some(mail) = args.mail.open(&origin)? {
        receivers.push(Box::new(mail));
    }
    if let Some(path) = args.key.as_deref().filter(|_| args.record) {
        let folder = args.state.join("record");
        let server = Box::new(log_server(log)?);
        let key = key::load(path)?;
        receivers.push(Box::new(RecordDestination::new(
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
            "no rule of the pack {} puts anybody on the watchlist: that takes a countersign.decision of challenge or deny, and a correlation that groups by who or from where (read.actor.id, read.address)",
            style::plain(&pack.name)
        ));
    }
    if let Some(list) = &args.watchlist {
        // Whoever watches for weeks wants to know before the first finding.
        Output::create(Some(list))?;
    }
    let lister = match (&args.watchlist, &args.key) {
        (Some(list), Some(path)) => {
            Some(Lister::new(publish_to(list.clone()), key::load(path)?, args.watchlist_for))
        }
        _ => None,
    };
    let end = if args.once || args.from_now {
        Some(Server::new(prefix)?.checkpoint()?.checkpoint.size)
    } else {
        None
    };
    let parsers = args.own.load()?;
    let config = WatchConfig { origin, trust, pack: &pack, parsers, scans: args.record, events: false };
    let begin = end.filter(|_| args.from_now).unwrap_or(0);
    let watch = Watch::open(store, &name, state, config, begin, receivers, observer)?;
    stop::gracefully();
    let mut watch = watch.until(end.filter(|_| args.once)).watchlist(lister);
    let ended = watch.follow(&views);
    let outcome = watch.end(ended.is_ok(), if args.once { ONCE } else { ENDING })?;
    ended?;
    conclude(&outcome, &name, args.once)
}

/// Publishes watchlists in a file.
fn publish_to(path: PathBuf) -> Publish {
    let publish = move |list: &str| -> Result<(), CliError> {
        let mut output = Output::create(Some(&path))?;
        output.write(list.as_bytes())?;
        output.finish()
    };
    Box::new(move |list| publish(list).map_err(CliError::into_engine_error))
}

/// Says what came of a watch.
fn conclude(outcome: &Outcome, name: &str, is_once: bool) -> Result<ExitStatus, CliError> {
    let looked = entries(outcome.position);
    if outcome.is_delivered {
        style::done(&format!("{looked} looked at"));
        return Ok(ExitStatus::Success);
    }
    let message = format!("{looked} looked at; {}", left_over(outcome.waiting as u64));
    if is_once {
        let hint = "run it again once the receivers can be reached: what waits is kept";
        return Err(CliError::unusable("watch.waiting", message, hint).within(name));
    }
    style::warn(&(message + ", kept for the next run"));
    Ok(ExitStatus::Success)
}

/// What receivers have not got, where so many findings wait for one of them.
fn left_over(waiting: u64) -> String {
    match waiting {
        // Each was written down to be recorded, and the log has not taken it yet.
        0 => "not all that was found is recorded in the log".into(),
        waiting => format!("{} not handed on", count(waiting, "finding")),
    }
}

/// Shows what was found last.
fn list(folder: &Path) -> Result<ExitStatus, CliError> {
    let state = WatchState::read(folder)?;
    let waiting = |id: &str| state.waiting.iter().any(|item: &Item| item.id == id);
    let mut text = String::new();
    for told in &state.told {
        let mark = if told.retracted { doubt("! taken back") } else { bad("✗ alert") };
        let when = Time::from_millis(told.time).map_or_else(String::new, |time| time.to_string());
        let _ = writeln!(text, "{mark} {} {}", faint(when), label(plain(&told.title)));
        let _ = writeln!(text, "  {} {}", faint("id:"), told.id);
        let _ = if told.first == told.last {
            writeln!(text, "  {} {}", faint("entry:"), told.first)
        } else {
            writeln!(text, "  {} {} to {}", faint("entries:"), told.first, told.last)
        };
        match &told.acknowledged {
            Some((by, leaf)) => {
                let _ = writeln!(text, "  {} {} (entry {leaf})", faint("answered by:"), plain(by));
            }
            None if waiting(&told.id) => {
                let _ = writeln!(text, "  {}", faint("not yet taken by every receiver"));
            }
            None => {}
        }
    }
    let looked = entries(state.position);
    let _ = writeln!(text, "{} {looked} of {} looked at", good("✓"), plain(&state.origin));
    verdict::print(&text)?;
    Ok(ExitStatus::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_log_alone_is_no_finding_that_waits() {
        assert_eq!(left_over(2), "2 findings not handed on");
        assert_eq!(left_over(0), "not all that was found is recorded in the log");
    }
}
