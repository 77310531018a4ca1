/**
 * Opens the pages around the sign-in in Chromium: the inbox and its users, the page at `/`, stop,
 * undo and 404, at three widths, in light, dark and forced colours, and from right to left.
 * axe may find no violation, and the policies may refuse nothing.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { AXE, launch, watch } from "./web/browser.mjs";

const { URL: SERVICE, SHOTS } = process.env;

const VARIANTS = {
  "phone-light": { viewport: { width: 390, height: 844 }, colorScheme: "light", locale: "en-US" },
  "tablet-dark": { viewport: { width: 768, height: 1024 }, colorScheme: "dark", locale: "es-MX" },
  "desk-forced": { viewport: { width: 1440, height: 900 }, forcedColors: "active", locale: "en-US" },
  "phone-rtl": { viewport: { width: 390, height: 844 }, colorScheme: "dark", locale: "ar-EG" },
};
const PHONE = "+14155550290", MAIL = "ann@example.com";

const post = (path, body) =>
  fetch(SERVICE + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const messages = async to => (await fetch(`${SERVICE}/_local/messages?to=${encodeURIComponent(to)}`)).json();
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

const browser = await launch();

/** A page in a variant, and a function that looks at what it shows. */
async function pageIn(variant) {
  const context = await browser.newContext({ ...VARIANTS[variant], reducedMotion: "reduce" });
  const page = await context.newPage();
  const troubles = [];
  page.setDefaultTimeout(15_000);
  watch(page, troubles);
  await page.addInitScript(AXE);
  const look = async name => {
    await page.screenshot({ path: join(SHOTS, `pages-${name}-${variant}.png`) });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide in ${variant}`);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false, iframes: false }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(" ")}`), [], `axe at ${name} in ${variant}`);
    assert.deepEqual(troubles, [], `${name} in ${variant}`);
  };
  return { context, page, look };
}

/** The inbox shows what arrives without a reload, whether a code was used, mails as HTML, and users. */
async function inbox() {
  const { context, page, look } = await pageIn("phone-light");
  await page.goto(`${SERVICE}/_local`);
  await page.locator("#to").fill(PHONE);
  await page.getByText(`No messages to ${PHONE}.`).waitFor();
  const { challenge_id } = await (await post("/v1/otp/send", { phone: PHONE, locale: "en" })).json();
  const item = page.locator("#list li");
  await item.getByText("Code valid").waitFor();
  await item.getByText(/^1 part, \$0\.0/).waitFor();
  const code = /\d{6}/.exec((await messages(PHONE))[0].body)[0];
  assert.ok((await post("/v1/otp/verify", { challenge_id, code })).ok);
  await item.getByText("Code used").waitFor();

  await post("/v1/otp/send", { email: MAIL, locale: "en" });
  await page.locator("#to").fill(MAIL);
  await item.locator(".subject").waitFor();
  await item.locator("summary").click();
  await page.frameLocator("iframe").getByText(/\d{6}/).first().waitFor();
  await look("inbox");

  await page.locator("#messages-tab").press("ArrowRight");
  await page.locator("#user-list").getByText(PHONE).first().waitFor();
  await look("users");
  await page.locator("#users-tab").press("ArrowLeft");
  await page.locator("#to").fill("");
  await page.locator("#clear").click();
  await page.getByText("No messages yet.").waitFor();
  await context.close();
}

/** The path of the link that the second message within a day has. */
async function stopPath() {
  for (let times = 0; times < 2; times += 1) {
    assert.equal((await post("/v1/otp/send", { phone: "+14155550291", locale: "en" })).status, 202);
    await pause(2_100);
  }
  return /\/stop\/\S+/.exec((await messages("+14155550291")).at(-1).body)[0];
}

async function others(variant, stop) {
  const { context, page, look } = await pageIn(variant);
  const language = VARIANTS[variant].locale.slice(0, 2);
  for (const [name, path] of [["home", "/"], ["inbox", "/_local"], ["no-page", "/nothing"], ["undo", "/undo/old"]]) {
    await page.goto(SERVICE + path);
    await look(name);
  }
  await page.goto(SERVICE + stop);
  assert.equal(await page.evaluate(() => document.documentElement.lang), language);
  assert.equal(await page.locator(".brand").textContent(), "Corner Shop");
  await look("stop");
  await page.locator("button").click();
  await page.locator(".second").waitFor();
  await look("stopped");
  await page.locator("button").click();
  await page.locator("form").waitFor({ state: "detached" });
  await look("resumed");
  await context.close();
}

mkdirSync(SHOTS, { recursive: true });
try {
  await inbox();
  const stop = await stopPath();
  for (const variant of Object.keys(VARIANTS)) await others(variant, stop);
  console.log("the inbox, stop, undo, home and 404: no problems in", Object.keys(VARIANTS).join(", "));
} finally {
  await browser.close();
}
