#![no_main]

use countersign::log::{Empty, PendingBatch, Limits, Rules, Submission};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(submission) = Submission::parse(body, &Limits::default()) else { return };
    let rules = Rules::new("log.example/audit", None);
    let mut growth = PendingBatch::new(0);
    let Ok(taken) = growth.submit(&rules, &Empty, &submission, countersign::time::Time::MAX) else {
        assert_eq!(growth.size(), 0, "what is refused leaves no trace");
        return;
    };
    assert_eq!(growth.size(), taken.added);
    let again = growth
        .submit(&rules, &Empty, &submission, countersign::time::Time::MAX)
        .expect("what was taken is taken again");
    assert_eq!((again.added, again.repeated), (0, taken.added + taken.repeated));
});
