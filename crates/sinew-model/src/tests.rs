use crate::counted::allocations_in;
use crate::*;
use sinew_tensor::Team;
use sinew_tensor::kernels::Mix;
use std::fs;

const TEXT: &str =
    "The owner lends 12 cores to the lab.\nThe lab gives 7 of them back. Ça va, naïve 🦀 crab?\n";

fn tiny() -> Config {
    Config {
        vocabulary: 37,
        width: 12,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_width: 6,
        inner_width: 10,
        context: 80,
        rope_theta: 100.0,
        norm_epsilon: 1e-5,
    }
}

fn tokens(length: usize, seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed, &[]);
    (0..length).map(|_| random.below(37) as u32).collect()
}

fn learn(weights: &Weights, row: &Example<'_>, values: &mut [f32], team: &Team) -> f64 {
    let packs = Packs::new(weights, team);
    let gradient = Gradient { values, mix: Mix::Add };
    Pass::new(&weights.config).learn(Learner { weights, packs: &packs }, row, gradient)
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let team = Team::new(1);
    let weights = Weights::random(tiny(), 7, &team);
    let (inputs, targets) = (tokens(70, 1), tokens(70, 2));
    let starts: Vec<usize> = (0..70).map(|place| if place < 25 { 0 } else { 25 }).collect();
    let share: Vec<f32> = (0..70).map(|row| if row % 3 == 0 { 0.0 } else { 0.01 * row as f32 }).collect();
    let loss = |plain: Vec<f32>, gradient: &mut [f32]| {
        let weights = Weights::new(tiny(), plain, &team);
        let row = Example { tokens: &inputs, starts: &starts, targets: &targets, weights: &share };
        learn(&weights, &row, gradient, &team)
    };
    let mut gradient = vec![0.0; weights.plain.len()];
    loss(weights.plain.clone(), &mut gradient);
    let mut places: Vec<_> = weights.layout.matrices(&tiny()).into_iter().map(|(place, ..)| place).collect();
    places.extend(weights.layout.gains());
    for (index, place) in places.into_iter().enumerate() {
        for seed in 0..3 {
            let mut random = Random::new(seed, &[9, index as u64]);
            let direction: Vec<f32> = place.clone().map(|_| random.unit() - 0.5).collect();
            let moved = |by: f32| {
                let mut plain = weights.plain.clone();
                plain[place.clone()]
                    .iter_mut()
                    .zip(&direction)
                    .for_each(|(weight, step)| *weight += by * step);
                loss(plain, &mut vec![0.0; gradient.len()])
            };
            // Two widths, so that the third derivative falls out and the step can be far above the noise of f32.
            let (near, far) = (moved(4e-3) - moved(-4e-3), moved(8e-3) - moved(-8e-3));
            let measured = (8.0 * near - far) / 48e-3;
            let pairs = gradient[place.clone()].iter().zip(&direction);
            let told: f64 = pairs.map(|(slope, step)| f64::from(*slope) * f64::from(*step)).sum();
            let near = (measured - told).abs() < 3e-3 * (0.1 + measured.abs());
            assert!(near, "tensor {index}, direction {seed}: told {told}, measured {measured}");
        }
    }
}

#[test]
fn a_pass_that_ran_once_asks_for_no_more_memory() {
    let team = Team::new(1);
    let weights = Weights::random(tiny(), 7, &team);
    let packs = Packs::new(&weights, &team);
    let (inputs, targets, shares) = (tokens(70, 1), tokens(70, 2), vec![0.01; 70]);
    let (mut pass, mut values) = (Pass::new(&tiny()), vec![0.0; weights.plain.len()]);
    let mut run = |text: usize, mix| {
        let starts: Vec<usize> = (0..70).map(|place| place / text * text).collect();
        let row = Example { tokens: &inputs, starts: &starts, targets: &targets, weights: &shares };
        allocations_in(|| {
            let learner = Learner { weights: &weights, packs: &packs };
            pass.learn(learner, &row, Gradient { values: &mut values, mix });
        })
    };
    assert!(run(70, Mix::Replace) > 0, "the count counts");
    for text in [70, 9, 70] {
        assert_eq!((run(text, Mix::Replace), run(text, Mix::Add)), (0, 0), "texts of {text}");
    }
}

#[test]
fn log_probabilities_add_up_to_the_loss() {
    let team = Team::new(1);
    let weights = Weights::random(tiny(), 3, &team);
    let (inputs, targets) = (tokens(33, 3), tokens(33, 4));
    let ones = vec![1.0; 33];
    let row = Example { tokens: &inputs, starts: &[0; 33], targets: &targets, weights: &ones };
    let loss = learn(&weights, &row, &mut vec![0.0; weights.plain.len()], &team);
    let logs = Pass::new(&tiny()).log_probabilities(&weights, &inputs, &targets);
    let sum: f64 = logs.iter().map(|log| -f64::from(*log)).sum();
    assert!((loss - sum).abs() < 1e-4 * loss, "{loss} is not {sum}");
    let packs = Packs::new(&weights, &team);
    let measured = Pass::new(&tiny()).measure(Learner { weights: &weights, packs: &packs }, &row);
    assert_eq!(measured, sum, "packed matrices give the same bits");
}

#[test]
fn weights_do_not_depend_on_the_team_and_seeds_differ() {
    let one = Weights::random(tiny(), 5, &Team::new(1));
    let three = Weights::random(tiny(), 5, &Team::new(3));
    assert!(one.plain == three.plain && one.turned == three.turned);
    assert!(one.plain != Weights::random(tiny(), 6, &Team::new(1)).plain);
}

#[test]
fn the_same_text_gives_the_same_tokenizer() {
    let text = TEXT.repeat(50);
    let first = Tokenizer::train(&text, 320).unwrap();
    for _ in 0..3 {
        assert_eq!(first.to_json().unwrap(), Tokenizer::train(&text, 320).unwrap().to_json().unwrap());
    }
    assert!((261..=320).contains(&first.size()), "{}", first.size());
    let again = Tokenizer::from_json(&first.to_json().unwrap()).unwrap();
    assert_eq!(again.to_json().unwrap(), first.to_json().unwrap());
}

#[test]
fn tokens_give_back_every_byte_and_digits_stand_alone() {
    let tokenizer = Tokenizer::train(&TEXT.repeat(50), 400).unwrap();
    for text in [TEXT, "", "\0\u{1}\t  \r\n", "日本語 <|end|><|user|> 2026", &"x\n".repeat(40_000)] {
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&ids), text.as_bytes());
        let end =
            [Special::Begin, Special::User, Special::Assistant, Special::End].map(|s| tokenizer.special(s));
        assert!(ids.iter().all(|id| !end.contains(id)), "a text has no special tokens");
    }
    let ids = tokenizer.encode("a 1234").unwrap();
    let shown: Vec<_> =
        ids.iter().map(|id| String::from_utf8_lossy(tokenizer.token_bytes(*id)).into_owned()).collect();
    assert_eq!(shown[shown.len() - 4..], ["1", "2", "3", "4"]);
}

#[test]
fn letters_in_portions_come_out_whole() {
    let text = "naïve 🦀 日本";
    let mut stream = Utf8Stream::default();
    let mut got = String::new();
    for byte in text.bytes() {
        got += &stream.push(&[byte]);
    }
    assert_eq!(got + &stream.finish(), text);
    let mut stream = Utf8Stream::default();
    let got = [stream.push(b"a\xff\xf0\x9f"), stream.push(b"b"), stream.push(b"\xe6\x97"), stream.finish()];
    assert_eq!(got, ["a\u{fffd}", "\u{fffd}b", "", "\u{fffd}"]);
}

fn small_model(team: &Team) -> Model {
    let tokenizer = Tokenizer::train(&TEXT.repeat(50), 300).unwrap();
    let config = Config { vocabulary: 300, ..tiny() };
    Model { weights: Weights::random(config, 1, team), tokenizer }
}

#[test]
fn a_folder_gives_back_the_same_model() {
    let (team, folder) = (Team::new(1), tempfile::tempdir().unwrap());
    let model = small_model(&team);
    let hash = model.write(folder.path()).unwrap();
    let again = Model::read(folder.path(), &team).unwrap();
    assert!(again.weights.plain == model.weights.plain);
    assert_eq!(again.weights.config, model.weights.config);
    assert_eq!(again.write(folder.path()).unwrap(), hash);
    assert_eq!(sha256(&fs::read(folder.path().join("model.safetensors")).unwrap()), hash);
}

#[test]
fn a_damaged_folder_is_refused_in_words() {
    let (team, folder) = (Team::new(1), tempfile::tempdir().unwrap());
    let model = small_model(&team);
    model.write(folder.path()).unwrap();
    let weights = fs::read(folder.path().join("model.safetensors")).unwrap();
    let mut endless = weights.clone();
    endless[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let config = fs::read(folder.path().join("config.json")).unwrap();
    let text = String::from_utf8(config.clone()).unwrap();
    let huge = text.replace("\"hidden_size\": 12", "\"hidden_size\": 99999999999");
    let wrong = text.replace("\"hidden_size\": 12", "\"hidden_size\": 13");
    let tokenizer = fs::read(folder.path().join("tokenizer.json")).unwrap();
    let cases: [(&str, &[u8], &str); 9] = [
        ("model.safetensors", &weights[..weights.len() - 3], "not a valid model file"),
        ("model.safetensors", &weights[..5], "not a valid model file"),
        ("model.safetensors", b"", "not a valid model file"),
        ("model.safetensors", &endless, "not a valid model file"),
        ("config.json", huge.as_bytes(), "hidden_size is 99999999999, outside 1..=32768"),
        ("config.json", wrong.as_bytes(), "not F32"),
        ("config.json", b"{}", "missing field"),
        ("tokenizer.json", b"[]", "tokenizer could not be read"),
        ("tokenizer.json", b"\xff\xfe", "not UTF-8"),
    ];
    for (name, bytes, want) in cases {
        fs::write(folder.path().join(name), bytes).unwrap();
        let error = Model::read(folder.path(), &team).err().expect("a damaged folder is refused").to_string();
        assert!(error.contains(want), "{name}: {error}");
        fs::write(folder.path().join("model.safetensors"), &weights).unwrap();
        fs::write(folder.path().join("config.json"), &config).unwrap();
        fs::write(folder.path().join("tokenizer.json"), &tokenizer).unwrap();
    }
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let error = Model::read(folder.path(), &team).err().unwrap().to_string();
    assert!(error.contains("cannot read") && error.contains("model.safetensors"), "{error}");
}
