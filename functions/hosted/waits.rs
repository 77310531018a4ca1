//! How long a person has to wait, in words. Languages have different plurals (CLDR): Arabic has a
//! form for two of something, and another one for three to ten.

use shared::messages::Language;

use super::Visit;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Visit {
    /// A wait of some seconds, rounded up.
    pub(crate) fn wait(&self, seconds: i64) -> String {
        wait(self.language, seconds)
    }
}

fn wait(language: Language, seconds: i64) -> String {
    let (count, unit) = in_unit(seconds.max(1));
    counted(language, count, unit)
}

/// The seconds as a few of a unit, rounded up, so that nobody is told to come back too early.
fn in_unit(seconds: i64) -> (i64, Unit) {
    let up = |unit: i64| (seconds + unit - 1) / unit;
    match (seconds, up(60)) {
        (..60, _) => (seconds, Unit::Second),
        (_, 60) => (1, Unit::Hour),
        (_, minutes @ ..120) => (minutes, Unit::Minute),
        _ => (up(3600), Unit::Hour),
    }
}

fn counted(language: Language, count: i64, unit: Unit) -> String {
    let [one, many] = match (language, unit) {
        (Language::English, Unit::Second) => ["second", "seconds"],
        (Language::English, Unit::Minute) => ["minute", "minutes"],
        (Language::English, Unit::Hour) => ["hour", "hours"],
        (Language::Spanish, Unit::Second) => ["segundo", "segundos"],
        (Language::Spanish, Unit::Minute) => ["minuto", "minutos"],
        (Language::Spanish, Unit::Hour) => ["hora", "horas"],
        (Language::Hindi, Unit::Second) => ["सेकंड", "सेकंड"],
        (Language::Hindi, Unit::Minute) => ["मिनट", "मिनट"],
        (Language::Hindi, Unit::Hour) => ["घंटा", "घंटे"],
        (Language::Arabic, unit) => return in_arabic(count, unit),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The forms for one, for two, for 3 to 10, and for more, in the accusative and genitive.
fn in_arabic(count: i64, unit: Unit) -> String {
    let [one, two, few, many] = match unit {
        Unit::Second => ["ثانية واحدة", "ثانيتين", "ثوانٍ", "ثانية"],
        Unit::Minute => ["دقيقة واحدة", "دقيقتين", "دقائق", "دقيقة"],
        Unit::Hour => ["ساعة واحدة", "ساعتين", "ساعات", "ساعة"],
    };
    match (count, count % 100) {
        (1, _) => one.to_owned(),
        (2, _) => two.to_owned(),
        (_, 3..=10) => format!("{count} {few}"),
        _ => format!("{count} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_a_few_of_a_unit() {
        for (seconds, said) in [
            (0, "1 second"),
            (1, "1 second"),
            (30, "30 seconds"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (61, "2 minutes"),
            (900, "15 minutes"),
            (3_540, "59 minutes"),
            (3_597, "1 hour"),
            (3_600, "1 hour"),
            (3_601, "61 minutes"),
            (7_200, "2 hours"),
            (7_201, "3 hours"),
            (86_400, "24 hours"),
        ] {
            assert_eq!(wait(Language::English, seconds), said, "{seconds}");
        }
    }

    #[test]
    fn each_language_has_its_own_plurals() {
        for (language, seconds, said) in [
            (Language::Spanish, 1, "1 segundo"),
            (Language::Spanish, 3_600, "1 hora"),
            (Language::Spanish, 120, "2 minutos"),
            (Language::Hindi, 3_600, "1 घंटा"),
            (Language::Hindi, 7_200, "2 घंटे"),
            (Language::Arabic, 1, "ثانية واحدة"),
            (Language::Arabic, 2, "ثانيتين"),
            (Language::Arabic, 3, "3 ثوانٍ"),
            (Language::Arabic, 10, "10 ثوانٍ"),
            (Language::Arabic, 11, "11 ثانية"),
            (Language::Arabic, 120, "دقيقتين"),
            (Language::Arabic, 300, "5 دقائق"),
            (Language::Arabic, 900, "15 دقيقة"),
            (Language::Arabic, 6_180, "103 دقائق"),
            (Language::Arabic, 86_400, "24 ساعة"),
        ] {
            assert_eq!(wait(language, seconds), said, "{language:?} {seconds}");
        }
    }
}
