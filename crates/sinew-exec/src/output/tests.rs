use super::*;

/// Writes pieces of text, then shows what a reader finds from the start on.
fn check(limit_bytes: u64, pieces: &[&str], shown: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = OutputWriter::create(folder.path(), limit_bytes).expect("an output");
    for piece in pieces {
        writer.take(piece.as_bytes());
    }
    let (mut from, mut text) = (0, String::new());
    loop {
        let chunk = read(folder.path(), from, 3).expect("a chunk");
        if chunk.bytes.is_empty() {
            break;
        }
        if chunk.start > from {
            text.push_str(&format!("[{} dropped]", chunk.start - from));
        }
        from = chunk.start + chunk.bytes.len() as u64;
        text.push_str(std::str::from_utf8(&chunk.bytes).expect("text"));
    }
    let (written, dropped) = writer.counts();
    assert_eq!(format!("{text} ({written}, {dropped})"), shown);
}

#[test]
fn short_output_is_kept_whole() {
    check(16, &["abc", "defg"], "abcdefg (7, 0)");
}

#[test]
fn long_output_keeps_its_head_and_the_newest_of_its_tail() {
    check(16, &["abcdefgh", "ijklmnopqrstuvwxyz"], "abcdefgh[12 dropped]uvwxyz (26, 12)");
}

#[test]
fn one_large_piece_is_cut_like_many_small_ones() {
    let small: Vec<String> = ('a'..='z').map(String::from).collect();
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    check(16, &small, "abcdefgh[12 dropped]uvwxyz (26, 12)");
}

#[test]
fn a_new_output_removes_the_old_one() {
    let folder = tempfile::tempdir().expect("a folder");
    OutputWriter::create(folder.path(), 8).expect("an output").take(b"abcdefghijklmnop");
    OutputWriter::create(folder.path(), 8).expect("an output").take(b"new");
    let chunk = read(folder.path(), 0, 100).expect("a chunk");
    assert_eq!((chunk.start, chunk.bytes.as_slice()), (0, b"new".as_slice()));
}
