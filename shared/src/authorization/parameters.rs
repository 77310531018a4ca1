//! The parameters of an OAuth 2.0 request.

use std::collections::{BTreeMap, BTreeSet};

/// The parameters of a query or a form, decoded. An empty one counts as missing (RFC 6749 §3.1).
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
}

impl Parameters {
    /// Reads a query, or the body of a form.
    pub fn read(encoded: &[u8]) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(encoded).into_owned() {
            if value.is_empty() {
                continue;
            }
            if parameters.values.insert(name.clone(), value).is_some() {
                parameters.repeated.insert(name);
            }
        }
        parameters
    }

    /// A parameter that was sent once.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).filter(|_| !self.repeated.contains(name)).map(String::as_str)
    }

    /// The parameters that were sent once, as a form, without some.
    pub(super) fn encode_without(&self, left_out: &[&str]) -> String {
        let kept = self.values.iter().filter(|(name, _)| !left_out.contains(&name.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }

    /// Whether a parameter was sent more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.contains(name)
    }

    /// The words of a parameter, which are separated by spaces.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).unwrap_or_default().split(' ').filter(|word| !word.is_empty())
    }
}
