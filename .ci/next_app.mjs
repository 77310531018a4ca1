/**
 * Signs in to the example app of Next.js in Chromium: by the component in the browser, also with a
 * second factor, and by the page whose session is in the cookies of its server. At each step of the
 * component, axe may find no violation.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";

// The tests of the client have compiled it.
import { totp } from "../target/typescript-client/build/test/totp.js";

const { APP, LATCHKEY, TOOLS, CHROMIUM } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");
/** The test phone of `cargo run`. */
const PHONE = "+15005550006", CODE = "123456";

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

async function call(path, body, token) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(LATCHKEY + path, { method: "POST", headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

async function codeOf(phone) {
  const texts = await (await fetch(`${LATCHKEY}/_local/messages?to=${encodeURIComponent(phone)}`)).json();
  return /\d{6}/.exec(texts.at(-1).body)[0];
}

/** Gives a phone an account with a second factor. Returns a recovery code. */
async function withSecondFactor(phone) {
  const { challenge_id } = await call("/v1/otp/send", { phone });
  const { access_token } = await call("/v1/otp/verify", { challenge_id, code: await codeOf(phone) });
  const { secret } = await call("/v1/me/totp", undefined, access_token);
  return (await call("/v1/me/totp/confirm", { code: totp(secret) }, access_token)).recovery_codes[0];
}

/** Fails if axe finds something wrong with the sign-in component. */
async function assertAccessible(page) {
  await page.addScriptTag({ path: require.resolve("axe-core") });
  const { violations } = await page.evaluate(() => axe.run(".latchkey-sign-in"));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
}

async function visit(path, signIn, phone = PHONE) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", error => problems.push(String(error)));
  // Browsers also report each refusal of ours as an error.
  page.on("console", line => line.type() === "error" && !line.text().includes("status of 4") && problems.push(line.text()));
  page.on("requestfailed", request => !request.failure()?.errorText.includes("ABORTED") && problems.push(`${request.url()} failed`));
  await page.goto(APP + path, { waitUntil: "networkidle" });
  await signIn(page);
  await page.getByText(`Signed in as ${phone}`).waitFor();
  await page.reload();
  await page.getByText(`Signed in as ${phone}`).waitFor();

  const [stored, cookies] = [await page.evaluate(() => Object.keys(localStorage).sort()), await context.cookies()];
  assert.ok(cookies.every(({ httpOnly }) => httpOnly));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Phone number").waitFor();
  assert.deepEqual(problems, []);
  await context.close();
  return { stored, cookies: cookies.map(({ name }) => name).sort() };
}

const inBrowser = await visit("/", async page => {
  await page.getByLabel("Phone number").fill("12");
  await page.getByRole("button", { name: "Send code" }).click();
  await page.getByRole("alert").filter({ hasText: "country code" }).waitFor();
  await assertAccessible(page);
  await page.getByLabel("Phone number").fill("+1 (500) 555-0006");
  await page.getByRole("button", { name: "Send code" }).click();
  await page.getByLabel("Code sent to").fill(`${CODE.slice(0, 3)} ${CODE.slice(3)}`);
  await page.getByRole("button", { name: "Continue" }).click();
});
assert.deepEqual(inBrowser, { stored: ["latchkey", "latchkey.device"], cookies: [] });

const SECURE = "+14155550161", recoveryCode = await withSecondFactor(SECURE);
await visit("/", async page => {
  await page.getByLabel("Phone number").fill(SECURE);
  await page.getByRole("button", { name: "Send code" }).click();
  await page.getByLabel("Code sent to").waitFor();
  await assertAccessible(page);
  await page.getByLabel("Code sent to").fill(await codeOf(SECURE));
  await page.getByRole("button", { name: "Continue" }).click();

  await page.getByLabel("authenticator app").fill("000000");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").filter({ hasText: /./ }).waitFor();
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await assertAccessible(page);
  await page.getByLabel("Recovery code").fill(recoveryCode.toLowerCase());
  await page.getByRole("button", { name: "Continue" }).click();
}, SECURE);

const onServer = await visit("/server", async page => {
  await page.getByLabel("Phone number").fill(PHONE);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Code of the text").fill(CODE);
  await page.getByRole("button", { name: "Continue" }).click();
});
assert.deepEqual(onServer, { stored: [], cookies: ["latchkey", "latchkey.device"] });
await browser.close();
console.log("Next.js: signed in by the component, and by the cookies of the server");
