//! Paths: the names of a field, with dots between them.

use countersign_query::split::split;

/// The names of a path. A name in quotes, single or double, may have dots in it.
///
/// # Errors
/// A hint, if a quote isn't closed where its name ends.
pub(crate) fn names(path: &str) -> Result<Vec<&str>, &'static str> {
    const HINT: &str = "close the quote where the name ends, as in labels.\"app.kubernetes.io/name\"; \
                        a name that begins with a quote goes into quotes of the other kind";
    let mut names = Vec::new();
    let mut rest = path;
    loop {
        let quote = rest.bytes().next().filter(|first| matches!(first, b'"' | b'\''));
        let (name, after) = match quote {
            None => {
                let name = split(rest, b'.').next().unwrap_or_default();
                (name, rest.get(name.len()..))
            }
            Some(quote) => {
                let name = split(rest.get(1..).unwrap_or_default(), quote).next().unwrap_or_default();
                (name, rest.get(name.len() + 2..))
            }
        };
        names.push(name);
        rest = match after {
            Some("") => return Ok(names),
            Some(after) => after.strip_prefix('.').ok_or(HINT)?,
            None => return Err(HINT),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn dots_part_names_but_not_within_quotes() {
        for (path, expected) in [
            ("a", &["a"][..]),
            ("a.b.c", &["a", "b", "c"]),
            ("a.\"b.c\".d", &["a", "b.c", "d"]),
            ("a.'b.c'", &["a", "b.c"]),
            ("'b.c'.d", &["b.c", "d"]),
            ("\"'b'\"", &["'b'"]),
            ("it's.b", &["it's", "b"]),
            ("''", &[""]),
            ("a..b", &["a", "", "b"]),
            (".a.", &["", "a", ""]),
            ("", &[""]),
            ("é.'ü.ö'", &["é", "ü.ö"]),
        ] {
            assert_eq!(names(path).as_deref(), Ok(expected), "{path}");
        }
        for path in ["'", "\"a", "a.'b.c", "'a'b", "'a'b.c", "\"a\"\"b\""] {
            assert!(names(path).is_err(), "{path}");
        }
    }
}
