//! Adds entries without events to the index, from the marks defined in js/packages/countersign/src/verify/marks.ts.

use countersign::canonical::{Token, Tokens};
use countersign::time::Time;

use crate::build::Leaf;
use crate::index::EventIndex;
use crate::segment::RowKind;

/// Reasons for withholding an event, by number.
pub(crate) const WHY: [Option<&str>; 4] = [None, Some("erased"), Some("redacted"), Some("filtered")];

/// The error for an invalid mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMark;

#[derive(Default)]
struct Mark {
    kind: String,
    line: Option<i64>,
    index: Option<i64>,
    leaves: Option<i64>,
    chain: String,
    seq: Option<i64>,
    time: Option<Time>,
    vkey: String,
    authorized: bool,
    why: i64,
}

impl EventIndex {
    /// Adds a JSON array of marks. Adjacent skips form one gap.
    ///
    /// # Errors
    /// If a mark is invalid. The marks before it have been added.
    pub fn mark(&mut self, marks: &str) -> Result<(), InvalidMark> {
        let mut tokens = Tokens::new(marks).map(Result::ok);
        let mut next = || tokens.next().flatten();
        if next() != Some(Token::Array) {
            return Err(InvalidMark);
        }
        loop {
            match next() {
                Some(Token::Object) => {}
                Some(Token::End) => return Ok(()),
                _ => return Err(InvalidMark),
            }
            let mark = read(&mut next).ok_or(InvalidMark)?;
            self.add_mark(&mark).ok_or(InvalidMark)?;
        }
    }

    fn add_mark(&mut self, mark: &Mark) -> Option<()> {
        let kind = match &*mark.kind {
            "skip" => RowKind::Gap,
            "withheld" => RowKind::Withheld,
            "open" | "close" | "note" | "entry" => RowKind::Other,
            "checkpoint" => return Some(()),
            _ => return None,
        };
        let has_link = !mark.chain.is_empty();
        self.add_leaf(&Leaf {
            kind,
            line: mark.line?,
            index: mark.index?,
            seq: if kind == RowKind::Gap { mark.leaves? } else { mark.seq.unwrap_or(0) },
            time: mark.time,
            link: has_link.then_some((&*mark.chain, &*mark.vkey)),
            authorized: mark.authorized,
            why: mark.why,
        });
        Some(())
    }
}

/// Parses a mark after its opening brace. Ignores unknown fields.
fn read<'a>(next: &mut impl FnMut() -> Option<Token<'a>>) -> Option<Mark> {
    let mut mark = Mark::default();
    loop {
        let name = match next()? {
            Token::End => return Some(mark),
            Token::Name(name) => name.text(),
            _ => return None,
        };
        let value = next()?;
        let number = || match value {
            Token::Number(text) => text.parse().ok().filter(|number| (0..1_i64 << 53).contains(number)),
            _ => None,
        };
        let text = || match value {
            Token::Text(text) => Some(text.text().into_owned()),
            _ => None,
        };
        match &*name {
            "kind" => mark.kind = text()?,
            "line" => mark.line = Some(number()?),
            "index" => mark.index = Some(number()?),
            "entries" => mark.leaves = Some(number()?),
            "seq" => mark.seq = Some(number()?),
            "chain" => mark.chain = text()?,
            "vkey" => mark.vkey = text()?,
            "time" => mark.time = Some(Time::parse(text()?.as_bytes())?),
            "authorized" => mark.authorized = value == Token::Bool(true),
            "why" => mark.why = WHY.iter().position(|why| why.map(str::to_owned) == text())? as i64,
            _ => skip_value(value, next)?,
        }
    }
}

fn skip_value<'a>(value: Token<'a>, next: &mut impl FnMut() -> Option<Token<'a>>) -> Option<()> {
    let mut depth = usize::from(matches!(value, Token::Object | Token::Array));
    while depth > 0 {
        match next()? {
            Token::Object | Token::Array => depth += 1,
            Token::End => depth -= 1,
            _ => {}
        }
    }
    Some(())
}
