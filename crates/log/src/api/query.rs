//! Query parameters, parsed strictly: unknown and repeated ones are errors.

use std::sync::Arc;

use countersign::time::Time;
use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::ApiError;
use crate::event_filter::{CONDITIONS, ParameterError};
use crate::export::Request;
use crate::tokens::Scope;

/// The parameters of an export other than its conditions.
const BOUNDS: [&str; 4] = ["from", "to", "limit", "boundary"];

/// The parameters of `GET /explain`.
pub const EXPLAINED: [&str; 13] = [
    "from", "to", "only", "actor", "action", "target", "outcome", "tenant", "since", "until", "chain", "q",
    "query",
];

/// Parses parameters. Each must be among `known` and occur only once.
///
/// # Errors
/// [`ApiError`].
pub fn read(query: Option<&str>, known: &[&str]) -> Result<Vec<(String, String)>, ApiError> {
    let mut read: Vec<(String, String)> = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| invalid(name, "must have a name in percent-encoded UTF-8"))?;
        let value = decode(value).ok_or_else(|| invalid(&name, "must be percent-encoded UTF-8"))?;
        if !known.contains(&&*name) {
            let hint = if known.is_empty() {
                "remove it; this path takes no parameters".to_owned()
            } else {
                format!("use one of {}", known.join(", "))
            };
            return Err(invalid(&name, "is unknown").with_hint(hint));
        }
        if read.iter().any(|(other, _)| *other == name) {
            return Err(invalid(&name, "must not be repeated").with_hint("send it once"));
        }
        read.push((name, value));
    }
    Ok(read)
}

/// Returns the parameters of an export request that was already parsed, as the request states them.
pub fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    parsed(query, &[&BOUNDS[..], &CONDITIONS[..]].concat())
}

/// Returns the parameters of a request that was already parsed.
pub fn parsed(query: Option<&str>, known: &[&str]) -> Vec<(String, String)> {
    read(query, known).unwrap_or_default()
}

/// Parses the parameters of an export of the events in `scope`.
pub(crate) fn export(query: Option<&str>, scope: Arc<Scope>, now: Time) -> Result<Request, ApiError> {
    let mut request = Request { scope, ..Request::default() };
    for (name, value) in read(query, &[&BOUNDS[..], &CONDITIONS[..]].concat())? {
        match &*name {
            "from" => request.from = Some(integer(&name, &value)?),
            "to" => request.to = Some(integer(&name, &value)?),
            "limit" => request.limit = Some(integer(&name, &value)?),
            "boundary" => request.boundary = Some(integer(&name, &value)?),
            _ => request.filter.set(&name, &value, now).map_err(|error| unusable(&name, error))?,
        }
    }
    Ok(request)
}

/// Parses the parameters of an explanation of a search in `scope`. Also returns true if it asks only for
/// unknown fields.
pub(crate) fn explain(
    query: Option<&str>,
    scope: Arc<Scope>,
    now: Time,
) -> Result<(Request, bool), ApiError> {
    let mut request = Request { scope, ..Request::default() };
    let mut fields_alone = false;
    for (name, value) in read(query, &EXPLAINED)? {
        match &*name {
            "from" => request.from = Some(integer(&name, &value)?),
            "to" => request.to = Some(integer(&name, &value)?),
            "only" if value == "fields" => fields_alone = true,
            "only" => return Err(invalid(&name, "must be `fields`, or absent")),
            _ => request.filter.set(&name, &value, now).map_err(|error| unusable(&name, error))?,
        }
    }
    Ok((request, fields_alone))
}

/// Parses a decimal integer in the format's notation.
pub(crate) fn integer(name: &str, text: &str) -> Result<u64, ApiError> {
    countersign::integer::parse(text.as_bytes())
        .ok_or_else(|| invalid(name, "must be a whole number without sign or leading zeros"))
}

/// Returns a 400 that names the parameter and what is expected of it: `must be …`.
pub(crate) fn invalid(parameter: &str, expected: &str) -> ApiError {
    let shown: String = parameter.chars().take(100).collect();
    ApiError::invalid(format!("the parameter {shown:?} {expected}")).with("parameter", shown)
}

/// Returns a 400 for a parameter's value. For a query it has the query's own code, and the place of the error in bytes.
pub(crate) fn unusable(parameter: &str, error: ParameterError) -> ApiError {
    match error {
        ParameterError::Value(message) => invalid(parameter, &format!("is invalid: {message}")),
        ParameterError::Query(error) => {
            let at = error.at();
            ApiError::new(StatusCode::BAD_REQUEST, error.code.as_str(), &*error.message)
                .with("parameter", parameter)
                .with("at", serde_json::json!([at.start, at.end]))
                .with_hint(error.hint())
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    // The decoder leaves a percent sign without two hex digits unchanged, so reject those first.
    let whole = text
        .split('%')
        .skip(1)
        .all(|rest| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    percent_decode_str(&text).decode_utf8().ok().filter(|_| whole).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(query: Option<&str>) -> Result<Request, ApiError> {
        super::export(query, Arc::default(), Time::MIN)
    }

    #[test]
    fn parses_known_parameters() {
        let request = export(Some("from=3&to=9&q=night+shift&actor=u%201%26&limit=2&boundary=0")).unwrap();
        assert_eq!(
            (request.from, request.to, request.limit, request.boundary),
            (Some(3), Some(9), Some(2), Some(0))
        );
        let text = request.filter.query().to_string();
        assert_eq!(text, "word:night word:shift actor.id==\"u 1&\"");
        assert!(export(None).unwrap().filter.is_empty());
        assert!(export(Some("")).unwrap().filter.is_empty());
    }

    #[test]
    fn rejects_malformed_parameters() {
        for query in [
            "color=red",
            "from=3&from=3",
            "from=",
            "from=03",
            "from=-1",
            "from=+1",
            "from=9007199254740992",
            "from=1e3",
            "from",
            "actor=",
            "actor=%ff",
            "actor=%zz",
            "actor=%",
            "q=%2",
            "since=now",
            "Actor=x",
            "action=*",
            "chain=..",
            "%00=1",
        ] {
            assert!(export(Some(query)).is_err(), "{query}");
        }
        assert!(read(Some("a=1"), &[]).is_err());
    }
}
