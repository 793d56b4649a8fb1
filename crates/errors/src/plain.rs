//! Sanitizes untrusted text before it is shown to people.

use std::fmt::Write as _;
use std::path::Path;

/// True for a character that is invisible and may move the cursor, break a line, or change or hide its surroundings:
/// the Unicode categories Cc, Cf, Zl, and Zp, `Default_Ignorable_Code_Point`, and the Braille pattern without dots.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// True if a joiner may follow the character: in emoji, and in scripts with joiners, unlike Latin, Greek, and Cyrillic.
const fn takes_joiners(char: char) -> bool {
    matches!(
        char,
        '\u{590}'..='\u{1bff}' | '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}'
    )
}

/// True if the character is a variation selector.
const fn selects(char: char) -> bool {
    matches!(char, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// True if a variation selector may follow the character, as on emoji, symbols, and letters of scripts with variants.
const fn takes_selector(char: char) -> bool {
    let is_emoji_elsewhere = matches!(char, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ');
    let is_of_cjk =
        matches!(char, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    is_emoji_elsewhere || is_of_cjk || takes_joiners(char) && !selects(char)
}

/// Sanitizes a path or name for people: it becomes one line, and characters that are invisible, or could move a
/// terminal's cursor, are escaped.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = '\0';
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let joins = matches!(char, '\u{200c}' | '\u{200d}') && takes_joiners(before);
        let is_keycap = char == '\u{fe0f}' && chars.peek() == Some(&'\u{20e3}');
        let is_needed = joins || is_keycap || selects(char) && takes_selector(before);
        if is_unseen(char) && !is_needed {
            let _ = write!(out, "{}", char.escape_unicode());
        } else {
            out.push(char);
        }
        before = char;
    }
    out
}

/// Sanitizes a string like [`plain`], but keeps its lines.
pub fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// Returns a path, sanitized for people.
pub fn shown(path: &Path) -> String {
    plain_lines(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped() {
        for (text, shown) in [
            ("ad\u{200b}min", "ad\\u{200b}min"),
            ("a\u{61c}b\u{202e}c", "a\\u{61c}b\\u{202e}c"),
            ("a\nb\u{2028}c", "a\\u{a}b\\u{2028}c"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("x\u{e0041}", "x\\u{e0041}"),
            ("ad\u{200d}min", "ad\\u{200d}min"),
            (
                "ad\u{fe00}min\u{3164}\u{115f}\u{ffa0}\u{2800}",
                "ad\\u{fe00}min\\u{3164}\\u{115f}\\u{ffa0}\\u{2800}",
            ),
            ("ad\u{34f}min\u{e0101}", "ad\\u{34f}min\\u{e0101}"),
            ("\u{2764}\u{fe0f}\u{fe01}\u{e0100}", "\u{2764}\u{fe0f}\\u{fe01}\\u{e0100}"),
            ("1\u{fe0f}\u{20e3} ©\u{fe0f} 葛\u{e0100}飾", "1\u{fe0f}\u{20e3} ©\u{fe0f} 葛\u{e0100}飾"),
            ("Zoë 東京", "Zoë 東京"),
            ("\u{1f469}\u{200d}\u{1f4bb}", "\u{1f469}\u{200d}\u{1f4bb}"),
            ("\u{645}\u{6cc}\u{200c}\u{62e}", "\u{645}\u{6cc}\u{200c}\u{62e}"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
