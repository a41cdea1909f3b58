//! Base64 of RFC 4648 with padding, one text for each bytes: what `encode` would not write is refused.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The one text of these bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for (at, shift) in [18_u32, 12, 6, 0].into_iter().enumerate() {
            let letter = LETTERS[usize::try_from((bits >> shift) & 63).expect("six bits fit")];
            out.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// The bytes of a text, or nothing where it is not the one that `encode` writes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = ((bits << 6) | u32::try_from(value).ok()?) & 0xff_ffff;
        count = count.checked_add(6)?;
        if count >= 8 {
            count = count.checked_sub(8)?;
            out.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    (encode(&out) == text).then_some(out)
}
