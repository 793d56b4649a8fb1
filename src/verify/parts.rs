//! Parts: what verifying needs to know of a part of an export, as a file that another machine can take up.
//!
//! [`summarize`] writes such a file for one part of an export, and [`verify`] makes of the files of all parts the
//! report that verifying the export itself gives. Everything that a reader brings is for the second step alone:
//! no trust file and no pin is in a summary.
//!
//! ```
//! use std::io::Cursor;
//!
//! use countersign::verify::{Options, Verdict};
//! use countersign::verify::parts::{Part, Refused, Stored, summarize, verify};
//!
//! let export = b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n";
//! let summaries = (1..=2).map(|number| {
//!     let mut file = Cursor::new(export);
//!     let part = Part::of(&mut file, number, 2)?;
//!     let mut summary = Vec::new();
//!     let out = |bytes: &[u8]| Ok::<(), Refused>(summary.extend_from_slice(bytes));
//!     summarize(file, &part, 1, out, |_| ())?;
//!     Stored::open(Cursor::new(summary))
//! });
//! let summaries = summaries.collect::<Result<_, _>>()?;
//! let verification = verify(summaries, Options::default(), 1, |_| ()).map_err(|unusable| unusable.why)?;
//! assert_eq!(verification.report.verdict, Verdict::NotChecked); // there is nothing in it
//! # Ok::<(), Refused>(())
//! ```
//!
//! A summary is believed. It says that hashes match and signatures are valid, and who made it could have written
//! anything. What is looked at here is whether it came whole, and whether all are of one file and cover it.
//!
//! # The file
//!
//! ```text
//! "countersign summary v2\n"  head  frame(prefix)  frame(summary)…  u32 0  tail  u64 |tail|  SHA-256  "\nsummed\n"
//! ```
//!
//! Numbers are little-endian, a frame is its length as a `u32` and as many bytes, and the hash is that of all before
//! it. The prefix is the text up to and with the header, in the first part alone. The summaries are those of
//! [`wire`](super::wire), head and tail are in postcard's form.

mod merge;
mod part;
mod refused;
mod stored;
mod summarize;

pub use merge::verify;
pub use part::Part;
pub use refused::{Refused, Unusable};
pub use stored::Stored;
pub use summarize::summarize;

use std::io::{self, Read, Seek, SeekFrom};

const BEGIN: &[u8; 23] = b"countersign summary v2\n";
const END: &[u8; 8] = b"\nsummed\n";
/// The longest frame. A stretch's summary is a fraction of that, whatever the stretch holds.
const MAX_FRAME: u32 = 32 << 20;
/// How many bytes are read in one go.
const READ: usize = 256 << 10;

/// What stands at the end of a summary.
#[derive(serde::Serialize, serde::Deserialize)]
struct Tail {
    /// The hash of the part's bytes.
    text: [u8; 32],
    /// The keys of the chains that are opened there.
    opened: Vec<([u8; 16], [u8; 32])>,
}

/// So many bytes from there on.
fn stretch(file: &mut (impl Read + Seek), at: u64, length: u64) -> Result<Vec<u8>, Refused> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(Refused::Changed) }
}

/// Hands on what there is to read, piece by piece, as long as it is wanted.
fn pieces(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut piece = Vec::with_capacity(READ);
    while reader.by_ref().take(READ as u64).read_to_end(&mut piece)? > 0 && take(&piece) {
        piece.clear();
    }
    Ok(())
}
