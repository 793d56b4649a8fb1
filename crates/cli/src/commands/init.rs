//! `countersign init`: creates keys, a trust file, a grant, and a first event.

mod template;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::FromArgMatches;
use countersign::note::{SignerKey, VerifierKey};
use zeroize::Zeroizing;

use crate::commands::keygen::{random, write_key};
use crate::commands::{grant, record, seal, verify};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::{Output, make_private_folder, write_secret};
use crate::io::{key, style};
use template::Template;

/// The first event of a log.
const FIRST: &str =
    "{\"action\":\"countersign.init\",\"actor\":{\"type\":\"system\",\"id\":\"countersign init\"}}\n";

/// Create keys and a trust file, and record a first event
///
/// With --template, creates a project instead: code that records events, and the keys of a log for development, which
/// `npm run dev` runs. In a folder with a package.json, adds only the code, the keys, and lines of .gitignore. It
/// overwrites no file.
///
/// Without --to, the log is a file, audit.ndjson, which you extend with `countersign record` and `countersign seal`.
/// With --to, the first event is sent to that log and proven to be in it. The log's operator must add the issuer
/// first; if that hasn't happened, a hint says what to ask for. Run the command again to continue with the same keys.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign init --template node my-app                       # a project that runs with npm
  countersign init                                              # a log in the folder audit
  countersign init --to https://log.example --log \"$LOG_VKEY\"   # in a log server's log")]
pub(crate) struct Args {
    /// Folder of the project [default: the current folder]
    #[arg(value_name = "FOLDER", requires = "template")]
    folder: Option<PathBuf>,
    /// Create a project of this kind
    #[arg(long, value_enum, value_name = "KIND", conflicts_with_all = ["dir", "name", "to", "log", "origin"])]
    template: Option<Template>,
    /// Folder for the keys, the trust file, and .env
    #[arg(long, value_name = "DIR", default_value = "audit")]
    dir: PathBuf,
    /// Name of the issuer, such as example.com. The recording key is NAME/app [default: the current folder's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// URL of the log server to record to [default: a file]
    #[arg(long, value_name = "URL", requires = "log")]
    to: Option<String>,
    /// Public key of that log, obtained from somewhere other than the log
    // A string, parsed later: clap repeats invalid values in errors, and this may be a private key.
    #[arg(long, value_name = "VKEY", requires = "to")]
    log: Option<String>,
    /// Origin of the log, if it is a file
    #[arg(long, value_name = "O", default_value = "localhost/audit", conflicts_with = "to")]
    origin: String,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if let Some(template) = args.template {
        return template.create(args.folder.as_deref().unwrap_or(Path::new(".")));
    }
    let remote = args.to.as_deref().zip(args.log.as_deref());
    let remote_key = remote.map(|(_, log)| log.parse::<VerifierKey>()).transpose()?;
    make_private_folder(&args.dir)?;
    let place = Folder(&args.dir);
    let name = args.name.clone().unwrap_or_else(current_folder_name);
    let issuer = place.key("issuer.key", &name)?;
    let app = place.key("app.key", &format!("{name}/app"))?;
    let (issuer_key, app_key) = (issuer.verifier_key(), app.verifier_key());
    let log = match remote_key {
        Some(key) => key,
        None => place.key("log.key", &args.origin)?.verifier_key().clone(),
    };
    place.write(
        "trust.txt",
        &format!(
            "log {log}\nissuer {issuer_key}\n# The log also signs its own read records.\nemitter {log}\n"
        ),
    )?;
    let (grant_by, record_by) = (place.path("issuer.key"), place.path("app.key"));
    let events = tempfile::NamedTempFile::new().and_then(|file| fs::write(&file, FIRST).map(|()| file));
    let events = events.map_err(|error| CliError::io("write", "a temporary file", &error))?;
    let first = events.path().as_os_str().to_owned();
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let status = if let Some((url, vkey)) = remote {
        if Path::new(&place.path(".env")).exists() {
            let hint = "record to the log with `countersign record --to`, or use another --dir";
            return Err(CliError::unusable("io.exists", "the first event is already in the log", hint));
        }
        let to = words(&["--to", url, "--log", vkey]);
        let granted = [words(&[app_key.as_str(), "--key"]), vec![grant_by], to.clone()].concat();
        grant::grant(&parsed(granted)?).map_err(|failure| match failure.code() {
            "log.unauthorized" => failure.with_hint(&format!(
                "ask the log operator to add the line `issuer {issuer_key}` to the log's trust.txt, then run this again"
            )),
            _ => failure,
        })?;
        let recorded =
            [words(&["--key"]), vec![record_by, first], to, words(&["--outbox"]), vec![place.path("outbox")]];
        let status = record::run(&parsed(recorded.concat())?)?;
        place.secret(
            ".env",
            &format!("AUDIT_KEY={}\nAUDIT_URL={url}\nAUDIT_LOG={vkey}\n", app.encode().as_str()),
        )?;
        status
    } else {
        let [granted, recorded, log] =
            ["grant.ndjson", "app.ndjson", "audit.ndjson"].map(|name| place.path(name));
        if Path::new(&log).exists() {
            let hint = "record to it with `countersign record` and `countersign seal`, or use another --dir";
            return Err(CliError::unusable("io.exists", "the log already exists", hint)
                .within(&shown(Path::new(&log))));
        }
        let origin = words(&["--origin", &args.origin, "-o"]);
        let grant =
            [words(&[app_key.as_str(), "--key"]), vec![grant_by], origin.clone(), vec![granted.clone()]];
        grant::grant(&parsed(grant.concat())?)?;
        let record = [words(&["--key"]), vec![record_by, first], origin, vec![recorded.clone()]].concat();
        record::run(&parsed(record)?)?;
        let sealed = [
            words(&["--log-key"]),
            vec![place.path("log.key"), granted, recorded],
            words(&["--trust"]),
            vec![place.path("trust.txt")],
            words(&["-o"]),
            vec![log.clone()],
        ];
        seal::run(&parsed(sealed.concat())?)?;
        place.secret(
            ".env",
            &format!("AUDIT_KEY={}\nAUDIT_LOG={}\n", app.encode().as_str(), log_key(&place)?),
        )?;
        verify::run(&parsed([vec![log], words(&["--trust"]), vec![place.path("trust.txt")]].concat())?)?
    };
    style::done(&format!(
        "{}: created private keys (readable only by you), trust.txt for readers, and .env for your app",
        shown(&args.dir)
    ));
    Ok(status)
}

fn log_key(place: &Folder<'_>) -> Result<VerifierKey, CliError> {
    Ok(key::load(Path::new(&place.path("log.key")))?.verifier_key().clone())
}

/// Parses the arguments of another command.
fn parsed<A: clap::Args + FromArgMatches>(words: Vec<OsString>) -> Result<A, CliError> {
    let command = A::augment_args(clap::Command::new("init").no_binary_name(true));
    let parsed = command.try_get_matches_from(words).and_then(|matches| A::from_arg_matches(&matches));
    // clap's error would repeat arguments.
    parsed.map_err(|_| {
        CliError::unusable(
            "arguments.invalid",
            "a name or an address can't be used",
            "run `countersign init --help` for the allowed values",
        )
    })
}

/// Returns the name of the current folder, as a valid key name.
fn current_folder_name() -> String {
    folder_name(&std::env::current_dir().unwrap_or_default())
}

/// Returns the name of a folder, as a valid name of a key or an npm package.
fn folder_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain: String =
        name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "app".into() } else { plain.into() }
}

/// The folder for all files.
struct Folder<'a>(&'a Path);

impl Folder<'_> {
    fn path(&self, name: &str) -> OsString {
        self.0.join(name).into_os_string()
    }

    /// Loads the key from that file, or creates it.
    fn key(&self, file: &str, name: &str) -> Result<SignerKey, CliError> {
        let path = self.0.join(file);
        if path.exists() {
            return key::load(&path);
        }
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed)?;
        let key = SignerKey::from_seed(name, *seed)?;
        write_key(&path, &key)?;
        Ok(key)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), CliError> {
        let path = self.0.join(file);
        if path.exists() {
            return Ok(());
        }
        let mut output = Output::create(Some(&path))?;
        output.write(text.as_bytes())?;
        output.finish()
    }

    fn secret(&self, file: &str, text: &str) -> Result<(), CliError> {
        let path = self.0.join(file);
        if path.exists() { Ok(()) } else { write_secret(&path, text.as_bytes()) }
    }
}
