//! The files in the folder of `countersign record --outbox`, each an export of signed links.

use countersign::export::Line;

use super::entries::{Entry, Links};
use super::journal::Contents;

/// The first bytes of each of these files.
const BEGIN: &[u8] = b"{\"countersign\":\"export/v1\"";

/// Parses a file; `None` if it isn't an export.
pub(super) fn parse(bytes: &[u8]) -> Option<Contents> {
    if !bytes.starts_with(BEGIN) {
        return None;
    }
    let mut contents = Contents::default();
    let mut at = 0;
    for (number, line) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
        let begin = at;
        at += line.len();
        let whole = if line.ends_with(b"\n") { line.to_vec() } else { [line, b"\n"].concat() };
        let is_header = number == 1;
        match Links::from_lines(&whole) {
            _ if is_header => {}
            Some(links) => {
                contents.entries.insert(number, Entry::Links(links));
            }
            None if str::from_utf8(line).is_ok_and(|line| Line::parse(line.trim_end()).is_ok()) => {}
            None => contents.add_problem(begin, at, "this line is not a signed link", false),
        }
    }
    Some(contents)
}
