use memchr::{memchr, memrchr};

use super::MAX_LINE;
use super::line::strip;

/// Cuts a stream of bytes into stretches of whole lines, in bounded memory however long a line is.
///
/// Of a line longer than [`MAX_LINE`] just enough is kept to tell that it is too long, or that it is blank.
#[derive(Debug)]
pub struct LineBuffer {
    buffer: Vec<u8>,
    /// How many bytes of the buffer are known to hold no line end.
    searched: usize,
    target: usize,
    overlong: Option<Overlong>,
    /// Memory to be used again.
    spare: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlong {
    Blank,
    Text,
}

impl LineBuffer {
    /// A buffer that hands out stretches of about `target` bytes, and at least a line.
    pub fn new(target: usize) -> Self {
        Self { buffer: Vec::new(), searched: 0, target, overlong: None, spare: Vec::new() }
    }

    /// Takes the next bytes of the stream. `stretch` gets each stretch that is ready: lines with their ends.
    pub fn push(&mut self, bytes: &[u8], stretch: &mut impl FnMut(Vec<u8>)) {
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
                    stretch(core::mem::replace(&mut self.buffer, rest));
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

    /// How many bytes are held back.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Gives a stretch back when it is done with, so that its memory serves again.
    pub fn recycle(&mut self, stretch: Vec<u8>) {
        if stretch.capacity() <= 2 * self.target {
            self.spare = stretch;
        }
    }

    /// The whole lines that are held back until there are more; none where there is none.
    pub fn whole_lines(&mut self) -> Option<Vec<u8>> {
        let end = memrchr(b'\n', &self.buffer)? + 1;
        let rest = self.buffer.split_off(end);
        self.searched = rest.len();
        Some(core::mem::replace(&mut self.buffer, rest))
    }

    /// The last stretch, whose last line has perhaps no end; empty where there is none.
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

    fn cut(input: &[u8], chunk: usize, target: usize) -> Vec<Vec<u8>> {
        let mut buffer = LineBuffer::new(target);
        let mut stretches = Vec::new();
        for piece in input.chunks(chunk) {
            buffer.push(piece, &mut |stretch| stretches.push(stretch));
        }
        stretches.push(buffer.finish());
        stretches
    }

    #[test]
    fn stretches_hold_whole_lines_however_the_input_is_cut() {
        let input = b"one\ntwo\n\nthree four five\nsix";
        for chunk in 1..input.len() {
            for target in 1..input.len() + 2 {
                let stretches = cut(input, chunk, target);
                assert_eq!(stretches.concat(), input);
                let (_, whole) = stretches.split_last().unwrap();
                assert!(whole.iter().all(|stretch| stretch.ends_with(b"\n")));
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_kept_just_too_long() {
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
    fn whole_lines_can_be_had_early_and_the_rest_stays() {
        let mut buffer = LineBuffer::new(1 << 10);
        let mut stretches = Vec::new();
        for (piece, whole) in [("a\nb", "a\n"), ("c", ""), ("\n\nd\ne", "bc\n\nd\n"), ("f\n", "ef\n")] {
            buffer.push(piece.as_bytes(), &mut |stretch| stretches.push(stretch));
            assert_eq!(buffer.whole_lines().unwrap_or_default(), whole.as_bytes());
        }
        assert!(stretches.is_empty() && buffer.whole_lines().is_none() && buffer.finish().is_empty());
    }

    #[test]
    fn a_blank_line_may_have_any_length_and_text_far_behind_is_seen() {
        let mut blank = vec![b' '; 3 << 20];
        blank.push(b'\n');
        let text = cut(&blank, 77_777, 1 << 16).concat();
        assert!(strip(&text[..text.len() - 1]).is_empty());
        blank.insert(3 << 20, b'x');
        let text = cut(&blank, 77_777, 1 << 16).concat();
        assert!(text.len() > MAX_LINE && strip(&text).first() == Some(&b'x'));
    }
}
