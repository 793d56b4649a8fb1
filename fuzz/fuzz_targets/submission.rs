#![no_main]

use countersign::log::{Empty, Limits, PendingBatch, Rules, Submission};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(submission) = Submission::parse(body, &Limits::default()) else { return };
    let rules = Rules::new("log.example/audit", None);
    let mut batch = PendingBatch::new(0);
    let Ok(accepted) = batch.submit(&rules, &Empty, &submission, countersign::time::Time::MAX) else {
        assert_eq!(batch.size(), 0, "a rejected submission leaves no trace");
        return;
    };
    assert_eq!(batch.size(), accepted.added);
    let again = batch
        .submit(&rules, &Empty, &submission, countersign::time::Time::MAX)
        .expect("an accepted submission is accepted again");
    assert_eq!((again.added, again.repeated), (0, accepted.added + accepted.repeated));
});
