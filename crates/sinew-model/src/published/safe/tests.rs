use super::*;

fn read_text(head: &str, bytes: usize) -> Result<Vec<(String, TensorPlace)>, String> {
    let mut file = (head.len() as u64).to_le_bytes().to_vec();
    file.extend(head.as_bytes());
    file.resize(file.len() + bytes, 0);
    read(&file)
}

#[test]
fn tensors_lie_where_the_head_says() {
    let places = read_text(r#"{"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}"#, 12);
    let places = places.expect("a good file");
    assert_eq!(places[0].1, TensorPlace { format: Format::Bf16, rows: 2, columns: 3, place: 66..78 });
}

#[test]
fn heads_that_lie_end_in_one_sentence() {
    for head in [
        r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,12]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,12]}}"#,
        r#"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}"#,
        "{",
    ] {
        assert!(read_text(head, 12).is_err(), "{head}");
    }
    assert!(read(&u64::MAX.to_le_bytes()).is_err());
    assert!(read(b"").is_err());
}

#[test]
fn a_list_of_files_does_not_lead_out_of_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = r#"{"weight_map":{"a":"../secret.safetensors"}}"#;
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).expect("written");
    let said = read_safetensors(folder.path()).expect_err("refused").to_string();
    assert!(said.contains("which is no safetensors file beside it"), "{said}");
}
