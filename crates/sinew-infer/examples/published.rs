//! Measures a published model on this machine and prints one JSON line: the other side of `cargo xtask bench decode`.
//!
//! `published MODEL THREADS TASK [FILE] [full]`; tasks are load, speed, greedy, loss (whose file has a row of token ids
//! a line), tokens (whose file has a text in JSON a line) and random (which makes a model: name q4_0 or q4_1).

use serde_json::{Value, json};
use sinew_infer::published::{Addition, Loaded, PagedCache, Precision, Reader};
use sinew_model::published::{GgufTensor, LayerPart, Part, Published, Value as Fact, write_gguf};
use sinew_tensor::Crew;
use sinew_tensor::quant::Format;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Rows of a prompt that are read at once.
const PORTION: usize = 512;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, threads, task, rest @ ..] = arguments.as_slice() else {
        return Err("published MODEL THREADS load|speed|greedy|loss|tokens|random [FILE] [full]".into());
    };
    if task == "random" {
        let format =
            if rest.first().is_some_and(|word| word == "q4_0") { Format::Q4_0 } else { Format::Q4_1 };
        std::fs::write(model, random_model(format))?;
        println!("{{}}");
        return Ok(());
    }
    let crew = Crew::new(threads.parse()?);
    let full = rest.iter().any(|word| word == "full");
    let precision = if full { Precision::Full } else { Precision::Stored };
    let model = Loaded::new(Published::open(Path::new(model))?, precision, &crew)?;
    let mut reader = Reader::new(&model, &crew);
    let load_s = begin.elapsed().as_secs_f64();
    let shown = match task.as_str() {
        "load" => {
            reader.extend(&mut [Addition {
                cache: &mut PagedCache::default(),
                tokens: &[1, 2, 3],
                logits: 1,
            }]);
            json!({"load_s": load_s, "first_token_s": begin.elapsed().as_secs_f64()})
        }
        "speed" => speed(&model, &mut reader),
        "greedy" => greedy(&model, &mut reader, &tokens_in(rest)?),
        "tokens" => tokens(&model, rest.first().ok_or("name a file of texts")?)?,
        "loss" => loss(&mut reader, &tokens_in(rest)?),
        _ => return Err(format!("there is no task `{task}`").into()),
    };
    println!("{shown}");
    Ok(())
}

/// The tokens of each text of a file.
fn tokens(model: &Loaded, path: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let words = model.published.vocabulary.as_ref().ok_or("the model has no vocabulary")?;
    let mut rows = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        rows.push(words.encode(&serde_json::from_str::<String>(line)?)?);
    }
    Ok(Value::from(rows))
}

/// A model of about a thousand million weights, all of them chance: of it, only the speed counts.
fn random_model(format: Format) -> Vec<u8> {
    let (width, inner, layers, keys, vocabulary) = (2048, 8192, 16, 512, 32_000);
    let sizes = [
        ("block_count", layers as i128),
        ("context_length", 8192),
        ("embedding_length", width as i128),
        ("feed_forward_length", inner as i128),
        ("attention.head_count", 32),
        ("attention.head_count_kv", 8),
        ("vocab_size", vocabulary as i128),
    ];
    let mut values: BTreeMap<String, Fact> =
        sizes.iter().map(|(name, size)| (format!("llama.{name}"), Fact::Whole(*size))).collect();
    values.insert("general.architecture".into(), Fact::Text("llama".into()));
    values.insert("tokenizer.ggml.model".into(), Fact::Text("no_vocab".into()));
    values.insert("llama.attention.layer_norm_rms_epsilon".into(), Fact::Number(1e-5));
    let mut shapes = vec![(Part::Embedding, vec![vocabulary, width]), (Part::LastNorm, vec![width])];
    for layer in 0..layers {
        let list = [
            (LayerPart::AttentionNorm, vec![width]),
            (LayerPart::Query, vec![width, width]),
            (LayerPart::Key, vec![keys, width]),
            (LayerPart::Value, vec![keys, width]),
            (LayerPart::Out, vec![width, width]),
            (LayerPart::InnerNorm, vec![width]),
            (LayerPart::Gate, vec![inner, width]),
            (LayerPart::Up, vec![inner, width]),
            (LayerPart::Down, vec![width, inner]),
        ];
        shapes.extend(list.into_iter().map(|(part, shape)| (Part::Layer(layer, part), shape)));
    }
    let bytes: Vec<Vec<u8>> = shapes.iter().map(|(_, shape)| random_bytes(format, shape)).collect();
    let tensors: Vec<GgufTensor<'_>> = shapes
        .into_iter()
        .zip(&bytes)
        .map(|((part, shape), bytes)| {
            let format = if shape.len() == 1 { Format::F32 } else { format };
            GgufTensor { name: part.gguf_name(), format, shape, bytes }
        })
        .collect();
    write_gguf(&values, &tensors)
}

/// Gains of one, or blocks of chance with small scales.
fn random_bytes(format: Format, shape: &[usize]) -> Vec<u8> {
    let [rows, columns] = shape else { return 1.0_f32.to_le_bytes().repeat(shape[0]) };
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let count = rows * format.row_bytes(*columns).expect("whole blocks");
    let mut bytes: Vec<u8> = (0..count).map(|_| next()).collect();
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        // 2 to the -8 as a 16-bit float; the least value of Q4_1 is -7.5 times as much.
        block[..2].copy_from_slice(&[0x00, 0x1c]);
        if format == Format::Q4_1 {
            block[2..4].copy_from_slice(&[0x80, 0xa7]);
        }
    }
    bytes
}

fn tokens_in(rest: &[String]) -> Result<Vec<Vec<u32>>, Box<dyn std::error::Error>> {
    let path = rest.first().ok_or("name a file of tokens")?;
    let row = |line: &str| line.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>();
    Ok(std::fs::read_to_string(path)?.lines().map(row).collect::<Result<_, _>>()?)
}

/// Tokens that have nothing to do with each other: a prompt whose content does not matter.
fn some_tokens(model: &Loaded, count: usize, seed: usize) -> Vec<u32> {
    let most = model.config().vocabulary - 20;
    (0..count).map(|index| (20 + (index * 7919 + seed * 104_729) % most) as u32).collect()
}

/// Tokens a second: a prompt of 512, then 64 of one conversation, then 64 of eight together.
fn speed(model: &Loaded, reader: &mut Reader<'_>) -> Value {
    let prompt = some_tokens(model, 512, 1);
    let mut cache = PagedCache::default();
    let begin = Instant::now();
    reader.extend(&mut [Addition { cache: &mut cache, tokens: &prompt, logits: 1 }]);
    let prefill = 512.0 / begin.elapsed().as_secs_f64();
    let together = |reader: &mut Reader<'_>, count: usize| {
        let mut caches = vec![PagedCache::default(); count];
        let mut next: Vec<u32> = some_tokens(model, count, 5);
        let mut step = |next: &mut Vec<u32>| {
            let rows = caches.iter_mut().zip(next.chunks(1));
            let mut batch: Vec<_> =
                rows.map(|(cache, tokens)| Addition { cache, tokens, logits: 1 }).collect();
            let logits = reader.extend(&mut batch);
            *next = logits.chunks_exact(model.config().vocabulary).map(likeliest).collect();
        };
        (0..4).for_each(|_| step(&mut next));
        let begin = Instant::now();
        (0..64).for_each(|_| step(&mut next));
        64.0 * count as f64 / begin.elapsed().as_secs_f64()
    };
    let decode = together(reader, 1);
    json!({"prefill": prefill, "decode": decode, "batch8": together(reader, 8)})
}

fn likeliest(logits: &[f32]) -> u32 {
    let best =
        |best: (u32, f32), (token, logit): (u32, &f32)| if *logit > best.1 { (token, *logit) } else { best };
    (0..).zip(logits).fold((0, f32::NEG_INFINITY), best).0
}

/// The 256 likeliest tokens after each prompt, one after the other.
fn greedy(model: &Loaded, reader: &mut Reader<'_>, prompts: &[Vec<u32>]) -> Value {
    let ends = model.published.vocabulary.as_ref().map_or(&[][..], |words| words.ends());
    let answer = |prompt: &Vec<u32>| {
        let mut cache = PagedCache::default();
        let mut next = prompt.clone();
        let mut answer: Vec<u32> = Vec::new();
        while answer.len() < 256 {
            let logits = reader.extend(&mut [Addition { cache: &mut cache, tokens: &next, logits: 1 }]);
            next = vec![likeliest(&logits)];
            answer.extend(&next);
            if ends.contains(&next[0]) {
                break;
            }
        }
        answer
    };
    Value::from(prompts.iter().map(answer).collect::<Vec<_>>())
}

/// The mean negative log-probability of each row's tokens after its first.
fn loss(reader: &mut Reader<'_>, rows: &[Vec<u32>]) -> Value {
    let (mut sum, mut count) = (0.0, 0);
    for row in rows {
        let mut cache = PagedCache::default();
        for (portion, targets) in row[..row.len() - 1].chunks(PORTION).zip(row[1..].chunks(PORTION)) {
            let logits =
                reader.extend(&mut [Addition { cache: &mut cache, tokens: portion, logits: portion.len() }]);
            let width = logits.len() / portion.len();
            for (logits, target) in logits.chunks_exact(width).zip(targets) {
                let top = logits.iter().fold(f32::NEG_INFINITY, |top, logit| top.max(*logit));
                let whole: f64 = logits.iter().map(|logit| f64::from(logit - top).exp()).sum();
                sum += whole.ln() - f64::from(logits[*target as usize] - top);
                count += 1;
            }
        }
    }
    json!({"loss": sum / f64::from(count), "tokens": count})
}
