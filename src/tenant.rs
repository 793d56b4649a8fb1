//! Tenant logs: many logs under one signed and witnessed root log (SPEC section 16).
//!
//! A tenant log is an ordinary log, except that its checkpoints aren't signed. A [`HeadProof`] proves its state:
//! the tenant's head is a leaf of a directory, the directory is the last entry of the root log, and the root log's
//! checkpoint is signed and cosigned. The leaf's position in the directory follows from the tenant's ID, so a
//! directory proves one head for each tenant.
//!
//! [`Anchor`]s are heads at ticks that the format fixes. Every reader checks the same ones, and a rewritten tenant log
//! doesn't agree with them.
//!
//! A [`Statement`] is what a head or an anchor says about a log. Two of them can contradict each other.
//!
//! A [`Receipt`] proves that a tenant log contains an entry. A writer compares each answer with the [`NewestHead`] that
//! it has seen.
//!
//! ```
//! use countersign::tenant::TenantOrigin;
//!
//! let origin = TenantOrigin::parse("log.example/t/8f000000000000000000000000000001").unwrap();
//! assert_eq!(origin.root(), "log.example");
//! assert_eq!(origin.slot(10), 0b10_0011_1100); // the first ten bits of the ID
//! assert!(TenantOrigin::parse("log.example/audit").is_none());
//! ```

mod anchors;
mod directory;
mod head;
mod key_note_request;
mod newest_head;
mod origin;
mod receipt;
mod request;
mod signed_request;
mod statement;

pub use anchors::required_anchors;
pub use directory::{
    DirectoryEntry, MAX_DEPTH, MIN_DEPTH, directory_hash, head_leaf, node_hash, root_of_path,
};
pub use head::{Anchor, Head, HeadError, HeadProof, State};
pub use key_note_request::KeyNoteRequest;
pub use newest_head::{AnchorProof, NewestHead, Since};
pub use origin::TenantOrigin;
pub use receipt::Receipt;
pub use request::TenantRequest;
pub use statement::{Contradiction, Statement};
