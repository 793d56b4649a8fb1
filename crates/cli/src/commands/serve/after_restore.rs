//! `countersign serve --after-restore`: the way on for a log whose storage was brought back.

use std::fs;
use std::path::Path;

use countersign::check::Resource;
use countersign::note::VerifierKey;
use countersign::trust::Trust;
use countersign_client::open;
use countersign_log_server::restore::ending::Ending;
use countersign_log_server::restore::{Bundles, Config, Folder, Over, Plan, Restore, Source};
use countersign_log_server::serve::StartError;
use countersign_log_server::sqlite;
use tokio::runtime::Runtime;

use super::leaf_files;
use super::{Args, KEY, TRUST, explain, now};
use crate::errors::{CliError, shown};
use crate::io::{key, style};

const ENDING: &str = "bring back what is there with --repair URL|DIR|FILE; or end this log and begin another in its place: --origin NEW";
const DOUBTFUL: &str = "bring back what is there with --repair URL|DIR|FILE; add --nothing-newer only if you know that nothing was \
                        signed beyond that (the folder was moved while no server ran); or end this log and begin another \
                        in its place: --origin NEW";

/// What is asked of a log after a restore.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Continue a log that stopped signing because its storage was restored, copied or damaged
    ///
    /// Says first what it will do. If nothing that the log signed is missing, it continues. Missing entries are put
    /// back from --repair, if together they give the tree that was signed. Otherwise the log ends, and if --origin
    /// names one, a new log takes its place. Its first event, log.continues, says which log it continues, and why.
    ///
    /// For a log in a bucket, stop all its servers first. What the bucket lost is put back from whatever else there
    /// is: the folder's index, and --repair.
    #[arg(long)]
    pub(super) after_restore: bool,
    /// Put missing entries back from here: a mirror's URL or folder, another folder of the log, an export, a
    /// receipt or an outbox. Can be repeated
    ///
    /// Entries that the log wrote itself come from the folder's own-entries.ndjson: restore log.sqlite alone, and
    /// leave that file as it is.
    #[arg(long, value_name = "PLACE", requires = "after_restore")]
    repair: Vec<String>,
    /// I know that nothing was signed beyond what is here and in --repair, because no server ran while the folder was
    /// moved
    #[arg(long, requires = "after_restore")]
    nothing_newer: bool,
    /// An empty bucket for the new log of --origin, if the one that ended was in a bucket
    #[arg(long, value_name = "URL", requires_all = ["after_restore", "store", "origin"])]
    new_store: Option<String>,
}

/// Lets the log go on as it is, or with the leaves that others have, or says which log goes on in its place.
pub(crate) fn go_on(args: &Args) -> Result<Option<Ending>, CliError> {
    let path = args.key.clone().unwrap_or_else(|| args.dir.join(KEY));
    let key = key::load(&path)?.verifier_key().clone();
    let trust = trust(args)?;
    let keys = earlier_keys(&trust, &key);
    // It waits for the bucket.
    let runtime = Runtime::new().map_err(|error| CliError::io("start", "the server", &error))?;
    let bucket = args.store.as_deref().map(super::bucket).transpose()?;
    let config = Config {
        folder: args.dir.clone(),
        bucket: bucket.map(|bucket| (bucket, runtime.handle().clone())),
        key: key.clone(),
        keys: keys.clone(),
        witnesses: trust.witnesses().cloned().collect(),
        nothing_newer: args.after.nothing_newer,
        now: now(),
    };
    let mut restore = Restore::look(config).map_err(|error| explain(&error))?;
    let sources = sources(args, restore.size(), &key, &keys)?;
    let stored = |error| explain(&StartError::Store(error));
    restore.ask(sources).map_err(stored)?;
    tell(&restore);
    match restore.plan().map_err(stored)? {
        Plan::End(over) => {
            let doubtful = restore.known().doubt.is_some() && !args.after.nothing_newer;
            end(args, &restore, &key, &over, if doubtful { DOUBTFUL } else { ENDING }).map(Some)
        }
        plan => {
            match &plan {
                Plan::GoOn { size } => {
                    say(&format!("none of the log's {size} entries is missing: it continues as it is"));
                    if !args.after.repair.is_empty() {
                        style::warn(
                            "nothing was taken from --repair: events come back with missing entries only",
                        );
                    }
                }
                Plan::Repair(repair) => {
                    let (from, to) = repair.range();
                    say(&format!(
                        "leaves {from} to {} are put back from {}, {} of them with their events; all of them together \
                         give the tree that the log signed",
                        to - 1,
                        repair.names().join(", "),
                        repair.with_events()
                    ));
                }
                Plan::End(_) => {}
            }
            restore.carry_out(plan).map_err(stored)?;
            style::done("the log goes on");
            Ok(None)
        }
    }
}

fn say(what: &str) {
    style::detail("to do:", what);
}

/// What is known, before anything is done.
fn tell(restore: &Restore) {
    let known = restore.known();
    if !style::is_json() {
        anstream::eprintln!("{}", style::label("After a restore:"));
    }
    if let Some(head) = known.heads.last() {
        let leaves = crate::io::verdict::entries(head.size);
        style::detail("signed last, as far as is known:", &format!("{leaves}, root {}", head.root));
    }
    if let Some(claim) = &known.claim {
        let (entries, witness) = (crate::io::verdict::entries(claim.size), style::plain(&claim.witness));
        style::detail("cosigned, as a witness says without a proof:", &format!("{entries}, by {witness}"));
    }
    if let Some(doubt) = &known.doubt {
        style::detail("but:", &doubt.why);
    }
}

/// Writes down that the log is over, where a new origin was given.
fn end(
    args: &Args,
    restore: &Restore,
    key: &VerifierKey,
    over: &Over,
    hint: &str,
) -> Result<Ending, CliError> {
    let Some(new) = args.origin.as_deref().filter(|new| *new != key.name()) else {
        return Err(CliError::unusable(over.code, over.why.clone(), hint).within(&shown(&args.dir)));
    };
    countersign::note::check_name(new)?;
    let store = args.after.new_store.as_deref();
    if args.store.is_some() && store.is_none_or(|store| Some(store) == args.store.as_deref()) {
        let why = "the log that goes on needs a bucket of its own";
        let hint = "name an empty one, or another prefix: --new-store s3://BUCKET/PREFIX";
        return Err(CliError::unusable("arguments.invalid", why, hint));
    }
    say(&format!(
        "{}: the log {} ends, and {new} begins in its place; its first event names the old log, its last known checkpoint, and \
         why; the old one is kept in {}",
        over.why,
        key.name(),
        shown(&args.dir.join("ended"))
    ));
    restore.end(over, new).map_err(|error| explain(&StartError::Store(error)))?;
    Ending::begin(&args.dir, key.as_str(), (new, store), over, now())
        .map_err(|error| io("write", args, &error))
}

/// A log that is over is put aside, also where that was interrupted before.
pub(crate) fn put_aside(args: &Args, ending: &mut Ending) -> Result<(), CliError> {
    ending.put_aside(&args.dir).map_err(|error| io("move files in", args, &error))
}

/// What an earlier start left to do.
pub(crate) fn left(args: &Args) -> Result<Option<Ending>, CliError> {
    Ending::left(&args.dir).map_err(|error| io("read", args, &error))
}

/// The log that goes on has said what it goes on from.
pub(crate) fn done(args: &Args, ending: Ending) -> Result<(), CliError> {
    style::done(&format!(
        "the log {} has begun; {} is kept in {}",
        ending.new,
        ending.old,
        shown(&ending.aside(&args.dir))
    ));
    if let Some(store) = &ending.store {
        style::done(&format!("from now on it is served with --store {store}"));
    }
    ending.done(&args.dir).map_err(|error| io("write", args, &error))
}

fn io(doing: &str, args: &Args, error: &std::io::Error) -> CliError {
    CliError::io(doing, &shown(&args.dir), error)
}

/// The log's trust file; an empty one if there is none.
fn trust(args: &Args) -> Result<Trust, CliError> {
    let path = args.trust.clone().unwrap_or_else(|| args.dir.join(TRUST));
    if path.exists() { crate::io::input::trust(&path) } else { Ok(Trust::default()) }
}

/// Earlier keys of the log, as its trust file names them.
fn earlier_keys(trust: &Trust, key: &VerifierKey) -> Vec<VerifierKey> {
    trust.logs().filter(|log| log.name() == key.name() && *log != key).cloned().collect()
}

/// Who may still have leaves, from that one on.
fn sources(
    args: &Args,
    from: u64,
    key: &VerifierKey,
    keys: &[VerifierKey],
) -> Result<Vec<Box<dyn Source>>, CliError> {
    let keys: Vec<VerifierKey> = std::iter::once(key).chain(keys).cloned().collect();
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut files = leaf_files::LeafFiles::new(from, keys);
    let nothing = |place: &str| {
        let hint = "give an export, receipts, an outbox's folder, a mirror, or the folder in which a backup is called log.sqlite";
        CliError::unusable("repair.nothing", "there is nothing of a log in it", hint).within(place)
    };
    for place in &args.after.repair {
        let path = Path::new(place);
        if path.join(sqlite::FILE).is_file() {
            let folder = Folder::open(place.clone(), path).map_err(|error| {
                CliError::unusable("store.failed", error.to_string(), "is it a folder of this log?")
                    .within(place)
            })?;
            sources.push(Box::new(folder));
        } else if path.is_file() {
            if !files.add_file(path)? {
                return Err(nothing(place));
            }
        } else if path.is_dir() && !path.join("checkpoint").is_file() {
            let mut names: Vec<_> = fs::read_dir(path)
                .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
                .map_err(|error| CliError::io("read", place, &error))?;
            names.sort();
            let mut is_found = false;
            for path in names.iter().filter(|path| path.is_file() && leaf_files::is_meant(path)) {
                is_found |= files.add_file(path)?;
            }
            if !is_found {
                // An outbox may have been delivered whole.
                style::warn(&format!("{place}: there is nothing of a log in it"));
            }
        } else {
            sources.push(mirror(place)?);
        }
    }
    if !files.is_empty() {
        // A log's own tiles say where each leaf is; files have the events too.
        sources.push(Box::new(files));
    }
    Ok(sources)
}

fn mirror(place: &str) -> Result<Box<dyn Source>, CliError> {
    let source = open(place)?;
    let checkpoint = source.checkpoint()?;
    let size = checkpoint.checkpoint.size;
    Ok(Box::new(Bundles::new(place.to_owned(), checkpoint.to_string(), size, move |bundle| {
        source.get(Resource::Bundle(bundle)).map_err(|error| error.to_string())
    })))
}
