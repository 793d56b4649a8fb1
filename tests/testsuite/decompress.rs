//! Streams compressed by other implementations, intact and corrupt.
#![cfg(not(target_arch = "wasm32"))]

use std::io::Write;

use countersign::export::{Compression, DecompressError, Decompressor};
use flate2::{Compression as Level, GzBuilder, write::GzEncoder};
use zstd::stream::{Encoder, raw::CParameter};

/// Decompresses a stream in chunks of this size. Returns the content and the result.
fn decompress(stream: &[u8], chunk: usize) -> (Vec<u8>, Result<(), DecompressError>) {
    let mut decompressor = Decompressor::new(Compression::detect(stream).expect("a compressed stream"));
    let mut text = Vec::new();
    let whole = stream
        .chunks(chunk)
        .try_for_each(|bytes| decompressor.push(bytes, &mut |piece| text.extend_from_slice(piece)))
        .and_then(|()| decompressor.finish());
    assert_eq!(decompressor.finish(), whole);
    (text, whole)
}

fn is_whole(stream: &[u8], text: &[u8]) {
    for chunk in [1, 2, 3, 7, 1000, usize::MAX] {
        let (found, whole) = decompress(stream, chunk);
        assert_eq!(whole, Ok(()), "in chunks of {chunk}");
        assert!(found == text, "in chunks of {chunk}");
    }
}

fn is_damaged(stream: &[u8], reason: &'static str) {
    fails(stream, DecompressError::Damaged(reason));
}

fn fails(stream: &[u8], error: DecompressError) {
    let (_, whole) = decompress(stream, usize::MAX);
    assert_eq!(whole, Err(error));
    for chunk in [1, 2, 3, 7, 1000] {
        assert_eq!(decompress(stream, chunk).1, whole, "in chunks of {chunk}");
    }
}

/// Returns lines that compress well, but not to almost nothing.
fn lines(count: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let line = |i| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{{\"link\":\"countersign/v1 event {i} {state:016x}\"}}\n")
    };
    (0..count).map(line).collect::<String>().into_bytes()
}

fn gzip(text: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::new(level));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8], level: i32, parameters: &[CParameter]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), level).unwrap();
    for parameter in parameters {
        encoder.set_parameter(*parameter).unwrap();
    }
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

const CHECKED: &[CParameter] = &[CParameter::ChecksumFlag(true)];

fn skippable(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[0x50 | kind, 0x2a, 0x4d, 0x18], &(content.len() as u32).to_le_bytes()[..], content].concat()
}

#[test]
fn decompresses_streams_of_other_implementations() {
    for text in [&b""[..], b"x", &vec![0; 300_000], &lines(5000)] {
        for level in [0, 1, 6, 9] {
            is_whole(&gzip(text, level), text);
        }
        for level in [-5, 1, 3, 12, 19] {
            is_whole(&zstd(text, level, &[]), text);
            is_whole(&zstd(text, level, CHECKED), text);
            is_whole(&zstd::bulk::compress(text, level).unwrap(), text);
        }
    }
}

#[test]
fn detects_compression_by_the_first_bytes() {
    assert_eq!(Compression::detect(&gzip(b"", 6)[..2]), Some(Compression::Gzip));
    assert_eq!(Compression::detect(&zstd(b"", 3, &[])[..4]), Some(Compression::Zstd));
    assert_eq!(Compression::detect(&skippable(15, b"")[..4]), Some(Compression::Zstd));
    for other in [&b""[..], b"\x1f", b"{\"countersign\"", b"\x28\xb5\x2f", b"\x60\x2a\x4d\x18", b"BZh9"] {
        assert_eq!(Compression::detect(other), None);
    }
}

#[test]
fn concatenated_members_and_frames_are_one_stream() {
    let (one, two) = (lines(100), lines(3));
    is_whole(&[gzip(&one, 6), gzip(b"", 6), gzip(&two, 1)].concat(), &[&one[..], &two].concat());
    let frames = [
        skippable(0, b"a note"),
        zstd(&one, 3, CHECKED),
        skippable(15, b""),
        zstd(b"", 3, &[]),
        zstd(&two, 19, &[]),
        skippable(7, &lines(9)),
    ];
    is_whole(&frames.concat(), &[&one[..], &two].concat());
    is_whole(&skippable(3, b"nothing else"), b"");
}

#[test]
fn gzip_headers_may_have_optional_parts() {
    let text = lines(10);
    let mut encoder = GzBuilder::new()
        .filename("a".repeat(70_000))
        .comment("why")
        .extra(vec![7; 65_535])
        .mtime(1)
        .write(Vec::new(), Level::fast());
    encoder.write_all(&text).unwrap();
    let stream = encoder.finish().unwrap();
    is_whole(&stream, &text);
    is_whole(&[stream.clone(), stream].concat(), &text.repeat(2));

    let plain = gzip(&text, 6);
    let with_header =
        |flags: u8, fields: &[u8]| [&plain[..3], &[flags], &plain[4..10], fields, &plain[10..]].concat();
    is_whole(&with_header(4, &[0, 0]), &text);
    is_whole(&with_header(1, &[]), &text);
    let mut crc = flate2::Crc::new();
    crc.update(&with_header(2 | 8, b"name\0")[..15]);
    let [low, high, ..] = crc.sum().to_le_bytes();
    is_whole(&with_header(2 | 8, &[&b"name\0"[..], &[low, high]].concat()), &text);
    is_damaged(
        &with_header(2 | 8, &[&b"name\0"[..], &[low ^ 1, high]].concat()),
        "a checksum of the compressed stream does not match",
    );
    for flag in [0x20, 0x40, 0x80] {
        is_damaged(
            &with_header(flag, &[]),
            "the compressed stream uses features that its format does not define",
        );
    }
}

#[test]
fn distinguishes_trailing_data_from_truncation() {
    for more in [&b"\0"[..], b"\n", b"hello, world"] {
        for stream in [gzip(b"text", 6), zstd(b"text", 3, &[]), skippable(0, b"x")] {
            fails(&[&stream[..], more].concat(), DecompressError::Followed);
        }
    }
    fails(&[gzip(b"a", 6), zstd(b"b", 3, &[])].concat(), DecompressError::Followed);
    fails(&[zstd(b"b", 3, &[]), gzip(b"a", 6)].concat(), DecompressError::Followed);
    // Bytes that could begin another member or frame count as a truncated one.
    for length in 1..4 {
        let (member, frame, note) = (gzip(b"a", 6), zstd(b"b", 3, &[]), skippable(3, b"x"));
        fails(&[&member, &member[..length]].concat(), DecompressError::Cut);
        fails(&[&frame, &frame[..length]].concat(), DecompressError::Cut);
        fails(&[&frame, &note[..length]].concat(), DecompressError::Cut);
    }
    for compression in [Compression::Gzip, Compression::Zstd] {
        assert_eq!(Decompressor::new(compression).finish(), Err(DecompressError::Cut));
    }
}

#[test]
fn detects_every_truncation_and_every_flipped_bit() {
    let text = lines(12);
    let streams = [
        gzip(&text, 6),
        gzip(&text, 0),
        zstd(&text, 3, CHECKED),
        [zstd(&text, 19, CHECKED), skippable(1, b"note")].concat(),
        zstd(&text[..9], 3, CHECKED),
    ];
    for stream in streams {
        let (text, whole) = decompress(&stream, usize::MAX);
        assert_eq!(whole, Ok(()));
        for cut in 4..stream.len() {
            let (start, whole) = decompress(&stream[..cut], usize::MAX);
            assert!(text.starts_with(&start));
            // A cut between two frames is not a truncation.
            assert!(whole.is_err() || start == text);
            assert_eq!((start, whole), decompress(&stream[..cut], 5));
        }
        for bit in 0..stream.len() * 8 {
            let mut flipped = stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if Compression::detect(&flipped).is_none() {
                continue;
            }
            let found = decompress(&flipped, usize::MAX);
            assert!(found.1.is_err() || found.0 == text, "bit {bit}");
            assert_eq!(found, decompress(&flipped, 1), "bit {bit}");
        }
    }
}

#[test]
fn a_window_above_8_mib_is_not_a_truncation() {
    let window = |log| zstd(b"text", 3, &[CParameter::WindowLog(log), CParameter::ContentSizeFlag(false)]);
    is_whole(&window(23), b"text");
    fails(&window(24), DecompressError::Window);
    let single = |size: u32| [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0], &size.to_le_bytes()[..]].concat();
    let zeros = [2 | 0x10_0000_u32.to_le_bytes()[0], 0, 0x10, 0];
    let mut stream = single(8 << 20);
    for _ in 0..63 {
        stream.extend_from_slice(&zeros);
    }
    stream.extend_from_slice(&[3, 0, 0x10, 0]);
    assert_eq!(decompress(&stream, 1000), (vec![0; 8 << 20], Ok(())));
    fails(&single((8 << 20) + 1), DecompressError::Window);
}

#[test]
fn zstd_frames_must_match_their_headers() {
    let frame = |rest: &[u8]| [&[0x28, 0xb5, 0x2f, 0xfd], rest].concat();
    let raw = [0x11, 0, 0, b'h', b'i'];
    is_whole(&frame(&[&[0x20, 2], &raw[..]].concat()), b"hi");
    is_whole(&frame(&[&[0x21, 0, 2], &raw[..]].concat()), b"hi");
    for size in [1, 3] {
        let wrong = decompress(&frame(&[&[0x20, size], &raw[..]].concat()), 1).1;
        assert!(wrong.is_err());
    }
    is_damaged(
        &frame(&[&[0x20, 3], &raw[..]].concat()),
        "the compressed stream does not have the length that it states",
    );
    fails(&frame(&[&[0x21, 9, 2], &raw[..]].concat()), DecompressError::Dictionary);
    is_damaged(
        &frame(&[&[0x28, 2], &raw[..]].concat()),
        "the compressed stream uses features that its format does not define",
    );
    is_damaged(
        &frame(&[0x20, 2, 0x17, 0, 0]),
        "the compressed stream uses features that its format does not define",
    );
    let mut checked = zstd(b"text", 3, CHECKED);
    *checked.last_mut().unwrap() ^= 1;
    is_damaged(&checked, "a checksum of the compressed stream does not match");
}

#[test]
fn gzip_members_must_match_their_trailers() {
    let stream = gzip(b"text", 6);
    for place in stream.len() - 8..stream.len() {
        let mut wrong = stream.clone();
        wrong[place] ^= 1;
        is_damaged(&wrong, "a checksum of the compressed stream does not match");
    }
    // A match that reaches back before the content, even into the previous member.
    let mut reaching = stream.clone();
    reaching.extend_from_slice(&stream[..10]);
    reaching.extend_from_slice(&[0x03, 0x02, 0x00]);
    is_damaged(&reaching, "the compressed stream is corrupt");
}

#[test]
fn a_decompression_bomb_yields_bounded_pieces() {
    let zeros = vec![0; 32 << 20];
    for stream in [gzip(&zeros, 9), zstd(&zeros, 3, CHECKED)] {
        let mut decompressor = Decompressor::new(Compression::detect(&stream).unwrap());
        let (mut total, mut largest) = (0, 0);
        decompressor
            .push(&stream, &mut |piece| {
                total += piece.len();
                largest = largest.max(piece.len());
            })
            .unwrap();
        decompressor.finish().unwrap();
        assert_eq!(total, zeros.len());
        assert!(largest <= 96 << 10);
    }
}
