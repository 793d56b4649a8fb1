//! Queued events and their serialization.

use core::str::FromStr;

use countersign::base64;
use countersign::error::{Code, Error};
use countersign::event::{Event, Redaction};
use countersign::link::Salt;
use countersign::time::Time;

/// An event that awaits its link, with all that the link and its line need.
///
/// Serialized to one line, which can be stored elsewhere in the meantime. It contains the event and its salt.
pub struct Queued {
    /// The redacted event.
    pub event: Event,
    /// The time of recording.
    pub time: Time,
    /// The salt of the event's hash.
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

impl FromStr for Queued {
    type Err = Error;

    /// Parses the line, with its line feed. Rejects any deviation from the written form.
    fn from_str(line: &str) -> Result<Self, Error> {
        let read = || {
            let mut fields = line.strip_suffix('\n')?.splitn(3, ' ');
            let (millis, salt, event) = (fields.next()?, fields.next()?, fields.next()?);
            Some(Self {
                time: Time::from_millis(millis.parse().ok()?)?,
                salt: base64::decode_array(salt)?,
                event: Event::parse(event.as_bytes(), &Redaction::none()).ok()?,
            })
        };
        let as_kept = |queued: &Self| {
            let mut kept = String::new();
            queued.write(&mut kept);
            kept == line
        };
        read().filter(as_kept).ok_or_else(|| {
            Error::new(Code::Event, "a queued event was changed in storage")
                .with_hint("return stored events byte for byte")
        })
    }
}
