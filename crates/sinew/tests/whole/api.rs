//! A client that shows what came back, whatever it was.

use crate::world::PATIENCE;
use serde_json::Value;
use std::io::Read;
use ureq::Agent;

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A server's address and a key.
#[derive(Clone)]
pub(crate) struct Api {
    agent: Agent,
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Api {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).proxy(None);
        // A server that never answers is a failure of the test, not its end.
        let agent = Agent::new_with_config(config.timeout_global(Some(PATIENCE)).build());
        Self { agent, url: url.to_owned(), key: key.to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("the server answers")
    }

    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let request = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        Ok(answer(request.call()?))
    }

    /// What is no text: its status and all its bytes.
    pub(crate) fn get_bytes(&self, path: &str) -> (u16, Vec<u8>) {
        let request = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        let mut response = request.call().expect("the server answers");
        (response.status().as_u16(), response.body_mut().read_to_vec().expect("a whole body"))
    }

    /// The same by a reader of another language.
    pub(crate) fn get_in(&self, language: &str, path: &str) -> Answer {
        let request = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key))
            .header("Accept-Language", language);
        answer(request.call().expect("the server answers"))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        let request = self
            .agent
            .delete(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        answer(request.call().expect("the server answers"))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .agent
            .put(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        answer(request.send(body.to_string()).expect("the server answers"))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .agent
            .patch(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        answer(request.send(body.to_string()).expect("the server answers"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body, None).expect("the server answers")
    }

    pub(crate) fn try_post(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        Ok(answer(request.send(body.to_string())?))
    }

    /// A POST that must be accepted.
    pub(crate) fn must(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "POST {path}: {}", answer.body);
        answer.body
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let mut text = String::new();
    // A body that breaks off is shown as far as it came.
    let _ = response.body_mut().as_reader().read_to_string(&mut text);
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, body }
}
