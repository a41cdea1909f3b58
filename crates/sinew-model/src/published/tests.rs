use super::*;
use crate::Random;

fn stories() -> Option<Vec<u8>> {
    let folder = sinew_testkit::shared("data/stories260k")?;
    let read = |name: &str| std::fs::read(folder.join(name)).expect("readable");
    Some(gguf_from_llama2c(&read("stories260K.bin"), &read("tok512.bin")).expect("a good model"))
}

fn open(bytes: Vec<u8>) -> Result<Published, ModelError> {
    Published::from_gguf(Gguf::read(Mapped::own(Path::new("a.gguf"), bytes))?)
}

#[test]
fn a_small_llama_with_its_own_output_is_read() {
    let Some(folder) = sinew_testkit::shared("data/digit-completion") else { return };
    let published = Published::open(&folder).expect("a good folder");
    let config = &published.shape.config;
    assert_eq!((config.width, config.layers, config.vocabulary, config.inner_width), (128, 4, 16, 344));
    assert!(!published.tied() && published.vocabulary.is_none() && published.template.is_some());
}

#[test]
fn texts_of_stories_become_the_tokens_of_sentencepiece() {
    let Some(bytes) = stories() else { return };
    let published = open(bytes).expect("a good model");
    let words = published.vocabulary.as_ref().expect("a vocabulary");
    let ids = words.encode("Once upon a time").expect("tokens");
    assert_eq!(words.decode(&ids), b" Once upon a time");
    assert_eq!((ids.as_slice(), words.begin(), words.ends()), (&[403, 407, 261, 378][..], Some(1), &[2][..]));
}

/// Every reader gets damaged files: whatever they say, it answers with a model or with a sentence.
#[test]
fn damaged_files_end_in_a_sentence() {
    let Some(good) = stories() else { return };
    let head = good.len() - 1_050_000;
    let mut refused = 0;
    for seed in 0..3_000 {
        let mut random = Random::new(seed, &[]);
        let mut pick = |below: usize| ((random.unit() * below as f32) as usize).min(below - 1);
        let mut bytes = good.clone();
        for _ in 0..=pick(4) {
            let at = pick(head);
            match pick(4) {
                0 => bytes[at] = pick(256) as u8,
                1 => bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes()),
                2 => bytes[at] ^= 1 << pick(8),
                _ => bytes.truncate(at.max(16) * (1 + pick(8))),
            }
            if bytes.len() < head + 8 {
                break;
            }
        }
        refused += usize::from(open(bytes).is_err());
    }
    assert!(refused > 1_000, "{refused} of 3000");
}

#[test]
fn tensors_of_layers_that_nobody_reads_are_refused() {
    let Some(bytes) = stories() else { return };
    let gguf = Gguf::read(Mapped::own(Path::new("a.gguf"), bytes)).expect("a good file");
    let mut tensors: Vec<GgufTensor<'_>> = Vec::new();
    for name in gguf.tensors.names() {
        let (place, bytes) = gguf.tensors.get(name).expect("it is there");
        let shape = if place.rows == 1 { vec![place.columns] } else { vec![place.rows, place.columns] };
        tensors.push(GgufTensor { name: name.to_owned(), format: place.format, shape, bytes });
    }
    let bias = vec![0; 4 * 64];
    let format = tensors[0].format;
    let name = "blk.0.attn_output.bias".to_owned();
    tensors.push(GgufTensor { name, format, shape: vec![64], bytes: &bias });
    let said = open(write_gguf(&gguf.values, &tensors)).err().expect("refused").to_string();
    assert!(said.contains("it has a tensor blk.0.attn_output.bias, which is not known"), "{said}");
}
