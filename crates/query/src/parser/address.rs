//! The one form of IP addresses, which sources write in many ways.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use crate::split::split_once;

/// Maximum length of an address, in bytes: an IPv6 address that ends like IPv4.
const MAX_ADDRESS_BYTES: usize = 45;

/// Returns the address that a string states in the form of RFC 5952, with an IPv4-mapped address as IPv4: without the
/// port, the brackets, and the zone that some sources add, and of a list the first one, which is the client's. Returns
/// anything else unchanged, except that it strips a host's brackets.
pub(super) fn canonical(text: Cow<'_, str>) -> Cow<'_, str> {
    let range = within(&text);
    let Some(address) = parse(&text[range.clone()]) else {
        return slice(text, range);
    };
    let written = address.to_string();
    if written == text[range.clone()] { slice(text, range) } else { Cow::Owned(written) }
}

fn slice(text: Cow<'_, str>, range: core::ops::Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// Parses an address without anything around it. An IPv4-mapped address is IPv4.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    if text.len() > MAX_ADDRESS_BYTES {
        return None;
    }
    // Without the code for the other kind of address.
    let is_ipv6 = text.bytes().any(|byte| byte == b':');
    let parsed = if is_ipv6 {
        text.parse::<Ipv6Addr>().map(IpAddr::V6)
    } else {
        text.parse::<Ipv4Addr>().map(IpAddr::V4)
    };
    parsed.ok().map(|address| address.to_canonical())
}

/// Returns the byte range of the address in a string: the first one of a list. Of anything else, the whole string
/// without brackets.
pub(crate) fn within(text: &str) -> core::ops::Range<usize> {
    let first = split_once(text, b',').map_or(text, |(first, _)| first);
    let trimmed = first.trim();
    let begin = first.len() - first.trim_start().len();
    let range = within_one(trimmed);
    let range = begin + range.start..begin + range.end;
    if trimmed.len() == text.len() || parse(&text[range.clone()]).is_some() { range } else { 0..text.len() }
}

fn within_one(address: &str) -> core::ops::Range<usize> {
    let (mut begin, mut end) = (0, address.len());
    if let Some(inner) = address.strip_prefix('[') {
        let Some(length) = inner.find(']').filter(|length| *length > 0) else { return begin..end };
        (begin, end) = (1, 1 + length);
    }
    // A mapped IPv4 address with a port, which has no brackets: `::ffff:192.0.2.7:443`.
    if let Some((mapped, ipv4)) = address[begin..end].split_at_checked("::ffff:".len())
        && mapped.eq_ignore_ascii_case("::ffff:")
        && ipv4.contains('.')
    {
        begin += mapped.len();
    }
    // A zone ends the address: `fe80::7%eth0`. Load balancers also write one after IPv4: `203.0.113.7%0`.
    if let Some((before, _)) = split_once(&address[begin..end], b'%')
        && parse(before).is_some()
    {
        return begin..begin + before.len();
    }
    // After a bare IPv4 address a colon starts the port.
    let is_of_ipv4 = |byte: u8| byte == b'.' || byte.is_ascii_digit();
    if let Some(length) = address[begin..end].find(':').filter(|length| *length > 0)
        && address[begin..begin + length].bytes().all(is_of_ipv4)
        && address[begin..begin + length].contains('.')
    {
        end = begin + length;
    }
    begin..end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_have_one_form() {
        for (written, is) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:51234", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::FFFF:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
            ("::ffff:192.0.2.7:443", "192.0.2.7"),
            ("192.0.2.7%0", "192.0.2.7"),
            ("192.0.2.7%0:443", "192.0.2.7"),
            ("[192.0.2.7%1]:443", "192.0.2.7"),
            ("::ffff:192.0.2.7%2", "192.0.2.7"),
            ("2001:db8::1%3", "2001:db8::1"),
            ("[2001:db8::1%3]:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("fe80::1%25en0", "fe80::1"),
            ("host%eth0", "host%eth0"),
            ("%3", "%3"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("64:ff9b::192.0.2.7", "64:ff9b::c000:207"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("::ffff:c000:207", "192.0.2.7"),
            ("0:0:0:0:0:FFFF:192.0.2.7", "192.0.2.7"),
            ("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("[2001:DB8:0::1]:443", "2001:db8::1"),
            ("203.0.113.7, 172.28.1.19", "203.0.113.7"),
            ("203.0.113.7:80,172.28.1.19", "203.0.113.7"),
            (" 2001:DB8::7 , 10.0.0.1", "2001:db8::7"),
            (" 203.0.113.7 ", "203.0.113.7"),
            ("unknown, 203.0.113.7", "unknown, 203.0.113.7"),
            ("a, b", "a, b"),
            (", 203.0.113.7", ", 203.0.113.7"),
            ("192.0.2.07", "192.0.2.07"),
            ("192.0.2.256:80", "192.0.2.256"),
            ("::1", "::1"),
            ("AWS Internal", "AWS Internal"),
            ("ec2.amazonaws.com", "ec2.amazonaws.com"),
            ("host.example:443", "host.example:443"),
            ("[]", "[]"),
            ("[::1", "[::1"),
            ("[é]", "é"),
            ("[::ffff:]", "::ffff:"),
            ("", ""),
            (":", ":"),
        ] {
            assert_eq!(canonical(written.into()), is, "{written}");
            assert_eq!(canonical(written.to_owned().into()), is, "{written}");
            assert_eq!(canonical(is.into()), is, "{written}");
        }
    }

    proptest! {
        /// Each way to write an address gives the form in which Rust, by RFC 5952, writes it.
        #[test]
        fn every_spelling_of_an_address_has_the_same_form(segments: [u16; 8], zeros in 0_usize..8, way in 0_usize..7) {
            let mut segments = segments;
            segments[8 - zeros..].fill(0);
            let address = Ipv6Addr::from(segments);
            let long: Vec<String> = segments.iter().map(|segment| format!("{segment:04X}")).collect();
            let plain: Vec<String> = segments.iter().map(|segment| format!("{segment:x}")).collect();
            let written = match way {
                0 => long.join(":"),
                1 => plain.join(":"),
                2 => format!("[{}]:443", long.join(":")),
                3 => format!("{}%eth0", plain.join(":")),
                4 => format!("{}, 10.0.0.1", long.join(":")),
                5 => format!(" {address} "),
                _ => address.to_string(),
            };
            prop_assert_eq!(canonical(written.into()), address.to_canonical().to_string());
        }

        #[test]
        fn the_form_of_any_text_is_stable(text in ".{0,48}|[0-9a-f:.,%\\[\\] ]{0,48}") {
            let once = canonical(text.as_str().into()).into_owned();
            if parse(&once).is_some() {
                prop_assert_eq!(canonical(once.as_str().into()), once.as_str());
            }
        }
    }
}
