//! Splitting at an ASCII character. Generates less code than the standard library's generic patterns, which matters in
//! edge runtimes that compile it at startup.

/// Returns the texts before and after the first such character.
///
/// ```
/// use countersign_query::split::split_once;
///
/// assert_eq!(split_once("10.0.0.0/8", b'/'), Some(("10.0.0.0", "8")));
/// assert_eq!(split_once("10.0.0.0", b'/'), None);
/// ```
pub fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let before = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..before)?, text.get(before + 1..)?))
}

/// Iterates over the texts between such characters; always at least one.
///
/// ```
/// use countersign_query::split::split;
///
/// assert!(split("actor..id", b'.').eq(["actor", "", "id"]));
/// assert!(split("", b'.').eq([""]));
/// ```
pub fn split(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let parted = split_once(text, at);
        rest = parted.map(|(_, after)| after);
        Some(parted.map_or(text, |(part, _)| part))
    })
}
