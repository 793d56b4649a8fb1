//! The response to `/` in a log without a web page: one line of text.

use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY};

use super::Answer;
use super::response::{NOSNIFF, success};

/// Returns a line that describes the log to people.
pub fn text(origin: &str) -> Answer {
    let text = format!(
        "countersign: the log {origin}. Anyone can read /checkpoint and /tile/ (C2SP tlog-tiles); emitters POST to \
         /submit.\n"
    );
    success(&headers("text/plain; charset=utf-8"), text.into_bytes())
}

/// Returns a line that describes a root log and its tenant logs to people.
pub fn text_with_tenants(origin: &str) -> Answer {
    let text = format!(
        "countersign: the log {origin}, with a log for each tenant. Anyone can read /checkpoint and /tile/ (C2SP \
         tlog-tiles); emitters POST to /t/ID/submit.\n"
    );
    success(&headers("text/plain; charset=utf-8"), text.into_bytes())
}

/// Returns a web page.
pub fn page<T>(html: T) -> http::Response<T> {
    success(&headers("text/html; charset=utf-8"), html)
}

fn headers(kind: &'static str) -> [(HeaderName, &'static str); 4] {
    [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache"), NOSNIFF, (REFERRER_POLICY, "no-referrer")]
}
