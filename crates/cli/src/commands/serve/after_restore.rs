//! `countersign serve --after-restore`: continues a log after its storage was restored.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::check::Resource;
use countersign::hash::Hash;
use countersign::note::VerifierKey;
use countersign::tenant::TenantOrigin;
use countersign::trust::Trust;
use countersign_client::open;
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::stop::Cause;
use countersign_log_server::bucket::{Bucket, Restored, from_journal};
use countersign_log_server::restore::succession::Succession;
use countersign_log_server::restore::tenant_succession::{self, NewTenants, TenantSuccessionError};
use countersign_log_server::restore::{
    Bundles, Config, EndReason, Folder, Plan, Restore, Source, TenantBucketPlan, TenantBucketRestore,
};
use countersign_log_server::serve::{StartError, lock};
use countersign_log_server::sqlite;
use tokio::runtime::Runtime;

use super::leaf_files;
use super::{Args, KEY, TRUST, explain, now};
use crate::errors::{CliError, shown};
use crate::io::{key, style};

const END_HINT: &str = "restore missing entries with --repair PLACE (a mirror, a folder of the log, an export, receipts, or the outboxes of \
     emitters); or end this log, and start another in its place with --origin NEW";
const DOUBT_HINT: &str = "restore missing entries with --repair PLACE (a mirror, a folder of the log, an export, receipts, or the outboxes of \
     emitters); add --nothing-newer only if you know that nothing was signed after that (the folder was moved while no \
     server ran); or end this log, and start another in its place with --origin NEW";

const TENANTS_HINT: &str = "put root-entries back if it was moved, or restore the root log's missing entries with --repair PLACE (a mirror, or another \
     folder of the log): only tenant logs that lack entries stay stopped then; or end the root log with --origin NEW: each \
     tenant gets another log under a new root log";
const TENANTS_DOUBT_HINT: &str = "restore the newest log.sqlite, and put signed.txt, heads.bin, and root-entries back; add --nothing-newer only if you know \
     that nothing was signed after that (the folder was moved while no server ran); or end the root log with --origin NEW: \
     each tenant gets another log under a new root log";
const BUCKET_HINT: &str = "if the bucket still has the log, restore its lost objects, and start the server with --store, without --after-restore; \
     add --nothing-newer only if the bucket is lost for good, no server uses it anymore, and this is the folder of the \
     server that made the last ticks";

const TENANT_BUCKET_HINT: &str = "add --repair DIR with the folder of the server that made the last ticks, whose index has what the bucket lost; or put \
     the bucket's lost objects back from earlier versions or a replica; if neither has them, omit --store in the folder \
     that has the most ticks: the logs then continue there, except those that lack entries";
const TENANT_BUCKET_DOUBT_HINT: &str = "add --repair DIR with the folder of the server that made the last ticks; add --nothing-newer only if you know that no \
     server signed anything after that";

/// The options of a start after a restore.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Continue a log that stopped signing because its storage was restored, copied or damaged
    ///
    /// Prints its plan first. If nothing the log signed is missing, the log continues. Missing entries are restored
    /// from --repair, if together they give the signed tree. Otherwise the log ends, and if --origin names one, a new
    /// log takes its place. The new log's first event, log.continues, names the old log and the reason.
    ///
    /// For a log in a bucket, stop all its servers first. What the bucket lost is restored from the folder's index
    /// and from --repair.
    ///
    /// In a log with tenants, only entries of the root log are restored, from root-entries in the folder or from a
    /// mirror. Its tenant logs continue too, except those whose entries are missing: these stay stopped. If the root log
    /// has to end, --origin names a new one, under which each tenant gets another log. What its bucket lost is put back
    /// from the indexes in the folders of its servers. If the bucket is lost, omit --store: the log then continues in the
    /// folder.
    ///
    /// With --journal, everything that the journal has in addition to log.sqlite is restored first, tenant logs included,
    /// and events erased since the backup are erased again. If the journal has all entries, log.sqlite may be missing.
    #[arg(long)]
    pub(super) after_restore: bool,
    /// Restore missing entries from here: a mirror's URL or folder, another folder of the log, an export, a receipt
    /// or an outbox. Can be repeated
    ///
    /// Entries the log wrote itself come from own-entries.ndjson in the folder: restore only log.sqlite, and keep
    /// that file unchanged.
    #[arg(long, value_name = "PLACE", requires = "after_restore")]
    repair: Vec<String>,
    /// State that nothing was signed beyond this folder and --repair, because no server ran while the folder was
    /// moved
    #[arg(long, requires = "after_restore")]
    nothing_newer: bool,
    /// An empty bucket for the new log of --origin, if the one that ended was in a bucket
    #[arg(long, value_name = "URL", requires_all = ["after_restore", "store", "origin"])]
    new_store: Option<String>,
}

/// Continues the log as it is, or with restored entries; otherwise returns its ending.
pub(crate) fn resume(args: &Args) -> Result<Option<Succession>, CliError> {
    let path = args.key.clone().unwrap_or_else(|| args.dir.join(KEY));
    let key = key::load(&path)?.verifier_key().clone();
    let trust = trust(args)?;
    let keys = earlier_keys(&trust, &key);
    // Reading the bucket or the journal blocks.
    let runtime = Runtime::new().map_err(|error| CliError::io("start", "the server", &error))?;
    let is_complete = apply_journal(args, &key, &runtime)?;
    let bucket = args.store.as_deref().map(super::bucket).transpose()?;
    let config = Config {
        folder: args.dir.clone(),
        bucket: bucket.map(|bucket| (bucket, runtime.handle().clone())),
        key: key.clone(),
        keys: keys.clone(),
        witnesses: trust.witnesses().cloned().collect(),
        nothing_newer: args.after.nothing_newer || is_complete,
        now: now(),
    };
    let mut restore = Restore::open(config).map_err(|error| explain(&error, args.store.as_deref()))?;
    let sources = sources(args, restore.size(), &key, &keys)?;
    let stored = |error| explain(&StartError::Store(error), args.store.as_deref());
    restore.collect(sources).map_err(stored)?;
    print_known(&restore);
    let leaves_bucket = restore.leaves_bucket();
    match restore.plan().map_err(stored)? {
        Plan::End(over) => {
            let doubtful = restore.history().doubt.is_some() && !args.after.nothing_newer;
            let hint = match (restore.has_tenants(), doubtful) {
                (true, true) if restore.leaves_bucket() => BUCKET_HINT,
                (true, true) => TENANTS_DOUBT_HINT,
                (true, false) => TENANTS_HINT,
                (false, true) => DOUBT_HINT,
                (false, false) => END_HINT,
            };
            end(args, &restore, &key, &over, hint).map(Some)
        }
        plan => {
            match &plan {
                Plan::Continue { size } => {
                    print_plan(&format!(
                        "none of the log's {size} entries is missing: it continues unchanged"
                    ));
                    if !args.after.repair.is_empty() {
                        style::warn("--repair was not used: events are restored only with missing entries");
                    }
                }
                Plan::Repair(repair) => {
                    let (from, to) = repair.range();
                    print_plan(&format!(
                        "entries {from} to {} are restored from {}, {} of them with their events; together they \
                         give the tree the log signed",
                        to - 1,
                        repair.names().join(", "),
                        repair.with_events()
                    ));
                }
                Plan::End(_) => {}
            }
            if leaves_bucket {
                print_plan("the log leaves its bucket, and continues in the folder");
            }
            restore.carry_out(plan).map_err(stored)?;
            style::done("the log continues");
            Ok(None)
        }
    }
}

/// Puts back what the bucket of tenant logs lost, from the indexes in the folders of its servers.
pub(crate) fn resume_tenants_in_bucket(args: &Args, bucket: Bucket) -> Result<(), CliError> {
    let path = args.key.clone().unwrap_or_else(|| args.dir.join(KEY));
    let key = key::load(&path)?.verifier_key().clone();
    let trust = trust(args)?;
    if args.origin.is_some() {
        let message = "--origin can't be used with --after-restore for a log with tenants";
        return Err(
            CliError::unusable("arguments.invalid", message, TENANT_BUCKET_HINT).within(&shown(&args.dir))
        );
    }
    let others: Vec<PathBuf> = args.after.repair.iter().map(PathBuf::from).collect();
    for other in &others {
        if !sqlite::is_index_folder(other).unwrap_or(false) || !sqlite::has_tenants(other).unwrap_or(false) {
            let message = "the place is not the folder of a server of these tenant logs in a bucket";
            return Err(
                CliError::unusable("repair.nothing", message, TENANT_BUCKET_HINT).within(&shown(other))
            );
        }
    }
    let runtime = Runtime::new().map_err(|error| CliError::io("start", "the server", &error))?;
    let config = Config {
        folder: args.dir.clone(),
        bucket: Some((bucket, runtime.handle().clone())),
        keys: earlier_keys(&trust, &key),
        key,
        witnesses: trust.witnesses().cloned().collect(),
        nothing_newer: args.after.nothing_newer,
        now: now(),
    };
    let restore =
        TenantBucketRestore::open(config, &others).map_err(|error| explain(&error, args.store.as_deref()))?;
    let stored = |error| explain(&StartError::Store(error), args.store.as_deref());
    let plan = restore.plan().map_err(stored)?;
    match &plan {
        TenantBucketPlan::Continue => {
            print_plan("the bucket lacks none of the commits that the folders have");
        }
        TenantBucketPlan::PutBack(found) => {
            let parts =
                found.iter().map(|(folder, commits)| format!("{commits} from {}", style::plain(folder)));
            let parts: Vec<String> = parts.collect();
            print_plan(&format!("commits that the bucket lost are put back: {}", parts.join(", ")));
        }
        TenantBucketPlan::End(over) => {
            let is_doubt = over.code == Cause::Unremembered.code();
            let hint = if is_doubt { TENANT_BUCKET_DOUBT_HINT } else { TENANT_BUCKET_HINT };
            return Err(CliError::unusable(over.code, over.why.clone(), hint).within(&shown(&args.dir)));
        }
    }
    restore.carry_out(&plan).map_err(stored)?;
    style::done("the logs continue");
    Ok(())
}

/// Applies what the journal has in addition to the folder. Returns true if it has everything that the log answered.
fn apply_journal(args: &Args, key: &VerifierKey, runtime: &Runtime) -> Result<bool, CliError> {
    let Some(url) = &args.journal else { return Ok(false) };
    let place = super::bucket(url)?;
    let _lock = lock(&args.dir).map_err(|error| explain(&error, None))?;
    let depth = args.slots.trailing_zeros() as u8;
    let restored = from_journal(&args.dir, key, depth, place, runtime.handle().clone());
    let Restored { from, to, erased, is_complete } = restored.map_err(|error| {
        let hint = "pass this log's journal; if it begins after the log ends, restore a later backup to log.sqlite first";
        CliError::unusable("journal.unusable", error.to_string(), hint).within(url)
    })?;
    if to > from {
        style::done(&format!("entries {from} to {} were restored from the journal", to - 1));
    } else {
        style::done(&format!("the journal has no entries after the log's {from}"));
    }
    if erased > 0 {
        style::done(&format!("{erased} events were erased again"));
    }
    if !is_complete {
        style::warn(
            "the log answered without the journal (--journal-mode answer): the journal may lack answered events",
        );
    }
    Ok(is_complete)
}

fn print_plan(what: &str) {
    style::detail("plan:", what);
}

/// Prints the known state before any change.
fn print_known(restore: &Restore) {
    let known = restore.history();
    if !style::is_json() {
        anstream::eprintln!("{}", style::label("After a restore:"));
    }
    if let Some(head) = known.heads.last() {
        let leaves = crate::io::verdict::entries(head.size);
        style::detail("last known signature:", &format!("{leaves}, root {}", head.root));
    }
    if let Some(claim) = &known.claim {
        let (entries, witness) = (crate::io::verdict::entries(claim.size), style::plain(&claim.witness));
        style::detail("claimed by a witness, without proof:", &format!("{entries}, by {witness}"));
    }
    if let Some(doubt) = &known.doubt {
        style::detail("doubt:", &doubt.why);
    }
}

/// Records that the log ended, if there is a new origin.
fn end(
    args: &Args,
    restore: &Restore,
    key: &VerifierKey,
    over: &EndReason,
    hint: &str,
) -> Result<Succession, CliError> {
    let Some(new) = args.origin.as_deref().filter(|new| *new != key.name()) else {
        return Err(CliError::unusable(over.code, over.why.clone(), hint).within(&shown(&args.dir)));
    };
    countersign::note::check_name(new)?;
    if restore.has_tenants() && TenantOrigin::new(new, [0; 16]).is_none() {
        let message = format!("{new:?} can't be the origin of a root log");
        let hint = "use an --origin of at most 220 bytes that doesn't end in /t/ and an ID";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    let store = args.after.new_store.as_deref();
    if args.store.is_some() && store.is_none_or(|store| Some(store) == args.store.as_deref()) {
        let why = "the new log needs its own bucket";
        let hint = "use an empty bucket or another prefix: --new-store s3://BUCKET/PREFIX";
        return Err(CliError::unusable("arguments.invalid", why, hint));
    }
    let has_tenants = restore.has_tenants();
    let first_events = if has_tenants {
        "each tenant gets another log, whose first event has the old log, its last known head, and the reason; what the old \
         logs have is kept"
    } else {
        "its first event has the old log, its last known checkpoint, and the reason; the old log is kept"
    };
    print_plan(&format!(
        "{}: the log {} ends, and {new} takes its place; {first_events} in {}",
        over.why,
        key.name(),
        shown(&args.dir.join("ended"))
    ));
    restore.end(over, new).map_err(|error| explain(&StartError::Store(error), args.store.as_deref()))?;
    Succession::begin(&args.dir, key.as_str(), (new, store), has_tenants, over, now())
        .map_err(|error| io("write", args, &error))
}

/// Archives a log that ended, or completes an interrupted archiving.
pub(crate) fn archive(args: &Args, ending: &mut Succession) -> Result<(), CliError> {
    ending.archive(&args.dir).map_err(|error| io("move files in", args, &error))
}

/// Creates the new root log, with a log for each tenant, if the log that ended has tenants. `depth` is that of the first
/// directory.
pub(crate) fn create_tenants(
    args: &Args,
    ending: &Succession,
    depth: u8,
) -> Result<Option<NewTenants>, CliError> {
    if !ending.has_tenants() {
        return Ok(None);
    }
    let mut random: Random = Box::new(secure_random);
    let created = tenant_succession::create(&args.dir, ending, depth, &mut random, now());
    created.map(Some).map_err(|error| match error {
        TenantSuccessionError::Store(error) => explain(&StartError::Store(error), None),
        TenantSuccessionError::Tokens(error) => crate::commands::token::explain(&error, &args.dir),
        TenantSuccessionError::Request(error) => {
            let hint = "correct this, and start the server again: it continues from here";
            CliError::unusable("store.failed", error.to_string(), hint).within(&shown(&args.dir))
        }
    })
}

/// Prints what the operator has to do for the tenants of a new root log.
pub(crate) fn print_tenants(args: &Args, ending: &Succession, tenants: &NewTenants) {
    let NewTenants { continued, unnamed, ended } = tenants;
    let dir = shown(&args.dir);
    style::done(&format!(
        "{} tenants have another log; {ended} logs had ended before, and are only in {}",
        continued.len(),
        shown(&ending.archive_folder(&args.dir))
    ));
    style::detail("names, tokens:", "as before; tokens for a tenant's log are for its new log now");
    style::detail(
        "trust files:",
        &format!(
            "write them with `countersign tenant trust --all --dir {dir} -o FOLDER`, and send them to the tenants"
        ),
    );
    style::detail(
        "recorders:",
        "deliver to the new logs, with the new trust files and new outboxes; grants have to be issued again",
    );
    for origin in unnamed {
        style::warn(&format!(
            "the name of the tenant of {origin} is unknown, because the restored database lacks it: create it with \
             `countersign tenant add NAME --continues {origin} --dir {dir}`"
        ));
    }
}

/// Returns the ending that an earlier start left unfinished.
pub(crate) fn unfinished(args: &Args) -> Result<Option<Succession>, CliError> {
    Succession::pending(&args.dir).map_err(|error| io("read", args, &error))
}

/// Finishes the ending, after the new log has recorded it.
pub(crate) fn finish(args: &Args, ending: Succession) -> Result<(), CliError> {
    style::done(&format!(
        "the log {} was created; {} is kept in {}",
        ending.new,
        ending.old,
        shown(&ending.archive_folder(&args.dir))
    ));
    if let Some(store) = &ending.store {
        style::done(&format!("from now on, use --store {store}"));
    }
    ending.finish(&args.dir).map_err(|error| io("write", args, &error))
}

fn io(doing: &str, args: &Args, error: &std::io::Error) -> CliError {
    CliError::io(doing, &shown(&args.dir), error)
}

/// Reads the log's trust file; an empty one if it is missing.
fn trust(args: &Args) -> Result<Trust, CliError> {
    let path = args.trust.clone().unwrap_or_else(|| args.dir.join(TRUST));
    if path.exists() { crate::io::input::trust(&path) } else { Ok(Trust::default()) }
}

/// Returns the log's earlier keys in the trust file.
fn earlier_keys(trust: &Trust, key: &VerifierKey) -> Vec<VerifierKey> {
    trust.logs().filter(|log| log.name() == key.name() && *log != key).cloned().collect()
}

/// Returns the sources of entries from this one on.
fn sources(
    args: &Args,
    from: u64,
    key: &VerifierKey,
    keys: &[VerifierKey],
) -> Result<Vec<Box<dyn Source>>, CliError> {
    let keys: Vec<VerifierKey> = std::iter::once(key).chain(keys).cloned().collect();
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut files = leaf_files::LeafFiles::new(from, keys);
    let no_leaves = |place: &str| {
        let hint = "pass an export, receipts, an outbox folder, a mirror, or a folder that has a backup named log.sqlite";
        CliError::unusable("repair.nothing", "the place contains no data from a log", hint).within(place)
    };
    for place in &args.after.repair {
        let copy = copy_in_mirror(Path::new(place), key.name());
        let place = &copy.map_or_else(|| place.clone(), |copy| copy.display().to_string());
        let path = Path::new(place);
        if path.join(sqlite::FILE).is_file() {
            let folder = Folder::open(place.clone(), path).map_err(|error| {
                CliError::unusable(
                    "store.failed",
                    error.to_string(),
                    "check that this is a folder of this log",
                )
                .within(place)
            })?;
            sources.push(Box::new(folder));
        } else if path.is_file() {
            if !files.add_file(path)? {
                return Err(no_leaves(place));
            }
        } else if path.is_dir() && !path.join("checkpoint").is_file() {
            let mut names: Vec<_> = fs::read_dir(path)
                .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
                .map_err(|error| CliError::io("read", place, &error))?;
            names.sort();
            let mut is_found = false;
            for path in names.iter().filter(|path| path.is_file() && leaf_files::is_candidate(path)) {
                is_found |= files.add_file(path)?;
            }
            if !is_found {
                // An outbox may have nothing left to deliver.
                style::warn(&format!("{place}: the place contains no data from a log"));
            }
        } else {
            sources.push(mirror(place)?);
        }
    }
    if !files.is_empty() {
        // Tiles have all entries in order; files also have the events.
        sources.push(Box::new(files));
    }
    Ok(sources)
}

/// Returns the copy of a log in the folder of a mirror that accepts uploads, or in the folder `public` below it.
fn copy_in_mirror(folder: &Path, origin: &str) -> Option<PathBuf> {
    let name = countersign::hex::encode(&Hash::digest(&[origin.as_bytes()]).0);
    let copies = [folder.join("public").join(&name), folder.join(&name)];
    copies.into_iter().find(|copy| copy.join("checkpoint").is_file())
}

fn mirror(place: &str) -> Result<Box<dyn Source>, CliError> {
    let source = open(place)?;
    let checkpoint = source.checkpoint()?;
    let size = checkpoint.checkpoint.size;
    Ok(Box::new(Bundles::new(place.to_owned(), checkpoint.to_string(), size, move |bundle| {
        source.get(Resource::Bundle(bundle)).map_err(|error| error.to_string())
    })))
}
