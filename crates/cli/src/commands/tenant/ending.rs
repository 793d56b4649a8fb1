//! `countersign tenant end` and `move`: the end of tenant logs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use countersign::tenant::{State, TenantOrigin};
use countersign_log::stop::{Cause, Line, Stops as _};
use countersign_log::store::StoreError;
use countersign_log::tables::RequestError;
use countersign_log::tenants::requests::Ending;
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::Tenant;
use countersign_log_server::stop_file::StopFile;
use countersign_log_server::{folder_keys, sqlite};

use super::{
    POLL_INTERVAL, ServerArgs, TICK_TIMEOUT, explain, is_index_of_running, is_running, names, no_tick,
    not_in_bucket, open, unreadable,
};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::{input, progress, style};

/// The number of tenants whose logs are ended in one step.
const BATCH: usize = 1000;

/// Checks that readers trust the log's own key as an emitter, because the last event of a log is signed with it. Without
/// it, exports that were verified would be untrusted for good.
pub(super) fn check_own_key(of: &ServerArgs) -> Result<(), CliError> {
    let (folder, file) = (&of.folder.dir, of.trust_file());
    let trust = input::trust(&file)?;
    let (root, _) = open(folder)?;
    let own = folder_keys::signing_key(folder).map_err(|error| unreadable(&error, folder))?;
    let own = own.or_else(|| trust.logs().find(|key| key.name() == root).cloned());
    let Some(own) = own.filter(|own| !trust.emitters().contains(own)) else { return Ok(()) };
    let message = "the trust file has no `emitter` line for the log's own key, which signs the end of a log: readers would not trust the log anymore";
    let hint = format!("add this line, also to the trust files of readers, and try again: emitter {own}");
    Err(CliError::unusable("tenant.own_key", message, hint).within(&shown(&file)))
}

/// Ends the logs of these tenants, and of those in a file.
pub(super) fn end(
    folder: &Path,
    mut tenants: Vec<String>,
    from: Option<&PathBuf>,
) -> Result<ExitStatus, CliError> {
    if let Some(file) = from {
        tenants.extend(names::read(file)?);
    }
    let count = tenants.len();
    if let [name] = &tenants[..]
        && has_ended(folder, name)?
    {
        style::done(&format!("the log of {} had ended already", style::plain(name)));
        return Ok(ExitStatus::Success);
    }
    let ended = request(folder, &tenants, &Ending::End)?;
    match &tenants[..] {
        [name] if ended == 1 => style::done(&format!("the log of {} has ended", style::plain(name))),
        _ if ended == count => style::done(&format!("{count} logs have ended")),
        _ => {}
    }
    Ok(ExitStatus::Success)
}

/// True if the log of the tenant with this name has ended, without a log that continues it.
fn has_ended(folder: &Path, name: &str) -> Result<bool, CliError> {
    let (_, readers) = open(folder)?;
    let found = readers.find_name(name).map_err(|error| unreadable(&error, folder))?;
    Ok(found.is_some_and(|tenant| tenant.state == State::Ended))
}

/// Ends the log of a tenant, and states in it which log continues it.
pub(super) fn move_to(folder: &Path, name: &str, to: &str) -> Result<ExitStatus, CliError> {
    let invalid = |message: &str| {
        let hint = "pass the origin that `countersign tenant add` printed for the new log, such as log.example/audit/t/ID";
        CliError::unusable("arguments.invalid", message, hint)
    };
    let new = TenantOrigin::parse(to).ok_or_else(|| invalid("--to must be the origin of a tenant log"))?;
    let (root, _) = open(folder)?;
    if new.root() == root {
        return Err(invalid("--to must be the origin of a tenant log of another log server"));
    }
    if request(folder, &[name.to_owned()], &Ending::Move(to.to_owned()))? == 1 {
        style::done(&format!("the log of {} has ended, and continues as {new}", style::plain(name)));
    }
    style::done(&format!(
        "send your readers the trust file of {new} too; they verify both logs, each with its own trust file"
    ));
    Ok(ExitStatus::Success)
}

/// Requests the end of logs, and waits for the ticks that end them. Returns the number of logs that have ended.
fn request(folder: &Path, tenants: &[String], ending: &Ending) -> Result<usize, CliError> {
    let is_running = is_running(folder);
    open(folder)?;
    let is_index = is_index_of_running(folder, is_running)?;
    let bar = progress::count("Ending logs", tenants.len() as u64);
    let mut pending: Vec<Tenant> = Vec::new();
    for batch in tenants.chunks(BATCH) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        let requested = sqlite::end_tenants(folder, &batch, ending);
        pending.extend(requested.map_err(|error| explain_request(&error, folder))?);
    }
    // Readers that were opened before would notice that the database changed.
    let (_, readers) = open(folder)?;
    let mut deadline = Instant::now() + TICK_TIMEOUT;
    loop {
        let before = pending.len();
        pending = live(&*readers, pending).map_err(|error| unreadable(&error, folder))?;
        bar.set_position((tenants.len() - pending.len()) as u64);
        if pending.is_empty() || !is_running || Instant::now() >= deadline {
            break;
        }
        if pending.len() < before {
            deadline = Instant::now() + TICK_TIMEOUT;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    bar.finish_and_clear();
    if !pending.is_empty() && is_index {
        return Err(not_in_bucket(
            folder,
            "so the logs have not ended; they end once this server makes ticks",
        ));
    }
    if !pending.is_empty() {
        let logs = match &pending[..] {
            [tenant] => format!("the log of {} ends", style::plain(&tenant.name)),
            _ => format!("{} logs end", pending.len()),
        };
        match stop_of_root_log(folder)? {
            Some(cause) => style::warn(&format!(
                "the root log is stopped ({}), so it makes no ticks: {logs} with the first tick after it continues",
                cause.code()
            )),
            None => style::warn(&format!("{}: {logs} with its next tick", no_tick(is_running))),
        }
    }
    Ok(tenants.len() - pending.len())
}

/// Returns why the root log is stopped, according to its evidence.
fn stop_of_root_log(folder: &Path) -> Result<Option<Cause>, CliError> {
    let lines = StopFile::new(folder).lines().map_err(|error| unreadable(&error, folder))?;
    Ok(match lines.last().map(|line| Line::parse(line)) {
        Some(Some(Line::Stopped(stop))) => Some(stop.cause),
        _ => None,
    })
}

/// Returns those of the tenants whose logs have not ended.
fn live(readers: &dyn TenantReaders, tenants: Vec<Tenant>) -> Result<Vec<Tenant>, StoreError> {
    let mut live = Vec::new();
    for tenant in tenants {
        if matches!(readers.find(&tenant.id)?, Some(Tenant { state: State::Live, .. })) {
            live.push(tenant);
        }
    }
    Ok(live)
}

pub(super) fn explain_request(error: &RequestError, folder: &Path) -> CliError {
    let (code, hint) = match error {
        RequestError::Store(error) => return unreadable(error, folder),
        RequestError::Creation(error) => return explain(error, folder),
        RequestError::Unknown(_) => ("tenant.unknown", "list the tenants with `countersign tenant list`"),
        RequestError::Ended(_) => {
            ("log.ended", "a log ends only once; `countersign tenant list` shows its state")
        }
        RequestError::Live(_) => {
            ("tenant.exists", "end it first with `countersign tenant end`, or choose another name")
        }
        RequestError::Exists(_) => (
            "tenant.exists",
            "choose another name; to give a tenant another log, end its log, and pass its last head to --continues",
        ),
    };
    CliError::unusable(code, error.to_string(), hint).within(&shown(folder))
}
