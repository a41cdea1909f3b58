//! The form of a conversation, the same in training, at the gate and when served.

use crate::error::InferError;
use sinew_model::{Special, Tokenizer};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What a program puts before a conversation.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// The tokens of a conversation up to where the model is to speak. What a system says stands before the next message of
/// a person, as in the training data.
pub fn chat_prompt(tokenizer: &Tokenizer, messages: &[Message]) -> Result<Vec<u32>, InferError> {
    let mut tokens = vec![tokenizer.special(Special::Begin)];
    let mut preface = String::new();
    let mut say = |speaker: Special, text: &str| -> Result<(), InferError> {
        tokens.push(tokenizer.special(speaker));
        tokens.extend(tokenizer.encode(text)?);
        tokens.push(tokenizer.special(Special::End));
        Ok(())
    };
    for message in messages {
        match message.role {
            Role::System => preface += &format!("{}\n\n", message.text),
            Role::User => say(Special::User, &(std::mem::take(&mut preface) + &message.text))?,
            Role::Assistant => say(Special::Assistant, &message.text)?,
        }
    }
    if !preface.is_empty() {
        say(Special::User, preface.trim_end())?;
    }
    tokens.push(tokenizer.special(Special::Assistant));
    Ok(tokens)
}
