//! How a published model wants a conversation written: its Jinja template, with what Hugging Face adds to Jinja.
//!
//! A template comes from strangers. It gets fuel, which loops and texts that grow use up, and no way to files.

use crate::chat::{Message, Role};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind};
use sinew_model::published::Vocabulary;

/// Steps and bytes that writing one conversation may take.
const FUEL: u64 = 2_000_000;
/// The longest template.
const BYTES_MOST: usize = 1 << 18;
/// For models that mark turns and have no template.
const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
/// The name under which the template is kept.
const NAME: &str = "chat";

/// Why a conversation could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template is not one.
    #[error("the model's chat template cannot be used: {reason}")]
    Wrong {
        /// What is wrong with it.
        reason: String,
    },
    /// The template does not end, or writes without end.
    #[error("the model's chat template loops or writes too much; ask through /v1/completions instead")]
    Endless,
    /// The template refuses this conversation.
    #[error("the model's chat template refuses this conversation: {reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
}

/// A template that was read.
pub struct Template {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl Template {
    /// The template of a model; none if it has none and marks no turns.
    pub fn new(text: Option<&str>, words: &Vocabulary) -> Result<Option<Template>, TemplateError> {
        let marks_turns = || words.special_id("<|im_start|>").is_some();
        let text = match text {
            Some(text) => text,
            None if marks_turns() => CHATML,
            None => return Ok(None),
        };
        if text.len() > BYTES_MOST {
            let reason = format!("it has {} bytes, more than {BYTES_MOST}", text.len());
            return Err(TemplateError::Wrong { reason });
        }
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(wrong)?);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("tojson", tojson);
        environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment.add_template_owned(NAME, without_marks(text)).map_err(wrong)?;
        let text_of =
            |id: Option<u32>| id.and_then(|id| words.special_text(id)).unwrap_or_default().to_owned();
        let end = text_of(words.ends().first().copied());
        Ok(Some(Template { environment, begin: text_of(words.begin()), end }))
    }

    /// The tokens of a conversation up to where the model is to speak; `now_s` are the seconds since 1970 for templates
    /// that write the date. Nobody can spell a special token.
    pub fn prompt(
        &self,
        words: &Vocabulary,
        messages: &[Message],
        now_s: u64,
    ) -> Result<Vec<u32>, TemplateError> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                let role = match message.role {
                    Role::System => "system",
                    Role::User => "user",
                    Role::Assistant => "assistant",
                };
                minijinja::context! { role, content => words.harmless(&message.text) }
            })
            .collect();
        let clock = Value::from_function(move |form: String| strftime(&form, now_s));
        let context = minijinja::context! {
            messages, add_generation_prompt => true, bos_token => self.begin.as_str(), eos_token => self.end.as_str(),
            strftime_now => clock,
        };
        let template = self.environment.get_template(NAME).map_err(wrong)?;
        let text = template.render(context).map_err(|error| match error.kind() {
            ErrorKind::OutOfFuel => TemplateError::Endless,
            _ => TemplateError::Refused { reason: sentence(&error) },
        })?;
        words.encode_marked(&text).map_err(|error| TemplateError::Wrong { reason: error.to_string() })
    }
}

fn wrong(error: Error) -> TemplateError {
    TemplateError::Wrong { reason: sentence(&error) }
}

fn sentence(error: &Error) -> String {
    error.detail().map_or_else(|| error.to_string(), str::to_owned)
}

/// `{% generation %}` marks what the model says for those who train it. Here it is a block that is always there.
fn without_marks(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{%") {
        made.push_str(before);
        made.push_str("{%");
        let inner = after.split_once("%}").map_or(after, |(inner, _)| inner);
        rest = &after[inner.len()..];
        let word = inner.trim_matches(|letter: char| letter.is_whitespace() || "+-".contains(letter));
        match word {
            "generation" => made.push_str(&inner.replace(word, "if true")),
            "endgeneration" => made.push_str(&inner.replace(word, "endif")),
            _ => made.push_str(inner),
        }
    }
    made + rest
}

/// JSON as Python writes it: a space after commas and colons, and no letter escaped that need not be.
fn tojson(value: Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let bad = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let json = serde_json::to_value(&value).map_err(bad)?;
    let Some(indent) = indent else { return Ok(in_one_line(&json)) };
    let mut bytes = Vec::new();
    let spaces = " ".repeat(indent.min(16));
    let form = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, form);
    serde::Serialize::serialize(&json, &mut writer).map_err(bad)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn in_one_line(json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match json {
        Json::Array(list) => {
            format!("[{}]", list.iter().map(in_one_line).collect::<Vec<_>>().join(", "))
        }
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| {
                format!("{}: {}", Json::from(key.as_str()), in_one_line(value))
            };
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// A moment (UTC) in the form that a template asks for; letters that no template uses stay as they are.
fn strftime(form: &str, now_s: u64) -> String {
    let (days, second) = (now_s / 86_400, now_s % 86_400);
    let (year, month, day) = date_of(days);
    let (name, weekday) = (MONTHS[month - 1], DAYS[(days % 7) as usize]);
    let mut text = String::new();
    let mut letters = form.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('Y') => text += &year.to_string(),
            Some('y') => text += &format!("{:02}", year % 100),
            Some('m') => text += &format!("{month:02}"),
            Some('B') => text += name,
            Some('b') => text += &name[..3],
            Some('d') => text += &format!("{day:02}"),
            Some('A') => text += weekday,
            Some('a') => text += &weekday[..3],
            Some('H') => text += &format!("{:02}", second / 3600),
            Some('M') => text += &format!("{:02}", second / 60 % 60),
            Some('S') => text += &format!("{:02}", second % 60),
            Some('%') | None => text.push('%'),
            Some(other) => text.extend(['%', other]),
        }
    }
    text
}

/// Year, month and day of so many days since 1970-01-01.
fn date_of(days: u64) -> (u64, usize, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 400 years have 146,097 days; the rest is counted.
    let (mut year, mut left) = (1970 + days / 146_097 * 400, days % 146_097);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    (year, month + 1, left + 1)
}

#[cfg(test)]
mod tests;
