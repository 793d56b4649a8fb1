//! A JSON writer.

use countersign::canonical::write_string;

/// Maximum length of a clipped text, in bytes.
const CLIP: usize = 200;

/// JSON text under construction.
#[derive(Debug, Default)]
pub(crate) struct Json(Vec<u8>);

impl Json {
    #[inline(never)]
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend(text.as_bytes());
        self
    }

    /// Adds a comma if a value precedes.
    fn part(&mut self) -> &mut Self {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':' | b',')) {
            self.0.push(b',');
        }
        self
    }

    pub(crate) fn open(&mut self, bracket: &str) -> &mut Self {
        self.part().raw(bracket)
    }

    /// Writes a field name; the value follows.
    #[inline(never)]
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.part().raw("\"").raw(name).raw("\":")
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.part();
        write_string(text, &mut self.0);
        self
    }

    pub(crate) fn clipped(&mut self, text: &str, is_cut: bool) -> &mut Self {
        if text.len() <= CLIP && !is_cut {
            return self.text(text);
        }
        self.text(&format!("{}…", &text[..text.floor_char_boundary(CLIP)]))
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        self.part().raw(&number.to_string())
    }

    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.number(count as i64)
    }

    pub(crate) fn is(&mut self, is: bool) -> &mut Self {
        self.part().raw(if is { "true" } else { "false" })
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.part().raw("null")
    }

    pub(crate) fn finish(self) -> String {
        String::from_utf8(self.0).unwrap_or_default()
    }
}
