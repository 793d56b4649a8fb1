//! Files that only their owner can read, which are replaced in one step, and locks of folders.
//!
//! ```
//! use countersign_files::{Lock, replace};
//!
//! let folder = tempfile::tempdir()?;
//! let _lock = Lock::acquire(&folder.path().join("lock"))?;
//! assert!(Lock::acquire(&folder.path().join("lock")).is_err());
//!
//! replace(&folder.path().join("position.json"), b"{}")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod files;
mod lock;

pub use files::{Stamp, create_private_folder, folder_of, open_private, replace, sync_folder, temporary};
pub use lock::Lock;
