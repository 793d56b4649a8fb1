//! `countersign keygen`: creates a key.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use countersign::note::{MlDsaKey, SignerKey};
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::write_secret;
use crate::io::style;

/// Create a signing key, and print its public key
///
/// The private key goes to a new file that only you can read. The printed public key (vkey) goes into trust files,
/// grants, and revocations.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign keygen example.com/app -o app.key     # an emitter's
  countersign keygen example.com -o issuer.key      # an issuer's
  countersign keygen log.example/audit -o log.key   # a log's
  countersign keygen witness.example --witness -o witness.key
  countersign keygen log.example/audit --ml-dsa -o log-ml-dsa.key")]
pub(crate) struct Args {
    /// Name of the key. It is public and can't be changed later; no spaces, no `+`
    name: String,
    /// File for the private key; must not exist yet [default: NAME.key, with - for /]
    #[arg(short, long, alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Create a witness's key, which can only cosign checkpoints
    #[arg(long)]
    witness: bool,
    /// Create an ML-DSA-44 key, whose signatures a quantum computer can't forge. It can only sign checkpoints, for a log
    /// or a witness
    #[arg(long)]
    ml_dsa: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    let (text, vkey) = if args.ml_dsa {
        let key = MlDsaKey::from_seed(&args.name, *seed)?;
        (key.encode(), key.verifier_key().clone())
    } else {
        let generate = if args.witness { SignerKey::witness_from_seed } else { SignerKey::from_seed };
        let key = generate(&args.name, *seed)?;
        (key.encode(), key.verifier_key().clone())
    };
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| format!("{}.key", args.name.replace(['/', '\\', ':'], "-")).into());
    write_text(&path, &text)?;
    style::done(&format!("private key written to {}; keep it secret", shown(&path)));
    writeln!(anstream::stdout(), "{vkey}")
        .map_err(|error| CliError::io("write", "standard output", &error))
        .map_err(|failure| failure.with_hint("remove the key file, and run the command again"))?;
    Ok(ExitStatus::Success)
}

/// Writes a private key to a new file that only its owner may read.
pub(crate) fn write_key(path: &Path, key: &SignerKey) -> Result<(), CliError> {
    write_text(path, &key.encode())
}

fn write_text(path: &Path, key: &str) -> Result<(), CliError> {
    let mut text = Zeroizing::new(Vec::with_capacity(key.len() + 1));
    text.extend_from_slice(key.as_bytes());
    text.push(b'\n');
    write_secret(path, &text)
}

/// Fills `bytes` from the system's secure random source.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), CliError> {
    getrandom::fill(bytes).map_err(|error| {
        let message = format!("the system can't provide random numbers: {error}");
        CliError::unusable("random.failed", message, "try again; nothing was written")
    })
}
