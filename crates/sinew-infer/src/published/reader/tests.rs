use super::super::{Loaded, Precision};
use super::*;
use sinew_model::published::{Gguf, GgufTensor, Mapped, Published, gguf_from_llama2c, write_gguf};
use sinew_tensor::quant::Format;
use std::path::Path;

/// What llama2.c writes with this model at temperature 0, from its own documentation.
const STORY: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She said, \"I want to play with your ball, but I can't find it.\"
Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"
Lily didn't want to help her mom, so she said, \"I'm sorry, mom. I didn't know what to do.\" Her mom said, \"Don't worry, Lily. We can help you.";

fn stories_file() -> Option<Vec<u8>> {
    let folder = sinew_testkit::shared("data/stories260k")?;
    let read = |name: &str| std::fs::read(folder.join(name)).expect("readable");
    Some(gguf_from_llama2c(&read("stories260K.bin"), &read("tok512.bin")).expect("a good model"))
}

fn stories(crew: &Crew) -> Option<Loaded> {
    load(stories_file()?, crew)
}

fn load(bytes: Vec<u8>, crew: &Crew) -> Option<Loaded> {
    let gguf = Gguf::read(Mapped::own(Path::new("a.gguf"), bytes)).expect("a good file");
    let published = Published::from_gguf(gguf).expect("a good model");
    Some(Loaded::new(published, Precision::Stored, crew).expect("a good model"))
}

fn likeliest(logits: &[f32]) -> u32 {
    let best =
        |best: (u32, f32), (token, logit): (u32, &f32)| if *logit > best.1 { (token, *logit) } else { best };
    (0..).zip(logits).fold((0, f32::NEG_INFINITY), best).0
}

#[test]
fn stories_are_told_as_published() {
    let crew = Crew::new(2);
    let Some(model) = stories(&crew) else { return };
    let mut reader = Reader::new(&model, &crew);
    let words = model.published.vocabulary.as_ref().expect("a vocabulary");
    let mut cache = PagedCache::default();
    let mut next = words.begin().expect("a first token");
    let mut text = Vec::new();
    while cache.length() < 256 {
        let logits = reader.extend(&mut [Addition { cache: &mut cache, tokens: &[next], logits: 1 }]);
        next = likeliest(&logits);
        if next == 1 {
            break;
        }
        text.extend_from_slice(words.token_bytes(next));
    }
    assert_eq!(String::from_utf8_lossy(&text).trim(), STORY);
}

#[test]
fn a_prompt_in_any_portions_and_any_company_has_the_same_bits() {
    let Some(model) = stories(&Crew::new(1)) else { return };
    let prompt: Vec<u32> = (0..150_u32).map(|index| 3 + index * 37 % 500).collect();
    let read = |threads: usize, portion: usize, company: usize| {
        let crew = Crew::new(threads);
        let mut reader = Reader::new(&model, &crew);
        let mut caches = vec![PagedCache::default(); company + 1];
        let mut logits = Vec::new();
        for tokens in prompt.chunks(portion) {
            let others = |index: usize| if index == 0 { tokens } else { &prompt[index..index + 1] };
            let mut batch: Vec<_> = caches
                .iter_mut()
                .enumerate()
                .map(|(index, cache)| Addition { cache, tokens: others(index), logits: 1 })
                .collect();
            logits = reader.extend(&mut batch);
        }
        logits[..512].iter().map(|logit| logit.to_bits()).collect::<Vec<u32>>()
    };
    let alone = read(1, 1, 0);
    for (threads, portion, company) in [(1, 150, 0), (2, 7, 0), (3, 32, 1), (2, 1, 7), (2, 64, 31)] {
        assert_eq!(
            read(threads, portion, company),
            alone,
            "{threads} threads, {portion} at a time, {company} others"
        );
    }
}

/// Blocks of 32 numbers as 8-bit numbers with a scale in half precision.
fn eight_bits(numbers: &[u8]) -> Vec<u8> {
    let numbers: Vec<f32> =
        numbers.chunks_exact(4).map(|four| f32::from_le_bytes(*four.as_array().expect("four"))).collect();
    let mut bytes = Vec::new();
    for block in numbers.chunks_exact(32) {
        // A scale of 2^-9 holds numbers up to a quarter, which is enough for what this test asks.
        bytes.extend([0x00, 0x18]);
        bytes.extend(block.iter().map(|number| (number * 512.0).round().clamp(-127.0, 127.0) as i8 as u8));
    }
    bytes
}

#[test]
fn the_matrices_of_a_group_may_have_different_formats() {
    let Some(bytes) = stories_file() else { return };
    let gguf = Gguf::read(Mapped::own(Path::new("a.gguf"), bytes)).expect("a good file");
    for few in ["attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up"] {
        let made: Vec<_> = gguf
            .tensors
            .names()
            .map(|name| {
                let (place, bytes) = gguf.tensors.get(name).expect("it is there");
                let eight = name.contains(few);
                let format = if eight { Format::Q8_0 } else { place.format };
                (name, format, place, if eight { eight_bits(bytes) } else { bytes.to_vec() })
            })
            .collect();
        let tensors: Vec<GgufTensor<'_>> = made
            .iter()
            .map(|(name, format, place, bytes)| {
                let shape =
                    if place.rows == 1 { vec![place.columns] } else { vec![place.rows, place.columns] };
                GgufTensor { name: (*name).to_owned(), format: *format, shape, bytes }
            })
            .collect();
        let crew = Crew::new(1);
        let model = load(write_gguf(&gguf.values, &tensors), &crew).expect("a good model");
        let cache = &mut PagedCache::default();
        let logits =
            Reader::new(&model, &crew).extend(&mut [Addition { cache, tokens: &[1, 403], logits: 1 }]);
        assert!(logits.iter().all(|logit| logit.is_finite()), "{few}");
    }
}
