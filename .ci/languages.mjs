/** Every language of the sign-in page has the texts of the English one, with the same values in them. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";

const FOLDER = new URL("../examples/web/languages/", import.meta.url);
const load = async file => (await import(new URL(file, FOLDER))).strings;
const valuesOf = text => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].filter(value => value !== "{n}").sort();

const english = await load("en.js");
for (const file of readdirSync(FOLDER)) {
  const strings = await load(file);
  assert.deepEqual(Object.keys(strings).sort(), Object.keys(english).sort(), file);
  for (const [key, text] of Object.entries(strings)) {
    assert.deepEqual(valuesOf(text), valuesOf(english[key]), `${file}: ${key}`);
  }
}
