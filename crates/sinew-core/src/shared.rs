//! A map whose copies share everything until one of them writes.

use imbl::{OrdMap, Vector};
use sinew_types::{Canonical, Malformed, Value};
use std::collections::BTreeMap;
use std::ops::Index;
use std::sync::Arc;

/// A map in the order of its keys. A copy takes no time, and a write in it copies a few nodes and the one value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared<K: Ord + Clone, V: Clone>(OrdMap<K, Arc<V>>);

impl<K: Ord + Clone, V: Clone> Default for Shared<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone, V: Clone> Shared<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// The value of a key, to be changed.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key).map(Arc::make_mut)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, Arc::new(value));
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<Arc<V>> {
        self.0.remove(key)
    }

    /// Whether there is a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.keys()
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value.as_ref())
    }
}

impl<K: Ord + Clone, V: Clone> Index<&K> for Shared<K, V> {
    type Output = V;
    fn index(&self, key: &K) -> &V {
        &self.0[key]
    }
}

impl<K: Canonical + Ord + Clone, V: Canonical + Clone> Canonical for Shared<K, V> {
    /// As any other map.
    fn to_value(&self) -> Value {
        let pair = |(key, item): (&K, &V)| Value::List(vec![key.to_value(), item.to_value()]);
        Value::List(self.iter().map(pair).collect())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let map = BTreeMap::<K, V>::from_value(value)?;
        Ok(Self(map.into_iter().map(|(key, item)| (key, Arc::new(item))).collect()))
    }
}

/// A list that only grows, and whose copies share everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records<T: Clone>(Vector<T>);

impl<T: Clone> Default for Records<T> {
    fn default() -> Self {
        Self(Vector::new())
    }
}

impl<T: Clone> Records<T> {
    pub(crate) fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T: Canonical + Clone> Canonical for Records<T> {
    /// As any other list.
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        Ok(Self(Vec::<T>::from_value(value)?.into_iter().collect()))
    }
}
