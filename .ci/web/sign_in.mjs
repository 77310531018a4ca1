/** The steps of a sign-in, and what can go wrong with them. */
import assert from "node:assert/strict";

import { SERVICE, codeOf, texts } from "./service.mjs";
import { VARIANTS } from "./person.mjs";

/** The same phone number, as contacts, keyboards and letterheads write it. */
function written(phone, number) {
  const wide = phone.replace(/[+\d]/g, sign => String.fromCodePoint(sign.codePointAt(0) + 0xfee0));
  return [phone.replace("+1 ", ""), `\u202a${phone.replaceAll(" ", "\u00a0")}\u202c`, wide, phone.replace("+1 ", "+1 (0)")][number % 4];
}

/** The phone: empty, incomplete, of another country. Returns the language of the page. */
export async function typePhone({ page, variant, phone, visible, focused, words, typed, failed, look }) {
  await page.goto(`${SERVICE}/_local/app`);
  await visible("first-step");
  assert.equal(await focused(), "phone");
  const language = await page.evaluate(() => document.documentElement.lang);
  assert.ok(VARIANTS[variant].locale.startsWith(language));
  assert.equal(await page.evaluate(() => document.documentElement.dir), language === "ar" ? "rtl" : "ltr");
  await page.waitForFunction(() => document.title.endsWith(" · Corner Shop"));
  assert.equal(await page.locator("[data-app]").textContent(), "Corner Shop");
  if (language === "en") assert.match(await words("country-name"), /Country: United States/);
  await look("phone");
  const place = () => page.evaluate(() => ["first-step", "phone"].map(id => byId(id).getBoundingClientRect().top));
  const before = await place();
  await page.locator("#phone").press("Enter");
  await failed("phone");
  assert.deepEqual(await place(), before, "an error moves the page");
  await pickCountry(page, { look, language });
  await typed("phone", "+1 415");
  await failed("phone");
  // The digits of an extension would belong to another phone.
  await typed("phone", `${phone} x8`);
  assert.match(await failed("phone"), /x/);
  await look("phone-wrong");
  return language;
}

/** The code: wrong, kept over a reload, sent again, pasted. The number is written in several ways. */
export async function typeCode({ page, number, phone, canonical, language, visible, focused, words, typed, failed, look }) {
  // The page is watched while the code is sent, since the cooldown may be over a moment later.
  const isCooling = page.waitForFunction(() => byId("resend").checkVisibility() && byId("resend").getAttribute("aria-disabled") === "true");
  await Promise.all([isCooling, typed("phone", written(phone, number))]);
  await visible("code-step");
  assert.equal(await focused(), "code");
  assert.equal(await page.locator("#code").getAttribute("autocomplete"), "one-time-code");
  assert.ok((await words("code-lead")).replace(/[^\d+]/g, "").includes(canonical.slice(2)), "the number is masked");
  await page.goBack();
  await visible("first-step");
  await page.goForward();
  await visible("code-step");
  await look("code");
  const right = await codeOf(canonical);
  await page.locator("#code").pressSequentially(right === "000000" ? "111111" : "000000");
  const wrong = await failed("code");
  if (language === "en") assert.match(wrong, /4 tries left/);
  assert.equal(await page.locator("#code").inputValue(), "");
  await look("code-wrong");
  await page.reload();
  await visible("code-step");
  await page.locator("#resend[aria-disabled=false]").waitFor();
  await page.locator("#resend").click();
  await page.locator("#resend[aria-disabled=true]").waitFor();
  assert.equal((await texts(canonical)).length, 2);
  assert.equal(await focused(), "code");
  if (number === 0) await askForCall(page, canonical, right);
  await page.evaluate(code => navigator.clipboard.writeText(code), `${right.slice(0, 3)} ${right.slice(3)}`);
  await page.locator("#code").press("ControlOrMeta+V");
}

/** Asks for the same code by call, after which a text is the other channel. */
async function askForCall(page, canonical, code) {
  assert.equal(await page.locator("#channels button").count(), 1);
  await page.locator("#send-voice[aria-disabled=false]").click();
  await page.locator("#send-sms[aria-disabled=true]").waitFor();
  const words = (await texts(canonical)).at(-1);
  assert.ok(words.includes(code.split("").join(", ")), "the same code, digit by digit");
}

/** Searches for a country by keyboard, and types a number of another one, which changes the country. */
async function pickCountry(page, { look, language }) {
  await page.locator("#country").press("Enter");
  assert.equal(await page.locator("#country-list [role=option]").count(), 2, "the countries that are allowed");
  await page.locator("#country-search").pressSequentially("kingd");
  await page.locator("#country-GB.active").waitFor();
  if (language !== "es") await look("countries");
  await page.locator("#country-search").press("Enter");
  assert.equal(await page.evaluate(() => globalThis.focused().id), "phone");
  await page.locator("#phone").pressSequentially("07400123456");
  assert.equal(await page.locator("#phone").inputValue(), "07400 123456");
  await page.locator("#phone").fill("");
  await page.locator("#phone").pressSequentially("+14155550123");
  assert.equal(await page.locator("#phone").inputValue(), "+1 (415) 555-0123");
  assert.equal(await page.locator("#country-text").textContent(), "US +1");
}

/** Uses up the tries of a code: the page says so, and sends a new code. */
export async function useUpTries({ page, visible, failed, typed, look }) {
  await typed("phone", "+1 415 555 0299");
  await visible("code-step");
  const right = await codeOf("+14155550299");
  for (let tries = 5; tries > 0; tries -= 1) {
    await page.locator("#code").pressSequentially(right === "000000" ? "111111" : "000000");
    await failed("code");
    await page.waitForFunction(() => byId("code").value === "");
  }
  await look("last-try");
  await page.locator("#resend[aria-disabled=false]").click();
  await page.locator("#resend[aria-disabled=true]").waitFor();
  assert.equal((await texts("+14155550299")).length, 2);
  await page.locator("#change-phone").click();
  await visible("first-step");
}

/** The service cannot be reached, and then API Gateway refuses by itself, without a code. */
export async function failToSend({ page, phone, language, typed, failed }) {
  await page.route("**/v1/otp/send", route => route.abort());
  await typed("phone", phone);
  await failed("phone");

  const tooMany = { status: 429, contentType: "application/json", body: '{"message": "Too Many Requests"}' };
  await page.route("**/v1/otp/send", route => route.fulfill(tooMany));
  await typed("phone", phone);
  if (language === "ar") {
    const words = "The service is getting too many requests right now. Try again in a moment.";
    await page.waitForFunction(words => byId("phone-error").textContent === words, words);
  }
  await failed("phone");
}
