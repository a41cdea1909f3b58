use super::*;

#[test]
fn the_checksum_is_crc_32c_with_its_mask() {
    // The check value of CRC-32C is e3069283.
    assert_eq!(masked(b"123456789"), 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8));
}

#[test]
fn an_event_has_the_bytes_that_tensorboard_reads() {
    let version = event(1500, 300, |out| text(out, 3, "v"));
    assert_eq!(version, [9, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x10, 0xac, 2, 0x1a, 1, b'v']);
    assert_eq!(record(b"abc").len(), 8 + 4 + 3 + 4);
}
