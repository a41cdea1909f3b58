//! Texts that end an answer: what could be their start is held back until it is certain.

/// Lets text through up to the first of some endings.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopFilter {
    endings: Vec<String>,
    held: String,
}

impl StopFilter {
    pub(crate) fn new(endings: Vec<String>) -> StopFilter {
        StopFilter {
            endings: endings.into_iter().filter(|ending| !ending.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// Takes text; returns what may be shown now and whether an ending was met.
    pub(crate) fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        let met = self.endings.iter().filter_map(|ending| self.held.find(ending)).min();
        if let Some(place) = met {
            self.held.truncate(place);
            return (std::mem::take(&mut self.held), true);
        }
        let kept = self.endings.iter().map(|ending| overlap(&self.held, ending)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back when the answer ended otherwise.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// How many bytes at the end of `text` are the start of `ending`.
fn overlap(text: &str, ending: &str) -> usize {
    let starts = ending.char_indices().map(|(place, letter)| place + letter.len_utf8());
    starts.filter(|length| text.ends_with(&ending[..*length])).max().unwrap_or(0)
}
