//! Builds sentences with values.

use core::fmt;

use super::{Phrase, Value};
use crate::error::Quoted;
use crate::time::Time;

/// A sentence under construction. It is formatted only if the report lists it.
#[derive(Clone, Copy)]
pub(crate) struct Sentence<'a> {
    pub(crate) code: Option<&'static str>,
    pub(crate) english: fmt::Arguments<'a>,
    pub(crate) values: &'a [(&'static str, Param<'a>)],
}

/// A value of a sentence under construction.
pub(crate) enum Param<'a> {
    Number(u64),
    Text(&'a dyn fmt::Display),
}

impl Sentence<'_> {
    /// Returns the sentence as data; `None` if the table has its code.
    pub(crate) fn to_phrase(self) -> Option<Phrase> {
        let value = |param: &Param<'_>| match param {
            Param::Number(number) => Value::Number(*number),
            Param::Text(text) => Value::Text(text.to_string()),
        };
        let values = self.values.iter().map(|(name, param)| (*name, value(param)));
        Some(Phrase { code: self.code?, values: values.collect() })
    }
}

macro_rules! params {
    ($($type:ty: $own:ident => $param:expr;)+) => {$(
        impl<'a> From<&'a $type> for Param<'a> {
            fn from($own: &'a $type) -> Self {
                $param
            }
        }
    )+};
}

params! {
    u8: number => Self::Number((*number).into());
    u64: number => Self::Number(*number);
    usize: number => Self::Number(*number as u64);
    Time: time => Self::Text(time);
    &'a str: text => Self::Text(text);
    Quoted<'a>: text => Self::Text(text);
}

/// Constructs a sentence from its code and its English text, which has the names of its values in braces. Without a
/// code, constructs one from a constant of the table.
macro_rules! say {
    ($code:literal, $english:literal $(, $name:ident)*) => {
        $crate::phrases::Sentence {
            code: Some($code),
            english: format_args!($english $(, $name = $name)*),
            values: &[$((stringify!($name), $crate::phrases::Param::from(&$name))),*],
        }
    };
    ($english:expr) => {
        $crate::phrases::Sentence { code: None, english: format_args!("{}", $english), values: &[] }
    };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    use crate::phrases;

    #[test]
    fn sentences_keep_their_values() {
        let (size, log) = (7_u64, Quoted("log.example"));
        let sentence = say!("log.size", "{log} has {size} entries", log, size);
        assert_eq!(sentence.english.to_string(), "\"log.example\" has 7 entries");
        let phrase = sentence.to_phrase().expect("it has a code");
        assert_eq!(
            phrase.values,
            [("log", Value::Text("\"log.example\"".into())), ("size", Value::Number(7))]
        );
        assert!(say!(phrases::LINE_NOT_UTF8).to_phrase().is_none());
        assert_eq!(Phrase::find(phrases::LINE_NOT_UTF8), Some(Phrase::new("line.not_utf8")));
    }
}
