//! Events that wait for their link.

use core::fmt;

use crate::base64;
use crate::error::{Code, Error};
use crate::event::{Event, Redaction};
use crate::link::{self, Salt};
use crate::time::Time;

/// An event that waits for its link: all that a link and its line need of it.
///
/// As text it is one line that can be kept elsewhere until then. It holds the event and its salt.
///
/// ```
/// use countersign::recorder::Queued;
///
/// let line = "1795154462345 AQEBAQEBAQEBAQEBAQEBAQ== {\"action\":\"job.update\"}\n";
/// let queued: Queued = line.parse()?;
/// assert_eq!((queued.time.millis(), queued.salt), (1_795_154_462_345, [1; 16]));
/// assert_eq!(queued.to_string(), line);
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The event, redacted.
    pub event: Event,
    /// When it was recorded.
    pub time: Time,
    /// Its salt.
    pub salt: Salt,
}

impl Queued {
    /// Appends the line, with its line feed.
    pub fn write(&self, out: &mut String) {
        out.push_str(&self.time.millis().to_string());
        out.push(' ');
        base64::encode_to(self.salt, out);
        out.push(' ');
        out.push_str(self.event.as_str());
        out.push('\n');
    }
}

impl core::str::FromStr for Queued {
    type Err = Error;

    /// Reads the line, with its line feed. What is not as it was written is refused.
    fn from_str(line: &str) -> Result<Self, Error> {
        let read = || {
            let mut fields = line.strip_suffix('\n')?.splitn(3, ' ');
            let (millis, salt, event) = (fields.next()?, fields.next()?, fields.next()?);
            let (sign, digits) = millis.strip_prefix('-').map_or((1, millis), |digits| (-1, digits));
            let millis = sign * i64::try_from(link::integer(digits.as_bytes())?).ok()?;
            Some(Self {
                time: Time::from_millis(millis)?,
                salt: base64::decode_array(salt)?,
                event: Event::parse(event.as_bytes(), &Redaction::none()).ok()?,
            })
        };
        read().filter(|queued| queued.to_string() == line).ok_or_else(|| {
            Error::new(Code::Event, "a queued event is not as it was kept")
                .with_hint("what keeps events must give them back byte for byte")
        })
    }
}

impl fmt::Display for Queued {
    /// The line, with its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        self.write(&mut line);
        f.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const LINE: &str = "-5 AQEBAQEBAQEBAQEBAQEBAQ== {\"a\":\"x y\\n\",\"token\":1}\n";

    #[test]
    fn is_given_back_byte_for_byte() {
        let queued: Queued = LINE.parse().unwrap();
        assert_eq!(queued.event.as_str(), r#"{"a":"x y\n","token":1}"#, "nothing is redacted twice");
        assert_eq!(queued.to_string(), LINE);
    }

    #[test]
    fn refuses_what_was_not_kept_as_it_was() {
        let cases = [
            String::new(),
            LINE.trim_end().to_owned(),
            LINE.to_owned() + LINE,
            LINE.replace("-5", "+5"),
            LINE.replace("-5", "05"),
            LINE.replace("-5", "5.0"),
            LINE.replace("-5", "999999999999999"),
            LINE.replace("AQ==", "AR=="),
            LINE.replace("== ", "==  "),
            LINE.replace("{\"a\"", "{\"z\""),
            LINE.replace("{\"a\"", "{ \"a\""),
            LINE.replace("}\n", "\n"),
        ];
        for line in cases {
            assert_eq!(line.parse::<Queued>().unwrap_err().code, Code::Event, "{line:?}");
        }
    }
}
