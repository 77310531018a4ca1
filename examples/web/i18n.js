/** The languages of the page. To add one, add a file to `languages/` and a line here. */
import { strings as en } from "./languages/en.js";

/** Loads the texts of a language that is not the first one. */
const load = tag => async () => (await import(`./languages/${tag}.js`)).strings;
const LANGUAGES = {
  en: { name: "English", direction: "ltr", load: async () => en },
  es: { name: "Español", direction: "ltr", load: load("es") },
  ar: { name: "العربية", direction: "rtl", load: load("ar") },
  de: { name: "Deutsch", direction: "ltr", load: load("de") },
  fr: { name: "Français", direction: "ltr", load: load("fr") },
  id: { name: "Bahasa Indonesia", direction: "ltr", load: load("id") },
  it: { name: "Italiano", direction: "ltr", load: load("it") },
  ja: { name: "日本語", direction: "ltr", load: load("ja") },
  nl: { name: "Nederlands", direction: "ltr", load: load("nl") },
  pl: { name: "Polski", direction: "ltr", load: load("pl") },
  pt: { name: "Português", direction: "ltr", load: load("pt") },
  tr: { name: "Türkçe", direction: "ltr", load: load("tr") },
  zh: { name: "中文", direction: "ltr", load: load("zh") },
};
const KEPT = "latchkey.language";
/** Characters that isolate the direction of a name or a number from the sentence around it. */
const ISOLATE = "\u2068", END = "\u2069";

let tag = "en", strings = en;

/** The current language, as the `locale` that the API accepts for texts. */
export const language = () => tag;
export const direction = () => LANGUAGES[tag].direction;
export const languages = () => Object.entries(LANGUAGES).map(([tag, { name }]) => ({ tag, name }));

/** The language of the URL's `lang`, or else the one chosen before, or else the browser's. */
export function preferredLanguage() {
  const asked = [new URLSearchParams(location.search).get("lang"), localStorage.getItem(KEPT), ...navigator.languages];
  return asked.map(wish => wish?.split("-")[0]).find(wish => wish in LANGUAGES) ?? "en";
}

/** Switches to another language. `keep` remembers it for the next visit. */
export async function speak(wanted, { keep = false } = {}) {
  if (!(wanted in LANGUAGES)) return;
  strings = await LANGUAGES[wanted].load();
  tag = wanted;
  if (keep) localStorage.setItem(KEPT, wanted);
}

export const has = key => key in strings || key in en;

/**
 * Returns the text of `key`, with each `{name}` filled in from `values`. If the text has plural
 * forms, `values.n` selects one.
 */
export function t(key, values = {}) {
  let words = strings[key] ?? en[key] ?? key;
  if (typeof words === "object") words = words[new Intl.PluralRules(tag).select(values.n)] ?? words.other;
  return words.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? new Intl.NumberFormat(tag).format(value) : ISOLATE + value + END;
  });
}

/** Returns a wait in words, rounded up, in the unit that people would use: "28 seconds". */
export function duration(seconds) {
  const [count, unit] =
    seconds < 100 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(tag, { style: "unit", unit, unitDisplay: "long" }).format(Math.ceil(count));
}

/** Returns a countdown like 0:28, in the language's digits. */
export function clock(seconds) {
  const digits = (number, least) =>
    new Intl.NumberFormat(tag, { minimumIntegerDigits: least, useGrouping: false }).format(number);
  return `${digits(Math.floor(seconds / 60), 1)}:${digits(seconds % 60, 2)}`;
}

/** The countries that the browser's languages name, then those where they are spoken most. */
export const preferredRegions = () => {
  const locales = navigator.languages.map(tag => new Intl.Locale(tag));
  const named = locales.map(locale => locale.region).filter(Boolean);
  return [...named, ...locales.slice(0, named.length > 0 ? 0 : 1).map(locale => locale.maximize().region)];
};

/** Returns the name of a country, by its code of two letters. */
export const countryName = (code, language = tag) => new Intl.DisplayNames(language, { type: "region" }).of(code);

/** Returns a day and a time in the reader's time zone: "28 Nov 2026, 14:05". */
export const dateAndTime = time =>
  new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));

/** Returns how long ago a time was: "2 hours ago", "yesterday". */
export function ago(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const format = new Intl.RelativeTimeFormat(tag, { numeric: "auto" });
  for (const [unit, length] of [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]]) {
    if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit);
  }
  return t("now");
}
