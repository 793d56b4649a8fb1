//! Remembers the signed requests that a root log's server accepted, so that it accepts none twice (SPEC section 16.9).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use countersign::hash::Hash;
use countersign::note::Note;
use countersign::time::Time;
use http::StatusCode;

use super::ApiError;

/// The time for which a request can be accepted, in milliseconds.
const MAX_AGE: i64 = 5 * 60_000;
/// The maximum time by which a request may be dated ahead, in milliseconds. A request that was accepted right before a
/// restart could be accepted again for as long.
const MAX_AHEAD: i64 = 2_000;
/// The maximum number of requests that are remembered. They take about 5 MB.
const MAX_REQUESTS: usize = 1 << 16;

/// The requests that were accepted within the last minutes.
#[derive(Debug)]
pub struct AcceptedRequests {
    /// Requests from before this time may have been accepted already, by another server or before a restart.
    since: Mutex<Time>,
    requests: Mutex<BTreeSet<(Time, Hash)>>,
}

impl AcceptedRequests {
    /// Creates the memory of a server that starts at this time.
    pub fn since(now: Time) -> Self {
        Self { since: Mutex::new(now), requests: Mutex::default() }
    }

    /// Rejects requests from before this time from now on, because another server of the log may have accepted them.
    #[must_use]
    pub fn not_before(&self, time: Time) -> &Self {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = time.max(*since);
        drop(since);
        self
    }

    /// Accepts a request of this time, whose signature is verified, unless it is too old, dated ahead, or was accepted
    /// before.
    ///
    /// # Errors
    /// [`ApiError`] with the log's time, for signing the request again.
    pub fn accept(&self, note: &Note, time: Time, now: Time) -> Result<(), ApiError> {
        let refused = |message: &str, hint: &str| {
            Err(ApiError::new(StatusCode::CONFLICT, "request.time", message.to_owned())
                .with_hint(hint.to_owned())
                .with("now", now.to_string()))
        };
        let age = now.millis() - time.millis();
        if !(-MAX_AHEAD..=MAX_AGE).contains(&age) {
            let message =
                format!("the request is dated {time}, not within the 5 minutes before the log's time {now}");
            return refused(
                &message,
                "set the clock of the machine that signed it, and sign the request again",
            );
        }
        if time < *self.since.lock().unwrap_or_else(PoisonError::into_inner) {
            let message = format!("the request is dated {time}, before this log server started or took over");
            return refused(&message, "sign the request again");
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        while requests.first().is_some_and(|(time, _)| now.millis() - time.millis() > MAX_AGE) {
            requests.pop_first();
        }
        if requests.len() >= MAX_REQUESTS {
            let message = format!("more than {MAX_REQUESTS} signed requests came within 5 minutes");
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", message)
                .with_hint("send the request again later"));
        }
        // The signature isn't part of it: the same text may be signed with other bytes.
        if requests.insert((time, Hash::digest(&[note.text.as_bytes()]))) {
            Ok(())
        } else {
            refused("the request was accepted before", "sign the request again")
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign::note::SignerKey;
    use countersign::tenant::TenantRequest;

    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(1_790_000_000_000 + millis).expect("a time")
    }

    #[test]
    fn a_request_is_accepted_once_and_while_it_is_new() {
        let key = SignerKey::from_seed("app.example", [1; 32]).expect("a name");
        let request = |name: &str, time: i64| {
            let note = TenantRequest::sign("log.example", name, at(time), &key).expect("a request");
            TenantRequest::parse(&note).expect("a request")
        };
        let accepted = AcceptedRequests::since(at(0));
        let accept = |name: &str, time: i64, now: i64| {
            let request = request(name, time);
            let accepted = accepted.accept(&request.note, request.time, at(now));
            accepted.map_err(|error| error.to_string().starts_with("request.time: "))
        };
        assert_eq!(accept("a", 0, 0), Ok(()));
        for (name, time, now) in
            [("a", 0, 1), ("a", -1, 1), ("b", 1, MAX_AGE + 2), ("b", MAX_AHEAD + 3, 2), ("a", 0, MAX_AGE)]
        {
            assert_eq!(accept(name, time, now), Err(true), "{name} {time} {now}");
        }
        for (name, time, now) in [("b", 0, 1), ("a", 1, 1), ("b", 1, MAX_AGE + 1), ("b", MAX_AHEAD + 2, 2)] {
            assert_eq!(accept(name, time, now), Ok(()), "{name} {time} {now}");
        }
        // Another server made the ticks until then.
        let accept_later = |time: i64, until: i64| {
            let request = request("c", time);
            accepted.not_before(at(until)).accept(&request.note, request.time, at(time)).is_ok()
        };
        assert!(!accept_later(9, 10) && !accept_later(9, 5) && accept_later(10, 0));
        // Old requests are forgotten.
        assert_eq!(accept("a", 3 * MAX_AGE, 3 * MAX_AGE), Ok(()));
        assert_eq!(accepted.requests.lock().expect("no panic").len(), 1);
    }
}
