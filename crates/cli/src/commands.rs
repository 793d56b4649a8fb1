//! The commands, one module each, with the name of the command.
//!
//! A module below a command serves mainly that command, but others may use it. Without the feature `native`, only the
//! commands that work on local files are there.

pub(crate) mod analyze;
pub(crate) mod completions;
pub(crate) mod dev;
pub(crate) mod grant;
pub(crate) mod init;
pub(crate) mod keygen;
pub(crate) mod parsers;
pub(crate) mod receipt;
pub(crate) mod record;
pub(crate) mod rules;
pub(crate) mod seal;
pub(crate) mod show;
pub(crate) mod slice;
pub(crate) mod summarize;
pub(crate) mod verify;

#[cfg(feature = "native")]
pub(crate) mod backup;
#[cfg(feature = "native")]
pub(crate) mod check;
#[cfg(feature = "native")]
pub(crate) mod clock;
#[cfg(feature = "native")]
pub(crate) mod enforce;
#[cfg(feature = "native")]
pub(crate) mod evidence;
#[cfg(feature = "native")]
pub(crate) mod export;
#[cfg(feature = "native")]
pub(crate) mod feed;
#[cfg(feature = "native")]
pub(crate) mod forks;
#[cfg(feature = "native")]
pub(crate) mod fsck;
#[cfg(feature = "native")]
pub(crate) mod inventory;
#[cfg(feature = "native")]
pub(crate) mod mirror;
#[cfg(feature = "native")]
pub(crate) mod monitor;
#[cfg(feature = "native")]
pub(crate) mod native;
#[cfg(feature = "native")]
pub(crate) mod outbox;
#[cfg(feature = "native")]
pub(crate) mod report;
#[cfg(feature = "native")]
pub(crate) mod risk;
#[cfg(feature = "native")]
pub(crate) mod serve;
#[cfg(feature = "native")]
pub(crate) mod tenant;
#[cfg(feature = "native")]
pub(crate) mod token;
#[cfg(feature = "native")]
pub(crate) mod watch;
#[cfg(feature = "native")]
pub(crate) mod witness;
