//! `countersign watch`: follows a log, and hands on at once what rules find in it.

mod command;
mod following;
mod handing;
mod item;
mod listing;
mod mail;
mod own;
mod print;
mod recording;
mod state;
mod stream;
mod view;
mod watcher;
mod webhook;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::time::Time;
use countersign_analyze::{Coverage, Rule};

use self::command::Exec;
use self::following::LOOK;
pub(crate) use self::following::{Follows, follow};
use self::handing::{Handing, Receiver};
pub(crate) use self::item::{At, Draft, Item, Kind as ItemKind};
use self::listing::Lister;
pub(crate) use self::own::begin as begin_own;
use self::print::Print;
use self::recording::Recording;
pub(crate) use self::state::State;
use self::state::Taken;
pub(crate) use self::stream::{Remote, Views};
pub(crate) use self::watcher::{Watched, Watcher};
use self::webhook::Webhook;
use crate::arg_groups::{AccessArgs, FormatArgs, TrustArgs};
use crate::args;
use crate::args::origin;
use crate::commands::record::deliver::Http;
use crate::commands::verify::now;
use crate::commands::{analyze, rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::http::Prefix;
use crate::io::output::Output;
use crate::io::source::{Server, Source as _};
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::{count, entries};
use crate::io::webhook::Secret;
use crate::io::{input, key, readings, stop, style, verdict};
use countersign_delivery::Directory;

/// Follow a log, and report findings as they are made
///
/// Verifies what the collector streams, as `countersign verify` does, and applies the rules of `countersign
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
    /// The collector's URL
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
    own: readings::Own,
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
        "log", "trust", "origin", "token_file", "rules", "readings", "from_now", "format", "json", "once", "webhook",
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
    mail: mail::Mailing,
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

/// How often the position is kept where nothing is found.
const KEEP: Duration = Duration::from_secs(10);
/// While so much waits for a receiver, nothing more is looked for.
const WAITING: usize = 10_000;
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
    let views: Arc<dyn Views> = Arc::new(Remote::new(prefix.clone(), args.access.token()?)?);
    let name = shown(&args.state);
    let store = Arc::new(Directory::open(&args.state)?);
    let state = State::load(&store, &name)?;
    let mut receivers: Vec<Box<dyn Receiver>> = vec![Box::new(Print { json: args.format.is_json() })];
    if let (Some(url), Some(path)) = (&args.webhook, &args.webhook_key) {
        receivers.push(Box::new(Webhook::new(url, Secret::load(path)?)?));
    }
    if let Some(command) = &args.exec {
        receivers.push(Box::new(Exec::new(command)));
    }
    if let Some(mail) = args.mail.open(&origin)? {
        receivers.push(Box::new(mail));
    }
    if let Some(path) = args.key.as_deref().filter(|_| args.record) {
        let folder = args.state.join("record");
        let collector = Box::new(Http::new(log)?);
        receivers.push(Box::new(Recording::new(&folder, key::load(path)?, (&trust, &origin), collector)?));
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
        (Some(list), Some(path)) => Some(Lister::new(list.clone(), key::load(path)?, args.watchlist_for)),
        _ => None,
    };
    let end = if args.once || args.from_now {
        Some(Server::new(prefix)?.checkpoint()?.checkpoint.size)
    } else {
        None
    };
    let watched =
        Watched { origin, trust, pack: &pack, readings: args.own.load()?, scans: args.record, events: false };
    let mut watcher = Watcher::new(watched, state, &name)?;
    watcher.notice().iter().for_each(|notice| style::warn(notice));
    match end {
        Some(size) if args.from_now => watcher.begin_at(size),
        _ => watcher.begin_at(0),
    }
    let names: Vec<_> = receivers.iter().map(|receiver| receiver.name()).collect();
    let taken = Taken::load(store.clone(), &name, &names, watcher.state().serial)?;
    let handing = Handing::begin(receivers, taken, &watcher.state().waiting);
    stop::gracefully();
    let end = end.filter(|_| args.once);
    let mut watch = Watch { end, lister, ..Watch::new(watcher, handing, store, name) };
    let ended = watch.follow(&views);
    watch.end(ended, args.once)
}

/// How long a watch looks at events before it says what rules couldn't look at, and how long before it does so again.
const FIRST_COVERAGE: Duration = Duration::from_mins(1);
const COVERAGE: Duration = Duration::from_hours(1);

/// The gaps in what rules could look at, without numbers of events: sources, and rules by their ids.
#[derive(Default, PartialEq)]
struct Gaps {
    is_unparsed: bool,
    sources: Vec<String>,
    blind: Vec<String>,
}

impl Gaps {
    fn of(coverage: &Coverage) -> Self {
        let sources = coverage.sources.iter().filter(|source| source.covered < source.events);
        Self {
            is_unparsed: coverage.unparsed > 0,
            sources: sources.map(|source| source.parser.clone()).collect(),
            blind: coverage.blind.iter().map(|blind| blind.rule.clone()).collect(),
        }
    }
}

/// A watch of a log.
struct Watch<'p> {
    watcher: Watcher<'p>,
    handing: Handing,
    store: Arc<Directory>,
    name: String,
    kept: Instant,
    /// Whether the position is further than it is kept.
    unkept: bool,
    /// The size to stop at.
    end: Option<u64>,
    lister: Option<Lister>,
    /// The gaps that were last reported, and the time of the next report.
    gaps: Gaps,
    gaps_due: Instant,
}

impl<'p> Watch<'p> {
    /// Begins a watch that goes on until it is stopped.
    fn new(watcher: Watcher<'p>, handing: Handing, store: Arc<Directory>, name: String) -> Self {
        Self {
            watcher,
            handing,
            store,
            name,
            kept: Instant::now(),
            unkept: false,
            end: None,
            lister: None,
            gaps: Gaps::default(),
            gaps_due: Instant::now() + FIRST_COVERAGE,
        }
    }
}

impl<'p> Follows<'p> for Watch<'p> {
    fn watcher(&mut self) -> &mut Watcher<'p> {
        &mut self.watcher
    }

    fn end(&self) -> Option<u64> {
        self.end
    }

    /// Takes in what became known. Whether the log has grown; none where another view is needed.
    fn settle(&mut self) -> Result<Option<bool>, CliError> {
        let now = now()?;
        let until = self.lister.as_ref().map(|lister| lister.until(now));
        let step = self.watcher.settle(now, until)?;
        let late = self.watcher.take_late();
        if late > 0 {
            let events = count(late, "event");
            style::warn(&format!(
                "{events} were covered by a signature later than by a checkpoint: they are passed over"
            ));
        }
        self.unkept |= step.has_grown;
        if !step.items.is_empty() {
            self.keep()?;
            self.handing.hand_on(&step.items);
        }
        match step.fatal {
            Some(failure) => Err(failure),
            None => Ok((!step.anew).then_some(step.has_grown)),
        }
    }

    fn idle(&mut self) -> Result<(), CliError> {
        if self.unkept && self.kept.elapsed() >= KEEP {
            self.keep()?;
        }
        if Instant::now() >= self.gaps_due {
            self.say_gaps();
        }
        self.list()?;
        while self.handing.waiting() > WAITING && !stop::asked() {
            self.handing.wait(LOOK, stop::asked);
            // A gate whose list runs out may refuse everything, whoever is slow here.
            self.list()?;
        }
        Ok(())
    }
}

impl Watch<'_> {
    /// Follows the log until it is stopped, or comes to its end.
    fn follow(&mut self, views: &Arc<dyn Views>) -> Result<(), CliError> {
        following::follow(self, views)
    }

    /// Says what rules couldn't look at so far, if that has changed since it was last said.
    fn say_gaps(&mut self) {
        self.gaps_due = Instant::now() + COVERAGE;
        let coverage = self.watcher.coverage();
        let gaps = Gaps::of(&coverage);
        if gaps != self.gaps {
            for gap in analyze::gaps(&coverage, self.watcher.pack_name()) {
                style::warn(&gap);
            }
            self.gaps = gaps;
        }
    }

    /// Writes the watchlist where that is due.
    fn list(&mut self) -> Result<(), CliError> {
        let now = now()?;
        let Some(lister) = &mut self.lister else { return Ok(()) };
        let left_out = self.watcher.listing().take_left_out();
        if left_out > 0 {
            style::warn(&format!(
                "the watchlist is full: {} left out, of those that end soonest",
                entries(left_out as u64)
            ));
        }
        if lister.is_due(self.watcher.listing(), now) {
            self.keep()?;
            if let Some(lister) = &self.lister {
                self.watcher.write_list(lister, now)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<(), CliError> {
        let state = self.watcher.keep(self.handing.taken());
        state.save(&self.store, &self.name)?;
        (self.kept, self.unkept) = (Instant::now(), false);
        Ok(())
    }

    /// Ends in good order: what receivers take at once is handed on, the rest is kept.
    fn end(mut self, ended: Result<(), CliError>, is_once: bool) -> Result<ExitStatus, CliError> {
        if ended.is_ok() {
            self.list()?;
            self.say_gaps();
        }
        let all = self.handing.end(if is_once { ONCE } else { ENDING }, ENDING, stop::asked);
        self.keep()?;
        let state = self.watcher.state();
        let (position, waiting) = (state.position, state.waiting.len());
        ended?;
        let looked = entries(position);
        if all {
            style::done(&format!("{looked} looked at"));
            return Ok(ExitStatus::Success);
        }
        let message = format!("{looked} looked at; {}", left_over(waiting as u64));
        if is_once {
            let hint = "run it again once the receivers can be reached: what waits is kept";
            return Err(CliError::unusable("watch.waiting", message, hint).within(&self.name));
        }
        style::warn(&(message + ", kept for the next run"));
        Ok(ExitStatus::Success)
    }
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
    let state = State::read(folder)?;
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
