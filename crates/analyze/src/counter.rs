//! A number of things that were left out, and the first entry of them, as written.

/// Appends a number and the first entry, or `null`.
pub(crate) fn counted(counter: Option<(u64, u64)>, out: &mut Vec<u8>) {
    match counter {
        Some((number, leaf)) => {
            out.extend(format!("{{\"first_entry\":{leaf},\"number\":{number}}}").bytes());
        }
        None => out.extend(b"null"),
    }
}
