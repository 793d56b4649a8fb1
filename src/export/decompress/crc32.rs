//! CRC-32 as used by gzip (RFC 1952, section 8), eight bytes at a time.

const POLYNOMIAL: u32 = 0xedb8_8320;

/// The effect on the checksum of each byte followed by 0 to 7 zero bytes.
///
/// Computed at run time: as a constant, it would add 8 KiB of incompressible data to downloads.
pub(super) struct Tables(Box<[[u32; 256]; 8]>);

impl Tables {
    pub(super) fn new() -> Self {
        let mut tables = Box::new([[0; 256]; 8]);
        for byte in 0..256 {
            let mut crc = byte as u32;
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            }
            tables[0][byte] = crc;
        }
        for zeros in 1..8 {
            for byte in 0..256 {
                let crc = tables[zeros - 1][byte];
                tables[zeros][byte] = crc >> 8 ^ tables[0][usize::from(crc as u8)];
            }
        }
        Self(tables)
    }

    /// Extends the checksum `crc` by `bytes`. The checksum of nothing is 0.
    pub(super) fn update(&self, crc: u32, bytes: &[u8]) -> u32 {
        let [one, two, three, four, five, six, seven, eight] = &*self.0;
        let (chunks, rest) = bytes.as_chunks::<8>();
        let mut crc = !crc;
        for chunk in chunks {
            let [a, b, c, d] =
                (crc ^ u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]])).to_le_bytes();
            crc = eight[usize::from(a)]
                ^ seven[usize::from(b)]
                ^ six[usize::from(c)]
                ^ five[usize::from(d)]
                ^ four[usize::from(chunk[4])]
                ^ three[usize::from(chunk[5])]
                ^ two[usize::from(chunk[6])]
                ^ one[usize::from(chunk[7])];
        }
        for byte in rest {
            crc = crc >> 8 ^ one[usize::from(crc as u8 ^ byte)];
        }
        !crc
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn gives_the_check_value_however_the_bytes_are_cut() {
        let tables = Tables::new();
        assert_eq!(tables.update(0, b"123456789"), 0xcbf4_3926);
        let text: Vec<u8> = (0..=255).chain(7..99).collect();
        let whole = tables.update(0, &text);
        assert_eq!(whole, text.iter().fold(0, |crc, byte| tables.update(crc, &[*byte])));
        for cut in 0..text.len() {
            assert_eq!(tables.update(tables.update(0, &text[..cut]), &text[cut..]), whole);
        }
    }
}
