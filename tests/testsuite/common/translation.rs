//! Translation of the vectors' expected reports, which keep the words of an earlier version of the specification.

/// Old words and their replacements.
const TABLE: &str = include_str!("../../vectors-translation.txt");

/// Translates an expected report into today's words.
pub fn translate(report: &str) -> String {
    let pairs = TABLE.lines().filter(|line| !line.starts_with('#'));
    pairs.fold(report.to_owned(), |report, line| {
        let (old, new) = line.split_once('\t').expect("two columns");
        report.replace(old, new)
    })
}
