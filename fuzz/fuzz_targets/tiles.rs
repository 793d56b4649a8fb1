#![no_main]

use countersign::merkle::{Bundle, Tile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((path, bytes)) = bytes.split_at_checked(bytes.len().min(32)) else { return };
    let Ok(path) = core::str::from_utf8(path) else { return };
    let path = path.trim_end_matches('\0');
    if let Ok(tile) = Tile::parse(path) {
        assert_eq!(tile.path(), path);
    }
    let bundle = Bundle::parse(path).unwrap_or(Bundle { index: 0, width: 3 });
    if let Ok(leaves) = bundle.decode(bytes) {
        assert_eq!(Bundle::encode(leaves).as_deref(), Ok(bytes));
    }
});
