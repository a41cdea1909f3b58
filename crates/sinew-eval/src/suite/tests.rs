use super::*;
use std::io::Read;

fn own(text: &str) -> Result<Suite, SuiteError> {
    read_suite(&Known::own("mine", "mine.jsonl"), text)
}

const CHOICE: &str = r#"{"query": "Water is", "choices": ["dry", "wet", "a colour"], "gold": 1}"#;
const SCHEMA: &str = r#"{"context_options": ["Ann met Bob so Ann", "Ann met Bob so Bob"], "continuation": "smiled.", "gold": 0}"#;
const WORDS: &str = r#"{"context": "one two ", "continuation": "three"}"#;
const SUM: &str = r#"{"question": "2+2?", "answer": "Two and two.\n#### 1,004"}"#;

#[test]
fn each_form_of_a_line_is_read_and_guessing_is_worked_out() {
    let suite = own(&[CHOICE, SCHEMA, "", WORDS, SUM].join("\n")).expect("four questions");
    assert_eq!(suite.items.len(), 4);
    let Item::Written { answer, compared, .. } = &suite.items[3] else { panic!("the last is written") };
    assert_eq!((answer.as_str(), *compared), ("1,004", Compared::Number));
    assert!((suite.manner.chance - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-12);
}

#[test]
fn what_is_wrong_in_a_line_is_said_with_its_number() {
    let said = |text: &str| own(text).expect_err("this is no suite").to_string();
    let cases = [
        ("", "there is no question in it"),
        ("{", "line 1: this is no JSON object"),
        (&format!("{CHOICE}\n[1]") as &str, "line 2: this is no JSON object"),
        (r#"{"query": "q"}"#, "line 1: there is no answer in it"),
        (r#"{"query": "q", "choices": ["a"], "gold": 0}"#, "two or more texts"),
        (r#"{"query": "q", "choices": ["a", ""], "gold": 0}"#, "two or more texts"),
        (r#"{"query": "q", "choices": ["a", "b"], "gold": 2}"#, "from 0 to 1"),
        (r#"{"query": "q", "choices": ["a", "b"], "gold": "0"}"#, "from 0 to 1"),
        (r#"{"query": " ", "choices": ["a", "b"], "gold": 0}"#, "`query` has to be a text"),
        (r#"{"question": "q", "answer": "so ####  "}"#, "the answer is empty"),
        (
            "{\"id\": 7, \"context\": \"a\", \"continuation\": \"b\"}\n\n{\"id\": 7, \"context\": \"c\", \"continuation\": \"d\"}",
            "line 3: the id 7 stands in line 1 already",
        ),
    ];
    for (text, expected) in cases {
        let sentence = said(text);
        assert!(sentence.contains(expected), "{text} gave {sentence}");
    }
}

#[test]
fn a_space_belongs_to_what_follows_it() {
    let suite = own(&[CHOICE, SCHEMA, WORDS].join("\n")).expect("three questions");
    let score = |context: &str, continuation: &str| Ask::Score {
        context: context.to_owned(),
        continuation: continuation.to_owned(),
    };
    assert_eq!(suite.asks(0, 1, 0)[1], score("Water is", " wet"));
    assert_eq!(suite.asks(1, 1, 0)[1], score("Ann met Bob so Bob", " smiled."));
    assert_eq!(suite.asks(2, 1, 0), [score("one two", " three")]);
}

#[test]
fn examples_are_others_and_follow_from_the_seed() {
    let lines: Vec<String> =
        (0..30).map(|n| format!(r#"{{"context": "q{n} =", "continuation": "{n}"}}"#)).collect();
    let suite = own(&lines.join("\n")).expect("thirty questions");
    let context = |index: usize, seed: u64| match &suite.asks(index, seed, 10)[0] {
        Ask::Score { context, .. } => context.clone(),
        Ask::Write { .. } => panic!("it is scored"),
    };
    for index in 0..30 {
        let whole = context(index, 1);
        assert_eq!(whole.matches("\n\n").count(), 10);
        let shown: std::collections::BTreeSet<&str> = whole.split("\n\n").collect();
        assert_eq!(shown.len(), 11, "each stands there once: {whole}");
        assert!(!whole.contains(&format!("q{index} = {index}\n")), "never its own answer: {whole}");
    }
    assert_eq!(context(3, 1), context(3, 1));
    assert_ne!(context(3, 1), context(3, 2));
    assert_eq!(suite.drawn(Some(5), 1).len(), 5);
    assert_eq!(suite.drawn(Some(5), 1), suite.drawn(Some(5), 1));
    assert_ne!(suite.drawn(Some(5), 1), suite.drawn(Some(5), 2));
    assert_eq!(suite.drawn(Some(99), 1), (0..30).collect::<Vec<_>>());
}

fn scored(sum: f64, tokens: usize, greedy: bool) -> Answer {
    Answer::Scored { sum, tokens, greedy }
}

#[test]
fn three_rules_can_pick_three_choices() {
    let text = r#"{"query": "q", "choices": ["ab", "abcdefghijkl", "abcd"], "gold": 0}"#;
    let mut suite = own(text).expect("one question");
    // Sums −2, −6, −3; for each token −2, −3, −0.75; for each character −1, −0.5, −0.75.
    let answers = [scored(-2.0, 1, false), scored(-6.0, 2, false), scored(-3.0, 4, false)];
    let outcome = suite.grade(0, &answers);
    assert_eq!((outcome.right, outcome.by_sum, outcome.by_length), (false, true, false));
    assert_eq!(outcome.said, "2");
    suite.manner.rule = Rule::Sum;
    assert_eq!(suite.grade(0, &answers).said, "0");
    suite.manner.rule = Rule::Length;
    assert_eq!(suite.grade(0, &answers).said, "1");
    suite.manner.rule = Rule::Sum;
    let equal = [scored(-1.0, 1, false), scored(-1.0, 1, false), scored(-1.0, 1, false)];
    assert_eq!(suite.grade(0, &equal).said, "0", "of equals the first");
}

#[test]
fn words_are_right_only_where_each_token_was_the_likeliest() {
    let suite = own(WORDS).expect("one question");
    assert!(suite.grade(0, &[scored(-0.1, 1, true)]).right);
    assert!(!suite.grade(0, &[scored(-0.1, 1, false)]).right);
}

#[test]
fn what_was_written_is_compared_as_a_number_or_as_a_line() {
    let sum = own(SUM).expect("one question");
    let right = |said: &str| sum.grade(0, &[Answer::Written(said.to_owned())]).right;
    for said in ["1004", "#### 1,004", "it is $1004.", "500+504 = 1004.00", "1+1003=1004"] {
        assert!(right(said), "{said}");
    }
    for said in ["", "no number", "-1004", "1004 or 1005", "1.004", "10 04"] {
        assert!(!right(said), "{said}");
    }
    let line = own(r#"{"question": "q", "answer": "(B)"}"#).expect("one question");
    let right = |said: &str| line.grade(0, &[Answer::Written(said.to_owned())]).right;
    assert!(right(" (B)") && right("\n(B).\nQ: next") && !right("(A)") && !right("B"));
}

#[test]
fn an_interval_is_wilsons() {
    // Worked by hand from the formula, z = 1.96: 8 of 10.
    let interval = Interval::of_share(8, 10);
    assert!((interval.low - 0.4902).abs() < 1e-4 && (interval.high - 0.9433).abs() < 1e-4, "{interval:?}");
    assert_eq!(Interval::of_share(0, 0), Interval { low: 0.0, high: 1.0 });
    assert!(Interval::of_share(0, 50).low == 0.0 && Interval::of_share(0, 50).high > 0.05);
}

#[test]
fn centred_is_nought_at_guessing_and_one_at_all() {
    let suite = known_suite("copa").expect("a known suite");
    let outcome = |right| Outcome { right, by_sum: right, by_length: right, said: String::new() };
    let half: Vec<Outcome> = (0..100).map(|n| outcome(n % 2 == 0)).collect();
    let all = vec![outcome(true); 100];
    let (half, all) = (Score::of("a", &suite.manner, 100, &half), Score::of("b", &suite.manner, 100, &all));
    assert!(half.centred.abs() < 1e-12 && (all.centred - 1.0).abs() < 1e-12);
    // The first has variance 0.25/100/0.5² = 0.01, the second none; their mean has a quarter of that.
    let (mean, half_width) = mean_centred(&[half, all]).expect("two suites");
    assert!((mean - 0.5).abs() < 1e-12 && (half_width - 1.96 * 0.05).abs() < 1e-3, "{half_width}");
    assert_eq!(mean_centred(&[]), None);
}

fn read(path: &std::path::Path) -> String {
    let bytes = std::fs::read(path).expect("a file of the shared data");
    let mut text = String::new();
    match path.extension().is_some_and(|end| end == "gz") {
        true => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip"),
        false => (&bytes[..]).read_to_string(&mut text).expect("text"),
    };
    text
}

/// Every published file is read whole; the counts are its lines.
#[test]
fn the_published_files_are_suites() {
    let Some(folder) = sinew_testkit::shared("data/core-eval") else { return };
    let counts = [2376, 1172, 100, 1838, 500, 5153, 273, 1267, 1000, 1320, 210, 32];
    for (name, count) in CORE_12.iter().zip(counts) {
        let known = known_suite(name).expect("a task of CORE");
        let plain = folder.join("..").join(&known.file);
        let path = if plain.exists() { plain } else { folder.join("..").join(format!("{}.gz", known.file)) };
        let suite = read_suite(&known, &read(&path)).expect("a suite");
        assert_eq!(suite.items.len(), count, "{name}");
        let asks = suite.asks(count - 1, 1, known.manner.shots);
        assert!(!asks.is_empty());
    }
    let others = [("gsm8k", 1319), ("truthfulqa", 813), ("bbh/navigate", 250), ("svamp", 300)];
    for (name, count) in others {
        let known = known_suite(name).expect("a known suite");
        let plain = folder.join("..").join(&known.file);
        let path = if plain.exists() { plain } else { folder.join("..").join(format!("{}.gz", known.file)) };
        let suite = read_suite(&known, &read(&path)).expect("a suite");
        assert_eq!(suite.items.len(), count, "{name}");
    }
}

#[test]
fn a_subject_of_mmlu_is_a_table() {
    let known = Known::mmlu("high_school_physics");
    let text = "question,choice0,choice1,choice2,choice3,answer\n\"What, then?\",w,x,\"y, y\",z,2\n";
    let mut suite = read_suite(&known, text).expect("one question");
    suite.examples = suite.items.clone();
    let asks = suite.asks(0, 1, 5);
    assert_eq!(asks.len(), 4);
    let question = "What, then?\nA. w\nB. x\nC. y, y\nD. z\nAnswer:";
    let head = "The following are multiple choice questions (with answers) about high school physics.";
    assert_eq!(
        asks[3],
        Ask::Score {
            context: format!("{head}\n\n{question} C\n\n{question}"),
            continuation: " D".to_owned()
        }
    );
    let short = "question,choice0,choice1,choice2,choice3,answer\na,b\n";
    assert_eq!(
        read_suite(&known, short).expect_err("too short").to_string(),
        "line 2: this row is too short"
    );
}

#[test]
fn a_question_that_stands_in_a_text_is_found_whatever_its_case_and_punctuation() {
    let question = |query: &str, right: &str| {
        format!("{{\"query\": \"{query}\", \"choices\": [\"no\", \"{right}\"], \"gold\": 1}}\n")
    };
    let long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
    let text = [
        question(long, "fifteen"),
        question("a b c d e f g", "h"),
        question("a b c d e f", "h"),
        question("p q r s t u v w", "x"),
    ];
    let suite = own(&text.concat()).expect("four questions");
    let found = |text: &str| {
        let mut seen = Seen::new(&suite);
        seen.look(text);
        assert_eq!(seen.too_short(), 1, "seven words come about by chance");
        seen.found().keys().copied().collect::<Vec<_>>()
    };
    assert_eq!(found(""), [0_usize; 0]);
    assert_eq!(
        found("Zero. TWO, three: four - five six seven\neight nine ten eleven twelve Thirteen; (fourteen)!"),
        [0]
    );
    let twelve = "three four five six seven eight nine ten eleven twelve thirteen fourteen";
    assert_eq!(found(twelve), [0_usize; 0], "twelve words of a longer question");
    assert_eq!(found(&format!("{twelve} fifteen")), [0], "the end of it, with the answer");
    assert_eq!(found("so a b c d e f g h and on"), [1]);
    assert_eq!(found("a b c d e f g"), [0_usize; 0], "without its answer");
    let mut seen = Seen::new(&suite);
    seen.look("p q r s t");
    seen.look("u v w x");
    assert!(seen.found().is_empty(), "texts do not go on with each other");
    seen.look("p q r s t u v w x");
    assert_eq!(seen.found()[&3], "p q r s t u v w x");
}
