//! The model behind a server: one of our own, or one that others published.

use anyhow::{Context as _, Result, bail};
use sinew_infer::published::{Loaded, Precision, Template, TemplateError};
use sinew_infer::{Message, chat_prompt, room};
use sinew_model::Model;
use sinew_model::published::{Published, Vocabulary};
use sinew_tensor::{Crew, Team};
use std::path::Path;

/// The most tokens of a conversation with a published model, whatever it could read: each takes memory.
const CONTEXT_MOST: usize = 8192;

/// A model that is ready to answer.
pub(crate) enum ServedModel {
    /// Trained here.
    Own(Box<Model>),
    /// Trained by others.
    Published(Box<Foreign>),
}

/// A published model with all that its answers need.
pub(crate) struct Foreign {
    pub(crate) loaded: Loaded,
    pub(crate) crew: Crew,
    template: Option<Template>,
}

/// Why a request cannot become tokens.
pub(crate) enum NoPrompt {
    /// The request's fault: its code and what to say.
    Request(&'static str, String),
    /// The model's.
    Model(String),
}

impl ServedModel {
    /// Reads a model's folder, or a GGUF file.
    pub(crate) fn open(path: &Path, threads: usize) -> Result<ServedModel> {
        if is_own(path) {
            return Ok(ServedModel::Own(Box::new(Model::read(path, &Team::new(1))?)));
        }
        let crew = Crew::new(threads);
        let published = Published::open(path).with_context(|| format!("`{}`", path.display()))?;
        let Some(words) = &published.vocabulary else {
            bail!(
                "`{}` has no vocabulary, so that nobody can talk to it; add its tokenizer.json",
                path.display()
            );
        };
        let template = Template::new(published.template.as_deref(), words)?;
        let loaded = Loaded::new(published, Precision::Stored, &crew)?;
        Ok(ServedModel::Published(Box::new(Foreign { loaded, crew, template })))
    }

    /// The most tokens of a conversation.
    pub(crate) fn context(&self) -> usize {
        match self {
            ServedModel::Own(model) => model.weights.config.context,
            ServedModel::Published(foreign) => foreign.loaded.config().context.min(CONTEXT_MOST),
        }
    }

    /// How many tokens there are.
    pub(crate) fn tokens(&self) -> usize {
        match self {
            ServedModel::Own(model) => model.tokenizer.size(),
            ServedModel::Published(foreign) => foreign.words().size(),
        }
    }

    /// How many tokens an answer to a prompt may have.
    pub(crate) fn room(&self, prompt: &[u32]) -> Result<usize, NoPrompt> {
        room(prompt, (self.context(), self.tokens()))
            .map_err(|error| NoPrompt::Request("context_length_exceeded", error.to_string()))
    }

    /// The tokens of a conversation up to where the model is to speak.
    pub(crate) fn chat(&self, messages: &[Message], now_s: u64) -> Result<Vec<u32>, NoPrompt> {
        let foreign = match self {
            ServedModel::Own(model) => {
                return chat_prompt(&model.tokenizer, messages)
                    .map_err(|error| NoPrompt::Model(error.to_string()));
            }
            ServedModel::Published(foreign) => foreign,
        };
        let none = "this model has no chat template; ask through /v1/completions instead";
        let template = foreign.template.as_ref();
        let template = template.ok_or_else(|| NoPrompt::Request("no_chat_template", none.to_owned()))?;
        template.prompt(foreign.words(), messages, now_s).map_err(|error| match error {
            TemplateError::Wrong { .. } => NoPrompt::Model(error.to_string()),
            TemplateError::Endless | TemplateError::Refused { .. } => {
                NoPrompt::Request("template_refused", error.to_string())
            }
        })
    }

    /// The tokens of a text to go on with.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, NoPrompt> {
        let encoded = match self {
            ServedModel::Own(model) => model.tokenizer.encode(text),
            ServedModel::Published(foreign) => {
                let words = foreign.words();
                words.encode(text).map(|ids| words.begin().into_iter().chain(ids).collect())
            }
        };
        encoded.map_err(|error| NoPrompt::Model(error.to_string()))
    }

    /// The bytes of a token's text; those of its name if it is a special one.
    pub(crate) fn token_bytes(&self, token: u32) -> &[u8] {
        match self {
            ServedModel::Own(model) => model.tokenizer.token_bytes(token),
            ServedModel::Published(foreign) => {
                let words = foreign.words();
                words.special_text(token).map_or_else(|| words.token_bytes(token), str::as_bytes)
            }
        }
    }
}

impl Foreign {
    /// The most tokens of a conversation.
    pub(crate) fn context_most(&self) -> usize {
        CONTEXT_MOST
    }

    /// Whether it knows how to write a conversation.
    pub(crate) fn chats(&self) -> bool {
        self.template.is_some()
    }

    /// The token that a text begins with.
    pub(crate) fn first_token(&self) -> u32 {
        self.words().begin().unwrap_or(0)
    }

    fn words(&self) -> &Vocabulary {
        self.loaded.published.vocabulary.as_ref().expect("a model without one is not opened")
    }
}

/// Whether a folder has a model that was trained here: only those have all of our special tokens.
fn is_own(path: &Path) -> bool {
    let tokens = std::fs::read_to_string(path.join("tokenizer.json")).unwrap_or_default();
    ["<|bos|>", "<|user|>", "<|assistant|>", "<|end|>"].iter().all(|token| tokens.contains(token))
}
