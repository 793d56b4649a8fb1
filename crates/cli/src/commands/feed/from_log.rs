//! Feeds a log as it grows: sends what a valid checkpoint covers, then saves the progress.

use std::sync::Arc;

use countersign_analyze::{Pack, Sources};
use countersign_client::Prefix;
use countersign_dispatch::{Dispatch, Feed, LogFeed};
use countersign_watch::{HttpViews, LiveViews, WatchConfig, WatchState, Watcher, follow};

use super::Args;
use crate::args::origin;
use crate::commands::rules;
use crate::commands::watch::WatchTerminal;
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
    let origin = origin::select(&trust, args.origin.as_deref())?;
    let prefix = Prefix::parse(url).map_err(|why| {
        CliError::unusable("http.url", why, "use a URL such as https://log.example").within("the URL")
    })?;
    let token = args.access.token()?;
    if token.is_some() {
        token::warn_if_token_unencrypted(&prefix.join("stream", &[]));
    }
    let views = HttpViews::new(prefix, token)?;
    // Without findings, no rules are needed.
    let pack = if feed.findings { rules::load(&args.rules)? } else { empty_pack()? };
    dispatch.progress_mut().set_origin(&origin)?;
    let Some((store, name)) = dispatch.progress().store() else { return Ok(ExitStatus::Unusable) };
    let name = name.to_owned();
    let state = WatchState::load(&store, &name)?;
    let end = if args.once || args.from_now { Some(views.size(&origin, &trust)?) } else { None };
    let views: Arc<dyn LiveViews> = Arc::new(views);
    let parsers = feed.parsers.clone();
    let events = feed.events;
    let config = WatchConfig { origin: origin.clone(), trust, pack: &pack, parsers, scans: false, events };
    let mut watcher = Watcher::new(config, state, &name)?;
    watcher.notice().iter().for_each(|notice| style::warn(&notice.to_string()));
    watcher.begin_at(end.filter(|_| args.from_now).unwrap_or(0));
    let mut log = LogFeed::new(feed, watcher, dispatch, store, name, origin, end.filter(|_| args.once));
    follow(&mut log, &views, &WatchTerminal { pack: pack.name.clone() })?;
    style::done(&format!("{} sent", count(log.end()?, "record")));
    Ok(ExitStatus::Success)
}

/// Returns a pack whose only rule never matches.
fn empty_pack() -> Result<Pack, CliError> {
    let mut sources = Sources::default();
    let rule = "title: Nothing\nid: nothing\nlevel: informational\ndetection:\n  s: {countersign-feeds-nothing: nothing}\n  condition: s\n";
    sources.add("nothing.yml", rule);
    sources.build("nothing").map_err(|_| {
        CliError::unusable("rules.invalid", "the empty rule pack could not be built", "report this as a bug")
    })
}
