/** The field for a phone number: its country, formatting while one types, and reading it. */
import { TABLE } from "./countries.js";
import { countryName, preferredRegions, t } from "./i18n.js";
import { readPhone } from "./latchkey/index.js";
import { $ } from "./ui.js";

const COUNTRIES = new Map(TABLE.trim().split("\n").map(line => {
  const [country, code, prefix, ...groups] = line.split(" ");
  return [country, { country, code, prefix: prefix === "-" ? "" : prefix, groups: groups.join(" ") }];
}));

let allowed = [...COUNTRIES.keys()], chosen = COUNTRIES.get("US"), hasChosen = false;

/** Sets the countries whose numbers are accepted, and the one to begin with. */
export function setCountries(countries, region) {
  const known = countries.filter(country => COUNTRIES.has(country));
  if (known.length > 0) allowed = known;
  const wishes = hasChosen ? [chosen.country] : [...preferredRegions(), region];
  chosen = COUNTRIES.get(wishes.find(wish => allowed.includes(wish)) ?? allowed[0]);
  writeCountry();
}

/** The country that is chosen, and those that can be. */
export const chosenCountry = () => chosen.country;
export const allowedCountries = () => allowed.map(country => COUNTRIES.get(country));

/** Takes the country that the user chose. A number that is already typed moves to it. */
export function chooseCountry(country) {
  hasChosen = true;
  const input = $("phone"), { phone = "" } = readPhone(input.value);
  const national = phone.startsWith("+") ? withoutCode(phone) : phone;
  chosen = COUNTRIES.get(country);
  if (isPlain(input.value)) input.value = formatNational(national);
  writeCountry();
}

/** Writes the country, in the current language. */
export function writeCountry() {
  const { country, code } = chosen;
  $("country-text").textContent = `${country} +${code}`;
  $("country-name").textContent = `${t("country.label")}: ${countryName(country)} `;
  $("country").disabled = allowed.length === 1;
  $("phone").placeholder = chosen.groups.replace(/\d|#/g, "0");
}

/** Reads the field. Returns a number with its country code, or the sign that no number has. */
export const typedPhone = () => phoneFrom($("phone").value);

/** Reads a text like the field, with the country that is chosen there. */
export function phoneFrom(text) {
  const { phone, refused } = readPhone(text);
  if (!phone || phone.startsWith("+")) return { phone, refused };
  return { phone: `+${chosen.code}${phone.slice(prefixOf(phone).length)}` };
}

/** Returns a number with its country code as people of that country write it, on one line. */
export function formatPhone(phone) {
  const country = countryOf(phone.slice(1));
  if (!country) return phone;
  const national = fill(country.groups, phone.slice(1 + country.code.length));
  return `+${country.code} ${national}`.replace(/ /g, "\u00a0").replace(/-/g, "\u2011");
}

/** Connects the field: what is typed at its end is formatted. Nothing else moves the cursor. */
export function preparePhoneField() {
  const input = $("phone");
  input.addEventListener("input", event => {
    const isAtEnd = input.selectionStart === input.value.length;
    if (event.inputType?.startsWith("delete") || !isAtEnd || !isPlain(input.value)) return;
    const { phone = "" } = readPhone(input.value);
    const written = phone.startsWith("+") ? formatInternational(phone) : formatNational(phone);
    if (written) input.value = written;
  });
}

/** Whether a text has only what a formatted number has. Anything else is left as it was typed. */
const isPlain = text => /^\+?[\d\s()-]*$/.test(text) && !text.includes("(0)");

function formatInternational(phone) {
  const country = countryOf(phone.slice(1));
  if (!country) return phone;
  if (allowed.includes(country.country) && country !== chosen) {
    chosen = country;
    writeCountry();
  }
  return `+${country.code} ${fill(country.groups, phone.slice(1 + country.code.length))}`.trim();
}

function formatNational(digits) {
  const prefix = prefixOf(digits), space = chosen.groups.startsWith("(") && prefix ? " " : "";
  return prefix + space + fill(chosen.groups, digits.slice(prefix.length));
}

/**
 * The prefix that a national number begins with. Other prefixes than 0 can be a part of the number,
 * so they count only if the number is longer than a complete one.
 */
function prefixOf(digits) {
  const { prefix, groups } = chosen, length = groups.replace(/[^#]/g, "").length;
  const isPrefix = prefix && digits.startsWith(prefix) && (prefix === "0" || digits.length > length);
  return isPrefix ? prefix : "";
}

/** The country of a number without its `+`: the chosen one, if several have its calling code. */
function countryOf(digits) {
  if (digits.startsWith(chosen.code)) return chosen;
  return [...COUNTRIES.values()].find(({ code }) => digits.startsWith(code));
}

const withoutCode = phone => phone.slice(1 + (countryOf(phone.slice(1))?.code.length ?? 0));

/** Puts digits into the places of a pattern. Further digits follow it. */
function fill(groups, digits) {
  const rest = [...digits];
  let written = "";
  for (const sign of groups) {
    if (rest.length === 0) break;
    written += sign === "#" ? rest.shift() : sign;
  }
  return written + rest.join("");
}
