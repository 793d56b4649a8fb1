//! Texts of others, as people may be shown them.

use core::fmt::Write as _;

/// Whether a character is nothing that is seen, and may move a cursor, break a line, or turn or hide what is around it: the
/// categories Cc, Cf, Zl and Zp of Unicode.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Whether a joiner may follow: in emoji and in scripts that have them, Latin, Greek and Cyrillic not being among these.
const fn takes_joiners(char: char) -> bool {
    matches!(
        char,
        '\u{590}'..='\u{1bff}' | '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}'
    )
}

/// A text with what cannot be seen written out, on one line.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = '\0';
    for char in text.chars() {
        let joins = matches!(char, '\u{200c}' | '\u{200d}') && takes_joiners(before);
        if is_unseen(char) && !joins {
            let _ = write!(out, "{}", char.escape_unicode());
        } else {
            out.push(char);
        }
        before = char;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("ad\u{200b}min", "ad\\u{200b}min"),
            ("a\u{61c}b\u{202e}c", "a\\u{61c}b\\u{202e}c"),
            ("a\nb\u{2028}c", "a\\u{a}b\\u{2028}c"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("x\u{e0041}", "x\\u{e0041}"),
            ("ad\u{200d}min", "ad\\u{200d}min"),
            ("Zoë 東京", "Zoë 東京"),
            ("\u{1f469}\u{200d}\u{1f4bb}", "\u{1f469}\u{200d}\u{1f4bb}"),
            ("\u{645}\u{6cc}\u{200c}\u{62e}", "\u{645}\u{6cc}\u{200c}\u{62e}"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
