//! The commands, one module each, with the name of the command.
//!
//! A module below a command serves mainly that command, but others may use it.

pub(crate) mod analyze;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod dev;
pub(crate) mod enforce;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod forks;
pub(crate) mod fsck;
pub(crate) mod grant;
pub(crate) mod init;
pub(crate) mod inventory;
pub(crate) mod keygen;
pub(crate) mod monitor;
pub(crate) mod outbox;
pub(crate) mod receipt;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod risk;
pub(crate) mod rules;
pub(crate) mod seal;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod slice;
pub(crate) mod summarize;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod witness;
