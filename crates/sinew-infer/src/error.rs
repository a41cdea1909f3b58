//! Why a request cannot be answered.

use sinew_model::ModelError;

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The prompt leaves no room for an answer.
    #[error(
        "the conversation has {tokens} tokens, and this model reads at most {most}; send fewer or shorter messages"
    )]
    TooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// The most that leave room for an answer.
        most: usize,
    },
    /// There is nothing to continue.
    #[error("the prompt has no tokens; send at least one message")]
    Empty,
    /// A token that the model does not have.
    #[error(
        "token {token} is outside the vocabulary of {vocabulary}; encode the text with this model's tokenizer"
    )]
    Token {
        /// The token.
        token: u32,
        /// The size of the vocabulary.
        vocabulary: usize,
    },
    /// The tokenizer.
    #[error(transparent)]
    Model(#[from] ModelError),
}
