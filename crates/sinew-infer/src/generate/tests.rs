use super::*;
use sinew_model::{Config, Random, Tokenizer, Weights};
use sinew_tensor::Team;

fn model() -> Model {
    let tokenizer =
        Tokenizer::train(&"the owner lends 12 cores to the lab ".repeat(40), 300).expect("a vocabulary");
    let config = Config { layers: 2, ..Config::nano(320) };
    Model { weights: Weights::random(config, 4, &Team::new(1)), tokenizer }
}

fn tokens(length: usize) -> Vec<u32> {
    let mut random = Random::new(8, &[]);
    (0..length).map(|_| random.below(280) as u32).collect()
}

fn request(prompt: Vec<u32>, tokens_most: usize) -> Request {
    Request { prompt, sampling: Sampling::GREEDY, tokens_most, stops: vec![] }
}

/// All that is told of an answer.
fn told(generator: &mut Generator<Own<'_>>, request: Request, telling: Telling) -> (usize, Vec<Told>) {
    generator.add_told(request, telling).expect("a good request");
    let (mut count, mut all) = (0, Vec::new());
    while generator.active() > 0 {
        for piece in generator.advance() {
            count = piece.tokens;
            all.extend(piece.told);
        }
    }
    (count, all)
}

#[test]
fn a_round_reads_answers_first_and_then_the_oldest_prompts() {
    assert_eq!(portions(&[(1, 256), (9, 256), (1, 256)]), [1, 9, 1]);
    assert_eq!(portions(&[(200, 256), (1, 256), (100, 256), (50, 256)]), [200, 1, 55, 0]);
    assert_eq!(portions(&[(600, 64), (600, 256), (0, 0)]), [64, 192, 0]);
    assert_eq!(portions(&[]), [0; 0]);
}

#[test]
fn what_is_told_of_a_prompt_is_what_is_told_of_an_answer() {
    let model = model();
    let mut generator = Generator::new(&model);
    let telling = Telling { likeliest: Some(3), prompt_from: None };
    let (count, answer) = told(&mut generator, request(tokens(100), 20), telling);
    assert!(answer.len() == count && answer.iter().all(|told| told.likeliest.len() == 3));
    for told in &answer {
        assert_eq!((told.token, told.log_probability), told.likeliest[0], "greedy takes the likeliest");
    }
    // The same tokens as a prompt, in rounds of 64 rows and without what was kept.
    let whole: Vec<u32> = tokens(100).into_iter().chain(answer.iter().map(|told| told.token)).collect();
    let length = whole.len();
    let telling = Telling { prompt_from: Some(0), ..telling };
    let (count, all) = told(&mut generator, request(whole, 0), telling);
    assert_eq!((count, all.len()), (0, length - 1));
    assert_eq!(all[99..], answer);
}

#[test]
fn a_prompt_that_goes_on_from_an_earlier_one_is_read_from_there() {
    let model = model();
    let mut generator = Generator::new(&model);
    let telling = Telling { likeliest: Some(0), prompt_from: None };
    let long: Vec<u32> = tokens(130);
    told(&mut generator, request(long[..100].to_vec(), 5), telling);
    let fresh = told(&mut Generator::new(&model), request(long.clone(), 9), telling);
    generator.add_told(request(long.clone(), 9), telling).expect("a good request");
    let answer = &generator.answers[0];
    assert_eq!((answer.read.len(), answer.unread.len()), (100, 30));
    generator.cancel(1);
    assert_eq!(told(&mut generator, request(long[..60].to_vec(), 9), telling).0, 9);
    assert_eq!(told(&mut generator, request(long, 9), telling), fresh);
    assert!(generator.has_memory(usize::MAX));
}

/// What several requests that come together are told, by the order of their coming, and the rows that were read.
fn together(model: &Model, requests: &[(Request, Telling)]) -> (Vec<Vec<Told>>, usize) {
    let mut generator = Generator::new(model);
    for (request, telling) in requests {
        generator.add_told(request.clone(), *telling).expect("a good request");
    }
    let (mut all, mut rows) = (vec![Vec::new(); requests.len()], 0);
    while generator.active() > 0 {
        generator.let_go_on();
        let unread = |generator: &Generator<Own<'_>>| -> usize {
            generator
                .answers
                .iter()
                .filter(|answer| answer.follows.is_none())
                .map(|answer| answer.unread.len())
                .sum()
        };
        let before = unread(&generator);
        for piece in generator.advance() {
            all[piece.id as usize].extend(piece.told);
        }
        let unstarted: usize = unread(&generator);
        rows += before.saturating_sub(unstarted);
    }
    (all, rows)
}

#[test]
fn what_prompts_share_is_read_once_and_told_only_from_where_it_was_asked_for() {
    let model = model();
    let head = tokens(120);
    let request = |tail: u32| request([&head[..], &[tail, tail + 1, tail + 2]].concat(), 0);
    let whole = Telling { likeliest: Some(2), prompt_from: Some(0) };
    let ends = Telling { likeliest: Some(2), prompt_from: Some(120) };
    let alone: Vec<Vec<Told>> =
        (0..4).map(|tail| told(&mut Generator::new(&model), request(tail * 9), whole).1).collect();
    let four: Vec<(Request, Telling)> = (0..4).map(|tail| (request(tail * 9), ends)).collect();
    let (got, rows) = together(&model, &four);
    for (alone, got) in alone.iter().zip(&got) {
        assert_eq!(alone[119..], got[..], "the bits of the last three tokens");
    }
    // The first reads all 123; each other the one before its own three, and these.
    assert!(rows <= 123 + 3 * 4, "{rows} rows were read");
    // Told of all, nothing may be shared.
    let all: Vec<(Request, Telling)> = four.into_iter().map(|(request, _)| (request, whole)).collect();
    let (got, _) = together(&model, &all);
    assert_eq!(got, alone);
}

#[test]
fn whoever_follows_an_answer_that_leaves_goes_on_without_it() {
    let model = model();
    let telling = Telling { likeliest: Some(0), prompt_from: None };
    let fresh = told(&mut Generator::new(&model), request(tokens(200), 7), telling);
    let mut generator = Generator::new(&model);
    let leader = generator.add_told(request(tokens(220), 1), telling).expect("a good request");
    generator.add_told(request(tokens(200), 7), telling).expect("a good request");
    assert!(generator.answers[1].follows.is_some());
    generator.cancel(leader);
    let (mut count, mut all) = (0, Vec::new());
    while generator.active() > 0 {
        for piece in generator.advance() {
            count = piece.tokens;
            all.extend(piece.told);
        }
    }
    assert_eq!((count, all), fresh);
}
