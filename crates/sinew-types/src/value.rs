//! The canonical form: one way to write any of Sinew's values as bytes.
//!
//! Signatures are made over it, the journal keeps it, and snapshots are written in it, so that
//! there is one encoding to document and to check. It is the subset of JSON that RFC 8785 (JCS)
//! writes in one way only: objects with sorted ASCII keys, text, integers, booleans, lists, no
//! white space. Integers beyond ±(2^53 − 1), which JSON readers may round, are written as text.
//! There are no floats. An absent optional field is left out; an unknown field is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// The largest integer that every JSON reader keeps exact (RFC 8785, appendix D).
const MAX_EXACT: i128 = (1 << 53) - 1;

/// Most records of the journal are no longer.
const RECORD_BYTES: usize = 512;

/// A value in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Nothing: only inside lists, because absent fields are left out.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer that every JSON reader keeps exact.
    Int(i64),
    /// Text.
    Text(String),
    /// Values in an order that matters.
    List(Vec<Value>),
    /// Fields by name.
    Map(BTreeMap<String, Value>),
}

/// Why a text or a value is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where in the value, as a path such as `terms.notice_ms`. Empty at the top.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What should have been there.
    pub expected: String,
}

impl Malformed {
    /// Says that `found` stands where `expected` should.
    pub fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: String::new(), found: found.into(), expected: expected.into() }
    }

    /// Adds the field that the wrong value stands in.
    #[must_use]
    pub fn inside(mut self, field: &str) -> Self {
        self.place = if self.place.is_empty() { field.to_owned() } else { format!("{field}.{}", self.place) };
        self
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "`{}` is not {}", self.found, self.expected)
    }
}

impl std::error::Error for Malformed {}

/// A type that has exactly one canonical form.
pub trait Canonical: Sized {
    /// The canonical form of this value.
    fn to_value(&self) -> Value;
    /// Reads the canonical form back, refusing anything that `to_value` would not write.
    fn from_value(value: &Value) -> Result<Self, Malformed>;
}

impl Value {
    /// The canonical bytes, as text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(RECORD_BYTES);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Int(n) => write!(out, "{n}").expect("a text takes all that is written"),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Map(fields) => {
                out.push('{');
                for (at, (key, item)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    item.write(out);
                }
                out.push('}');
            }
        }
    }

    /// A short name of what this is, for messages.
    fn kind(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "an object".to_owned(),
            other => other.to_json(),
        }
    }
}

/// Escapes as RFC 8785 section 3.2.2.2 does: the short forms where JSON has them, `\u00xx` otherwise.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    // Nearly all text has nothing to escape, and is copied whole.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        write_escaped(text, out);
    }
    out.push('"');
}

fn write_escaped(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
}

/// Reads the fields of an object one by one and then insists that none is left over.
pub struct Fields<'a> {
    map: &'a BTreeMap<String, Value>,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// Starts to read an object.
    pub fn of(value: &'a Value) -> Result<Self, Malformed> {
        match value {
            Value::Map(map) => Ok(Self { map, known: BTreeSet::new() }),
            other => Err(Malformed::new(other.kind(), "an object")),
        }
    }

    /// One field; an absent one is read as nothing, which only optional fields accept.
    pub fn take<T: Canonical>(&mut self, field: &'static str) -> Result<T, Malformed> {
        self.known.insert(field);
        T::from_value(self.map.get(field).unwrap_or(&Value::Null)).map_err(|wrong| wrong.inside(field))
    }

    /// Refuses what nobody asked for.
    pub fn finish(self) -> Result<(), Malformed> {
        match self.map.keys().find(|key| !self.known.contains(key.as_str())) {
            Some(unknown) => Err(Malformed::new(unknown.clone(), "a known field")),
            None => Ok(()),
        }
    }
}

/// Adds a field to an object unless it is absent.
pub fn put(map: &mut BTreeMap<String, Value>, field: &str, value: Value) {
    if value != Value::Null {
        map.insert(field.to_owned(), value);
    }
}

/// Gives a struct its canonical form: an object with the named fields, all of them.
#[macro_export]
macro_rules! canonical_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::Canonical for $name {
            fn to_value(&self) -> $crate::Value {
                let Self { $($field),* } = self;
                let mut map = std::collections::BTreeMap::new();
                $($crate::value::put(&mut map, stringify!($field), $crate::Canonical::to_value($field));)*
                $crate::Value::Map(map)
            }
            fn from_value(value: &$crate::Value) -> Result<Self, $crate::Malformed> {
                let mut fields = $crate::value::Fields::of(value)?;
                let made = Self { $($field: fields.take(stringify!($field))?),* };
                fields.finish()?;
                Ok(made)
            }
        }
    };
}

/// Gives an enum its canonical form: an object whose field `is` names the variant.
#[macro_export]
macro_rules! canonical_enum {
    ($name:ident { $($variant:ident = $tag:literal { $($field:ident),* $(,)? }),* $(,)? }) => {
        impl $crate::Canonical for $name {
            fn to_value(&self) -> $crate::Value {
                let mut map = std::collections::BTreeMap::new();
                match self {
                    $(Self::$variant { $($field),* } => {
                        map.insert("is".to_owned(), $crate::Value::Text($tag.to_owned()));
                        $($crate::value::put(&mut map, stringify!($field), $crate::Canonical::to_value($field));)*
                    })*
                }
                $crate::Value::Map(map)
            }
            fn from_value(value: &$crate::Value) -> Result<Self, $crate::Malformed> {
                let mut fields = $crate::value::Fields::of(value)?;
                let tag: String = fields.take("is")?;
                let made = match tag.as_str() {
                    $($tag => Self::$variant { $($field: fields.take(stringify!($field))?),* },)*
                    other => {
                        let known = [$($tag),*].join(", ");
                        return Err($crate::Malformed::new(other, format!("one of {known}")).inside("is"));
                    }
                };
                fields.finish()?;
                Ok(made)
            }
        }
    };
}

/// Gives a type the canonical form of its text, through `Display` and `FromStr`.
#[macro_export]
macro_rules! canonical_text {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::Canonical for $name {
            fn to_value(&self) -> $crate::Value {
                $crate::Value::Text(self.to_string())
            }
            fn from_value(value: &$crate::Value) -> Result<Self, $crate::Malformed> {
                match value {
                    $crate::Value::Text(text) => text.parse(),
                    other => Err($crate::Malformed::new(other.to_json(), "text")),
                }
            }
        }
    )*};
}

fn integer(n: i128) -> Value {
    match i64::try_from(n) {
        Ok(small) if n.abs() <= MAX_EXACT => Value::Int(small),
        _ => Value::Text(n.to_string()),
    }
}

fn read_integer(value: &Value) -> Result<i128, Malformed> {
    match value {
        Value::Int(n) if i128::from(*n).abs() <= MAX_EXACT => Ok(i128::from(*n)),
        Value::Text(digits) => match digits.parse::<i128>() {
            Ok(n) if n.abs() > MAX_EXACT && n.to_string() == *digits => Ok(n),
            _ => Err(Malformed::new(digits.clone(), "an integer")),
        },
        other => Err(Malformed::new(other.kind(), "an integer")),
    }
}

macro_rules! canonical_integers {
    ($($name:ty),*) => {$(
        impl Canonical for $name {
            fn to_value(&self) -> Value {
                integer(i128::from(*self))
            }
            fn from_value(value: &Value) -> Result<Self, Malformed> {
                let n = read_integer(value)?;
                Self::try_from(n).map_err(|_| Malformed::new(n.to_string(), concat!("in the range of ", stringify!($name))))
            }
        }
    )*};
}
canonical_integers!(u8, u32, i32, u64, i64, i128);

impl Canonical for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::Bool(yes) => Ok(*yes),
            other => Err(Malformed::new(other.kind(), "true or false")),
        }
    }
}

impl Canonical for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => Err(Malformed::new(other.kind(), "text")),
        }
    }
}

/// Shared or not is no part of a value.
impl<T: Canonical> Canonical for std::sync::Arc<T> {
    fn to_value(&self) -> Value {
        T::to_value(self)
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        T::from_value(value).map(Self::new)
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        if *value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: Canonical> Canonical for Box<T> {
    fn to_value(&self) -> Value {
        T::to_value(self)
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        T::from_value(value).map(Self::new)
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let Value::List(items) = value else { return Err(Malformed::new(value.kind(), "a list")) };
        let read = |(at, item)| T::from_value(item).map_err(|wrong| wrong.inside(&at_text(at)));
        items.iter().enumerate().map(read).collect()
    }
}

fn at_text(at: usize) -> String {
    format!("[{at}]")
}

impl<T: Canonical + Ord> Canonical for BTreeSet<T> {
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        Ok(Vec::<T>::from_value(value)?.into_iter().collect())
    }
}

/// Maps are lists of pairs in the keys' order, because keys need not be text.
impl<K: Canonical + Ord, V: Canonical> Canonical for BTreeMap<K, V> {
    fn to_value(&self) -> Value {
        Value::List(
            self.iter().map(|(key, item)| Value::List(vec![key.to_value(), item.to_value()])).collect(),
        )
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        Ok(Vec::<(K, V)>::from_value(value)?.into_iter().collect())
    }
}

impl<A: Canonical, B: Canonical> Canonical for (A, B) {
    fn to_value(&self) -> Value {
        Value::List(vec![self.0.to_value(), self.1.to_value()])
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::List(pair) if pair.len() == 2 => Ok((A::from_value(&pair[0])?, B::from_value(&pair[1])?)),
            other => Err(Malformed::new(other.kind(), "a pair")),
        }
    }
}
