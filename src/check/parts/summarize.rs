//! Summarizes one part.

use std::io;

use sha2::{Digest as _, Sha256};

use super::file::{BEGIN, END, MAX_FRAME, Opened};
use super::{Part, frame};
use crate::check::BundleOutcome;
use crate::check::parallel::{Bytes, Job, pair};
use crate::trust::Trust;
use crate::verify::Summarizer;
use crate::verify::parallel::in_order;
use crate::verify::parts::PartsError;

/// Checks a part of a log on `threads` threads, and summarizes it.
///
/// `resources` returns those of [`Part::resources`] in order, or an error that ends the work. Calls `out` with the bytes
/// of the summary, piece by piece, and `progress` for each bundle.
///
/// # Errors
/// The first error of `resources` or `out`, or [`PartsError`].
pub fn summarize<E: From<PartsError> + Send>(
    part: &Part,
    threads: usize,
    resources: impl Iterator<Item = Result<Bytes, E>> + Send,
    mut out: impl FnMut(&[u8]) -> Result<(), E>,
    mut progress: impl FnMut(),
) -> Result<(), E> {
    let mut whole = Sha256::new();
    let mut write = |bytes: &[u8]| {
        whole.update(bytes);
        out(bytes)
    };
    write(BEGIN)?;
    write(&encode(part)?)?;

    // Trust is applied later, by the verifier.
    let summarizer = Summarizer::new("", &Trust::default()).of_tiles(true);
    let worker = || {
        let mut summarizer = summarizer.clone();
        move |job: Result<Job, E>| match job? {
            Job::Bundle { bundle, entries, tile } => {
                let mut outcome = BundleOutcome::new(bundle, entries.as_deref(), tile.as_deref());
                let summary = summarizer.summarize(&outcome.take_lines());
                let opened: Opened = summary.opened().map(|(chain, key)| (chain.0, key)).collect();
                let bytes = frame::encode(&outcome, &summary).map_err(unwritable)?;
                Ok(Some(Frame { bytes, opened, is_end: outcome.subtrees.is_none() }))
            }
            // A part has no tiles above level 0.
            Job::Tile(_) => Ok(None),
        }
    };
    let jobs = |emit: &mut dyn FnMut(Result<Job, E>) -> bool| {
        pair(part.resources().zip(resources), emit);
        Ok::<(), Option<E>>(())
    };
    let mut opened = Opened::new();
    let ended = in_order(threads, jobs, worker, |frame: Result<Option<Frame>, E>| {
        let Some(frame) = frame.map_err(Some)? else { return Ok(()) };
        let length = u32::try_from(frame.bytes.len()).ok().filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or_else(|| E::from(PartsError::Io(io::ErrorKind::FileTooLarge.into())))?;
        write(&length.to_le_bytes())?;
        write(&frame.bytes)?;
        opened.extend(frame.opened);
        progress();
        if frame.is_end { Err(None) } else { Ok(()) }
    });
    if let Err(Some(error)) = ended {
        return Err(error);
    }
    let tail = encode(&opened)?;
    write(&0_u32.to_le_bytes())?;
    write(&tail)?;
    write(&(tail.len() as u64).to_le_bytes())?;
    let hash: [u8; 32] = whole.finalize().into();
    out(&[&hash[..], END].concat())
}

/// The frame of a bundle.
struct Frame {
    bytes: Vec<u8>,
    opened: Opened,
    /// True if nothing after the bundle can be checked.
    is_end: bool,
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, PartsError> {
    postcard::to_stdvec(value).map_err(unwritable)
}

fn unwritable(error: postcard::Error) -> PartsError {
    PartsError::Io(io::Error::other(error))
}
