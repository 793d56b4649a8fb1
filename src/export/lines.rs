use memchr::{memchr, memrchr};

use super::MAX_LINE;
use super::line::strip;

/// A buffer that cuts a stream of bytes into chunks of whole lines, in bounded memory regardless of the
/// length of a line.
///
/// Truncates a line longer than [`MAX_LINE`], but keeps enough of it to tell that it is too long, or that it
/// is blank.
#[derive(Debug)]
pub struct LineBuffer {
    buffer: Vec<u8>,
    /// The number of bytes at the start of the buffer known to contain no line end.
    searched: usize,
    target: usize,
    overlong: Option<Overlong>,
    /// Memory for reuse.
    spare: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlong {
    Blank,
    Text,
}

impl LineBuffer {
    /// Creates a buffer that emits chunks of about `target` bytes and at least one line.
    pub fn new(target: usize) -> Self {
        Self { buffer: Vec::new(), searched: 0, target, overlong: None, spare: Vec::new() }
    }

    /// Adds the next bytes of the stream. Calls `emit` with each chunk that is ready: lines with their ends.
    pub fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(Vec<u8>)) {
        for mut piece in bytes.chunks(self.target.max(1)) {
            if self.overlong.is_some() {
                piece = self.skip_overlong(piece);
            }
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() < self.target {
                continue;
            }
            match memrchr(b'\n', &self.buffer[self.searched..]) {
                Some(place) => {
                    let end = self.searched + place + 1;
                    let mut rest = core::mem::take(&mut self.spare);
                    rest.clear();
                    rest.extend_from_slice(&self.buffer[end..]);
                    self.buffer.truncate(end);
                    emit(core::mem::replace(&mut self.buffer, rest));
                }
                None if self.buffer.len() > MAX_LINE && self.overlong.is_none() => {
                    let text = strip(&self.buffer).first().copied();
                    self.buffer.truncate(MAX_LINE + 1);
                    self.overlong = Some(Overlong::Blank);
                    self.note_text(text);
                }
                None => {}
            }
            self.searched = self.buffer.len();
        }
    }

    /// Returns the number of buffered bytes.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Takes a chunk back after use, so that its memory can be reused.
    pub fn recycle(&mut self, chunk: Vec<u8>) {
        if chunk.capacity() <= 2 * self.target {
            self.spare = chunk;
        }
    }

    /// Returns the whole lines in the buffer without waiting for more, or `None` if there are none.
    pub fn whole_lines(&mut self) -> Option<Vec<u8>> {
        let end = memrchr(b'\n', &self.buffer)? + 1;
        let rest = self.buffer.split_off(end);
        self.searched = rest.len();
        Some(core::mem::replace(&mut self.buffer, rest))
    }

    /// Returns the last chunk, whose last line may lack its end; empty if there is none.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buffer)
    }

    fn skip_overlong<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let end = memchr(b'\n', piece);
        self.note_text(strip(&piece[..end.unwrap_or(piece.len())]).first().copied());
        if end.is_some() {
            self.overlong = None;
            self.searched = self.buffer.len();
        }
        &piece[end.unwrap_or(piece.len())..]
    }

    fn note_text(&mut self, text: Option<u8>) {
        if let (Some(Overlong::Blank), Some(byte)) = (self.overlong, text) {
            self.overlong = Some(Overlong::Text);
            if strip(&self.buffer).is_empty() {
                self.buffer.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn cut(input: &[u8], piece: usize, target: usize) -> Vec<Vec<u8>> {
        let mut buffer = LineBuffer::new(target);
        let mut chunks = Vec::new();
        for piece in input.chunks(piece) {
            buffer.push(piece, &mut |chunk| chunks.push(chunk));
        }
        chunks.push(buffer.finish());
        chunks
    }

    #[test]
    fn chunks_have_whole_lines_however_the_input_is_cut() {
        let input = b"one\ntwo\n\nthree four five\nsix";
        for piece in 1..input.len() {
            for target in 1..input.len() + 2 {
                let chunks = cut(input, piece, target);
                assert_eq!(chunks.concat(), input);
                let (_, whole) = chunks.split_last().unwrap();
                assert!(whole.iter().all(|chunk| chunk.ends_with(b"\n")));
            }
        }
    }

    #[test]
    fn an_overlong_line_is_kept_just_too_long() {
        for chunk in [1 << 16, 99_991, 5 << 20] {
            let mut input = vec![b'x'; 3 << 20];
            input.extend_from_slice(b"\nnext\n");
            let text = cut(&input, chunk, 1 << 16).concat();
            assert!(
                text.ends_with(b"\nnext\n") && text.len() > MAX_LINE + 6 && text.len() < MAX_LINE + (2 << 16)
            );
        }
    }

    #[test]
    fn whole_lines_are_available_early_and_the_rest_stays() {
        let mut buffer = LineBuffer::new(1 << 10);
        let mut chunks = Vec::new();
        for (piece, whole) in [("a\nb", "a\n"), ("c", ""), ("\n\nd\ne", "bc\n\nd\n"), ("f\n", "ef\n")] {
            buffer.push(piece.as_bytes(), &mut |chunk| chunks.push(chunk));
            assert_eq!(buffer.whole_lines().unwrap_or_default(), whole.as_bytes());
        }
        assert!(chunks.is_empty() && buffer.whole_lines().is_none() && buffer.finish().is_empty());
    }

    #[test]
    fn a_long_blank_line_stays_blank_and_late_text_is_noticed() {
        let mut blank = vec![b' '; 3 << 20];
        blank.push(b'\n');
        let text = cut(&blank, 77_777, 1 << 16).concat();
        assert!(strip(&text[..text.len() - 1]).is_empty());
        blank.insert(3 << 20, b'x');
        let text = cut(&blank, 77_777, 1 << 16).concat();
        assert!(text.len() > MAX_LINE && strip(&text).first() == Some(&b'x'));
    }
}
