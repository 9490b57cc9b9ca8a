//! Bytes to addresses, strictly: one way to read each address, or none.
//!
//! Knows nothing of lines or entries. Errors carry the offset of the byte at which they begin.

use super::parse_error::{ParseError, Reason};

/// What a byte is worth as a hexadecimal digit; [`NO_DIGIT`] if it is none.
const HEX_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        values[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};
const NO_DIGIT: u8 = 0xff;

/// The bytes an address may be written with.
#[inline]
pub fn is_address_byte(byte: u8) -> bool {
    HEX_VALUES[usize::from(byte)] != NO_DIGIT || byte == b':' || byte == b'.'
}

/// Reads four decimal octets.
///
/// An octet with a leading zero is octal to some readers and decimal to others and is refused,
/// unless all four octets have three digits: then it is the fixed-width form of P2P lists, which
/// is decimal.
pub fn parse_v4(text: &[u8]) -> Result<u32, ParseError> {
    parse_octets(text, is_fixed_width(text))
}

fn is_fixed_width(text: &[u8]) -> bool {
    text.len() == 15 && text[3] == b'.' && text[7] == b'.' && text[11] == b'.'
}

fn parse_octets(text: &[u8], zeros_may_lead: bool) -> Result<u32, ParseError> {
    let mut address = 0u32;
    let mut octets = 0;
    let mut at = 0;
    for octet in text.split(|&byte| byte == b'.') {
        if octets == 4 || octet.is_empty() {
            return Err(ParseError::at(at, Reason::NotFourOctets));
        }
        let mut value = 0u32;
        for &digit in octet {
            if !digit.is_ascii_digit() {
                return Err(ParseError::at(at, Reason::NotAnAddress));
            }
            value = value.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
        }
        if value > 255 {
            return Err(ParseError::at(at, Reason::OctetTooLarge));
        }
        if octet[0] == b'0' && octet.len() > 1 && !zeros_may_lead {
            return Err(ParseError::at(at, Reason::LeadingZero));
        }
        address = address << 8 | value;
        octets += 1;
        at += octet.len() + 1;
    }
    if octets != 4 {
        return Err(ParseError::at(0, Reason::NotFourOctets));
    }
    Ok(address)
}

/// How far [`parse_v4_at_once`] looks ahead: `255.255.255.255/32` with CR and LF is 20 bytes, and the
/// last octet is loaded as four.
pub const LOOKAHEAD: usize = 24;

/// Reads `a.b.c.d` at the start of `text`, and returns the address and where it ends. `None` says
/// only that [`parse_v4`] has to decide what this is; where there is a result, it is the same.
///
/// Octets of one to three digits at random are what a branch predictor cannot learn, and it is
/// most of what reading a list costs; so the digits of an octet are taken as one word, whatever
/// their number, and all errors are gathered into one decision. Half the time of a loop.
#[inline(always)]
pub fn parse_v4_at_once(text: &[u8; LOOKAHEAD]) -> Option<(u32, usize)> {
    let mut others = not_digits(text);
    let mut address = 0;
    let mut start = 0;
    let mut wrong = false;
    for octet in 0..4 {
        // The 128 of a word without a bit left becomes 16, which is too far for any octet.
        let end = others.trailing_zeros() as usize / 8;
        others &= others.wrapping_sub(1);
        let word: [u8; 4] = *text.get(start..)?.first_chunk()?;
        let digits = u32::from_le_bytes(word) ^ 0x3030_3030;
        let length = end.wrapping_sub(start);
        // The last digit goes to the highest byte; zeros come in for those that are not there.
        let aligned = digits.wrapping_shl(8 * (4 - length as u32 % 4));
        let value = (aligned >> 24) + 10 * (aligned >> 16 & 0xff) + 100 * (aligned >> 8 & 0xff);
        wrong |= length.wrapping_sub(1) > 2;
        wrong |= value > 255;
        wrong |= length > 1 && digits & 0xff == 0;
        wrong |= octet < 3 && *text.get(end)? != b'.';
        address = address << 8 | value & 0xff;
        start = end + 1;
    }
    (!wrong).then(|| (address, start - 1))
}

/// The bytes among the first 16 that are no digits, as their highest bits.
#[inline]
fn not_digits(text: &[u8; LOOKAHEAD]) -> u128 {
    const ONES: u128 = u128::MAX / 0xff;
    let Some(&word) = text.first_chunk() else { return 0 };
    let word = u128::from_le_bytes(word) ^ (ONES * 0x30);
    // Digits are 0 to 9 now, and 0x76 more reaches the highest bit from 10 on; the bytes that had
    // it before are left out of the sum, for it to stay within each byte.
    (((word & (ONES * 0x7f)) + ONES * 0x76) | word) & (ONES * 0x80)
}

/// Reads the text forms of RFC 4291, section 2.2: eight groups, `::` for one or more groups of
/// zeros, and an IPv4 address in place of the last two groups.
pub fn parse_v6(text: &[u8]) -> Result<u128, ParseError> {
    let mut groups = [0u16; 8];
    let mut count = 0;
    let mut gap = None;
    let mut at = 0;
    if text.starts_with(b"::") {
        gap = Some(0);
        at = 2;
    }
    while at < text.len() {
        let start = at;
        let mut group = 0u32;
        while let Some(&byte) = text.get(at) {
            let value = HEX_VALUES[usize::from(byte)];
            if value == NO_DIGIT {
                break;
            }
            // Digits beyond the fourth are shifted out, and refused below by their number.
            group = group << 4 | u32::from(value);
            at += 1;
        }
        if text.get(at) == Some(&b'.') {
            if count > 6 {
                return Err(ParseError::at(start, Reason::NotAnIpv6Address));
            }
            let address =
                parse_octets(&text[start..], false).map_err(|error| error.behind(start))?;
            groups[count] = (address >> 16) as u16;
            groups[count + 1] = address as u16;
            count += 2;
            break;
        }
        if at == start || at - start > 4 || count == 8 {
            return Err(ParseError::at(start, Reason::NotAnIpv6Address));
        }
        groups[count] = group as u16;
        count += 1;
        if at == text.len() {
            break;
        }
        if text[at] != b':' {
            return Err(ParseError::at(at, Reason::NotAnIpv6Address));
        }
        at += 1;
        if text.get(at) == Some(&b':') {
            if gap.is_some() {
                return Err(ParseError::at(at, Reason::NotAnIpv6Address));
            }
            gap = Some(count);
            at += 1;
        } else if at == text.len() {
            return Err(ParseError::at(at - 1, Reason::NotAnIpv6Address));
        }
    }
    match gap {
        None if count == 8 => {}
        Some(gap) if count < 8 => {
            groups[gap..].rotate_right(8 - count);
        }
        _ => return Err(ParseError::at(0, Reason::NotAnIpv6Address)),
    }
    Ok(groups.iter().fold(0, |address, &group| address << 16 | u128::from(group)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v6(text: &str) -> Option<Ipv6Addr> {
        parse_v6(text.as_bytes()).ok().map(Ipv6Addr::from)
    }

    #[test]
    fn every_octet_is_read_as_the_standard_library_reads_it() {
        for octet in 0..=999u32 {
            let text = format!("192.0.{octet}.1");
            let ours = parse_v4(text.as_bytes()).ok().map(Ipv4Addr::from);
            assert_eq!(ours, text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn zeros_lead_only_where_all_octets_have_three_digits() {
        assert_eq!(parse_v4(b"001.009.096.105").unwrap(), 0x0109_6069);
        assert_eq!(parse_v4(b"192.168.100.200").unwrap(), 0xc0a8_64c8);
        for text in ["010.0.0.1", "10.0.0.01", "001.2.3.4", "00.0.0.0", "0010.0.00.10"] {
            let error = parse_v4(text.as_bytes()).unwrap_err();
            assert_eq!(error.reason, Reason::LeadingZero, "{text}");
        }
    }

    #[test]
    fn ipv6_agrees_with_the_standard_library_on_every_short_text() {
        // All texts of up to six characters over the alphabet that decides.
        let alphabet = [b'0', b'f', b'1', b':', b'.'];
        for length in 0..=6u32 {
            for number in 0..alphabet.len().pow(length) {
                let mut number = number;
                let text: String = (0..length)
                    .map(|_| {
                        let letter = alphabet[number % alphabet.len()];
                        number /= alphabet.len();
                        char::from(letter)
                    })
                    .collect();
                assert_eq!(v6(&text), text.parse().ok(), "{text:?}");
            }
        }
    }

    #[test]
    fn ipv6_agrees_with_the_standard_library_on_long_texts() {
        for text in [
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7::8",
            "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "1:2:3:4:5:1.2.3.4",
            "::1:2:3:4:5:1.2.3.4",
            "1::2:1.2.3.4",
            "::ffff:192.0.2.7",
            "::ffff:192.0.2.07",
            "::ffff:192.000.002.007",
            "::ffff:192.0.2.256",
            "::1.2.3.4:5",
            "2001:0db8:0000:0000:0000:0000:0000:0001",
            "2001:0db80::",
            "2001:db8::1::",
            "2001:db8:::1",
            "2001:DB8::aBcD",
            "1:2:3:4:5:6:7:",
            ":1:2:3:4:5:6:7",
        ] {
            assert_eq!(v6(text), text.parse().ok(), "{text:?}");
        }
    }
}
