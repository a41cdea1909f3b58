//! `sinew chat`: a conversation in the terminal, with the API that every OpenAI client uses.

use crate::client::Client;
use crate::context::Context;
use crate::error::CliError;
use crate::print;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

const AFTER_HELP: &str = "\
Examples:
  sinew chat                                   with the first model that is served
  sinew chat chat-nano@1 --temperature 0
  sinew chat --say 'What is 17+25?'            one question, one answer";

/// What `sinew chat` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ChatArgs {
    /// The model [default: the first that is served]
    model: Option<String>,
    /// Say this, print the answer, and end
    #[arg(long, value_name = "TEXT")]
    say: Option<String>,
    /// How freely words are chosen; 0 always takes the likeliest
    #[arg(long)]
    temperature: Option<f64>,
    /// The most tokens of an answer
    #[arg(long)]
    max_tokens: Option<u32>,
    /// The same seed gives the same answer
    #[arg(long)]
    seed: Option<u64>,
}

/// Talks until the input ends.
pub(crate) fn run(context: &Context, args: &ChatArgs) -> Result<()> {
    let client = context.client()?;
    let model = match &args.model {
        Some(model) => model.clone(),
        None => first_model(&client)?,
    };
    let mut chat = Chat { client, args, model, messages: Vec::new() };
    if let Some(text) = &args.say {
        return if context.json { chat.answer_whole(text) } else { chat.answer(text) };
    }
    let watched = io::stdin().is_terminal() && io::stdout().is_terminal();
    if watched {
        print::note(context.words.chat_opens(&chat.model));
    }
    converse(&mut chat, watched)
}

fn converse(chat: &mut Chat<'_>, watched: bool) -> Result<()> {
    let mut lines = io::stdin().lock().lines();
    loop {
        if watched {
            print::bytes(b"> ")?;
        }
        let Some(line) = lines.next() else { return Ok(()) };
        match line?.trim() {
            "" => {}
            "/new" => chat.messages.clear(),
            "/bye" => return Ok(()),
            text => match chat.answer(text) {
                // A question that was refused does not end a conversation that a person is having.
                Err(error) if watched && is_refusal(&error) => print::note(format_args!("sinew: {error:#}")),
                other => other?,
            },
        }
    }
}

fn is_refusal(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CliError::Refused { .. } | CliError::Server { .. }))
}

fn first_model(client: &Client) -> Result<String> {
    let list: Value = client.get("/v1/models")?;
    let first = list["data"][0]["id"].as_str().map(str::to_owned);
    let none =
        "no model is served: `sinew release ls` shows releases, `sinew serve MODEL@VERSION` serves one";
    first.ok_or_else(|| CliError::Usage(none.to_owned()).into())
}

struct Chat<'a> {
    client: Client,
    args: &'a ChatArgs,
    model: String,
    messages: Vec<Value>,
}

impl Chat<'_> {
    fn request(&self, stream: bool) -> Value {
        let mut request = json!({ "model": self.model, "messages": self.messages, "stream": stream });
        let options = [
            ("temperature", self.args.temperature.map(Value::from)),
            ("max_tokens", self.args.max_tokens.map(Value::from)),
            ("seed", self.args.seed.map(Value::from)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                request[name] = value;
            }
        }
        request
    }

    /// Asks for the whole answer at once and prints it as it came.
    fn answer_whole(&mut self, text: &str) -> Result<()> {
        self.messages.push(json!({ "role": "user", "content": text }));
        let answer: Value = self.client.post("/v1/chat/completions", &self.request(false))?;
        Ok(print::json(&answer)?)
    }

    /// Prints the answer as it comes, and remembers both sides.
    fn answer(&mut self, text: &str) -> Result<()> {
        self.messages.push(json!({ "role": "user", "content": text }));
        let answered = self.stream();
        match &answered {
            Ok(content) => self.messages.push(json!({ "role": "assistant", "content": content })),
            Err(_) => drop(self.messages.pop()),
        }
        answered.map(drop)
    }

    fn stream(&self) -> Result<String> {
        let path = "/v1/chat/completions";
        let mut response = self.client.post_open(path, &self.request(true))?;
        let broken = |source: anyhow::Error| CliError::Answer {
            server: self.client.server().to_owned(),
            path: path.to_owned(),
            source,
        };
        let mut content = String::new();
        let mut done = false;
        for line in BufReader::new(response.body_mut().as_reader()).lines() {
            let line = line.map_err(|error| broken(error.into()))?;
            let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
            if data == "[DONE]" {
                done = true;
                break;
            }
            let piece = piece(data).map_err(broken)?;
            print::bytes(piece.as_bytes())?;
            content.push_str(&piece);
        }
        print::line("")?;
        io::stdout().flush()?;
        if done {
            Ok(content)
        } else {
            Err(broken(anyhow::anyhow!("the answer broke off: ask again")).into())
        }
    }
}

/// The text of one chunk, or the error that it says.
fn piece(data: &str) -> Result<String> {
    let chunk: Value = serde_json::from_str(data)?;
    if let Some(message) = chunk["error"]["message"].as_str() {
        anyhow::bail!("{message}");
    }
    Ok(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests;
