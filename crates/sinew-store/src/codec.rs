//! From text back to values. The other way is `Value::to_json`, which has one text for each value.
//!
//! Reading takes what that writes, and refuses what two readers could take for different values: floats,
//! integers beyond 64 bits, a field written twice. White space and other spellings of the same text are
//! accepted, so whoever needs the canonical text (a signature does) writes the value again.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use sinew_types::Value;

use crate::error::StoreError;

const SHOWN_CHARS_MOST: usize = 40;
const NOT_AN_INTEGER: &str = "a number is not a 64-bit integer (larger ones are written as text)";

/// Reads the value that a text has. Values may lie 127 deep in each other, so that no text can exhaust the
/// stack.
pub fn from_text(text: &str) -> Result<Value, StoreError> {
    match serde_json::from_str(text) {
        Ok(Read(value)) => Ok(value),
        Err(source) => Err(StoreError::NotAValue { source }),
    }
}

/// Straight from the parser: its own tree would keep the last of two equal fields and say nothing.
struct Read(Value);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Read)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, true, false, a 64-bit integer, text, a list or an object")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Int).map_err(|_| E::custom(NOT_AN_INTEGER))
    }

    /// Integers beyond 64 bits come here as well.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom(NOT_AN_INTEGER))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Read(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(field) = fields.next_key::<String>()? {
            if map.contains_key(&field) {
                let shown: String = field.chars().take(SHOWN_CHARS_MOST).collect();
                return Err(A::Error::custom(format_args!("the field {shown:?} is written twice")));
            }
            let Read(item) = fields.next_value()?;
            map.insert(field, item);
        }
        Ok(Value::Map(map))
    }
}

/// A hash as its text, for the forms that serde writes: `#[serde(with = "hash_text")]`.
pub(crate) mod hash_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use sinew_types::{Hash, Malformed};

    pub(crate) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        // What was found may be as long as the file, so only what was expected is told.
        let refused = |wrong: Malformed| D::Error::custom(format_args!("a hash is not {}", wrong.expected));
        String::deserialize(deserializer)?.parse().map_err(refused)
    }
}

#[cfg(test)]
mod tests;
