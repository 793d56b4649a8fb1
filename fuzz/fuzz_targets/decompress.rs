#![no_main]

use countersign::export::{Compression, DecompressError, Decompressor};
use libfuzzer_sys::fuzz_target;

fn decompress(compression: Compression, stream: &[u8], chunk: usize) -> Result<u64, DecompressError> {
    let mut decompressor = Decompressor::new(compression);
    let mut length = 0;
    for bytes in stream.chunks(chunk) {
        decompressor.push(bytes, &mut |piece| length += piece.len() as u64)?;
    }
    decompressor.finish().map(|()| length)
}

fuzz_target!(|stream: &[u8]| {
    if let Some(compression) = Compression::detect(stream) {
        assert_eq!(decompress(compression, stream, stream.len()), decompress(compression, stream, 1));
    }
});
