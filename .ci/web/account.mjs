/** The account: profile, picture, sessions and activity. */
import assert from "node:assert/strict";

import { png } from "./picture.mjs";
import { SERVICE, call, codeOf, pause } from "./service.mjs";

/** A name in the script of each language. */
const NAMES = { en: "Ann Lee", ar: "ليلى حداد", es: "José Muñoz" };

/** A username that belongs to somebody else. */
export const TAKEN = "somebody";

/** The name and the username. */
export async function fillProfile({ page, number, language, visible, focused, typed, failed, look }) {
  await visible("account-step");
  assert.equal(await focused(), "greeting");
  await page.locator("#sessions li").waitFor();
  await look("welcome");
  await page.locator("#name").fill(NAMES[language]);
  await typed("username", "1x");
  await failed("username");
  await typed("username", TAKEN.toUpperCase());
  await failed("username");
  await typed("username", `user${number}`);
  await page.waitForFunction(name => document.querySelector("#greeting").textContent.includes(name), NAMES[language]);
}

/** The picture: not one, one, none. */
export async function changePicture({ page, failed, look }, hasAvatars) {
  await page.locator("#avatar-file").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from("no") });
  await failed("avatar-file");
  if (hasAvatars) {
    await page.locator("#avatar-file").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: png(1600, 1200) });
    await page.waitForFunction(() => document.querySelector("#avatar:not([hidden])")?.naturalWidth > 0);
    await page.reload();
    await page.waitForFunction(() => document.querySelector("#avatar:not([hidden])")?.naturalWidth > 0);
    await look("picture");
    await page.locator("#avatar-remove").click();
    await page.locator("#avatar").waitFor({ state: "hidden" });
  }
}

/** This device signs out another one. */
export async function signOutOther({ page, canonical, look }) {
  await pause(2_000);
  const { challenge_id } = await call("/v1/otp/send", { phone: canonical });
  const agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1";
  const other = await call("/v1/otp/verify", { challenge_id, code: await codeOf(canonical) }, { "user-agent": agent });
  await page.reload();
  await page.locator("#sessions button").waitFor();
  assert.equal(await page.locator("#sessions li").count(), 2);
  await look("account");
  await page.locator("#sessions button").click();
  await page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 1);
  const refused = await fetch(`${SERVICE}/v1/me`, { headers: { authorization: `Bearer ${other.access_token}` } });
  assert.equal(refused.status, 401);
}

/** Two tabs that refresh at the same time stay signed in. Returns the second. */
export async function refreshTwice({ page, context }) {
  const tab = await context.newPage();
  await tab.goto(`${SERVICE}/_local/app/`);
  await tab.locator("#account-step").waitFor({ state: "visible" });
  await page.evaluate(() => {
    localStorage.setItem("latchkey", JSON.stringify({ ...JSON.parse(localStorage.getItem("latchkey")), expires_at: 1 }));
  });
  await Promise.all([page, tab].map(async one => {
    await one.reload();
    await one.locator("#sessions li").first().waitFor();
  }));
  return tab;
}

/** The activity: the newest first, in words, with masked addresses. */
export async function readActivity({ page, number, language, look }) {
  const activity = page.locator("#activity li");
  await page.locator("#activity-more").click();
  await page.waitForFunction(() => document.querySelectorAll("#activity li").length > 5);
  const newest = await activity.first().textContent();
  if (language === "en") assert.match(newest, /^Two-step verification turned off[A-Z][a-z]{2} .*, 20\d\d, .*[AP]M · .*127\.0\.0\.•$/);
  assert.equal(await activity.locator("text=/_|activity\\./").count(), 0, "an action without a word");
  if (number % 2 === 0) await look("activity");
  if (number === 0) await failingActivity(page, look);
}

/** The first tab signs out everywhere, and so does the second. */
export async function signOutEverywhere({ page, visible, look }, tab) {
  await page.locator("#sign-out-all").click();
  await look("question");
  await page.keyboard.press("Escape");
  await page.locator("#sign-out-all:not([data-busy])").click();
  await page.locator("#ask-yes").click();
  await visible("first-step");
  await tab.locator("#first-step").waitFor({ state: "visible" });
}

/** The activity cannot be read, and then there is none. */
async function failingActivity(page, look) {
  const answer = body => route => route.fulfill({ status: body ? 200 : 503, json: body ?? {} });
  await page.route("**/v1/me/activity*", answer());
  await page.reload();
  await page.locator("#activity-again").waitFor();
  await look("activity-failed");
  await page.unroute("**/v1/me/activity*");
  await page.route("**/v1/me/activity*", answer({ items: [], next_cursor: null }));
  await page.locator("#activity-again").click();
  await page.locator("#activity-none").waitFor();
  await page.unroute("**/v1/me/activity*");
}
