//! Normalizes the ways in which sources write IP addresses.

use core::net::IpAddr;
use std::borrow::Cow;

use crate::split::split_once;

/// Strips the port, the brackets, and the zone that some sources add, and the IPv6 prefix of a mapped IPv4 address
/// (`::ffff:192.0.2.7`). Returns anything else unchanged.
pub(super) fn bare(address: Cow<'_, str>) -> Cow<'_, str> {
    let range = within(&address);
    match address {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// Returns the byte range of the address in a string.
pub(crate) fn within(address: &str) -> core::ops::Range<usize> {
    let (mut begin, mut end) = (0, address.len());
    if let Some(inner) = address.strip_prefix('[') {
        let Some(length) = inner.find(']').filter(|length| *length > 0) else { return begin..end };
        (begin, end) = (1, 1 + length);
    }
    if let Some((mapped, ipv4)) = address[begin..end].split_at_checked("::ffff:".len())
        && mapped.eq_ignore_ascii_case("::ffff:")
        && ipv4.contains('.')
    {
        begin += mapped.len();
    }
    // A zone ends the address: `fe80::7%eth0`. Load balancers also write one after IPv4: `203.0.113.7%0`.
    if let Some((before, _)) = split_once(&address[begin..end], b'%')
        && before.parse::<IpAddr>().is_ok()
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
    use super::*;

    #[test]
    fn strips_ports_brackets_and_zones() {
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
            ("64:ff9b::192.0.2.7", "64:ff9b::192.0.2.7"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("::ffff:c000:207", "::ffff:c000:207"),
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
            assert_eq!(bare(written.into()), is);
            assert_eq!(bare(written.to_owned().into()), is);
        }
    }
}
