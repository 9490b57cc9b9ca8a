//! The first octets of an IPv4 address, which stand for a network in the files of some servers.

/// One to four octets: the address with zeros for those that are not there, and how many there are.
pub fn octets(text: &[u8]) -> Option<(u32, u8)> {
    let (mut address, mut count) = (0, 0u8);
    for octet in text.split(|byte| *byte == b'.') {
        let is_number = matches!(octet.len(), 1..=3) && octet.iter().all(u8::is_ascii_digit);
        if !is_number || octet.len() > 1 && octet[0] == b'0' || count == 4 {
            return None;
        }
        let value = octet.iter().fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        if value > 255 {
            return None;
        }
        address |= value << (24 - 8 * u32::from(count));
        count += 1;
    }
    Some((address, count))
}
