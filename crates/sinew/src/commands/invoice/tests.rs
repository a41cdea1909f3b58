use super::pass_on;
use std::io::{self, Read, Write};

/// Says a few bytes, then breaks off.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.0 -= 1;
        piece[..3].copy_from_slice(b"abc");
        Ok(3)
    }
}

/// A disk without room.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_is_cut_off_names_the_side_that_failed() {
    let mut got = Vec::new();
    let broken = pass_on(&mut Broken(2), &mut got).expect_err("it breaks off");
    assert!(broken.to_string().contains("the server's answer broke off"), "{broken}");
    assert_eq!(got, b"abcabc");
    let full = pass_on(&mut &b"abc"[..], &mut Full).expect_err("there is no room");
    assert_eq!(full.to_string(), "cannot write the file");
}
