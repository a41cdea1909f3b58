use super::*;
use std::path::Path;

fn small() -> (BTreeMap<String, Value>, Vec<u8>) {
    let values = BTreeMap::from([
        ("general.architecture".to_owned(), Value::Text("llama".to_owned())),
        ("some.number".to_owned(), Value::Number(0.5)),
        ("some.truth".to_owned(), Value::Truth(true)),
        ("some.whole".to_owned(), Value::Whole(-3)),
        ("tokenizer.ggml.scores".to_owned(), Value::Numbers(vec![0.5, -1.0])),
        ("tokenizer.ggml.tokens".to_owned(), Value::Texts(vec!["a".to_owned(), "é".to_owned()])),
    ]);
    (values, (0..2 * 34).collect())
}

fn file(values: &BTreeMap<String, Value>, bytes: &[u8]) -> Vec<u8> {
    let tensor =
        |name: &str| GgufTensor { name: name.to_owned(), format: Format::Q8_0, shape: vec![2, 32], bytes };
    write_gguf(values, &[tensor("one"), tensor("two")])
}

fn open(bytes: Vec<u8>) -> Result<Gguf, String> {
    Gguf::read(Mapped::own(Path::new("a.gguf"), bytes)).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_is_read() {
    let (values, bytes) = small();
    let gguf = open(file(&values, &bytes)).expect("a good file");
    assert_eq!(gguf.values, values);
    assert_eq!(gguf.tensors.names().collect::<Vec<_>>(), ["one", "two"]);
    let (place, found) = gguf.tensors.get("two").expect("the second tensor");
    assert_eq!((place.format, place.rows, place.columns, found), (Format::Q8_0, 2, 32, bytes.as_slice()));
}

/// Changes the bytes that follow some text, reads the file and shows what is said of it.
fn changed(after: &str, skip: usize, to: &[u8]) -> String {
    let (values, bytes) = small();
    let mut file = file(&values, &bytes);
    let at = (0..file.len()).find(|at| file[*at..].starts_with(after.as_bytes())).expect("the text");
    let at = at + after.len() + skip;
    file[at..at + to.len()].copy_from_slice(to);
    open(file).map(|_| String::new()).unwrap_or_else(|error| error)
}

#[test]
fn files_that_lie_end_in_one_sentence() {
    let said = |reason: &str| {
        format!("`a.gguf` is not a valid model file: {reason}; take a complete copy of the model's folder")
    };
    let huge = u64::MAX.to_le_bytes();
    assert_eq!(changed("", 0, b"JUNK"), said("it does not begin with GGUF"));
    assert_eq!(changed("GGUF", 0, &[9]), said("it is GGUF version 9; versions 2 and 3 are known"));
    assert!(changed("GGUF", 4, &huge).contains("it promises 18446744073709551615 tensors and has"));
    assert!(changed("GGUF", 12, &huge).contains("it promises 18446744073709551615 things where"));
    assert!(changed("ggml.tokens", 8, &huge).contains("value tokenizer.ggml.tokens: it promises 1844"));
    assert!(changed("some.truth", 0, &[99]).contains("value some.truth: it is of kind 99, which is unknown"));
    assert!(changed("two", 4, &huge).contains("tensor two"));
    assert!(changed("two", 12, &huge).contains("tensor two is longer than any file"));
    assert!(changed("two", 20, &[77]).contains("tensor two is of kind 77"));
    assert!(changed("two", 24, &[1]).contains("tensor two begins at offset"));
    assert!(changed("two", 24, &[0, 4]).contains("tensor two ends at byte"));
    assert_eq!(changed("one", 32, b"\x03\0\0\0\0\0\0\0one"), said("tensor one is there twice"));
}

#[test]
fn no_length_of_a_cut_file_is_fatal() {
    let (values, bytes) = small();
    let file = file(&values, &bytes);
    for length in 0..file.len() - 40 {
        assert!(open(file[..length].to_vec()).is_err(), "{length} bytes of {}", file.len());
    }
}
