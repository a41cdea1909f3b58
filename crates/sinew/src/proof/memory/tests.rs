use super::*;
use sinew_proof::{Algorithm, Checkpoint, NodeHash, Signer};

/// A checkpoint of a log that has one leaf.
fn note(log: &str) -> Note {
    let signer = Signer::new(log, Algorithm::Text, &[7; 32]).expect("a name");
    let text = Checkpoint { origin: log.to_owned(), size: 1, root: NodeHash::leaf(b"one") }.to_string();
    let lines = vec![signer.sign(&text, 0)];
    Note { text, lines }
}

fn seen(folder: &Path, log: &str) -> Option<String> {
    let memory = Memory::open(folder, log).expect("the folder can be used");
    memory.seen().map(|seen| seen.note.text.lines().next().unwrap_or_default().to_owned())
}

/// With `/` as `-`, or with what follows a point cut off, these would share a file or a lock.
#[test]
fn each_log_has_a_memory_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let logs = ["a/b", "a-b", "a.b", "a.c", "a.lock", "a"];
    for log in logs {
        assert_eq!(seen(folder.path(), log), None, "{log}");
        Memory::open(folder.path(), log).and_then(|memory| memory.keep(&note(log))).expect("there is room");
    }
    for log in logs {
        assert_eq!(seen(folder.path(), log).as_deref(), Some(log));
    }
}

#[test]
fn what_an_earlier_version_kept_is_not_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("sinew-one"), note("sinew/one").to_string()).expect("there is room");
    assert_eq!(seen(folder.path(), "sinew/one").as_deref(), Some("sinew/one"));
    // That file was of another log than this one.
    fs::write(folder.path().join("sinew-two"), note("sinew-two").to_string()).expect("there is room");
    assert_eq!(seen(folder.path(), "sinew/two"), None);
    assert_eq!(seen(folder.path(), "sinew-two").as_deref(), Some("sinew-two"));
    // What is damaged is not taken for nothing there either.
    fs::write(folder.path().join("sinew-three"), "cut").expect("there is room");
    let refused = Memory::open(folder.path(), "sinew/three").err().expect("it is damaged");
    assert!(refused.to_string().contains("bring it back from a copy"), "{refused}");
}
