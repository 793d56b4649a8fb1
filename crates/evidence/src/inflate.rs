//! Decompression of a single raw DEFLATE stream.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF as WHOLE_OUTPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// Decompresses a raw DEFLATE stream (RFC 1951) to at most `max` bytes.
///
/// # Errors
/// Returns the problem if the stream is corrupt or longer than `max`, or if bytes follow it.
pub(crate) fn inflate(mut packed: &[u8], max: usize) -> Result<Vec<u8>, &'static str> {
    let mut state = Box::<DecompressorOxide>::default();
    let mut out = vec![0; packed.len().saturating_mul(2).min(max)];
    let mut length = 0;
    loop {
        let (status, read, written) = decompress(&mut state, packed, &mut out, length, WHOLE_OUTPUT);
        length += written;
        packed = packed.get(read..).unwrap_or_default();
        match status {
            TINFLStatus::Done if packed.is_empty() => {
                out.truncate(length);
                return Ok(out);
            }
            TINFLStatus::Done => return Err("bytes follow the compressed content"),
            TINFLStatus::HasMoreOutput if out.len() < max => {
                out.resize(out.len().saturating_mul(2).min(max), 0);
            }
            _ => return Err("the content does not decompress to its stated size"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::inflate;

    #[test]
    fn reads_exactly_one_stream() {
        for length in [0, 1, 100, 70_000] {
            let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            for level in [0, 1, 6, 9] {
                let packed = miniz_oxide::deflate::compress_to_vec(&bytes, level);
                assert_eq!(inflate(&packed, length).as_ref(), Ok(&bytes));
                assert_eq!(inflate(&packed, 1 << 20).as_ref(), Ok(&bytes));
                for more in [&b"\0"[..], b"more", &[0; 100], &packed] {
                    inflate(&[&packed[..], more].concat(), 1 << 20).unwrap_err();
                }
                inflate(&packed[..packed.len() - 1], 1 << 20).unwrap_err();
                if length > 0 {
                    inflate(&packed, length - 1).unwrap_err();
                }
            }
        }
    }
}
