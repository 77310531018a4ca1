//! Environment variables, and how a section of the settings reads them.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

/// Environment variables, as a value: `cargo run` and the tests bring their own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        // A variable that is not UTF-8 is none of ours.
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// A variable; one that is empty counts as absent, since templates cannot leave one out.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Sets `name`.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets `name` unless it is there already.
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

/// What kind of deployment this is: some bounds are tighter in production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// A laptop.
    Dev,
    /// A rehearsal.
    Staging,
    /// The real thing.
    #[default]
    Prod,
}

impl Stage {
    /// The least that a duration may be: in production `prod`; tests and demonstrations may be quick.
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

/// A setting, as the section that reads it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// What is read where it is not set; nothing where that has no text.
    pub default: Option<String>,
    /// The least and the most that a number may be, in production.
    pub bounds: Option<(String, String)>,
}

/// Reads variables, collects what is wrong with them, and notes each setting that it was asked for.
pub(crate) struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<String>,
    asked_for: Vec<Setting>,
    /// What kind of deployment it is.
    pub(crate) stage: Stage,
}

impl<'a> Reader<'a> {
    /// Reads `environment`, of which it needs to know the stage first.
    pub(crate) fn new(environment: &'a Environment) -> Self {
        let mut reader =
            Self { environment, problems: Vec::new(), asked_for: Vec::new(), stage: Stage::Prod };
        reader.stage =
            reader.parsed("ENVIRONMENT", "prod", "dev, staging or prod", |text| text.parse().ok());
        reader
    }

    /// What was asked for, and what is wrong with it: one line for each bad setting.
    pub(crate) fn finish(self) -> (Vec<Setting>, Vec<String>) {
        (self.asked_for, self.problems)
    }

    /// The least that a duration may be: in production `prod`; tests and demonstrations may be quick.
    pub(crate) fn at_least(&self, prod: i64) -> i64 {
        self.stage.at_least(prod)
    }

    /// Whether a variable holds anything.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    /// Says what is wrong beside what single variables hold.
    pub(crate) fn problem(&mut self, line: String) {
        self.problems.push(line);
    }

    /// A setting that need not be there, and without which something else is done.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        may_hold: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.asked_for.push(Setting { name, default: None, bounds: None });
        self.held(name, may_hold, parse)
    }

    /// A setting that may hold nothing, here.
    pub(crate) fn absent(&mut self, name: &'static str, may_hold: &str) {
        self.optional(name, may_hold, |_| None::<()>);
    }

    /// A setting with a default, which is read as if it stood in the environment.
    pub(crate) fn parsed<T: Default>(
        &mut self,
        name: &'static str,
        default: &str,
        may_hold: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.asked_for.push(Setting { name, default: Some(default.to_owned()), bounds: None });
        self.with_default(name, default, may_hold, parse)
    }

    /// A list, empty where it is not set.
    pub(crate) fn list<T: Default>(
        &mut self,
        name: &'static str,
        may_hold: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.optional(name, may_hold, parse).unwrap_or_default()
    }

    /// A setting without which nothing starts.
    pub(crate) fn required<T: Default>(
        &mut self,
        name: &'static str,
        may_hold: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        if !self.is_set(name) {
            self.problems.push(format!("{name} is not set; it may hold {may_hold}"));
        }
        self.optional(name, may_hold, parse).unwrap_or_default()
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
        self.asked_for.push(Setting { name, default: Some(default.to_string()), bounds });
        let may_hold = format!("a whole number from {min} to {max}");
        let within = |text: &str| text.parse().ok().filter(|number| (min..=max).contains(number));
        self.with_default(name, &default.to_string(), &may_hold, within)
    }

    fn with_default<T: Default>(
        &mut self,
        name: &str,
        default: &str,
        may_hold: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        if self.is_set(name) {
            return self.held(name, may_hold, parse).unwrap_or_default();
        }
        parse(default).unwrap_or_else(|| {
            self.problems
                .push(format!("the default of {name} is {default:?}; it may hold {may_hold}"));
            T::default()
        })
    }

    fn held<T>(
        &mut self,
        name: &str,
        may_hold: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let held = self.environment.get(name)?;
        let parsed = parse(held);
        if parsed.is_none() {
            self.problems.push(format!("{name} holds {held:?}; it may hold {may_hold}"));
        }
        parsed
    }
}
