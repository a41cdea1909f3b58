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
    assert_eq!(portions(&[(1, false), (9, false), (1, false)]), [1, 9, 1]);
    assert_eq!(portions(&[(200, false), (1, false), (100, false), (50, false)]), [200, 1, 55, 0]);
    assert_eq!(portions(&[(600, true), (600, false)]), [64, 192]);
    assert_eq!(portions(&[]), [0; 0]);
}

#[test]
fn what_is_told_of_a_prompt_is_what_is_told_of_an_answer() {
    let model = model();
    let mut generator = Generator::new(&model);
    let telling = Telling { likeliest: Some(3), prompt: false };
    let (count, answer) = told(&mut generator, request(tokens(100), 20), telling);
    assert!(answer.len() == count && answer.iter().all(|told| told.likeliest.len() == 3));
    for told in &answer {
        assert_eq!((told.token, told.log_probability), told.likeliest[0], "greedy takes the likeliest");
    }
    // The same tokens as a prompt, in rounds of 64 rows and without what was kept.
    let whole: Vec<u32> = tokens(100).into_iter().chain(answer.iter().map(|told| told.token)).collect();
    let length = whole.len();
    let telling = Telling { prompt: true, ..telling };
    let (count, all) = told(&mut generator, request(whole, 0), telling);
    assert_eq!((count, all.len()), (0, length - 1));
    assert_eq!(all[99..], answer);
}

#[test]
fn a_prompt_that_goes_on_from_an_earlier_one_is_read_from_there() {
    let model = model();
    let mut generator = Generator::new(&model);
    let telling = Telling { likeliest: Some(0), prompt: false };
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
