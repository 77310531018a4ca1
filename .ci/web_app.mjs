/**
 * Uses the sign-in page in Chromium like a person, at the widths of a phone and of a desktop, in
 * light and dark, and from right to left. At every step it takes a screenshot, axe may find no
 * violation, and the page's policy may refuse nothing.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

const { URL: SERVICE, TOOLS, CHROMIUM, SHOTS, ONLY } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");
const axe = require("axe-core");
const jsQR = require("jsqr");

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const DESK = { viewport: { width: 1280, height: 900 } };
const VARIANTS = {
  "phone-light": { ...PHONE, colorScheme: "light", locale: "en-US" },
  "desk-light": { ...DESK, colorScheme: "light", locale: "en-US" },
  "phone-dark": { ...PHONE, colorScheme: "dark", locale: "en-US" },
  "desk-dark": { ...DESK, colorScheme: "dark", locale: "en-US" },
  "phone-rtl": { ...PHONE, colorScheme: "light", locale: "ar-EG" },
  "desk-rtl": { ...DESK, colorScheme: "dark", locale: "ar-EG" },
  "phone-es": { ...PHONE, colorScheme: "light", locale: "es-MX" },
  "desk-forced": { ...DESK, forcedColors: "active", locale: "en-US" },
};
/** A name in the script of each language. */
const NAMES = { en: "Ann Lee", ar: "ليلى حداد", es: "José Muñoz" };

/** A username that belongs to somebody else. */
const TAKEN = "somebody";

const texts = async phone => {
  const answer = await fetch(`${SERVICE}/_local/messages?to=${encodeURIComponent(phone)}`);
  return (await answer.json()).map(({ body }) => body);
};
const codeOf = async phone => /\d{6}/.exec((await texts(phone)).findLast(body => /\d{6}/.test(body)))[0];
const call = async (path, body, headers = {}) => {
  const answer = await fetch(SERVICE + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

/** The code of an authenticator app (RFC 6238), `ahead` time steps of 30 s from now. */
function totp(secret, ahead = 0) {
  const bits = [...secret.replace(/\s/g, "")].map(sign => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(sign).toString(2).padStart(5, "0"));
  const key = Buffer.from(bits.join("").match(/.{8}/g).map(byte => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The same phone number, as contacts, keyboards and letterheads write it. */
function written(phone, number) {
  const wide = phone.replace(/[+\d]/g, sign => String.fromCodePoint(sign.codePointAt(0) + 0xfee0));
  return [phone.replace("+1 ", ""), `\u202a${phone.replaceAll(" ", "\u00a0")}\u202c`, wide, phone.replace("+1 ", "+1 (0)")][number % 4];
}

/** A PNG picture of one colour. */
function png(width, height) {
  const crc = bytes => {
    let rest = ~0;
    for (const byte of bytes) {
      rest ^= byte;
      for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (0xedb88320 & -(rest & 1));
    }
    return ~rest >>> 0;
  };
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]), frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from([46, 139, 112]))]);
  const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
}

async function drive(browser, variant, number, hasAvatars) {
  const context = await browser.newContext({ ...VARIANTS[variant], reducedMotion: "reduce" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const troubles = [];
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on("page", page => {
    page.setDefaultTimeout(15_000);
    page.on("pageerror", error => troubles.push(String(error)));
    // The test provokes refusals.
    page.on("console", message => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
    });
  });
  const page = await context.newPage();
  const phone = `+1 415 555 02${String(10 + number)}`, canonical = phone.replaceAll(" ", "");
  const folder = join(SHOTS, variant);
  mkdirSync(folder, { recursive: true });

  const visible = id => page.locator(`#${id}`).waitFor({ state: "visible" });
  const words = id => page.locator(`#${id}`).textContent();
  const focused = () => page.evaluate(() => document.activeElement.id);
  const typed = async (id, text) => {
    await page.locator(`#${id}`).fill(text);
    await page.locator(`#${id}`).press("Enter");
  };
  const failed = async id => {
    await page.locator(`#${id}-error:not(:empty)`).waitFor();
    assert.equal(await page.locator(`#${id}`).getAttribute("aria-invalid"), "true");
    assert.equal(await focused(), id, "the field to correct has the focus");
    return words(`${id}-error`);
  };
  const announced = text => page.waitForFunction(text => document.querySelector("#announcer").textContent.includes(text), text);

  let shots = 0;
  const look = async name => {
    // The form of a call that waits for a step-up is busy, and hidden.
    await page.waitForFunction(() => [...document.querySelectorAll("[data-busy]")].every(busy => !busy.checkVisibility()));
    shots += 1;
    await page.screenshot({ path: join(folder, `${String(shots).padStart(2, "0")}-${name}.png`), fullPage: true });
    for (const width of [VARIANTS[variant].viewport.width, 320]) {
      await page.setViewportSize({ ...VARIANTS[variant].viewport, width });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide at ${width}`);
    }
    await page.setViewportSize(VARIANTS[variant].viewport);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(" ")}`);
    assert.deepEqual(found, [], `axe at ${name}`);
  };
  await page.addInitScript(axe.source);

  // The phone: empty, incomplete.
  await page.goto(`${SERVICE}/_local/app`);
  await visible("phone-step");
  assert.equal(await focused(), "phone");
  const language = await page.evaluate(() => document.documentElement.lang);
  assert.ok(VARIANTS[variant].locale.startsWith(language));
  assert.equal(await page.evaluate(() => document.documentElement.dir), language === "ar" ? "rtl" : "ltr");
  await page.waitForFunction(() => document.title.endsWith(" · Corner Shop"));
  assert.equal(await page.locator("[data-app]").textContent(), "Corner Shop");
  if (language === "en") assert.match(await words("phone-hint"), /United States/);
  await look("phone");
  await page.locator("#phone").press("Enter");
  await failed("phone");
  await typed("phone", "+1 415");
  await failed("phone");
  // The digits of an extension would belong to another phone.
  await typed("phone", `${phone} x8`);
  assert.match(await failed("phone"), /x/);
  await look("phone-wrong");

  // The code: wrong, kept over a reload, sent again, pasted. The number is written in several ways.
  await typed("phone", written(phone, number));
  await visible("code-step");
  assert.equal(await focused(), "code");
  assert.equal(await page.locator("#code").getAttribute("autocomplete"), "one-time-code");
  assert.equal(await page.locator("#resend").getAttribute("aria-disabled"), "true");
  assert.ok((await words("code-lead")).replace(/[\s()\u2066-\u2069]/g, "").includes(canonical.slice(2)), "the number is masked");
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
  await page.evaluate(code => navigator.clipboard.writeText(code), `${right.slice(0, 3)} ${right.slice(3)}`);
  await page.locator("#code").press("ControlOrMeta+V");

  // The profile.
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

  // The picture.
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

  // Sessions: this device signs out another one.
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

  // The second factor.
  await page.locator("#factor-begin").click();
  await visible("factor-setup");
  assert.equal(await focused(), "confirm");
  await page.waitForFunction(() => document.querySelector("#qr").naturalWidth > 0);
  await look("second-factor");
  const picture = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 400;
    const pen = canvas.getContext("2d");
    pen.drawImage(document.querySelector("#qr"), 0, 0, 400, 400);
    return [...pen.getImageData(0, 0, 400, 400).data];
  });
  const scanned = jsQR(Uint8ClampedArray.from(picture), 400, 400)?.data;
  assert.equal(scanned, await page.locator("#otpauth").getAttribute("href"), "the QR code can be scanned");
  const secret = new URL(scanned).searchParams.get("secret");
  await page.locator("#confirm").pressSequentially(totp(secret, 40));
  await failed("confirm");
  await page.locator("#confirm").pressSequentially(totp(secret));
  await visible("factor-codes");
  assert.equal(await focused(), "codes-title");
  const codes = await page.locator("#codes li").allTextContents();
  assert.equal(codes.length, 10);
  await look("recovery-codes");
  const download = page.waitForEvent("download");
  await page.locator("#codes-save").click();
  assert.equal((await download).suggestedFilename(), "recovery-codes.txt");
  await page.locator("#codes-copy").click();
  await page.waitForFunction(async first => (await navigator.clipboard.readText()).startsWith(first), codes[0]);
  await page.locator("#codes-done").click();
  await visible("factor-on");
  assert.equal(await page.locator("#codes li").count(), 0, "the codes are still on the page");

  // Sign out, and sign in again with the second factor.
  await page.locator("#sign-out").click();
  await visible("phone-step");
  assert.equal(await focused(), "phone");
  if (language === "en") await announced("You are signed out.");
  await pause(2_000);
  await typed("phone", phone);
  await visible("code-step");
  await page.locator("#code").pressSequentially(await codeOf(canonical));
  await visible("mfa-step");
  assert.equal(await focused(), "mfa");
  await look("mfa");
  await page.locator("#mfa").pressSequentially(totp(secret, 40));
  await failed("mfa");
  await page.locator("#mfa-switch").click();
  await look("mfa-recovery");
  // Half a recovery code, and a whole one of nobody.
  for (const code of [codes[0].slice(0, 9), codes[0].replaceAll(/\w/g, "A")]) {
    await typed("mfa", code);
    const wrong = await failed("mfa");
    if (language === "en") assert.match(wrong, /Check the code, or use another one\./);
    await page.waitForFunction(() => document.querySelector("#mfa").value === "");
  }
  await typed("mfa", codes[0].toLowerCase());
  await visible("account-step");
  await visible("factor-on");
  await look("factor-on");
  await typed("factor-code", `${codes[1].replaceAll("-", "\u2011")}\u00a0`);
  await visible("factor-codes");
  assert.ok(!(await page.locator("#codes li").allTextContents()).includes(codes[2]), "the codes are not new");
  const unused = await page.locator("#codes li").allTextContents();
  await page.locator("#codes-done").click();
  if (number % 4 === 0) await stepUp(page, { visible, look, typed, canonical, unused });
  await page.locator("#factor-code").fill(totp(secret, 1).replace(/^.../, "$& "));
  await page.locator("#factor-form button[value=remove]").click();
  await visible("factor-off");

  // Two tabs that refresh at the same time stay signed in. When the first signs out everywhere, so
  // does the second.
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
  // The activity: the newest first, in words, with masked addresses.
  const activity = page.locator("#activity li");
  await page.locator("#activity-more").click();
  await page.waitForFunction(() => document.querySelectorAll("#activity li").length > 5);
  const newest = await activity.first().textContent();
  if (language === "en") assert.match(newest, /^Two-step verification turned off[A-Z][a-z]{2} .*, 20\d\d, .*[AP]M · .*127\.0\.0\.•$/);
  assert.equal(await activity.locator("text=/_|activity\\./").count(), 0, "an action without a word");
  if (number % 2 === 0) await look("activity");
  if (number === 0) await failingActivity(page, look);

  await page.locator("#sign-out-all").click();
  await visible("phone-step");
  await tab.locator("#phone-step").waitFor({ state: "visible" });

  // Another language takes effect immediately.
  await page.locator("#language").selectOption(language === "ar" ? "en" : "ar");
  await page.waitForFunction(direction => document.documentElement.dir === direction, language === "ar" ? "ltr" : "rtl");

  if (number === 0) await useUpTries(page, { visible, failed, typed, look });

  // The service cannot be reached.
  await page.route("**/v1/otp/send", route => route.abort());
  await typed("phone", phone);
  await failed("phone");

  // API Gateway refuses by itself, without a code. The language is now another one.
  const tooMany = { status: 429, contentType: "application/json", body: '{"message": "Too Many Requests"}' };
  await page.route("**/v1/otp/send", route => route.fulfill(tooMany));
  await typed("phone", phone);
  if (language === "ar") {
    const words = "The service is getting too many requests right now. Try again in a moment.";
    await page.waitForFunction(words => document.querySelector("#phone-error").textContent === words, words);
  }
  await failed("phone");

  await context.close();
  assert.deepEqual(troubles, []);
  console.log(`${variant}: ${shots} screenshots, no problems`);
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

/**
 * A sign-in that is too old for a change: the page asks for a new one, with both factors, and then
 * makes the change by itself. The previous session ends.
 */
async function stepUp(page, { visible, look, typed, canonical, unused }) {
  const headers = { "www-authenticate": 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"' };
  const refusal = { code: "insufficient_user_authentication", status: 401, detail: "too old" };
  const refuse = route => route.fulfill({ status: 401, headers, contentType: "application/problem+json", body: JSON.stringify(refusal) });
  await page.route("**/v1/me/recovery-codes", refuse);
  await typed("factor-code", unused[0]);
  await visible("again-step");
  await look("again");
  await page.locator("#again-cancel").click();
  await page.locator("#factor-code-error:not(:empty)").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "factor-code");

  await pause(2_000);
  await typed("factor-code", unused[0]);
  await visible("again-step");
  await page.unroute("**/v1/me/recovery-codes");
  await page.locator("#again-form button").click();
  await visible("code-step");
  await page.locator("#code").pressSequentially(await codeOf(canonical));
  await visible("mfa-step");
  await page.locator("#mfa-switch").click();
  await typed("mfa", unused[1]);
  await visible("factor-codes");
  await page.locator("#codes-done").click();
  await page.waitForFunction(() => document.querySelectorAll("#sessions li").length > 0);
}

/** Uses up the tries of a code: the page says so, and sends a new code. */
async function useUpTries(page, { visible, failed, typed, look }) {
  await typed("phone", "+1 415 555 0299");
  await visible("code-step");
  const right = await codeOf("+14155550299");
  for (let tries = 5; tries > 0; tries -= 1) {
    await page.locator("#code").pressSequentially(right === "000000" ? "111111" : "000000");
    await failed("code");
    await page.waitForFunction(() => document.querySelector("#code").value === "");
  }
  await look("last-try");
  await page.locator("#resend[aria-disabled=false]").click();
  await page.locator("#resend[aria-disabled=true]").waitFor();
  assert.equal((await texts("+14155550299")).length, 2);
  await page.locator("#change-phone").click();
  await visible("phone-step");
}

/**
 * Signs in with a phone of a second country, for which the service asks for a proof of work. On a
 * page whose thread is slow, it says that it is checking, and is not blocked meanwhile. The next
 * sign-in of the device needs none.
 */
async function proveWork(browser) {
  const context = await browser.newContext({ ...PHONE, locale: "en-US" });
  const page = await context.newPage();
  const troubles = [], sends = [];
  page.on("pageerror", error => troubles.push(String(error)));
  page.on("console", message => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
  });
  page.on("response", answer => answer.url().endsWith("/v1/otp/send") && sends.push(answer.status()));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    globalThis.shown = [];
    addEventListener("DOMContentLoaded", () => {
      const checking = document.querySelector("#checking");
      new MutationObserver(() => shown.push({ text: checking.textContent, at: performance.now() })).observe(checking, { childList: true });
    });
  });
  let workers = 0;
  page.on("worker", () => (workers += 1));
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 6 });

  await page.goto(`${SERVICE}/_local/app`);
  const signIn = async phone => {
    await page.locator("#phone").fill(phone);
    await page.locator("#phone").press("Enter");
    await page.locator("#code-step").waitFor({ state: "visible" });
    await page.locator("#code").pressSequentially(await codeOf(phone));
    await page.locator("#account-step").waitFor({ state: "visible" });
  };
  await signIn("+447400123456");
  assert.deepEqual(sends, [403, 202]);
  assert.equal(workers, 1, "a worker solved it");
  const shown = await page.evaluate(() => globalThis.shown);
  assert.deepEqual(shown.map(({ text }) => text), ["Checking…", ""]);
  console.log(`proof of work: ${Math.round(shown[1].at - shown[0].at)} ms, with the thread of the page at a sixth of its speed`);

  await page.locator("#sign-out").click();
  await page.locator("#phone-step").waitFor({ state: "visible" });
  await pause(2_000);
  await signIn("+447400123456");
  assert.deepEqual(sends, [403, 202, 202], "a known device has to prove nothing");
  await context.close();
  assert.deepEqual(troubles, []);
}

const { paths } = await (await fetch(`${SERVICE}/openapi.json`)).json();
const hasAvatars = "/v1/me/avatar" in paths;
if (!hasAvatars) console.log("(the API has no avatars: their step is left out)");
const { challenge_id } = await call("/v1/auth/register", { phone: "+14155550298", username: TAKEN });
await call("/v1/otp/verify", { challenge_id, code: await codeOf("+14155550298") });
// The browser's profile is new and empty: playwright makes it.
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const variants = Object.keys(VARIANTS);
  for (const variant of variants.filter(variant => !ONLY || variant === ONLY)) {
    await drive(browser, variant, variants.indexOf(variant), hasAvatars);
  }
  if (!ONLY || ONLY === "proof") await proveWork(browser);
} finally {
  await browser.close();
}
