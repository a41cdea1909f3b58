//! Sizes read and written.

use super::{ByteSize, text};

#[test]
fn sizes_are_read_as_people_write_them() {
    let read = |text: &str| text.parse::<ByteSize>();
    for (written, bytes) in [("20 GiB", 20 << 30), ("512MB", 512_000_000), ("7", 7), ("1 kib", 1_024)] {
        assert_eq!(read(written), Ok(ByteSize::Bytes(bytes)), "{written}");
    }
    assert_eq!(read("default"), Ok(ByteSize::Default));
    for wrong in ["", "GiB", "-1", "1.5 GiB", "1 parsec", "99999999999999999999", "99999999999 TiB"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_are_written_in_their_largest_unit() {
    let written = [0, 1_023, 1_024, 1_536, 20 << 30, (1 << 40) + 1].map(text);
    assert_eq!(written, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "20 GiB", "1.0 TiB"]);
}
