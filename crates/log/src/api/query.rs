//! The parameters of an address, taken strictly: what is not understood is not passed over.

use std::sync::Arc;

use countersign::time::Time;
use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::ApiError;
use crate::event_filter::{CONDITIONS, ParameterError};
use crate::export::Request;
use crate::tokens::Scope;

/// The parameters of an export that are no conditions.
const BOUNDS: [&str; 4] = ["from", "to", "limit", "boundary"];

/// The parameters of an explanation.
pub const EXPLAINED: [&str; 13] = [
    "from", "to", "only", "actor", "action", "target", "outcome", "tenant", "since", "until", "chain", "q",
    "query",
];

/// Reads the parameters, each known and there once.
///
/// # Errors
/// [`ApiError`].
pub fn read(query: Option<&str>, known: &[&str]) -> Result<Vec<(String, String)>, ApiError> {
    let mut read: Vec<(String, String)> = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| invalid(name, "its name is not percent-encoded UTF-8"))?;
        let value = decode(value).ok_or_else(|| invalid(&name, "it is not percent-encoded UTF-8"))?;
        if !known.contains(&&*name) {
            let hint = if known.is_empty() {
                "this address takes none".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(invalid(&name, "there is no such parameter").with_hint(hint));
        }
        if read.iter().any(|(other, _)| *other == name) {
            return Err(invalid(&name, "it is there twice"));
        }
        read.push((name, value));
    }
    Ok(read)
}

/// The parameters of a request for an export that was understood, as they are written down.
pub fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    given(query, &[&BOUNDS[..], &CONDITIONS[..]].concat())
}

/// The parameters of a request that was understood.
pub fn given(query: Option<&str>, known: &[&str]) -> Vec<(String, String)> {
    read(query, known).unwrap_or_default()
}

/// What an export is asked for at that moment, of the events of that scope.
pub(crate) fn export(query: Option<&str>, scope: Arc<Scope>, now: Time) -> Result<Request, ApiError> {
    let mut request = Request { scope, ..Request::default() };
    for (name, value) in read(query, &[&BOUNDS[..], &CONDITIONS[..]].concat())? {
        match &*name {
            "from" => request.from = Some(integer(&name, &value)?),
            "to" => request.to = Some(integer(&name, &value)?),
            "limit" => request.limit = Some(integer(&name, &value)?),
            "boundary" => request.boundary = Some(integer(&name, &value)?),
            _ => request.asked.set(&name, &value, now).map_err(|error| unusable(&name, error))?,
        }
    }
    Ok(request)
}

/// What is to be explained of a search at that moment, of the events of that scope, and whether unknown fields alone are.
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
            "only" => return Err(invalid(&name, "write only=fields, or leave it out")),
            _ => request.asked.set(&name, &value, now).map_err(|error| unusable(&name, error))?,
        }
    }
    Ok((request, fields_alone))
}

/// A decimal as the format writes it.
pub(crate) fn integer(name: &str, text: &str) -> Result<u64, ApiError> {
    countersign::integer::parse(text.as_bytes())
        .ok_or_else(|| invalid(name, "it is a whole number without sign or leading zeros"))
}

/// A problem with that parameter.
pub(crate) fn invalid(parameter: &str, message: &str) -> ApiError {
    let shown: String = parameter.chars().take(100).collect();
    ApiError::invalid(format!("the parameter {shown:?}: {message}")).with("parameter", shown)
}

/// A problem with the value of that parameter. Of a query it has the code, and the place in bytes.
pub(crate) fn unusable(parameter: &str, error: ParameterError) -> ApiError {
    match error {
        ParameterError::Value(message) => invalid(parameter, &message),
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
    // A percent sign that begins no byte would be taken for itself.
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
    fn what_is_understood() {
        let request = export(Some("from=3&to=9&q=night+shift&actor=u%201%26&limit=2&boundary=0")).unwrap();
        assert_eq!(
            (request.from, request.to, request.limit, request.boundary),
            (Some(3), Some(9), Some(2), Some(0))
        );
        let asked = request.asked.query().to_string();
        assert_eq!(asked, "word:night word:shift actor.id==\"u 1&\"");
        assert!(export(None).unwrap().asked.is_empty());
        assert!(export(Some("")).unwrap().asked.is_empty());
    }

    #[test]
    fn what_is_not() {
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
