//! `countersign receipt`: verifies that an entry is in a trusted log.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::proof::Proof;
use countersign::tenant::Receipt;
use countersign::trust::Trust;
use countersign::verify::Verdict;
use countersign::{Code, Error};
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
///
/// The receipt of a tenant log begins with the line countersign/v1 receipt. Its checkpoint is the root log's, which
/// signs for all tenants: an origin line in your trust file, or --origin, must name the log that you expect.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign receipt receipt.tlog-proof --entry link.txt --trust trust.txt
  jq -j .link line.json | countersign receipt receipt.tlog-proof --entry - --trust trust.txt

Exit status: 0 verified, 1 altered or broken, 2 unreadable input or unusable arguments, \
3 signed by a log key you don't trust.")]
pub(crate) struct Args {
    /// The receipt; - for standard input
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The entry, byte for byte, such as a link without its line end; - for standard input
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    #[command(flatten)]
    trust: RequiredTrustArgs,
    /// Expect a log with this origin
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// A receipt in either form.
enum AnyReceipt {
    Log(Proof),
    TenantLog(Receipt),
}

impl AnyReceipt {
    fn parse(text: &str) -> Result<Self, Error> {
        if Receipt::is_receipt(text) {
            return Receipt::parse(text).map(Self::TenantLog);
        }
        Proof::parse(text).map(Self::Log)
    }

    fn origin(&self) -> &str {
        match self {
            Self::Log(proof) => &proof.checkpoint.checkpoint.origin,
            Self::TenantLog(receipt) => receipt.head().origin.as_str(),
        }
    }

    const fn index(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.index,
            Self::TenantLog(receipt) => receipt.index,
        }
    }

    const fn size(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.checkpoint.checkpoint.size,
            Self::TenantLog(receipt) => receipt.head().size,
        }
    }

    const fn root(&self) -> Hash {
        match self {
            Self::Log(proof) => proof.checkpoint.checkpoint.root,
            Self::TenantLog(receipt) => receipt.head().root,
        }
    }

    fn judge(&self, leaf: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), (Verdict, Error)> {
        match self {
            Self::Log(proof) => {
                proof.judge(leaf, trust)?;
                let found = self.origin();
                match expected {
                    Some(expected) if expected != found => {
                        let why = format!("the receipt is for the log {found:?}, not for {expected:?}");
                        Err((Verdict::Broken, Error::new(Code::Proof, why)))
                    }
                    _ => Ok(()),
                }
            }
            Self::TenantLog(receipt) => receipt.judge(leaf, expected, trust),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let both = [&args.receipt, &args.entry];
    if both.iter().all(|path| path.as_path() == Path::new("-")) {
        let hint = "pass one of them as a file";
        return Err(CliError::unusable("arguments.invalid", "both files are standard input", hint));
    }
    let trust = args.trust.load()?;
    let text = input::small_text(&args.receipt)?;
    let receipt = AnyReceipt::parse(&text).map_err(|error| {
        let hint = "a receipt begins with the line c2sp.org/tlog-proof@v1, or countersign/v1 receipt";
        CliError::broken(error).within(&shown(&args.receipt)).or_hint(hint)
    })?;
    let leaf = input::small(&args.entry)?;
    if leaf.len() > MAX_LEAF_BYTES {
        let hint = "check that this is the right file";
        return Err(CliError::unusable("entry.too_large", "the entry is larger than 65,535 bytes", hint)
            .within(&shown(&args.entry)));
    }
    let judge = |leaf: &[u8]| receipt.judge(leaf, args.origin.as_deref(), &trust);
    let outcome = judge(&leaf).map_err(|(verdict, error)| {
        let without_end = leaf.strip_suffix(b"\n").map(judge);
        let hint = "without its final line feed, it is the entry of this receipt";
        (verdict, if without_end == Some(Ok(())) { error.with_hint(hint) } else { error })
    });
    let verdict = outcome.as_ref().err().map_or(Verdict::Verified, |(verdict, _)| *verdict);
    let is_unnamed = verdict == Verdict::Untrusted
        && args.origin.is_none()
        && receipt.judge(&leaf, Some(receipt.origin()), &trust).is_ok();
    let error = outcome.err().map(|(_, error)| {
        let hint = "use --origin, or add a line to the trust file: origin ORIGIN";
        if is_unnamed { error.with_hint(hint) } else { error }
    });
    let text = if args.format.is_json() {
        as_json(&receipt, verdict, error.as_ref())
    } else {
        as_text(&receipt, verdict, is_unnamed, error.as_ref())
    };
    verdict::print(&text)?;
    Ok(verdict.into())
}

fn as_json(receipt: &AnyReceipt, verdict: Verdict, error: Option<&Error>) -> String {
    let error = error
        .map(|error| json!({ "code": error.code.as_str(), "message": error.message, "hint": error.hint }));
    let mut answer = json!({
        "countersign": "receipt/v1",
        "verdict": verdict.as_str(),
        "origin": receipt.origin(),
        "index": receipt.index(),
        "size": receipt.size(),
        "root": receipt.root().to_string(),
        "error": error,
    });
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

fn as_text(receipt: &AnyReceipt, verdict: Verdict, is_unnamed: bool, error: Option<&Error>) -> String {
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
    let (origin, size) = (plain(receipt.origin()), verdict::entries(receipt.size()));
    let _ = writeln!(text, "{} {origin}, {size}, root {}", label("log:"), receipt.root());
    if let AnyReceipt::TenantLog(receipt) = receipt {
        let checkpoint = &receipt.proof.checkpoint.checkpoint;
        let (origin, size) = (plain(&checkpoint.origin), verdict::entries(checkpoint.size));
        let time = receipt.proof.anchor.time;
        let _ = writeln!(text, "{} {origin}, {size}, root {}, {time}", label("root log:"), checkpoint.root);
    }
    let _ = writeln!(text, "{} {}", label("entry:"), receipt.index());
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
