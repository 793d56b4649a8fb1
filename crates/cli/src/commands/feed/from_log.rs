//! Feeding a log as it grows: what a checkpoint that counts holds is sent, and then it is kept how far that is.

use std::sync::Arc;

use countersign_analyze::{Pack, Sources};
use countersign_client::{Prefix, Server, Source as _};
use countersign_dispatch::{Dispatch, Feed, LogFeed};
use countersign_watch::{HttpViews, LiveViews, WatchConfig, WatchState, Watcher, follow};

use super::Args;
use crate::args::origin;
use crate::commands::rules;
use crate::commands::watch::Terminal;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::verdict::count;
use crate::io::{style, token};

pub(super) fn run(
    args: &Args,
    url: &str,
    feed: &Feed,
    mut dispatch: Dispatch,
) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let origin = origin::of(&trust, args.origin.as_deref())?;
    let prefix = Prefix::parse(url).map_err(|why| {
        CliError::unusable("http.url", why, "write it as https://log.example/audit").within("the URL")
    })?;
    let token = args.access.token()?;
    if token.is_some() {
        token::warn_if_seen(&prefix.join("stream", &[]));
    }
    let views: Arc<dyn LiveViews> = Arc::new(HttpViews::new(prefix.clone(), token)?);
    // Without findings no rule is asked.
    let pack = if feed.findings { rules::load(&args.rules)? } else { nothing()? };
    dispatch.progress_mut().begin(&origin)?;
    let Some((store, name)) = dispatch.progress().store() else { return Ok(ExitStatus::Unusable) };
    let name = name.to_owned();
    let state = WatchState::load(&store, &name)?;
    let end = if args.once || args.from_now {
        Some(Server::new(prefix)?.checkpoint()?.checkpoint.size)
    } else {
        None
    };
    let parsers = feed.parsers.clone();
    let events = feed.events;
    let config = WatchConfig { origin: origin.clone(), trust, pack: &pack, parsers, scans: false, events };
    let mut watcher = Watcher::new(config, state, &name)?;
    watcher.notice().iter().for_each(|notice| style::warn(&notice.to_string()));
    watcher.begin_at(end.filter(|_| args.from_now).unwrap_or(0));
    let mut log = LogFeed::new(feed, watcher, dispatch, store, name, origin, end.filter(|_| args.once));
    follow(&mut log, &views, &Terminal { pack: pack.name.clone() })?;
    style::done(&format!("{} sent", count(log.end()?, "record")));
    Ok(ExitStatus::Success)
}

/// Rules that find nothing.
fn nothing() -> Result<Pack, CliError> {
    let mut sources = Sources::default();
    let rule = "title: Nothing\nid: nothing\nlevel: informational\ndetection:\n  s: {countersign-feeds-nothing: nothing}\n  condition: s\n";
    sources.add("nothing.yml", rule);
    sources.build("nothing").map_err(|_| {
        CliError::unusable("rules.invalid", "no rules can be built", "this is a bug: please report it")
    })
}
