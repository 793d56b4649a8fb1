//! `countersign receipt`: verifies that an entry is in a trusted log.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::Error;
use countersign::proof::Proof;
use countersign::verify::Verdict;
use serde_json::json;

use crate::arg_groups::{FormatArgs, RequiredTrustArgs};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::{input, verdict};

/// The maximum size of an entry in bytes.
const MAX_LEAF_BYTES: usize = 65_535;

/// Verify a receipt: that an entry is in a log you trust
///
/// A receipt is a C2SP tlog-proof: a checkpoint of the log, and the hashes that lead from the entry to its root.
/// The log's key in your trust file must have signed the checkpoint, and its witnesses must meet the quorum. This
/// works offline.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign receipt receipt.tlog-proof --entry link.txt --trust trust.txt
  jq -j .link line.json | countersign receipt receipt.tlog-proof --entry - --trust trust.txt

Exit status: 0 verified, 1 altered or broken, 2 unreadable input or unusable arguments, \
3 signed by a log key you haven't trusted.")]
pub(crate) struct Args {
    /// The receipt; - for standard input
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The entry, byte for byte, such as a link without its line end; - for standard input
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let both = [&args.receipt, &args.entry];
    if both.iter().all(|path| path.as_path() == Path::new("-")) {
        let hint = "pass one of them as a file";
        return Err(CliError::unusable("arguments.invalid", "both files are standard input", hint));
    }
    let trust = args.trust.load()?;
    let text = input::small_text(&args.receipt)?;
    let proof = Proof::parse(&text).map_err(|error| {
        let hint = "a receipt begins with the line c2sp.org/tlog-proof@v1";
        CliError::broken(error).within(&shown(&args.receipt)).or_hint(hint)
    })?;
    let leaf = input::small(&args.entry)?;
    if leaf.len() > MAX_LEAF_BYTES {
        let hint = "check that this is the right file";
        return Err(CliError::unusable("entry.too_large", "an entry is at most 65,535 bytes", hint)
            .within(&shown(&args.entry)));
    }
    let outcome = proof.judge(&leaf, &trust).map_err(|(verdict, error)| {
        let without_end = leaf.strip_suffix(b"\n").map(|leaf| proof.judge(leaf, &trust));
        let hint = "without its final line feed, it is the entry of this receipt";
        (verdict, if without_end == Some(Ok(())) { error.with_hint(hint) } else { error })
    });
    let verdict = outcome.as_ref().err().map_or(Verdict::Verified, |(verdict, _)| *verdict);
    let error = outcome.err().map(|(_, error)| error);
    let text = if args.format.is_json() {
        as_json(&proof, verdict, error.as_ref())
    } else {
        as_text(&proof, verdict, error.as_ref())
    };
    verdict::print(&text)?;
    Ok(verdict.into())
}

fn as_json(proof: &Proof, verdict: Verdict, error: Option<&Error>) -> String {
    let checkpoint = &proof.checkpoint.checkpoint;
    let error = error
        .map(|error| json!({ "code": error.code.as_str(), "message": error.message, "hint": error.hint }));
    let answer = json!({
        "countersign": "receipt/v1",
        "verdict": verdict.as_str(),
        "origin": checkpoint.origin,
        "index": proof.index,
        "size": checkpoint.size,
        "root": checkpoint.root.to_string(),
        "error": error,
    });
    format!("{answer}\n")
}

fn as_text(proof: &Proof, verdict: Verdict, error: Option<&Error>) -> String {
    let headline = match verdict {
        Verdict::Verified => good("✓ Verified.") + " This entry is in the log, whose key you trust.",
        Verdict::Altered => {
            bad("✗ Altered.") + " This receipt is not for this entry, or one of them was changed."
        }
        Verdict::Untrusted => {
            doubt("? Signed by a log you haven't trusted.") + " Anyone could have made this receipt."
        }
        _ => bad("✗ Broken.") + " This receipt does not verify.",
    };
    let checkpoint = &proof.checkpoint.checkpoint;
    let mut text = headline + "\n";
    let origin = plain(&checkpoint.origin);
    let size = verdict::entries(checkpoint.size);
    let _ = writeln!(text, "{} {origin}, {size}, root {}", label("log:"), checkpoint.root);
    let _ = writeln!(text, "{} {}", label("entry:"), proof.index);
    if let Some(error) = error {
        let _ = writeln!(text, "{} {}", label("why:"), plain(&error.message));
        if let Some(hint) = error.hint {
            let _ = writeln!(text, "  {} {hint}", faint("hint:"));
        }
    }
    if let Some(extra) = &proof.extra {
        let _ = writeln!(
            text,
            "{}",
            faint(format_args!("{} bytes of extra data, which is not authenticated", extra.len()))
        );
    }
    text
}
