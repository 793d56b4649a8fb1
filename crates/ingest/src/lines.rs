//! Splits bytes into lines, in bounded memory.

use countersign::export::MAX_LINE;

/// Splits bytes into lines. Each line is passed on as soon as it is complete, because a consumer may be
/// waiting for it.
///
/// Truncates a line longer than [`MAX_LINE`], but keeps enough of it to tell that it is too long, or that it
/// is blank.
#[derive(Default)]
pub struct LineSplitter {
    begun: Vec<u8>,
}

/// A callback for each line, without its line feed. The second argument is true if the line has one.
pub type EachLine<'a, E> = dyn FnMut(&[u8], bool) -> Result<(), E> + 'a;

impl LineSplitter {
    /// Accepts the next bytes.
    ///
    /// # Errors
    /// Returns any error of `each`.
    pub fn push<E>(&mut self, mut bytes: &[u8], each: &mut EachLine<'_, E>) -> Result<(), E> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            if self.begun.is_empty() {
                each(&bytes[..end], true)?;
            } else {
                self.append(&bytes[..end]);
                each(&self.begun, true)?;
                self.begun.clear();
            }
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = (MAX_LINE + 1).saturating_sub(self.begun.len());
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        self.begun.extend_from_slice(kept);
        if let Some(text) = dropped.iter().find(|byte| !is_space(**byte))
            && let Some(last) = self.begun.last_mut()
        {
            *last = *text;
        }
    }

    /// Passes on a last line without a line feed.
    ///
    /// # Errors
    /// Returns any error of `each`.
    pub fn finish<E>(&mut self, each: &mut EachLine<'_, E>) -> Result<(), E> {
        if self.begun.is_empty() { Ok(()) } else { each(&self.begun, false) }
    }
}

/// True for white space that an export may contain within a line.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<(usize, u8, bool)> {
        let mut found = Vec::new();
        let mut each = |line: &[u8], ended| {
            found.push((line.len(), line.last().copied().unwrap_or(0), ended));
            Ok::<_, ()>(())
        };
        let mut splitter = LineSplitter::default();
        for piece in pieces {
            splitter.push(piece, &mut each).unwrap();
        }
        splitter.finish(&mut each).unwrap();
        found
    }

    #[test]
    fn splits_lines_regardless_of_how_input_is_cut() {
        let text = b"one\n\nthree\nx";
        let whole = lines(&[text]);
        assert_eq!(whole, [(3, b'e', true), (0, 0, true), (5, b'e', true), (1, b'x', false)]);
        for at in 0..text.len() {
            assert_eq!(lines(&[&text[..at], &text[at..]]), whole);
        }
        assert_eq!(lines(&[b"a\n"]), [(1, b'a', true)]);
    }

    #[test]
    fn long_lines_are_cut() {
        let blank = vec![b' '; 3 << 20];
        assert_eq!(lines(&[&blank, b"\n"]), [(MAX_LINE + 1, b' ', true)]);
        assert_eq!(lines(&[&blank, b"x", &blank, b"\ny\n"]), [(MAX_LINE + 1, b'x', true), (1, b'y', true)]);
        assert_eq!(lines(&[&vec![b'x'; 3 << 20]]), [(MAX_LINE + 1, b'x', false)]);
    }
}
