//! The share of questions that a model answers exactly right, always taking the likeliest token.

use sinew_infer::{Generator, InferError, Message, Request, Role, Sampling, chat_prompt};
use sinew_model::Model;
use sinew_tensor::Team;

/// A question with one right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub asked: String,
    /// The only right answer.
    pub answer: String,
}

/// Questions that are answered together.
const TOGETHER: usize = 32;
/// An answer that is longer than this is wrong in any case.
const ANSWER_TOKENS: usize = 8;

/// The share of right answers.
pub fn right_share(model: &Model, questions: &[Question], team: &Team) -> Result<f64, InferError> {
    let mut groups: Vec<(&[Question], Result<usize, InferError>)> =
        questions.chunks(TOGETHER).map(|group| (group, Ok(0))).collect();
    team.for_each(&mut groups, |_, (group, right)| *right = count_right(model, group));
    let mut right = 0;
    for (_, count) in groups {
        right += count?;
    }
    Ok(right as f64 / questions.len().max(1) as f64)
}

fn count_right(model: &Model, questions: &[Question]) -> Result<usize, InferError> {
    let mut generator = Generator::new(model);
    for question in questions {
        let message = Message { role: Role::User, text: question.asked.clone() };
        let prompt = chat_prompt(&model.tokenizer, &[message])?;
        let request =
            Request { prompt, sampling: Sampling::GREEDY, tokens_most: ANSWER_TOKENS, stops: vec![] };
        generator.add(request)?;
    }
    let mut texts = vec![String::new(); questions.len()];
    while generator.active() > 0 {
        for piece in generator.advance() {
            let index = usize::try_from(piece.id).expect("ids count from zero");
            texts[index] += &piece.text;
        }
    }
    Ok(texts.iter().zip(questions).filter(|(text, question)| text.trim() == question.answer).count())
}
