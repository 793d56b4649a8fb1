//! Feeding a log as it grows: what a checkpoint that counts holds is sent, and then it is kept how far that is.

use std::sync::Arc;

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_analyze::{Pack, Sources};
use countersign_feeds::{Finding, Kind, Log};

use super::delivery::Delivery;
use super::{Args, Feed};
use crate::args::origin;
use crate::commands::rules;
use crate::commands::verify::now;
use crate::commands::verify::standing::Standings;
use crate::commands::watch::{self, Follows, Item, ItemKind, Remote, State, Views, Watched, Watcher};
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::http::Prefix;
use crate::io::source::{Server, Source as _};
use crate::io::style;
use countersign_delivery::Directory;

pub(super) fn run(
    args: &Args,
    url: &str,
    feed: &Feed,
    mut delivery: Delivery,
) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let origin = origin::of(&trust, args.origin.as_deref())?;
    let prefix = Prefix::parse(url).map_err(|why| {
        CliError::unusable("http.url", why, "write it as https://log.example/audit").within("the URL")
    })?;
    let views: Arc<dyn Views> = Arc::new(Remote::new(prefix.clone(), args.access.token()?)?);
    // Without findings no rule is asked.
    let pack = if feed.findings { rules::load(&args.rules)? } else { nothing()? };
    delivery.progress.begin(&origin)?;
    let Some((store, name)) = delivery.progress.store() else { return Ok(ExitStatus::Unusable) };
    let name = name.to_owned();
    let state = State::load(&store, &name)?;
    let end = if args.once || args.from_now {
        Some(Server::new(prefix)?.checkpoint()?.checkpoint.size)
    } else {
        None
    };
    let readings = feed.readings.clone();
    let events = feed.events;
    let watched = Watched { origin: origin.clone(), trust, pack: &pack, readings, scans: false, events };
    let mut watcher = Watcher::new(watched, state, &name)?;
    watcher.notice().iter().for_each(|notice| style::warn(notice));
    watcher.begin_at(end.filter(|_| args.from_now).unwrap_or(0));
    let mut following =
        Following { feed, watcher, delivery, store, name, origin, end: end.filter(|_| args.once) };
    watch::follow(&mut following, &views)?;
    following.delivery.end()?;
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

/// A log that is fed.
struct Following<'p> {
    feed: &'p Feed,
    watcher: Watcher<'p>,
    delivery: Delivery,
    store: Arc<Directory>,
    name: String,
    origin: String,
    /// The size to stop at.
    end: Option<u64>,
}

impl<'p> Follows<'p> for Following<'p> {
    fn watcher(&mut self) -> &mut Watcher<'p> {
        &mut self.watcher
    }

    fn end(&self) -> Option<u64> {
        self.end
    }

    fn settle(&mut self) -> Result<Option<bool>, CliError> {
        let step = self.watcher.settle(now()?, None)?;
        if let Some(attested) = step.events {
            let log = Log { origin: &self.origin, size: attested.size, root: attested.root };
            let standings = Standings::of(&attested.report);
            let (feed, delivery) = (self.feed, &mut self.delivery);
            attested.events.for_each(|event| {
                if !feed.wants(&event) {
                    return Ok(());
                }
                delivery.push(Some(event.index), feed.record(&log, &event, standings.of_link(&event)))
            })?;
        }
        for item in &step.items {
            self.finding(item)?;
        }
        if step.has_grown || !step.items.is_empty() {
            // The receiver has it all before it is kept that this was looked at: a kill in between sends it again, under
            // the same ids.
            self.delivery.flush()?;
            let state = self.watcher.keep(None);
            let (position, pin) = (state.position, state.pin.clone());
            state.save(&self.store, &self.name)?;
            self.delivery.progress.through(position, pin.as_deref());
            self.delivery.progress.forget_findings();
            self.delivery.keep()?;
        }
        match step.fatal {
            Some(failure) => Err(failure),
            None => Ok((!step.anew).then_some(step.has_grown)),
        }
    }
}

impl Following<'_> {
    fn finding(&mut self, item: &Item) -> Result<(), CliError> {
        let kind = match item.kind {
            ItemKind::Alert if self.feed.findings => Kind::Alert,
            ItemKind::Retract if self.feed.findings => Kind::Retract,
            ItemKind::Unverified => Kind::Unverified,
            _ => return Ok(()),
        };
        let data = item.data();
        let log = &data["log"];
        let root = log["root"].as_str().and_then(countersign::base64::decode);
        let root = root.and_then(|bytes| Some(Hash(bytes.try_into().ok()?)));
        let (Some(size), Some(root)) = (log["size"].as_u64(), root) else {
            style::warn(&format!("{} has no checkpoint: not sent", item.id));
            return Ok(());
        };
        let log = Log { origin: &self.origin, size, root };
        let last = data["finding"]["last"].as_str().and_then(|time| time.parse::<Time>().ok());
        let time = last.map_or_else(now, Ok)?;
        let text = data.to_string();
        let told = Finding { kind, id: &item.id, title: &item.title, time, text: &text };
        let record = self.feed.format.finding(&log, &told);
        self.delivery.push(None, record)
    }
}
