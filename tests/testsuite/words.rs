//! The words of the core's enums, which programs compare and formats hold.

use std::fmt::Debug;

use countersign::check::TileCode;
use countersign::error::Code;
use countersign::export::Withheld;
use countersign::verify::{CheckState, FindingCode, SignerTrust, Standing, Verdict, Why};

fn are_stable<T: Copy + Debug + PartialEq>(
    words: &[(T, &str)],
    as_str: fn(T) -> &'static str,
    parse: fn(&str) -> Option<T>,
) {
    for (value, word) in words {
        assert_eq!((as_str(*value), parse(word)), (*word, Some(*value)));
    }
    assert_eq!(parse(""), None);
}

#[test]
fn words_for_reports_are_stable() {
    let verdicts = [
        (Verdict::Altered, "altered"),
        (Verdict::Broken, "broken"),
        (Verdict::NotChecked, "not_checked"),
        (Verdict::Unconfirmed, "unconfirmed"),
        (Verdict::Partial, "partial"),
        (Verdict::Verified, "verified"),
    ];
    are_stable(&verdicts, Verdict::as_str, Verdict::parse);
    for (verdict, word) in verdicts {
        assert_eq!(serde_json::to_value(verdict).unwrap(), word);
    }
    let states =
        [(CheckState::Pass, "pass"), (CheckState::Fail, "fail"), (CheckState::NotChecked, "not_checked")];
    are_stable(&states, CheckState::as_str, CheckState::parse);
    let trust = [
        (SignerTrust::Revoked, "revoked"),
        (SignerTrust::TrustFile, "trust_file"),
        (SignerTrust::Granted, "granted"),
        (SignerTrust::Unknown, "unknown"),
    ];
    are_stable(&trust, SignerTrust::as_str, SignerTrust::parse);
    let standings = [
        (Standing::Trusted, "trusted"),
        (Standing::Unknown, "unknown"),
        (Standing::Suspect, "suspect"),
        (Standing::Revoked, "revoked"),
    ];
    are_stable(&standings, Standing::as_str, Standing::parse);
    let withheld =
        [(Withheld::Erased, "erased"), (Withheld::Redacted, "redacted"), (Withheld::Filtered, "filtered")];
    are_stable(&withheld, Withheld::as_str, Withheld::parse);
}

#[test]
fn codes_parse() {
    for code in FindingCode::ALL {
        assert_eq!(FindingCode::parse(code.as_str()), Some(*code));
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    are_stable(&[(TileCode::Malformed, "tile.malformed")], TileCode::as_str, TileCode::parse);
    are_stable(&[(Code::LeftOut, "export.left_out")], Code::as_str, Code::parse);
    are_stable(&[(Why::EmptyLog, "empty.log")], Why::as_str, Why::parse);
}
