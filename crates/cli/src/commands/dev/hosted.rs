//! A log for local development that the npm package runs.

use std::path::Path;

use super::env_file::EnvFile;
use super::secrets::DevSecrets;
use super::{Args, DevFolder};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::host::{DevLog, DevLogEnv, DevLogFiles, run_dev_log};
use crate::io::input;

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let command = args.command.iter().map(|word| text(Path::new(word))).collect::<Result<_, _>>()?;
    let page = args.page.as_deref().map(text).transpose()?;
    let listen = args.address().to_string();
    if args.temporary {
        let secrets = DevSecrets::generate()?;
        let (trust, readers) = (secrets.trust(), secrets.readers(args.tenants));
        run_dev_log(&dev_log(
            &secrets,
            DevLog { listen, trust, readers, tenants: args.tenants, page, command, ..DevLog::default() },
        ))?;
        return Ok(ExitStatus::Success);
    }
    // Before the folder is created, which a failed start must not leave behind.
    let env = args.env.as_deref().map(env_file).transpose()?;
    let created = topmost_missing(&args.dir).map(text).transpose()?;
    let (folder, secrets) = DevFolder::open(&args.dir, args.tenants)?;
    let files = DevLogFiles {
        folder: shown(&args.dir),
        trust: text(&folder.trust())?,
        database: text(&folder.database()?)?,
        created,
    };
    let (trust, readers) = (input::small_text(&folder.trust())?, input::small_text(&folder.readers())?);
    let log = DevLog {
        listen,
        trust,
        readers,
        tenants: args.tenants,
        page,
        command,
        files: Some(files),
        env,
        ..DevLog::default()
    };
    run_dev_log(&dev_log(&secrets, log))?;
    Ok(ExitStatus::Success)
}

/// Returns the settings with the secrets.
fn dev_log(secrets: &DevSecrets, log: DevLog) -> DevLog {
    DevLog {
        log: secrets.log.encode().to_string(),
        log_vkey: secrets.log.verifier_key().to_string(),
        app: secrets.app.encode().to_string(),
        token: secrets.token.as_str().to_owned(),
        ..log
    }
}

/// Returns the file that the variables are written to, once the log has its port.
fn env_file(path: &Path) -> Result<DevLogEnv, CliError> {
    let (path, before) = EnvFile::open(path)?.into_parts();
    Ok(DevLogEnv { path: text(&path)?, before: before.as_str().to_owned() })
}

/// Returns the topmost folder that has to be created for this one.
fn topmost_missing(path: &Path) -> Option<&Path> {
    path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).last()
}

/// Returns an argument as text.
fn text(argument: &Path) -> Result<String, CliError> {
    let text = argument.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        let message = format!("the argument {} is not UTF-8", shown(argument));
        CliError::unusable("arguments.invalid", message, "use another name")
    })
}
