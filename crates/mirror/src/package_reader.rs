//! Reads an upload of entries: its head, and one package at a time.

use std::io::{self, Read};

use countersign::hash::Hash;
use countersign_log::mirroring::{MAX_PROOF, PackagePlace, UploadHead};

/// The reason why an upload can't be read on.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The upload ends within its head or a package, or the connection broke.
    Ended,
    /// The upload doesn't have the form of C2SP tlog-mirror.
    Malformed(&'static str),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// A package as it was uploaded.
pub(crate) struct UploadedPackage {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) proof: Vec<Hash>,
}

/// Reads the head of an upload.
pub(crate) fn read_head(reader: &mut impl Read) -> Result<UploadHead, ReadError> {
    let origin = read_bytes(reader)?;
    let origin = String::from_utf8(origin).map_err(|_| ReadError::Malformed("the origin is not UTF-8"))?;
    let (start, end) = (u64::from_be_bytes(read_array(reader)?), u64::from_be_bytes(read_array(reader)?));
    let ticket = read_bytes(reader)?;
    if start > end {
        return Err(ReadError::Malformed("upload_start is greater than upload_end"));
    }
    Ok(UploadHead { origin, start, end, ticket })
}

/// Reads a package. Memory use is at most that of one entry bundle.
pub(crate) fn read_package(
    reader: &mut impl Read,
    place: PackagePlace,
) -> Result<UploadedPackage, ReadError> {
    let entries = (place.start..place.end).map(|_| read_bytes(reader)).collect::<Result<_, _>>()?;
    let [count] = read_array(reader)?;
    if usize::from(count) > MAX_PROOF {
        return Err(ReadError::Malformed("a proof has more than 63 hashes"));
    }
    let proof = (0..count).map(|_| read_array(reader).map(Hash)).collect::<Result<_, _>>()?;
    Ok(UploadedPackage { entries, proof })
}

/// Reads bytes after their length.
fn read_bytes(reader: &mut impl Read) -> Result<Vec<u8>, ReadError> {
    let length = u16::from_be_bytes(read_array(reader)?);
    let mut bytes = vec![0; length.into()];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_array<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], ReadError> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}
