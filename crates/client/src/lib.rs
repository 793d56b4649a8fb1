//! Reads logs over HTTP or from folders, submits to log servers, and posts to webhooks and other destinations.
//!
//! A [`Source`] is a tiled log: [`Server`] reads it over HTTP, and [`Folder`] from files. [`HttpLogServer`] submits
//! links to a log server, for a [`Delivery`](countersign_delivery::Delivery). A [`Webhook`] signs what it posts. All
//! of them use a [`Client`], which bounds each response in size and time, and never sends a body or token to another
//! host.
//!
//! ```
//! use countersign_client::{Folder, Source};
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//!
//! let log = Folder::open(folder)?;
//! assert_eq!(log.read("checkpoint", countersign_client::MAX_CHECKPOINT_BYTES)?, None);
//! assert_eq!(log.checkpoint().unwrap_err().code(), "log.no_checkpoint");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod destination_error;
mod http;
mod pruned;
mod source;
mod submit;
mod token;
mod webhook;

pub use destination_error::DestinationError;
pub use http::{Answer, Body, Client, Deadline, Prefix, Redirects, Stream};
pub use pruned::first_bundle;
pub use reqwest::Url;
pub use source::{Folder, MAX_CHECKPOINT_BYTES, Server, Source, open, open_with_token, unreadable_folder};
pub use submit::HttpLogServer;
pub use token::Token;
pub use webhook::{Webhook, WebhookSecret, webhook_url};
