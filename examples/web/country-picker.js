/** The list of countries: a search field (combobox) with its list (WAI-ARIA APG). */
import { countryName, language, t } from "./i18n.js";
import { allowedCountries, chooseCountry, chosenCountry } from "./phone-field.js";
import { $ } from "./ui.js";

let options = [], active = -1;

/** Connects the button, the search field and the list. Call it once. */
export function prepareCountryPicker() {
  $("country").addEventListener("click", () => ($("countries").hidden ? open() : close()));
  $("country-search").addEventListener("input", showMatches);
  $("country-search").addEventListener("keydown", onKey);
  $("country-list").addEventListener("click", event => {
    const option = event.target.closest("[role=option]");
    if (option) choose(option.dataset.country);
  });
  // The search field keeps the focus while the list is pressed.
  $("country-list").addEventListener("pointerdown", event => event.preventDefault());
  $("countries").addEventListener("focusout", event => {
    if (event.relatedTarget !== $("country")) close();
  });
}

function open() {
  const named = allowedCountries().map(entry => ({ ...entry, name: countryName(entry.country) }));
  options = named.toSorted((one, other) => one.name.localeCompare(other.name, language()));
  $("country-search").value = "";
  $("countries").hidden = false;
  $("country").setAttribute("aria-expanded", "true");
  showMatches();
  $("country-search").focus();
}

/** Hides the list. `focus` gets the focus. */
function close(focus) {
  $("countries").hidden = true;
  $("country").setAttribute("aria-expanded", "false");
  focus?.focus();
}

function choose(country) {
  chooseCountry(country);
  close($("phone"));
}

const plain = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Shows the countries of which a name (also the English one) has a word, or a code, as it was typed. */
function showMatches() {
  const wanted = plain($("country-search").value.trim().replace(/^(\+|00)/, ""));
  const isNamed = name =>
    plain(name).split(/[\s(-]+/).some((_, index, words) => words.slice(index).join(" ").startsWith(wanted));
  const isMatch = ({ name, country, code }) =>
    code.startsWith(wanted) || country.toLowerCase() === wanted || isNamed(name) || isNamed(countryName(country, "en"));

  const found = options.filter(isMatch);
  $("country-list").replaceChildren(...found.map(optionOf));
  $("country-none").textContent = found.length === 0 ? t("country.none") : "";
  const chosen = found.findIndex(({ country }) => country === chosenCountry());
  move(wanted ? 0 : Math.max(chosen, 0));
}

function optionOf({ name, country, code }) {
  const option = document.createElement("li"), calling = document.createElement("bdi");
  option.role = "option";
  option.id = `country-${country}`;
  option.dataset.country = country;
  option.setAttribute("aria-selected", String(country === chosenCountry()));
  calling.textContent = `+${code}`;
  option.append(name, " ", calling);
  return option;
}

/** Makes the option at a position the active one. */
function move(position) {
  const shown = $("country-list").children;
  shown[active]?.classList.remove("active");
  active = Math.max(0, Math.min(position, shown.length - 1));
  shown[active]?.classList.add("active");
  shown[active]?.scrollIntoView({ block: "nearest" });
  $("country-search").setAttribute("aria-activedescendant", shown[active]?.id ?? "");
}

function onKey(event) {
  const moves = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + 7, PageUp: active - 7 };
  if (event.key in moves) move(moves[event.key]);
  else if (event.key === "Enter") {
    const option = $("country-list").children[active];
    if (option) choose(option.dataset.country);
  } else if (event.key === "Escape") close($("country"));
  else return;
  event.preventDefault();
}
