//! `countersign receipt`: verifies that an entry is in a trusted log, and makes receipts for verifiers of COSE.

#[cfg(feature = "native")]
mod make;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use countersign::Error;
use countersign::proof::Proof;
use countersign::receipt::AnyReceipt;
use countersign::verify::Verdict;
use serde_json::{Value, json};

use crate::arg_groups::{FormatArgs, OutputArgs, OutputFormat, RequiredTrustArgs};
#[cfg(not(feature = "native"))]
use crate::errors::needs_native;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
#[cfg(feature = "native")]
use crate::io::output::Output;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::{input, verdict};

/// The maximum size of an entry in bytes.
const MAX_LEAF_BYTES: usize = 65_535;

/// Verify a receipt: that an entry is in a log you trust
///
/// A receipt is a C2SP tlog-proof: a checkpoint of the log, and the hashes that lead from the entry to its root.
/// The log's key in your trust file must have signed the checkpoint, and its witnesses must meet the quorum. This
/// works offline.
///
/// It can also be a COSE receipt (RFC 9942), which other programs verify, such as those for SCITT. --format cose makes
/// one for the entry with an --index, from a log's newest checkpoint, and verifies it.
///
/// The receipt of a tenant log begins with the line countersign/v1 receipt. Its checkpoint is the root log's, which
/// signs for all tenants: an origin line in your trust file, or --origin, must name the log that you expect.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign receipt receipt.tlog-proof --entry link.txt --trust trust.txt
  jq -j .link line.json | countersign receipt receipt.tlog-proof --entry - --trust trust.txt
  countersign receipt https://log.example --format cose --index 7 --trust trust.txt -o 7.cose

Exit status: 0 verified, 1 altered or broken, 2 unreadable input or unusable arguments, \
3 signed by a log key you don't trust.")]
pub(crate) struct Args {
    /// The receipt; - for standard input. With --format cose, the URL of a log or its folder
    #[arg(value_name = "FILE|URL|DIR")]
    receipt: PathBuf,
    /// The entry, byte for byte, such as a link without its line end; - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "index")]
    entry: Option<PathBuf>,
    /// Make a receipt for the entry with this index. Needs --format cose
    #[arg(long, value_name = "N", conflicts_with = "entry")]
    index: Option<u64>,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    /// Expect a log with this origin
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    #[command(flatten)]
    format: FormatArgs<Format>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    /// A COSE receipt for the entry with the --index
    Cose,
}

impl OutputFormat for Format {
    const DEFAULT: &str = "text";
    const JSON: Self = Self::Json;
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let invalid = |message, hint| Err(CliError::unusable("arguments.invalid", message, hint));
    match (args.format.format(), args.index, &args.entry) {
        (Format::Cose, Some(index), _) => make(args, index),
        (Format::Cose, None, _) => {
            invalid("--format cose needs an entry of a log", "pass its index: --index N")
        }
        (_, Some(_), _) => invalid("--index is for making a receipt", "add --format cose"),
        (_, None, Some(entry)) => verify(args, entry),
        (_, None, None) => invalid("the entry is missing", "pass it as a file: --entry FILE"),
    }
}

#[cfg(feature = "native")]
fn make(args: &Args, index: u64) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let mut output = Output::create(args.output.path())?;
    let receipt = make::make(&args.receipt.to_string_lossy(), index, args.origin.as_deref(), &trust)?;
    output.write(&receipt.to_bytes())?;
    output.finish()?;
    Ok(ExitStatus::Success)
}

#[cfg(not(feature = "native"))]
fn make(_: &Args, _: u64) -> Result<ExitStatus, CliError> {
    Err(needs_native("--format cose"))
}

fn verify(args: &Args, entry: &Path) -> Result<ExitStatus, CliError> {
    let invalid = |message, hint| Err(CliError::unusable("arguments.invalid", message, hint));
    if args.output.path().is_some() {
        return invalid("--output is for making a receipt", "add --format cose and --index");
    }
    if [&args.receipt, entry].iter().all(|path| *path == Path::new("-")) {
        return invalid("both files are standard input", "pass one of them as a file");
    }
    let trust = args.trust.load()?;
    let bytes = input::small(&args.receipt)?;
    let leaf = input::small(entry)?;
    if leaf.len() > MAX_LEAF_BYTES {
        let hint = "check that this is the right file";
        return Err(CliError::unusable("entry.too_large", "the entry is larger than 65,535 bytes", hint)
            .within(&shown(entry)));
    }
    let receipt = match AnyReceipt::parse(&bytes) {
        Ok(receipt) => receipt,
        Err(error) => return malformed(args, error),
    };
    let judge = |leaf: &[u8]| receipt.judge(leaf, args.origin.as_deref(), &trust);
    let outcome = judge(&leaf).map_err(|(verdict, error)| {
        let without_end = leaf.strip_suffix(b"\n").map(judge);
        let hint = "without its final line feed, it is the entry of this receipt";
        (verdict, if without_end == Some(Ok(())) { error.with_hint(hint) } else { error })
    });
    let verdict = outcome.as_ref().err().map_or(Verdict::Verified, |(verdict, _)| *verdict);
    let is_unnamed = verdict == Verdict::Untrusted
        && args.origin.is_none()
        && receipt.origin().is_some_and(|origin| receipt.judge(&leaf, Some(origin), &trust).is_ok());
    let error = outcome.err().map(|(_, error)| {
        let hint = "use --origin, or add a line to the trust file: origin ORIGIN";
        if is_unnamed { error.with_hint(hint) } else { error }
    });
    let text = if args.format.is_json() {
        as_json(&receipt, &leaf, verdict, error.as_ref())
    } else {
        as_text(&receipt, &leaf, verdict, is_unnamed, error.as_ref())
    };
    verdict::print(&text)?;
    Ok(verdict.into())
}

/// Reports a receipt that can't be parsed.
fn malformed(args: &Args, error: Error) -> Result<ExitStatus, CliError> {
    let hint = "a receipt begins with the line c2sp.org/tlog-proof@v1 or countersign/v1 receipt, or is a COSE receipt";
    if !args.format.is_json() {
        return Err(CliError::broken(error).within(&shown(&args.receipt)).or_hint(hint));
    }
    let hint = error.hint.unwrap_or(hint);
    let answer = answer(Verdict::Broken, Some(&error.with_hint(hint)));
    verdict::print(&format!("{answer}\n"))?;
    Ok(Verdict::Broken.into())
}

/// Returns the members that each answer has, without what only the receipt states.
fn answer(verdict: Verdict, error: Option<&Error>) -> Value {
    let error = error
        .map(|error| json!({ "code": error.code.as_str(), "message": error.message, "hint": error.hint }));
    json!({
        "countersign": "receipt/v1",
        "verdict": verdict.as_str(),
        "origin": null,
        "index": null,
        "size": null,
        "root": null,
        "error": error,
    })
}

fn as_json(receipt: &AnyReceipt, leaf: &[u8], verdict: Verdict, error: Option<&Error>) -> String {
    let mut answer = answer(verdict, error);
    answer["origin"] = receipt.origin().into();
    answer["index"] = receipt.index().into();
    answer["size"] = receipt.size().into();
    answer["root"] = receipt.root(leaf, verdict).map(|root| root.to_string()).into();
    if let AnyReceipt::Cose(receipt) = receipt {
        answer["is_index_signed"] = receipt.is_index_signed().into();
    }
    if let AnyReceipt::TenantLog(receipt) = receipt {
        let checkpoint = &receipt.proof.checkpoint.checkpoint;
        answer["root_log"] = json!({
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.to_string(),
            "time": receipt.proof.anchor.time.to_string(),
        });
    }
    format!("{answer}\n")
}

fn as_text(
    receipt: &AnyReceipt,
    leaf: &[u8],
    verdict: Verdict,
    is_unnamed: bool,
    error: Option<&Error>,
) -> String {
    let headline = match verdict {
        Verdict::Verified => good("✓ Verified.") + " This entry is in the log, whose key you trust.",
        Verdict::Altered => {
            bad("✗ Altered.") + " This receipt is not for this entry, or one of them was changed."
        }
        Verdict::Untrusted if is_unnamed => {
            doubt("? You haven't named the log you expect.") + " It may be another customer's."
        }
        Verdict::Untrusted => {
            doubt("? Signed by a log you don't trust.") + " Anyone could have made this receipt."
        }
        _ => bad("✗ Broken.") + " This receipt does not verify.",
    };
    let mut text = headline + "\n";
    let (origin, size) = (receipt.origin().unwrap_or("not named"), verdict::entries(receipt.size()));
    let root = receipt.root(leaf, verdict).map_or_else(String::new, |root| format!(", root {root}"));
    let _ = writeln!(text, "{} {}, {size}{root}", label("log:"), plain(origin));
    if let AnyReceipt::TenantLog(receipt) = receipt {
        let checkpoint = &receipt.proof.checkpoint.checkpoint;
        let (origin, size) = (plain(&checkpoint.origin), verdict::entries(checkpoint.size));
        let time = receipt.proof.anchor.time;
        let _ = writeln!(text, "{} {origin}, {size}, root {}, {time}", label("root log:"), checkpoint.root);
    }
    let doubts = if receipt.is_index_signed() { "" } else { " (not signed by the log)" };
    let _ = writeln!(text, "{} {}{doubts}", label("entry:"), receipt.index());
    if let Some(error) = error {
        let _ = writeln!(text, "{} {}", label("why:"), plain(&error.message));
        if let Some(hint) = error.hint {
            let _ = writeln!(text, "  {} {hint}", faint("hint:"));
        }
    }
    if let AnyReceipt::Log(Proof { extra: Some(extra), .. }) = receipt {
        let _ = writeln!(
            text,
            "{}",
            faint(format_args!("{} bytes of extra data, which is not authenticated", extra.len()))
        );
    }
    text
}
