/** The inputs of public reports, as the browser reads them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { SERVICE } from "./service.mjs";

/** The page's browser reads the inputs of the corpus as the service and the client do. */
export async function readCorpus(browser) {
  const corpus = name => JSON.parse(readFileSync(new URL(`../../corpus/${name}.json`, import.meta.url)));
  const page = await browser.newPage();
  await page.goto(`${SERVICE}/_local/app`);
  const read = (reader, inputs) => page.evaluate(async ([reader, inputs]) => {
    const client = await import("/_local/app/latchkey/index.js");
    return inputs.map(input => client[reader](input));
  }, [reader, inputs]);

  const phones = [
    ...corpus("typed-phones").map(({ input, accepted, why }) => [input, accepted === null ? { refused: why } : { phone: accepted }]),
    ...corpus("countries").flatMap(({ typed }) => Object.entries(typed)).map(([input, phone]) => [input, { phone }]),
  ];
  assert.deepEqual(await read("readPhone", phones.map(([input]) => input)), phones.map(([, expected]) => expected));
  for (const [name, reader] of [["codes", "readCode"], ["recovery-codes", "readRecoveryCode"]]) {
    const lines = corpus(name), codes = await read(reader, lines.map(({ input }) => input));
    assert.deepEqual(codes.map(code => code.toUpperCase()), lines.map(({ accepted }) => accepted.toUpperCase()), name);
  }
  await page.close();
}
