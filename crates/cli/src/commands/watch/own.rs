//! A log server that watches its own log, in its own process.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use countersign::trust::Trust;
use countersign_analyze::{Level, Pack};
use countersign_client::DestinationError;
use countersign_delivery::Directory;
use countersign_errors::EngineError;
use countersign_log::export::ExportError;
use countersign_log_server::findings::FILE as FINDINGS;
use countersign_log_server::reading::Reading;
use countersign_query::Parsers;
use countersign_watch::{
    Item, ItemKind, LiveViews, Observer, Receiver, ViewEvent, Watch, WatchConfig, WatchState,
};
use serde_json::Value;

use super::{ENDING, Terminal, conclude};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::style;

/// The folder, in the log's own.
const FOLDER: &str = "watch";

/// Begins to watch. It ends when the program is asked to stop.
pub(crate) fn begin(
    folder: &Path,
    pack: Pack,
    parsers: Parsers,
    reading: &Arc<Reading>,
) -> Result<JoinHandle<Result<ExitStatus, CliError>>, CliError> {
    let watch = folder.join(FOLDER);
    let name = shown(&watch);
    let store = Arc::new(Directory::open(&watch)?);
    let state = WatchState::load(&store, &name)?;
    let origin = reading.log_server().origin().to_owned();
    let views = Own { reading: reading.clone(), runtime: tokio::runtime::Handle::current() };
    let trust = views.trust().unwrap_or_default();
    let kept = Kept::open(folder, reading.clone())?;
    let observer: Arc<dyn Observer> = Arc::new(Terminal { pack: pack.name.clone() });
    let pack: &'static Pack = Box::leak(Box::new(pack));
    let config = WatchConfig { origin, trust, pack, parsers, scans: false, events: false };
    // A state that doesn't fit the rules is reported at once, not from a thread.
    let mut watch = Watch::open(store, &name, state, config, 0, vec![Box::new(kept)], observer)?;
    let thread = std::thread::Builder::new().name("watch".into()).spawn(move || {
        let views: Arc<dyn LiveViews> = Arc::new(views);
        let ended = watch.follow(&views);
        let outcome = watch.end(ended.is_ok(), ENDING);
        let ended = outcome.and_then(|outcome| ended.map(|()| outcome)).map_err(CliError::from);
        let ended = ended.and_then(|outcome| conclude(&outcome, &name, false));
        if let Err(failure) = &ended {
            style::warn(&format!("the log does not watch itself any more: {}", failure.brief()));
        }
        ended
    });
    thread.map_err(|error| CliError::io("start", "watching", &error))
}

/// The log's own live view.
struct Own {
    reading: Arc<Reading>,
    runtime: tokio::runtime::Handle,
}

impl LiveViews for Own {
    fn follow(&self, from: Option<u64>, tell: &SyncSender<ViewEvent>) {
        let lines = tell.clone();
        let told = move |piece| lines.send(ViewEvent::Lines(piece)).is_ok();
        let ended = self.runtime.block_on(self.reading.follow(from.unwrap_or_default(), told));
        let (status, why) = match ended {
            Ok(()) => (None, EngineError::new("stream.ended", "the log's view ended", "it is asked again")),
            Err(error) => {
                let status = if matches!(error, ExportError::Invalid { .. }) { 400 } else { 503 };
                // A log without any entry has none yet.
                let code =
                    if matches!(error, ExportError::NotFound(_)) { "stream.ended" } else { "stream.lost" };
                (Some(status), EngineError::new(code, error.to_string(), "it is asked again"))
            }
        };
        let _ = tell.send(ViewEvent::Lost { status, why });
    }

    /// The log's, as it is now, with its own key.
    fn trust(&self) -> Option<Trust> {
        let log_server = self.reading.log_server();
        let trust = log_server.rules().trust().cloned().unwrap_or_default();
        let key = log_server.key().clone();
        if trust.logs().any(|known| *known == key) { Some(trust) } else { trust.with_log(key).ok() }
    }
}

/// Findings are kept beside the log, and told to its readers.
struct Kept {
    reading: Arc<Reading>,
    names: HashSet<String>,
}

impl Kept {
    fn open(folder: &Path, reading: Arc<Reading>) -> Result<Self, CliError> {
        let before = reading.findings().begin();
        let before = before.map_err(|error| CliError::io("read", &shown(&folder.join(FINDINGS)), &error))?;
        let names = before.iter().filter_map(|line| name(line)).collect();
        Ok(Self { reading, names })
    }
}

/// What a line is of.
fn name(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let data = &value["data"];
    let id = data["finding"]["id"].as_str().or(data["id"].as_str())?;
    Some(format!("{} {id}", value["type"].as_str()?))
}

impl Receiver for Kept {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn wants(&self, _: &Item) -> bool {
        true
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        if !self.names.insert(name(&item.text).unwrap_or_default()) {
            return Ok(());
        }
        if let Err(error) = self.reading.add_finding(item.text.clone()) {
            self.names.remove(&name(&item.text).unwrap_or_default());
            return Err(DestinationError::later(error.to_string()));
        }
        if item.kind == ItemKind::Alert {
            let data = item.data();
            let level = data["finding"]["level"].as_str().and_then(Level::parse);
            self.reading.log_server().metrics().found(level.map_or("unknown", Level::as_str));
        }
        Ok(())
    }
}
