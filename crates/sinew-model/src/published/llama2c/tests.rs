use super::*;

#[test]
fn sizes_of_nothing_are_refused_before_anything_is_made() {
    for place in 0..7 {
        let mut sizes = [64_i32, 172, i32::MAX, 8, 4, 512, 512];
        sizes[place] = 0;
        let head: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        let said = gguf_from_llama2c(&head, &[]).expect_err("refused");
        assert_eq!(said, "one of its sizes is 0");
    }
}
