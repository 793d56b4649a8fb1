//! A log server that watches its own log, in the same process.

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
    Destination, Item, ItemKind, LiveViews, ViewEvent, Watch, WatchConfig, WatchObserver, WatchState,
};
use serde_json::Value;

use super::{END_PATIENCE, WatchTerminal, report_outcome};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::style;

/// The folder of the watch's state, in the log's folder.
const FOLDER: &str = "watch";

/// Starts watching on a separate thread. It ends when the program is asked to stop.
pub(crate) fn start(
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
    let views = OwnViews { reading: reading.clone(), runtime: tokio::runtime::Handle::current() };
    let trust = views.trust().unwrap_or_default();
    let findings = StoredFindings::open(folder, reading.clone())?;
    let observer: Arc<dyn WatchObserver> = Arc::new(WatchTerminal { pack: pack.name.clone() });
    let pack: &'static Pack = Box::leak(Box::new(pack));
    let config = WatchConfig { origin, trust, pack, parsers, scans: false, events: false };
    // A state that doesn't fit the rules is reported right away, not from the thread.
    let mut watch = Watch::open(store, &name, state, config, 0, vec![Box::new(findings)], observer)?;
    let thread = std::thread::Builder::new().name("watch".into()).spawn(move || {
        let views: Arc<dyn LiveViews> = Arc::new(views);
        let ended = watch.follow(&views);
        let outcome = watch.end(ended.is_ok(), END_PATIENCE);
        let ended = outcome.and_then(|outcome| ended.map(|()| outcome)).map_err(CliError::from);
        let ended = ended.and_then(|outcome| report_outcome(&outcome, &name, false));
        if let Err(failure) = &ended {
            style::warn(&format!("the log no longer watches itself: {}", failure.brief()));
        }
        ended
    });
    thread.map_err(|error| CliError::io("start", "watching", &error))
}

/// The log's own live view.
struct OwnViews {
    reading: Arc<Reading>,
    runtime: tokio::runtime::Handle,
}

impl LiveViews for OwnViews {
    fn follow(&self, from: Option<u64>, sender: &SyncSender<ViewEvent>) {
        let lines = sender.clone();
        let on_lines = move |chunk| lines.send(ViewEvent::Lines(chunk)).is_ok();
        let ended = self.runtime.block_on(self.reading.follow(from.unwrap_or_default(), on_lines));
        let (status, why) = match ended {
            Ok(()) => (
                None,
                EngineError::new(
                    "stream.ended",
                    "the log ended this view",
                    "wait; the program reconnects automatically",
                ),
            ),
            Err(error) => {
                let status = if matches!(error, ExportError::Invalid { .. }) { 400 } else { 503 };
                // A log without entries has no view yet.
                let code =
                    if matches!(error, ExportError::NotFound(_)) { "stream.ended" } else { "stream.lost" };
                (
                    Some(status),
                    EngineError::new(code, error.to_string(), "wait; the program reconnects automatically"),
                )
            }
        };
        let _ = sender.send(ViewEvent::Lost { status, why });
    }

    /// Returns the log's current trust file, plus the log's own key.
    fn trust(&self) -> Option<Trust> {
        let log_server = self.reading.log_server();
        let trust = log_server.rules().trust().cloned().unwrap_or_default();
        let key = log_server.key().clone();
        if trust.logs().any(|known| *known == key) { Some(trust) } else { trust.with_log(key).ok() }
    }
}

/// Stores findings next to the log, where its readers can fetch them.
struct StoredFindings {
    reading: Arc<Reading>,
    names: HashSet<String>,
}

impl StoredFindings {
    fn open(folder: &Path, reading: Arc<Reading>) -> Result<Self, CliError> {
        let before = reading.findings().begin();
        let before = before.map_err(|error| CliError::io("read", &shown(&folder.join(FINDINGS)), &error))?;
        let names = before.iter().filter_map(|line| name(line)).collect();
        Ok(Self { reading, names })
    }
}

/// Returns the name of a stored finding: its type and id.
fn name(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let data = &value["data"];
    let id = data["finding"]["id"].as_str().or(data["id"].as_str())?;
    Some(format!("{} {id}", value["type"].as_str()?))
}

impl Destination for StoredFindings {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn wants(&self, _: &Item) -> bool {
        true
    }

    fn accept(&mut self, item: &Item) -> Result<(), DestinationError> {
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
