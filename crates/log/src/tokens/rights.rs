//! What a token allows its bearer to do.

use std::fmt;
use std::str::FromStr;

use strum::{EnumString, IntoStaticStr, VariantArray};

/// One thing that a reader may do. Rights are written in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Right {
    /// Read events: exports, streams and proofs.
    Read,
    /// Erase events.
    Erase,
    /// See what concerns the log as a whole, and not its events alone: the evidence of forks.
    Admin,
}

/// What a token allows: at least one right. None of them brings another one with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u8);

impl Right {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Rights {
    /// To read events, and nothing else.
    pub const READ: Self = Self(1);
    /// To read events and to erase them.
    pub const READ_AND_ERASE: Self = Self(0b11);

    /// Whether this is among them.
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
                |_| "rights are read, erase and admin, with a comma between them, such as read,erase",
            )?;
            if rights.allow(right) {
                return Err(format!("the right {name} is there twice"));
            }
            rights.0 |= right.bit();
        }
        Ok(rights)
    }
}
