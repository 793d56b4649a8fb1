//! A temporary log that the npm package runs, in memory.

use std::path::Path;

use countersign::hash::Hash;
use countersign::hex;
use zeroize::Zeroizing;

use super::{Args, DevKeys};
use crate::commands::keygen::random;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::host::{DevLog, run_dev_log};

/// The rights of the token (`countersign token add`).
const RIGHTS: &str = "read,erase,admin";

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let keys = DevKeys::generate()?;
    let mut secret = Zeroizing::new([0; 32]);
    random(&mut *secret)?;
    let token = format!("csr_{}", hex::encode(&*secret));
    let command = args.command.iter().map(|word| text(Path::new(word))).collect::<Result<_, _>>()?;
    run_dev_log(&DevLog {
        listen: args.listen.to_string(),
        log: keys.log.encode().to_string(),
        log_vkey: keys.log.verifier_key().to_string(),
        app: keys.app.encode().to_string(),
        trust: keys.trust(),
        readers: format!("{} {RIGHTS} dev\n", hex::encode(&Hash::digest(&[token.as_bytes()]).0)),
        token,
        page: args.page.as_deref().map(text).transpose()?,
        command,
    })?;
    Ok(ExitStatus::Success)
}

/// Returns an argument as text.
fn text(argument: &Path) -> Result<String, CliError> {
    let text = argument.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        let message = format!("the argument {} is not UTF-8", shown(argument));
        CliError::unusable("arguments.invalid", message, "use another name")
    })
}
