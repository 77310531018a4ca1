//! Environment variables, and how a section of the settings reads them.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

/// Environment variables, as a value: `cargo run` and the tests make their own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        // A variable that is not UTF-8 cannot be ours.
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// The value of a variable, without spaces around it. An empty one counts as absent, since
    /// templates cannot leave one out.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Sets `name`.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets `name` if it is absent or empty.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(variables: T) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The kind of deployment. Some bounds are tighter in production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Development, on a laptop.
    Dev,
    /// Staging, to rehearse for production.
    Staging,
    /// Production.
    #[default]
    Prod,
}

impl Stage {
    /// The minimum of a duration in seconds: `prod` in production, otherwise 1, so that tests and
    /// demonstrations can be quick.
    pub fn at_least(self, prod: i64) -> i64 {
        if self == Self::Prod { prod } else { 1 }
    }
}

impl FromStr for Stage {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "dev" => Ok(Self::Dev),
            "staging" => Ok(Self::Staging),
            "prod" => Ok(Self::Prod),
            _ => Err(()),
        }
    }
}

/// A setting, as the section that reads it describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// The text that is read if the variable is not set, if there is one.
    pub default: Option<String>,
    /// The minimum and maximum of a number, in production.
    pub bounds: Option<(String, String)>,
}

/// Reads variables, collects what is wrong with them, and notes each setting that was read.
pub(crate) struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<String>,
    settings: Vec<Setting>,
    /// The kind of deployment.
    pub(crate) stage: Stage,
}

impl<'a> Reader<'a> {
    /// A reader of `environment`. It reads the stage first, since bounds depend on it.
    pub(crate) fn new(environment: &'a Environment) -> Self {
        let mut reader =
            Self { environment, problems: Vec::new(), settings: Vec::new(), stage: Stage::Prod };
        reader.stage =
            reader.parsed("ENVIRONMENT", "prod", "dev, staging or prod", |text| text.parse().ok());
        reader
    }

    /// The settings that were read, and one line for each problem.
    pub(crate) fn finish(self) -> (Vec<Setting>, Vec<String>) {
        (self.settings, self.problems)
    }

    /// [`Stage::at_least`] of this deployment's stage.
    pub(crate) fn at_least(&self, prod: i64) -> i64 {
        self.stage.at_least(prod)
    }

    /// Whether a variable is set and not empty.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    /// Adds a problem that is not about the value of a single variable.
    pub(crate) fn problem(&mut self, line: String) {
        self.problems.push(line);
    }

    /// A setting without a default. Returns `None` if it is not set.
    /// `expected` completes the sentence "it must be …", here and below.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.settings.push(Setting { name, default: None, bounds: None });
        self.value(name, expected, parse)
    }

    /// Like [`Self::optional`], for a secret: a problem does not repeat the value.
    pub(crate) fn secret<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.settings.push(Setting { name, default: None, bounds: None });
        let parsed = parse(self.environment.get(name)?);
        if parsed.is_none() {
            self.problems.push(format!("{name} is not valid; it must be {expected}"));
        }
        parsed
    }

    /// A setting that must not be set in this deployment.
    pub(crate) fn absent(&mut self, name: &'static str, expected: &str) {
        self.optional(name, expected, |_| None::<()>);
    }

    /// A setting with a default, which is parsed as if it were in the environment.
    pub(crate) fn parsed<T: Default>(
        &mut self,
        name: &'static str,
        default: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.settings.push(Setting { name, default: Some(default.to_owned()), bounds: None });
        self.with_default(name, default, expected, parse)
    }

    /// A list, empty if it is not set.
    pub(crate) fn list<T: Default>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.optional(name, expected, parse).unwrap_or_default()
    }

    /// A setting without which the service does not start.
    pub(crate) fn required<T: Default>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        if !self.is_set(name) {
            self.problems.push(format!("{name} is not set; it must be {expected}"));
        }
        self.optional(name, expected, parse).unwrap_or_default()
    }

    /// The name of something that a Lambda gets only if it may reach it. Others have an empty one.
    pub(crate) fn name_of(&mut self, name: &'static str, expected: &str) -> String {
        self.optional(name, expected, |text| Some(text.to_owned())).unwrap_or_default()
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn number<T: FromStr + PartialOrd + Display + Copy + Default>(
        &mut self,
        name: &'static str,
        default: T,
        min: T,
        max: T,
    ) -> T {
        let bounds = Some((min.to_string(), max.to_string()));
        self.settings.push(Setting { name, default: Some(default.to_string()), bounds });
        let expected = format!("a whole number from {min} to {max}");
        let within = |text: &str| text.parse().ok().filter(|number| (min..=max).contains(number));
        self.with_default(name, &default.to_string(), &expected, within)
    }

    fn with_default<T: Default>(
        &mut self,
        name: &str,
        default: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        if self.is_set(name) {
            return self.value(name, expected, parse).unwrap_or_default();
        }
        parse(default).unwrap_or_else(|| {
            self.problems
                .push(format!("the default of {name} is {default:?}; it must be {expected}"));
            T::default()
        })
    }

    fn value<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.environment.get(name)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.problems.push(format!("{name} is {value:?}; it must be {expected}"));
        }
        parsed
    }
}
