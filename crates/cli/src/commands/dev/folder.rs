//! The folder of a log for local development, with its keys.

use std::path::{Path, PathBuf};

use countersign::note::SignerKey;
use zeroize::Zeroizing;

use super::secrets::{ALL_LOGS, DevSecrets, generate_app_key, generate_log_key, generate_token};
use crate::commands::keygen::write_key;
use crate::errors::{CliError, shown};
use crate::io::output::{Output, make_private_folder, write_secret};
use crate::io::{input, key};

/// The folder for the log server.
const LOG: &str = "log";
/// The database of the native program's log, and of the npm package's. Their tables differ.
const NATIVE_DATABASE: &str = "log.sqlite";
const HOSTED_DATABASE: &str = "durable-object.sqlite";

/// A folder with the keys `app.key` and `log/log.key`, the file `token`, and the log.
pub(crate) struct DevFolder(PathBuf);

impl DevFolder {
    /// Opens the folder, and creates what is missing. Fails if the folder has the other kind of log.
    pub(crate) fn open(path: &Path, tenants: bool) -> Result<(Self, DevSecrets), CliError> {
        let folder = Self(path.to_owned());
        folder.check_kind(tenants)?;
        make_private_folder(&folder.log())?;
        // Keeps the keys out of version control.
        write_missing(&path.join(".gitignore"), "*\n")?;
        let secrets = DevSecrets {
            log: load_or_create_key(&folder.log().join("log.key"), generate_log_key)?,
            app: load_or_create_key(&path.join("app.key"), generate_app_key)?,
            token: load_or_create_token(&path.join("token"))?,
        };
        write_missing(&folder.trust(), &secrets.trust())?;
        write_missing(&folder.readers(), &secrets.readers(tenants))?;
        Ok((folder, secrets))
    }

    /// Fails if the folder has a log of the other kind: with tenants, or without.
    fn check_kind(&self, tenants: bool) -> Result<(), CliError> {
        if !self.readers().exists() || input::small_text(&self.readers())?.contains(ALL_LOGS) == tenants {
            return Ok(());
        }
        let (message, hint) = if tenants {
            ("the folder's log has no tenants", "use another folder with --dir, or omit --tenants")
        } else {
            ("the folder's log has tenants", "add --tenants, or use another folder with --dir")
        };
        Err(CliError::unusable("arguments.invalid", message, hint).within(&shown(&self.0)))
    }

    /// Returns the folder of the log server.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join(LOG)
    }

    pub(super) fn trust(&self) -> PathBuf {
        self.log().join("trust.txt")
    }

    pub(super) fn readers(&self) -> PathBuf {
        self.log().join("readers.txt")
    }

    /// Returns the path of this program's database, unless the folder has the other program's.
    pub(super) fn database(&self) -> Result<PathBuf, CliError> {
        let (own, other, program) = if cfg!(feature = "native") {
            (NATIVE_DATABASE, HOSTED_DATABASE, "npx countersign dev")
        } else {
            (HOSTED_DATABASE, NATIVE_DATABASE, "the native program")
        };
        if self.log().join(other).exists() {
            let message = format!("the folder contains the log of another program: {program}");
            let hint = "use that program, or another folder with --dir";
            return Err(CliError::unusable("io.exists", message, hint).within(&shown(&self.0)));
        }
        Ok(self.log().join(own))
    }
}

fn load_or_create_key(
    path: &Path,
    generate: impl FnOnce() -> Result<SignerKey, CliError>,
) -> Result<SignerKey, CliError> {
    if path.exists() {
        return key::load(path);
    }
    let key = generate()?;
    write_key(path, &key)?;
    Ok(key)
}

fn load_or_create_token(path: &Path) -> Result<Zeroizing<String>, CliError> {
    if path.exists() {
        let text = Zeroizing::new(input::small_text(path)?);
        return Ok(Zeroizing::new(text.trim_end().to_owned()));
    }
    let token = generate_token()?;
    write_secret(path, format!("{}\n", token.as_str()).as_bytes())?;
    Ok(token)
}

fn write_missing(path: &Path, text: &str) -> Result<(), CliError> {
    if path.exists() {
        return Ok(());
    }
    let mut output = Output::create(Some(path))?;
    output.write(text.as_bytes())?;
    output.finish()
}
