//! The rights of a token.

use std::fmt;
use std::str::FromStr;

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A right of a reader. Rights are listed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Right {
    /// Reading events: exports, streams, and proofs.
    Read,
    /// Erasing events permanently.
    Erase,
    /// Reading about the log as a whole rather than its events: the evidence of forks.
    Admin,
    /// Reading the sizes and root hashes of all tenant logs at each tick, as a growth witness. Works only for all logs.
    Growth,
    /// Sending log records over OTLP, which the log server records as events.
    Record,
}

/// A set of at least one right. No right implies another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u8);

impl Right {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Returns the right's name in files and options.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Rights {
    /// The right to read events only.
    pub const READ: Self = Self(1);
    /// The rights to read and erase events.
    pub const READ_AND_ERASE: Self = Self(0b11);

    /// True if the right is in the set.
    pub fn allow(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for &right in Right::VARIANTS {
            if self.allow(right) {
                write!(f, "{before}{}", right.name())?;
                before = ",";
            }
        }
        Ok(())
    }
}

impl FromStr for Rights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rights = Self(0);
        for name in text.split(',') {
            let right: Right = name.parse().map_err(
                |_| "rights must be a comma-separated list of read, erase, admin, growth, and record, such as read,erase",
            )?;
            if rights.allow(right) {
                return Err(format!("the right {name} must not be repeated"));
            }
            rights.0 |= right.bit();
        }
        Ok(rights)
    }
}
