//! Detection in parts: what the rules need of each event goes into pieces, from which the findings are made.

use std::path::{Path, PathBuf};

use countersign::verify::parts::ItemCodec;
use countersign::verify::{Options, SummarizedEvent};
use countersign_analyze::{Detected, ENGINE, Pack};
use countersign_query::Parsers;

use super::AnalyzedExport;
use super::visitor::{FindingsExaminer, FindingsVisitor};
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::pieces::{self, Settings};
use crate::io::spill_queue::PendingValue;
use crate::io::study::Examiner as _;

/// Examines a part of an export, and writes its piece.
pub(super) fn write(
    export: &Path,
    part: (u64, u64),
    output: Option<&Path>,
    pack: &Pack,
    parsers: &Parsers,
    threads: usize,
) -> Result<ExitStatus, CliError> {
    let examiner = FindingsExaminer { pack, parsers };
    let examiner = || move |event: &SummarizedEvent<'_>| examiner.examine(event);
    let (settings, codec) = (settings(pack, parsers), DetectedCodec { pack });
    pieces::write(export, part, output, &settings, threads, examiner, &codec)
}

/// Verifies the pieces of all parts, and makes the findings. Checks that the pieces belong to the export, if given.
pub(super) fn analyze<'p>(
    files: &[PathBuf],
    export: Option<&mut Input>,
    options: Options,
    pack: &'p Pack,
    parsers: &Parsers,
    threads: usize,
) -> Result<AnalyzedExport<'p>, CliError> {
    let mut visitor = FindingsVisitor::new(pack, parsers);
    let (settings, codec) = (settings(pack, parsers), DetectedCodec { pack });
    let verification = pieces::visit(files, export, &settings, options, threads, &codec, &mut visitor)?;
    visitor.finish(verification.report)
}

fn settings(pack: &Pack, parsers: &Parsers) -> Settings<'static> {
    Settings(vec![
        ("command", "analyze".into()),
        ("engine", ENGINE.into()),
        ("pack", pack.hash().to_string()),
        ("set of parsers", parsers.digest().to_string()),
    ])
}

/// Serializes the detections of events. If rules read the signer, there are none yet.
struct DetectedCodec<'p> {
    pack: &'p Pack,
}

impl ItemCodec for DetectedCodec<'_> {
    type Item = Option<PendingValue<Detected>>;

    fn encode(&self, items: Vec<Self::Item>) -> Vec<u8> {
        if self.pack.reads_signer() {
            return Vec::new();
        }
        let detected: Vec<Detected> = items.into_iter().flatten().filter_map(PendingValue::value).collect();
        Detected::encode_block(detected)
    }

    fn decode(&self, bytes: &[u8], count: usize) -> Option<Vec<Self::Item>> {
        if self.pack.reads_signer() {
            return bytes.is_empty().then(|| (0..count).map(|_| None).collect());
        }
        let detected = Detected::decode_block(bytes, count, self.pack).ok()?;
        Some(detected.into_iter().map(PendingValue::new).map(Some).collect())
    }
}
