#![no_main]

use countersign::hash::Hash;
use countersign::tenant::State;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::heads_format::{PAIR_BYTES, SLOT_BYTES, encode, next_slot, parse};
use countersign_log::tenants::memory::RememberedHead;
use countersign_log::tenants::tenant::TenantNumber;
use libfuzzer_sys::fuzz_target;

const ORIGIN: &str = "log.example";

fuzz_target!(|input: &[u8]| {
    // The fuzzer doesn't guess checksums, so its input also says which heads are written first.
    let (writes, file) =
        input.split_at(input.len().min(1 + usize::from(input.first().copied().unwrap_or(0) % 8)));
    let mut file = file.to_vec();
    for (nth, write) in (1u64..).zip(writes.iter().skip(1)) {
        let before = parse(&*file, ORIGIN).expect("a slice can be read");
        let Some(number) = TenantNumber::new(u32::from(write % 4) + 1) else { return };
        let number_at = number.get() as usize;
        let known = before.heads.iter().find(|it| it.head.number == number);
        let tick = known.map_or(nth, |it| it.tick.saturating_add(1));
        let state = State::from_byte(write >> 6).unwrap_or(State::Live);
        let head = SlotHead { id: [*write; 16], number, size: nth, root: Hash([*write; 32]), state };
        let remembered = RememberedHead { tick, head };
        let place =
            number_at * PAIR_BYTES + usize::from(next_slot(before.newest.get(number_at))) * SLOT_BYTES;
        if file.len() < place + SLOT_BYTES {
            file.resize(place + SLOT_BYTES, 0);
        }
        file[place..place + SLOT_BYTES].copy_from_slice(&encode(ORIGIN, &remembered));
        let after = parse(&*file, ORIGIN).expect("a slice can be read");
        if known.is_none_or(|it| it.tick < u64::MAX) {
            assert!(after.heads.contains(&remembered), "the newest head is found");
        }
        let others = |heads: &[RememberedHead]| -> Vec<RememberedHead> {
            heads.iter().filter(|it| it.head.number != number).copied().collect()
        };
        assert_eq!(others(&before.heads), others(&after.heads), "other tenants keep their heads");
    }
    let content = parse(&*file, ORIGIN).expect("a slice can be read");
    assert!(content.heads.is_sorted_by(|a, b| a.head.number < b.head.number));
    assert!(content.heads.len() + content.invalid as usize <= file.len().div_ceil(SLOT_BYTES));
    for remembered in &content.heads {
        let slot = encode(ORIGIN, remembered);
        assert!(file.chunks(SLOT_BYTES).any(|there| there == slot), "the file has each head");
    }
});
