use crate::*;
use sinew_model::{Config, Model, Tokenizer, Weights};
use sinew_tensor::Team;

fn random_model(team: &Team) -> Model {
    let tokenizer = Tokenizer::train(&"What is 17+25? the owner lends cores ".repeat(40), 300).unwrap();
    Model { weights: Weights::random(Config { layers: 1, ..Config::nano(320) }, 4, team), tokenizer }
}

#[test]
fn baselines_are_what_one_counts_by_hand() {
    let baselines = Baselines::fit(b"abababab");
    let single = -((4.0 + 0.1) / (8.0 + 25.6_f64)).log2();
    assert!((baselines.unigram(b"ab") - single).abs() < 1e-12);
    let second = -((4.0 + 0.1) / (4.0 + 25.6_f64)).log2();
    assert!((baselines.bigram(b"ab") - (single + second) / 2.0).abs() < 1e-12);
    assert!(baselines.bigram(b"zz").is_finite() && baselines.bigram(b"") == 0.0);
}

#[test]
fn random_weights_fail() {
    let team = Team::new(2);
    let model = random_model(&team);
    let text = "the owner lends 12 cores to the lab and gets them back in time\n".repeat(60);
    let questions: Vec<Question> = (0..40)
        .map(|left| Question { asked: format!("What is {left}+7?"), answer: (left + 7).to_string() })
        .collect();
    let exam = Exam { training_text: text.as_bytes(), held_out_text: &text[..900], questions: &questions };
    let report = run_gate(&model, &exam, &team).unwrap();
    assert!(!report.passed);
    let shown: Vec<_> = report.figures.iter().map(|figure| (figure.name.as_str(), figure.passed)).collect();
    let want = [("bits_per_byte", false), ("sums_right", false)];
    assert_eq!(shown[..2], want);
    assert_eq!(report.weights_sha256.len(), 64);
}

#[test]
fn bits_do_not_depend_on_the_team_and_cover_each_byte_once() {
    let model = random_model(&Team::new(1));
    for length in [0, 1, 200, 3000] {
        let text = "what is the owner of 25 cores lending, and to whom? ".repeat(60)[..length].to_owned();
        let one = bits_per_byte(&model, &text, &Team::new(1)).unwrap();
        let three = bits_per_byte(&model, &text, &Team::new(3)).unwrap();
        assert!(one == three && one.is_finite(), "{one} is not {three}");
        assert!(length < 200 || (3.0..20.0).contains(&one), "{one}");
    }
}
