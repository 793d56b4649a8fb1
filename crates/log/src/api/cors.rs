//! The pages that may use the API from a browser (CORS).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderMap, HeaderValue};

/// The allowed origins: values of the `Origin` header, or `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// Parses origins such as `https://dashboard.example`.
    ///
    /// # Errors
    /// The first invalid origin.
    pub fn parse<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let parse = |origin: &str| {
            let is_origin = origin == "*"
                || origin
                    .strip_prefix("https://")
                    .or_else(|| origin.strip_prefix("http://"))
                    .is_some_and(|host| !host.is_empty() && !host.contains('/'));
            HeaderValue::from_str(origin).ok().filter(|_| is_origin).ok_or_else(|| origin.to_owned())
        };
        origins.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Adds the headers that let a page read a response.
    pub fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("retry-after,content-disposition,countersign-matched"),
        );
        self.allow_origin(origin, headers);
    }

    /// Adds the headers that answer a preflight request (`OPTIONS`).
    pub fn allow_preflight(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET,POST"),
            (ACCESS_CONTROL_ALLOW_HEADERS, "authorization,content-type,content-encoding,last-event-id"),
            (ACCESS_CONTROL_MAX_AGE, "3600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        self.allow_origin(origin, headers);
    }

    fn allow_origin(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.0.iter().any(|allowed| allowed == "*") {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(|origin| self.0.contains(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_listed_origins_only() {
        let cors = Cors::parse(["https://dashboard.example", "http://localhost:8080"]).unwrap();
        let allowed = |cors: &Cors, origin: &'static str| {
            let mut headers = HeaderMap::new();
            cors.allow(Some(&HeaderValue::from_static(origin)), &mut headers);
            let origin =
                headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned());
            (origin, headers.contains_key(VARY))
        };
        let listed = "https://dashboard.example";
        assert_eq!(allowed(&cors, listed), (Some(listed.into()), true));
        assert_eq!(allowed(&cors, "https://dashboard.example.evil.example"), (None, true));
        assert_eq!(allowed(&Cors::default(), listed), (None, true));
        assert_eq!(allowed(&Cors::parse(["*"]).unwrap(), listed), (Some("*".into()), false));
        for origin in ["dashboard.example", "https://", "https://a.example/", "*.example", "https://a\n"] {
            assert!(Cors::parse([origin]).is_err(), "{origin:?}");
        }
    }
}
