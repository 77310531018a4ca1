/**
 * Writes examples/web/countries.js: calling codes, national prefixes and how mobile numbers are
 * grouped, from the metadata of libphonenumber. With `--check`, it only compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.TOOLS}/`);
const metadata = require("libphonenumber-js/metadata.min.json");
const examples = require("libphonenumber-js/examples.mobile.json");
const { getExampleNumber, Metadata } = require("libphonenumber-js");
const FILE = new URL("../examples/web/countries.js", import.meta.url);

const prefixes = new Metadata(metadata);
const rows = Object.entries(metadata.country_calling_codes).flatMap(([code, countries]) =>
  countries.filter(country => examples[country]).map(country => row(country, code)));

function row(country, code) {
  const example = getExampleNumber(country, examples);
  prefixes.selectNumberingPlan(country);
  const written = code === "1" ? example.formatNational() : example.formatInternational().slice(code.length + 2);
  return [country, code, prefixes.numberingPlan.nationalPrefix() || "-", written.replace(/\d/g, "#")].join(" ");
}

const written = `// Made by .ci/countries.mjs from libphonenumber ${require("libphonenumber-js/package.json").version}.
/**
 * A line for each country: its code, its calling code, the prefix of national numbers (\`-\`: none),
 * and how a mobile number without that prefix is grouped. The main country of a calling code is the
 * first that has it.
 */
export const TABLE = \`
${rows.join("\n")}
\`;
`;

if (!process.argv.includes("--check")) writeFileSync(FILE, written);
else if (readFileSync(FILE, "utf8") !== written) {
  console.error("examples/web/countries.js is old: run .ci/countries.mjs");
  process.exit(1);
}
