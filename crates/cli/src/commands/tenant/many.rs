//! `countersign tenant add --from`: creates many tenants.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use countersign::hex;
use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;
use countersign_errors::now;
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::store::StoreError;
use countersign_log::tables::lost_name;
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::Tenant;
use countersign_log::tokens::{LogScope, Rights, Scope, check_name};
use countersign_log_server::sqlite;
use countersign_log_server::tokens::{self, NewReader, Token};
use serde_json::json;

use super::{
    POLL_INTERVAL, ServerArgs, TICK_TIMEOUT, UNPUBLISHED, explain, for_each, is_index_of_running,
    is_published, is_running, names, no_tick, not_in_bucket, open, trust_file, unreadable, write,
};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::{progress, style};

/// The number of tenants that are created in one step.
const BATCH: usize = 1000;

/// The tokens of new tenants.
pub(super) struct TokenArgs {
    /// True if no tokens are created.
    pub(super) none: bool,
    /// When the tokens expire.
    pub(super) until: Option<Time>,
}

/// Creates the tenants whose names are in a file, and prints a JSON object for each. With `output`, writes each trust
/// file to this folder.
pub(super) fn add_all(
    of: &ServerArgs,
    from: &Path,
    token: &TokenArgs,
    output: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let folder = &*of.folder.dir;
    let names = names::read(from)?;
    if !token.none
        && let Some((name, Err(reason))) =
            names.iter().map(|name| (name, check_name(name))).find(|(_, checked)| checked.is_err())
    {
        let message = format!("{name:?} can't be the name of a token: {reason}");
        let hint = "use --no-token, and create the tokens with `countersign token add`";
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    if let Some(output) = output {
        std::fs::create_dir_all(output)
            .map_err(|error| CliError::io("create", &output.display().to_string(), &error))?;
    }
    let is_running = is_running(folder);
    open(folder)?;
    let is_index = is_index_of_running(folder, is_running)?;
    let bar = progress::count("Adding tenants", names.len() as u64);
    let mut random: Random = Box::new(secure_random);
    for batch in names.chunks(BATCH) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        sqlite::add_tenants(folder, &batch, &mut random, now()?).map_err(|error| explain(&error, folder))?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    // Readers that were opened before would notice that the database changed.
    let (root, readers) = open(folder)?;
    let NewLogs { tenants, is_published } =
        with_first_ticks(&*readers, &names, is_running).map_err(|error| unreadable(&error, folder))?;
    let missing = tenants.iter().filter(|tenant| tenant.since.is_none()).count();
    if missing > 0 && is_index {
        return Err(not_in_bucket(folder, "so new tenants may not be created"));
    }
    let tokens = if token.none { HashMap::new() } else { add_tokens(folder, &root, &tenants, token.until)? };
    let mut stdout = std::io::stdout().lock();
    for tenant in &tenants {
        let Some(origin) = TenantOrigin::new(&root, tenant.id) else { continue };
        let mut line = json!({ "name": tenant.name, "origin": origin.as_str() });
        if let Some(since) = tenant.since {
            line["since"] = since.into();
        }
        if let Some(token) = tokens.get(&*tenant.name) {
            line["token"] = token.as_str().into();
        }
        writeln!(stdout, "{line}").map_err(|error| CliError::io("write", "standard output", &error))?;
    }
    if let Some(output) = output {
        write_all(of, &root, &tenants, output)?;
    }
    if missing > 0 {
        style::warn(&format!(
            "{}, so {missing} logs have no first tick yet: write their trust files with `countersign tenant trust` once the server runs",
            no_tick(is_running)
        ));
    }
    if is_running && missing == 0 && !is_published {
        style::warn(UNPUBLISHED);
    }
    style::done(&format!("{} tenants have a log", tenants.len()));
    Ok(ExitStatus::Success)
}

/// Writes the trust files of all tenants whose logs have not ended to a folder.
pub(super) fn write_trust_files(of: &ServerArgs, output: &Path) -> Result<ExitStatus, CliError> {
    let folder = &*of.folder.dir;
    let (root, readers) = open(folder)?;
    let mut tenants = Vec::new();
    let mut add = |tenant: Tenant| {
        // The log of a tenant that has another log now has ended.
        if tenant.state == State::Live && tenant.name != lost_name(&tenant.id) {
            tenants.push(tenant);
        }
        Ok(())
    };
    for_each(&*readers, &mut add).map_err(|error| unreadable(&error, folder))?;
    std::fs::create_dir_all(output)
        .map_err(|error| CliError::io("create", &output.display().to_string(), &error))?;
    write_all(of, &root, &tenants, output)?;
    let mut stdout = std::io::stdout().lock();
    for tenant in &tenants {
        let Some(origin) = TenantOrigin::new(&root, tenant.id) else { continue };
        let file = trust_path(output, tenant);
        let line = json!({ "name": tenant.name, "origin": origin.as_str(), "trust": file });
        writeln!(stdout, "{line}").map_err(|error| CliError::io("write", "standard output", &error))?;
    }
    style::done(&format!("{} trust files were written to {}", tenants.len(), shown(output)));
    Ok(ExitStatus::Success)
}

fn trust_path(folder: &Path, tenant: &Tenant) -> PathBuf {
    folder.join(format!("{}.txt", hex::encode(&tenant.id)))
}

/// Writes the trust files of these tenants to a folder.
fn write_all(of: &ServerArgs, root: &str, tenants: &[Tenant], output: &Path) -> Result<(), CliError> {
    let bar = progress::count("Writing trust files", tenants.len() as u64);
    for tenant in tenants {
        let Some(origin) = TenantOrigin::new(root, tenant.id) else { continue };
        write(&trust_file(of, &origin, tenant)?, Some(&trust_path(output, tenant)))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The tenants with the names in a file.
struct NewLogs {
    tenants: Vec<Tenant>,
    /// True if the first ticks of all of them are published.
    is_published: bool,
}

/// Returns the tenants with these names. If a server is running, waits until their first ticks are published.
fn with_first_ticks(
    readers: &dyn TenantReaders,
    names: &[String],
    is_running: bool,
) -> Result<NewLogs, StoreError> {
    let bar = progress::count("Waiting for the first tick", names.len() as u64);
    let mut tenants: Vec<Tenant> = Vec::with_capacity(names.len());
    let mut deadline = Instant::now() + TICK_TIMEOUT;
    for name in names {
        while let Some(tenant) = readers.find_name(name)? {
            let has_tick = tenant.since.is_some();
            if has_tick {
                deadline = Instant::now() + TICK_TIMEOUT;
            }
            if has_tick || !is_running || Instant::now() >= deadline {
                tenants.push(tenant);
                break;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let has_ticks = tenants.iter().all(|tenant| tenant.since.is_some());
    let newest = tenants.iter().filter_map(|tenant| tenant.since).max();
    let bar = progress::count("Waiting for the published tick", 1);
    let is_all_published = || Ok::<_, StoreError>(has_ticks && is_published(readers, newest)?);
    while is_running && has_ticks && !is_all_published()? && Instant::now() < deadline {
        std::thread::sleep(POLL_INTERVAL);
    }
    bar.finish_and_clear();
    Ok(NewLogs { is_published: is_all_published()?, tenants })
}

/// Creates a token for the log of each tenant that has no token of its name.
fn add_tokens(
    folder: &Path,
    root: &str,
    tenants: &[Tenant],
    until: Option<Time>,
) -> Result<HashMap<String, Token>, CliError> {
    let explain = |error: &_| crate::commands::token::explain(error, folder);
    let known = tokens::list(folder).map_err(|error| explain(&error))?;
    let known: std::collections::HashSet<&str> = known.iter().map(|reader| &*reader.name).collect();
    let mut new = Vec::new();
    for tenant in tenants.iter().filter(|tenant| !known.contains(&*tenant.name)) {
        let Some(origin) = TenantOrigin::new(root, tenant.id) else { continue };
        let mut logs = LogScope::default();
        logs.allow(origin.id())
            .map_err(|reason| CliError::unusable("arguments.invalid", reason, "try again"))?;
        let (name, rights, scope) = (tenant.name.clone(), Rights::READ, Scope::default());
        new.push(NewReader { name, rights, until, scope, logs });
    }
    let names: Vec<String> = new.iter().map(|reader| reader.name.clone()).collect();
    let tokens = tokens::add_all(folder, new).map_err(|error| explain(&error))?;
    Ok(names.into_iter().zip(tokens).collect())
}
