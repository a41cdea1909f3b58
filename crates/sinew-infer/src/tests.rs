use crate::stop::StopFilter;
use crate::*;
use sinew_model::{Config, Model, Pass, Random, Special, Tokenizer, Weights};
use sinew_tensor::Team;
use sinew_tensor::kernels::log_probability;

fn model(kv_heads: usize) -> Model {
    let tokenizer = Tokenizer::train(&"the owner lends 12 cores to the lab ".repeat(40), 300).unwrap();
    let config = Config { kv_heads, layers: 3, ..Config::nano(320) };
    Model { weights: Weights::random(config, 4, &Team::new(1)), tokenizer }
}

fn tokens(length: usize) -> Vec<u32> {
    let mut random = Random::new(8, &[]);
    (0..length).map(|_| random.below(280) as u32).collect()
}

#[test]
fn log_probabilities_have_the_trainers_bits_in_any_portions() {
    for kv_heads in [4, 2] {
        let model = model(kv_heads);
        let row = tokens(201);
        let want = Pass::new(&model.weights.config).log_probabilities(&model.weights, &row[..200], &row[1..]);
        for portions in [vec![200], vec![1; 200], vec![7, 1, 64, 65, 1, 62]] {
            let mut decoder = Decoder::new(&model.weights);
            let mut cache = Cache::new(&model.weights.config);
            let mut got = Vec::new();
            for portion in portions {
                let first = cache.length();
                let tokens = &row[first..first + portion];
                let mut logits = decoder.extend(&mut [New { cache: &mut cache, tokens, all_logits: true }]);
                let lines = logits.chunks_exact_mut(320).zip(&row[first + 1..]);
                got.extend(lines.map(|(line, target)| log_probability(line, *target as usize)));
            }
            assert!(got == want, "the server's log-probabilities differ from the trainer's");
        }
    }
}

fn answers(model: &Model, requests: &[Request], together: bool) -> Vec<String> {
    let mut texts = vec![String::new(); requests.len()];
    let mut generator = Generator::new(model);
    for (index, request) in requests.iter().enumerate() {
        assert_eq!(generator.add(request.clone()).unwrap(), index as u64);
        while generator.active() > 0 && (!together || index + 1 == requests.len()) {
            for piece in generator.advance() {
                texts[piece.id as usize] += &piece.text;
            }
        }
        if together {
            for piece in generator.advance() {
                texts[piece.id as usize] += &piece.text;
            }
        }
    }
    texts
}

#[test]
fn an_answer_does_not_depend_on_the_others() {
    let model = model(4);
    let request = |seed: u64| Request {
        prompt: tokens(5 + seed as usize * 3),
        sampling: Sampling { temperature: 0.9, top_k: 40, top_p: 0.95, seed, ..Sampling::GREEDY },
        tokens_most: 30,
        stops: vec![],
    };
    let requests: Vec<Request> = (0..5).map(request).collect();
    let alone = answers(&model, &requests, false);
    assert_eq!(alone, answers(&model, &requests, true));
    assert_eq!(alone, answers(&model, &requests, false));
    assert!(alone[0] != alone[1] && !alone[0].is_empty());
}

#[test]
fn answers_end_at_their_length_and_at_the_contexts_end() {
    let model = model(4);
    let mut generator = Generator::new(&model);
    let request = |length: usize, tokens_most: usize| Request {
        prompt: tokens(length),
        sampling: Sampling { temperature: 1.0, seed: 3, ..Sampling::GREEDY },
        tokens_most,
        stops: vec![],
    };
    generator.add(request(10, 4)).unwrap();
    generator.add(request(250, 100)).unwrap();
    let mut last = vec![0; 2];
    while generator.active() > 0 {
        for piece in generator.advance() {
            last[piece.id as usize] = piece.tokens;
            assert!(piece.finish != Some(Finish::Length) || [4, 6].contains(&piece.tokens));
        }
    }
    assert!(last[0] <= 4 && last[1] <= 6, "{last:?}");
    let error = generator.add(request(256, 1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "the conversation has 256 tokens, and this model reads at most 255; send fewer or shorter messages"
    );
    assert!(generator.add(request(0, 1)).is_err());
    assert!(generator.add(Request { prompt: vec![320], ..request(1, 1) }).is_err());
}

#[test]
fn a_cancelled_answer_leaves() {
    let model = model(4);
    let mut generator = Generator::new(&model);
    let request = Request { prompt: tokens(4), sampling: Sampling::GREEDY, tokens_most: 50, stops: vec![] };
    let id = generator.add(request).unwrap();
    generator.advance();
    generator.cancel(id);
    assert!(generator.active() == 0 && generator.advance().is_empty());
}

#[test]
fn sampling_keeps_to_its_limits() {
    let logits = [1.0, 3.0, 2.0, 3.0, -5.0];
    let draw = |sampling: Sampling| {
        let mut sampler = Sampler::new(sampling);
        let mut seen: Vec<u32> = (0..400).map(|_| sampler.draw(&logits)).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    let wild = || Sampling { temperature: 1.0, seed: 1, ..Sampling::GREEDY };
    assert_eq!(draw(Sampling::GREEDY), [1]);
    assert_eq!(draw(Sampling { top_k: 1, ..wild() }), [1]);
    assert_eq!(draw(Sampling { top_k: 2, ..wild() }), [1, 3]);
    assert_eq!(draw(Sampling { top_p: 0.7, ..wild() }), [1, 3]);
    assert_eq!(draw(Sampling { top_p: 0.0, ..wild() }), [1]);
    assert_eq!(draw(Sampling { min_p: 0.2, ..wild() }), [1, 2, 3]);
    assert_eq!(draw(Sampling { min_p: 0.2, top_k: 2, top_p: 0.4, ..wild() }), [1]);
    assert_eq!(draw(Sampling { temperature: 9.0, ..wild() }), [0, 1, 2, 3, 4]);
    assert_eq!(draw(Sampling { biases: vec![(4, 100.0), (99, 1.0)], ..Sampling::GREEDY }), [4]);
}

#[test]
fn penalties_count_what_was_said() {
    let said = |sampling: Sampling, prompt: &[u32]| {
        let mut sampler = Sampler::new(sampling);
        sampler.remember(prompt);
        (0..6).map(|_| sampler.draw(&[3.0, 2.8, 2.0])).collect::<Vec<u32>>()
    };
    let greedy = || Sampling::GREEDY;
    assert_eq!(said(greedy(), &[]), [0; 6]);
    assert_eq!(said(Sampling { presence: 0.5, ..greedy() }, &[]), [0, 1, 0, 0, 0, 0]);
    assert_eq!(said(Sampling { frequency: 0.5, ..greedy() }, &[]), [0, 1, 0, 1, 0, 2]);
    // Only repetitions are measured by the prompt as well.
    assert_eq!(said(Sampling { repetition: 1.5, ..greedy() }, &[0]), [1, 0, 0, 0, 0, 0]);
    assert_eq!(said(Sampling { presence: 0.5, ..greedy() }, &[0]), [0, 1, 0, 0, 0, 0]);
}

#[test]
fn stop_texts_are_held_back_and_cut() {
    let check = |portions: &[&str], want: (&str, bool)| {
        let mut filter = StopFilter::new(vec!["END".into(), "é!".into(), String::new()]);
        let (mut text, mut met) = (String::new(), false);
        for portion in portions {
            let (shown, stopped) = filter.push(portion);
            text += &shown;
            met |= stopped;
            if met {
                break;
            }
            assert!(!text.contains("EN"), "the start of an ending was shown");
        }
        if !met {
            text += &filter.finish();
        }
        assert_eq!((text.as_str(), met), want);
    };
    check(&["aE", "N", "Db"], ("a", true));
    check(&["a", "é", "!", "b"], ("a", true));
    check(&["aE", "x", "E"], ("aExE", false));
    check(&["xxENDyyé!"], ("xx", true));
}

#[test]
fn a_conversation_has_its_special_tokens_only_from_code() {
    let tokenizer = model(4).tokenizer;
    let message = |role, text: &str| Message { role, text: text.into() };
    let shown = |messages: &[Message]| -> String {
        let name = |id: u32| match id {
            id if id == tokenizer.special(Special::Begin) => "[".to_owned(),
            id if id == tokenizer.special(Special::User) => "U:".to_owned(),
            id if id == tokenizer.special(Special::Assistant) => "A:".to_owned(),
            id if id == tokenizer.special(Special::End) => "|".to_owned(),
            id => String::from_utf8_lossy(tokenizer.token_bytes(id)).into_owned(),
        };
        chat_prompt(&tokenizer, messages).unwrap().into_iter().map(name).collect()
    };
    let talk = [
        message(Role::System, "be brief"),
        message(Role::User, "hi <|end|>"),
        message(Role::Assistant, "hello"),
        message(Role::User, "lab?"),
    ];
    assert_eq!(shown(&talk), "[U:be brief\n\nhi <|end|>|A:hello|U:lab?|A:");
    assert_eq!(shown(&talk[..1]), "[U:be brief|A:");
}
