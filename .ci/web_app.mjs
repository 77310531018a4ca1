/**
 * Uses the sign-in page in Chromium like a person, at the widths of a phone and of a desktop, in
 * light and dark, and from right to left. At every step it takes a screenshot, axe may find no
 * violation, and the page's policy may refuse nothing. The steps are in web/.
 */
import assert from "node:assert/strict";

import { TAKEN, changePicture, fillProfile, readActivity, refreshTwice, signOutEverywhere, signOutOther } from "./web/account.mjs";
import { launch } from "./web/browser.mjs";
import { readCorpus } from "./web/corpus.mjs";
import { embed } from "./web/embed.mjs";
import { usePasskeys } from "./web/passkeys.mjs";
import { usePassword } from "./web/password.mjs";
import { VARIANTS, meet } from "./web/person.mjs";
import { proveWork } from "./web/proof.mjs";
import { setUp, signInAgain, turnOff } from "./web/second_factor.mjs";
import { SERVICE, call, codeOf } from "./web/service.mjs";
import { failToSend, typeCode, typePhone, useUpTries } from "./web/sign_in.mjs";

const { ONLY } = process.env;

async function drive(browser, variant, hasAvatars) {
  const person = await meet(browser, variant);
  const { page, context, number, troubles, seen } = person;
  person.language = await typePhone(person);
  await typeCode(person);

  await fillProfile(person);
  await changePicture(person, hasAvatars);
  if (number % 4 === 0) await usePasskeys(person);
  await signOutOther(person);
  const factor = await setUp(person);
  await signInAgain(person, factor);
  await turnOff(person, factor);
  const tab = await refreshTwice(person);
  await readActivity(person);
  await signOutEverywhere(person, tab);

  // Another language takes effect immediately.
  await page.locator("#language").selectOption(person.language === "ar" ? "en" : "ar");
  await page.waitForFunction(direction => document.documentElement.dir === direction, person.language === "ar" ? "ltr" : "rtl");

  if (number === 0) await useUpTries(person);
  await failToSend(person);

  await context.close();
  assert.deepEqual(troubles, []);
  console.log(`${variant}: ${seen.length} screenshots, no problems`);
}

const { paths } = await (await fetch(`${SERVICE}/openapi.json`)).json();
const hasAvatars = "/v1/me/avatar" in paths;
if (!hasAvatars) console.log("(the API has no avatars: their step is left out)");
const { challenge_id } = await call("/v1/auth/register", { phone: "+14155550298", username: TAKEN });
await call("/v1/otp/verify", { challenge_id, code: await codeOf("+14155550298") });
const browser = await launch();
try {
  for (const variant of Object.keys(VARIANTS).filter(variant => !ONLY || variant === ONLY)) {
    await drive(browser, variant, hasAvatars);
  }
  for (const variant of ["phone-light", "desk-rtl"]) {
    if (!ONLY || ONLY === "password") await usePassword(browser, variant);
  }
  if (!ONLY || ONLY === "embedded") await embed(browser);
  if (!ONLY || ONLY === "proof") await proveWork(browser);
  if (!ONLY || ONLY === "corpus") await readCorpus(browser);
} finally {
  await browser.close();
}
