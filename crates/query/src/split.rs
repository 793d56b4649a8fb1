//! Parting texts at an ASCII character. It takes less code than the standard library's way, which is for any pattern: a
//! runtime at the edge compiles whatever is called when it starts.

/// What stands before the first such character, and what after it.
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

/// What stands between such characters: one part at least.
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
