//! A file beside an export that keeps its segments, so that a second question need not read the export.
//!
//! Such a file says which export it is of, by its hash, and how its events were read. It is damaged, of another export
//! or of other readings, or it is taken; there is nothing between.

use countersign::hash::Hash;
use countersign_query::Readings;

use crate::segment::Segment;
use crate::wire::{decode, encode};

/// What files begin with: a name, and the version.
const MAGIC: &[u8; 8] = b"csidxfl\x01";

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is no such file, or one of another version.
    Version,
    /// Its bytes are not those that were written.
    Damaged,
    /// It is of an export with another hash.
    OtherExport,
    /// Its events were read by other readings.
    OtherReadings,
}

/// The file for an export of this hash. `readings` tells the readings apart by which its events were read, such as
/// [`Readings::built_in_digest`].
pub fn to_file(segments: &[Segment], export: &Hash, readings: &Hash) -> Vec<u8> {
    let mut file = [&MAGIC[..], &export.0, &readings.0].concat();
    file.extend(encode(segments));
    let sum = Hash::of(&[&file]);
    file.extend(sum.0);
    file
}

/// The segments of a file.
///
/// # Errors
/// Where it is not that of this export and these readings, whole.
pub fn from_file(file: &[u8], export: &Hash, readings: &Hash) -> Result<Vec<Segment>, Unfit> {
    let rest = file.strip_prefix(MAGIC).ok_or(Unfit::Version)?;
    let (written, sum) = file.split_last_chunk::<32>().ok_or(Unfit::Damaged)?;
    if Hash::of(&[written]).0 != *sum {
        return Err(Unfit::Damaged);
    }
    let (of_export, rest) = rest.split_first_chunk::<32>().ok_or(Unfit::Damaged)?;
    let (of_readings, rest) = rest.split_first_chunk::<32>().ok_or(Unfit::Damaged)?;
    if *of_export != export.0 {
        return Err(Unfit::OtherExport);
    }
    if *of_readings != readings.0 {
        return Err(Unfit::OtherReadings);
    }
    let segments = rest.strip_suffix(sum).ok_or(Unfit::Damaged)?;
    decode(segments).ok_or(Unfit::Version)
}

/// The digest of the readings that come with the program.
pub fn built_in_readings() -> Hash {
    Readings::built_in_digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Row, SegmentBuilder};

    #[test]
    fn is_taken_only_whole_and_for_its_export() {
        let mut builder = SegmentBuilder::new(1, Readings::built_in());
        let time = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let row =
            Row { line: 2, index: 0, chain: "00", seq: 1, time, vkey: "a+b", authorised: true, begin: 9 };
        builder.push(&row, r#"{"action":"a","n":[1,{"x":null}]}"#);
        let segments = builder.finish();
        let [export, readings, other] = [b"export", b"readng", b"other "].map(|text| Hash::of(&[text]));
        let file = to_file(&segments, &export, &readings);
        assert_eq!(from_file(&file, &export, &readings), Ok(segments));
        assert_eq!(from_file(&file, &other, &readings), Err(Unfit::OtherExport));
        assert_eq!(from_file(&file, &export, &other), Err(Unfit::OtherReadings));
        for at in 0..file.len() {
            assert!(from_file(&file[..at], &export, &readings).is_err());
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(from_file(&damaged, &export, &readings).is_err());
        }
    }
}
