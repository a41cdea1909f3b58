use crate::batch::SAID;
use crate::dialogues::dialogues;
use crate::sums::Sum;
use crate::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use sinew_model::Config;
use sinew_tensor::Team;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

fn text() -> String {
    let words =
        ["owner", "lab", "core", "lends", "takes", "back", "trains", "a", "model", "the", "and", "pays"];
    let mut random = sinew_model::Random::new(3, &[]);
    let mut text = String::new();
    while text.len() < 20_000 {
        for _ in 0..8 {
            text += words[random.below(words.len())];
            text.push(' ');
        }
        text += "\n";
    }
    text
}

/// Data that is prepared once for all tests.
fn data() -> &'static Prepared {
    static DATA: OnceLock<Prepared> = OnceLock::new();
    DATA.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        prepare(&text(), folder.path(), VOCABULARY).unwrap();
        Prepared::read(folder.path()).unwrap()
    })
}

fn config() -> Config {
    Config {
        width: 16,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        head_width: 8,
        inner_width: 24,
        context: 64,
        ..Config::nano(data().vocabulary())
    }
}

fn recipe(steps: u64) -> Recipe {
    Recipe { row_tokens: 64, rows: 10, ..Recipe::nano(steps, 11) }
}

fn trainer(steps: u64, team: &Team) -> Trainer<'_> {
    Trainer::new(config(), data(), recipe(steps), team).unwrap()
}

fn weights_after(steps: u64, threads: usize) -> Vec<u8> {
    let team = Team::new(threads);
    let mut trainer = trainer(steps, &team);
    while !trainer.finished() {
        trainer.advance().unwrap();
    }
    trainer.model().weights.to_bytes()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let one = weights_after(8, 1);
    assert!(one == weights_after(8, 2) && one == weights_after(8, 3));
}

#[test]
fn a_run_that_is_stopped_after_any_step_ends_with_the_same_bits() {
    let whole = weights_after(6, 1);
    for stop in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(&folder.path().join("checkpoints"));
        let mut threads = 1;
        loop {
            let team = Team::new(threads);
            let mut trainer = trainer(6, &team);
            let found = checkpoints.resume(&mut trainer).unwrap();
            assert_eq!(found.refused, Vec::<String>::new());
            for _ in 0..=stop {
                if !trainer.finished() {
                    trainer.advance().unwrap();
                }
            }
            checkpoints.save(&trainer).unwrap();
            if trainer.finished() {
                assert!(trainer.model().weights.to_bytes() == whole, "stopped after each {} steps", stop + 1);
                break;
            }
            // What is learnt after the checkpoint and never saved must leave no trace.
            trainer.advance().unwrap();
            threads = threads % 3 + 1;
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_one_before_is_taken() {
    let team = Team::new(1);
    let damages: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()),
        |bytes| bytes[20] ^= 0xff,
        |bytes| {
            let place = bytes.windows(9).position(|part| part == b"\\\"step\\\":").unwrap();
            bytes[place + 9] = b'9';
        },
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        let mut run = trainer(6, &team);
        let mut newest = None;
        for _ in 0..3 {
            run.advance().unwrap();
            newest = Some(checkpoints.save(&run).unwrap());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "two checkpoints are kept");
        let newest = newest.unwrap();
        let mut bytes = fs::read(&newest).unwrap();
        damage(&mut bytes);
        fs::write(&newest, bytes).unwrap();
        let mut run = trainer(6, &team);
        let found = checkpoints.resume(&mut run).unwrap();
        assert_eq!((found.step, found.refused.len()), (Some(2), 1), "damage {index}");
        assert_eq!(run.step(), 2);
        while !run.finished() {
            run.advance().unwrap();
        }
        assert!(run.model().weights.to_bytes() == weights_after(6, 2), "damage {index}");
    }
}

#[test]
fn a_half_written_checkpoint_is_not_seen() {
    let (team, folder) = (Team::new(1), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("step-0000000003.safetensors.tmp"), b"half").unwrap();
    let found = Checkpoints::new(folder.path()).resume(&mut trainer(6, &team)).unwrap();
    assert_eq!(found, Found::default());
}

#[test]
fn another_runs_checkpoint_is_refused() {
    let (team, folder) = (Team::new(1), tempfile::tempdir().unwrap());
    let checkpoints = Checkpoints::new(folder.path());
    let mut run = trainer(6, &team);
    run.advance().unwrap();
    checkpoints.save(&run).unwrap();
    let error = checkpoints.resume(&mut trainer(7, &team)).unwrap_err().to_string();
    assert!(error.contains("belongs to another run") && error.contains("step-0000000001"), "{error}");
}

#[test]
fn training_lowers_the_loss() {
    let team = Team::new(2);
    // Conversations are harder than single sums: only losses on rows of one kind can be compared.
    let recipe = Recipe { join_share: 1.0, ..recipe(60) };
    let mut run = Trainer::new(config(), data(), recipe, &team).unwrap();
    let losses: Vec<f64> = (0..60).map(|_| run.advance().unwrap()).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[52..]) < mean(&losses[..4]) * 0.7, "{losses:?}");
}

#[test]
fn the_same_text_gives_the_same_data() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let made = folders.each_ref().map(|folder| prepare(&text(), folder.path(), VOCABULARY).unwrap());
    assert_eq!(made[0], made[1]);
    let hashes = folders.each_ref().map(|folder| Prepared::read(folder.path()).unwrap().hash);
    assert_eq!(hashes[0], hashes[1]);
}

#[test]
fn what_is_held_out_is_never_trained_on() {
    let data = data();
    let kept: BTreeSet<String> = data.held_out_sums.iter().map(|sum| sum.question.clone()).collect();
    let count = Sum::all().filter(|sum| sum.held_out()).count();
    assert_eq!(kept.len(), count);
    assert!((800..1200).contains(&count), "{count} of 10000 sums are held out");
    for sum in Sum::all() {
        assert_eq!(sum.held_out(), Sum { left: sum.right, right: sum.left }.held_out());
    }
    let corpus: Vec<u32> = data.corpus.iter().map(|token| u32::from(*token)).collect();
    let learnt = data.tokenizer.decode(&corpus);
    assert_eq!(String::from_utf8(learnt).unwrap() + &data.held_out_text, text());
    assert!((900..1100).contains(&data.held_out_text.len()), "{}", data.held_out_text.len());
    let mut seen = BTreeSet::new();
    let mut row = Sequence::default();
    for step in 0..400 {
        for index in 0..recipe(1).rows {
            row.fill(data, &recipe(1), step, index);
            let tokens: Vec<u32> = row.tokens.iter().chain(row.targets.last()).copied().collect();
            let shown = String::from_utf8_lossy(&data.tokenizer.decode(&tokens)).into_owned();
            seen.extend(sums_in(&shown));
        }
    }
    assert!(seen.len() > 2000, "{} sums seen", seen.len());
    for sum in Sum::all().filter(|sum| sum.held_out()) {
        // A cut row can show the start of a longer sum, which is then another sum: 1+2 of 1+25.
        let whole = format!("{}+{}?", sum.left, sum.right);
        assert!(!seen.contains(&whole), "{whole} was trained on");
    }
}

/// Sums in a text that are certainly whole: those that a question mark ends.
fn sums_in(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut sums = Vec::new();
    for (plus, _) in text.match_indices('+') {
        let digits =
            |range: &mut dyn Iterator<Item = usize>| range.take_while(|i| bytes[*i].is_ascii_digit()).count();
        let left = digits(&mut (0..plus).rev());
        let right = digits(&mut (plus + 1..bytes.len()));
        let before = (plus - left).checked_sub(1).map(|place| bytes[place]);
        if bytes.get(plus + right + 1) == Some(&b'?') && before == Some(b' ') {
            sums.push(text[plus - left..plus + right + 2].to_owned());
        }
    }
    sums
}

#[test]
fn rows_depend_on_seed_step_and_row_only_and_weigh_the_same() {
    let mut seen = BTreeSet::new();
    for step in 0..4 {
        for index in 0..10 {
            let (mut row, mut again) = (Sequence::default(), Sequence::default());
            row.fill(data(), &recipe(5), step, index);
            again.fill(data(), &recipe(5), 99, 3);
            again.fill(data(), &recipe(5), step, index);
            assert_eq!(row, again);
            assert!(seen.insert(row.tokens.clone()), "step {step} row {index} came twice");
            let lengths = [row.tokens.len(), row.targets.len(), row.weights.len(), row.starts.len()];
            assert_eq!(lengths, [64; 4]);
            assert_eq!(row.tokens[1..], row.targets[..63]);
            let sum: f32 = row.weights.iter().sum();
            assert!((sum - 0.1).abs() < 1e-5, "{sum}");
            assert!(row.starts.iter().enumerate().all(|(place, start)| start <= &place));
            assert!(row.tokens.iter().all(|token| *token < u32::from(SAID)));
        }
    }
}

/// What the model is to say in each conversation of the rows of a kind, without those that the rows' ends cut.
fn said_in(kind: RowKind, steps: std::ops::Range<u64>) -> Vec<Vec<String>> {
    let recipe = Recipe { mix: vec![kind], row_tokens: 256, ..recipe(100) };
    let end = data().tokenizer.special(sinew_model::Special::End);
    let (mut row, mut conversations) = (Sequence::default(), Vec::new());
    for (step, index) in steps.flat_map(|step| (0..recipe.rows).map(move |index| (step, index))) {
        row.fill(data(), &recipe, step, index);
        let places: Vec<usize> = (0..row.tokens.len()).collect();
        let mut whole: Vec<Vec<String>> = places
            .chunk_by(|one, next| row.starts[*one] == row.starts[*next])
            .map(|places| {
                let said: Vec<u32> =
                    places.iter().filter(|i| row.weights[**i] > 0.0).map(|i| row.targets[*i]).collect();
                let turns = said.split_inclusive(|token| *token == end);
                turns.map(|turn| String::from_utf8(data().tokenizer.decode(turn)).unwrap()).collect()
            })
            .collect();
        whole.pop();
        conversations.extend(whole);
    }
    conversations
}

#[test]
fn conversations_mix_sums_and_small_talk_in_any_order() {
    let is_sum = |said: &String| said.bytes().all(|byte| byte.is_ascii_digit());
    for said in said_in(RowKind::Sums, 0..60) {
        assert!(said.len() == 1 && is_sum(&said[0]), "at first each sum stands alone, not {said:?}");
    }
    for kind in [RowKind::Sums, RowKind::Dialogues] {
        let talks = said_in(kind, 60..100);
        let lengths: BTreeSet<usize> = talks.iter().map(Vec::len).collect();
        assert_eq!(lengths, BTreeSet::from([1, 2, 3, 4, 5]));
        let alone = talks.iter().filter(|said| said.len() == 1).count();
        assert!((0.4..0.7).contains(&(alone as f64 / talks.len() as f64)), "{alone} of {}", talks.len());
        let orders: BTreeSet<[bool; 2]> = talks
            .iter()
            .flat_map(|said| said.windows(2).map(|two| [is_sum(&two[0]), is_sum(&two[1])]))
            .collect();
        assert_eq!(orders.len(), 4, "each after each: {orders:?}");
    }
}

#[test]
fn dialogues_are_many_and_the_same_each_time() {
    let talk = dialogues();
    assert_eq!(talk, dialogues());
    let questions: BTreeSet<&str> = talk.iter().map(|turn| turn.asked.as_str()).collect();
    assert!(questions.len() > 300, "{}", questions.len());
    assert!(talk.iter().all(|turn| !turn.asked.is_empty() && !turn.said.is_empty()));
}

#[test]
fn the_rate_rises_stays_and_falls() {
    let recipe = Recipe { steps: 100, ..recipe(100) };
    let shown: Vec<String> =
        [0, 4, 5, 59, 61, 80, 99].map(|step| format!("{:.5}", recipe.rate_at(step))).to_vec();
    assert_eq!(shown, ["0.00040", "0.00200", "0.00200", "0.00200", "0.00195", "0.00100", "0.00005"]);
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn text_comes_plain_zipped_or_as_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let plain = text();
    let (first, second) = plain.split_at(10_000);
    fs::write(folder.path().join("b.txt"), second).unwrap();
    fs::write(folder.path().join("a.gz"), zipped(first.as_bytes())).unwrap();
    fs::write(folder.path().join(".hidden"), b"\xff\xff").unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("c")).unwrap();
    let joined = load_text(folder.path()).unwrap();
    assert_eq!(joined.replace('\n', ""), plain.replace('\n', ""));
    assert_eq!(load_text(&folder.path().join("a.gz")).unwrap(), first);
}

#[test]
fn what_is_not_text_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut torn = zipped(text().as_bytes());
    torn.truncate(torn.len() / 2);
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.txt", b"", "it is empty"),
        ("blank.txt", &[b' '; 9000], "it is empty"),
        ("short.txt", b"hello", "it has only 5 bytes"),
        ("latin.txt", &[b'a', 0xe9, b'b'], "byte 1 is not UTF-8"),
        ("zero.bin", b"abc\0def", "byte 3 is zero"),
        ("torn.gz", &torn, "damaged gzip"),
    ];
    for (name, bytes, want) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = load_text(&path).unwrap_err().to_string();
        assert!(error.contains(want) && error.contains(name), "{error}");
    }
    let error = load_text(folder.path()).unwrap_err().to_string();
    assert!(error.contains("latin.txt"), "a folder names the file: {error}");
    let error = load_text(Path::new("nowhere.txt")).unwrap_err().to_string();
    assert!(error.contains("cannot read `nowhere.txt`"), "{error}");
}

#[test]
fn damaged_data_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    prepare(&text(), folder.path(), VOCABULARY).unwrap();
    for name in ["corpus.bin", "sums.bin", "dialogues.bin", "tokenizer.json", "held-out.txt", "manifest.json"]
    {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1 - whole.len() / 3]).unwrap();
        let error = Prepared::read(folder.path()).err().expect("damaged data is refused").to_string();
        assert!(error.contains(name) && error.contains("run `prepare` again"), "{error}");
        fs::write(&path, whole).unwrap();
    }
    assert!(Prepared::read(folder.path()).is_ok());
}

#[test]
fn prose_is_gathered_in_order_and_without_code() {
    let folder = tempfile::tempdir().unwrap();
    let source = |package: &str, file: &str, text: &str| {
        let path = folder.path().join("index").join(package).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let long = |name: &str| {
        let line =
            |i: usize| format!("The crate called {name} says plain words about part number {i} of itself.\n");
        (0..500).map(line).collect::<String>()
    };
    for letter in 'a'..='h' {
        source(&format!("{letter}-1.0.0"), "README.md", &long(&letter.to_string()));
    }
    assert_eq!(corpus::gather(&folder.path().join("none"), None).unwrap(), None);
    source(
        "a-1.0.0",
        "src/lib.rs",
        "//! Module words that stand in front of everything.\nfn main() { let code = 1; }\n",
    );
    let code = "```rust\nlet words = that are not prose at all;\n```\n| a | b |\n<https://example.invalid>\n";
    source("a-1.0.0", "CHANGELOG.md", &format!("{code}This version is faster than the last one.\n"));
    let all = corpus::gather(folder.path(), None).unwrap().unwrap();
    let order: Vec<usize> =
        ["crate called a", "This version is", "Module words", "crate called b", "crate called h"]
            .map(|part| all.find(part).unwrap())
            .to_vec();
    assert!(order.is_sorted(), "{order:?}");
    assert!(!all.contains("not prose") && !all.contains("fn main") && !all.contains("https"));
    let lock = "[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n";
    let locked = corpus::locked_packages(lock);
    assert_eq!(locked, BTreeSet::from(["b-1.0.0".to_owned()]));
    assert_eq!(corpus::gather(folder.path(), Some(&locked)).unwrap(), None, "one package has too little");
}

#[test]
fn what_was_never_trained_on_is_measured_and_learning_lowers_it() {
    let team = Team::new(2);
    let mut run = trainer(30, &team);
    let before = run.evaluate(5).unwrap().unwrap();
    let weights = run.model().weights.plain;
    assert!((before - (data().vocabulary() as f64).ln()).abs() < 1.5, "random weights guess: {before}");
    assert_eq!(run.evaluate(5).unwrap(), Some(before));
    assert!(weights == run.model().weights.plain, "measuring changes nothing");
    while !run.finished() {
        run.advance().unwrap();
    }
    assert!(run.evaluate(5).unwrap().unwrap() < before - 0.5);
}

#[test]
fn a_recipe_that_cannot_be_followed_is_refused_in_words() {
    let wrong: [fn(&mut Recipe); 6] = [
        |recipe| recipe.rows = 0,
        |recipe| recipe.row_tokens = 65,
        |recipe| recipe.mix.clear(),
        |recipe| recipe.warm_share = -0.5,
        |recipe| recipe.rate = f32::NAN,
        |recipe| recipe.clip = 0.0,
    ];
    let mut shown = Vec::new();
    for change in wrong {
        let mut recipe = recipe(5);
        change(&mut recipe);
        shown.push(Trainer::new(config(), data(), recipe, &Team::new(1)).err().unwrap().to_string());
    }
    let want = [
        "the recipe has rows = 0; give 1 to 1048576",
        "the recipe has row_tokens = 65; give 1 to 64",
        "the recipe has mix = 0; give 1 to 1024",
        "the recipe has warm_share = -0.5; give a number from 0 to 1",
        "the recipe has rate = NaN; give a number above 0",
        "the recipe has clip = 0; give a number above 0",
    ];
    assert_eq!(shown, want);
}
