/**
 * Uses the service's own docs page in Chromium like a reader of the API: pastes the token of a
 * sign-in, asks for the profile, and gets it. The page's policy may refuse nothing, and nothing may
 * be loaded from another origin.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { URL: SERVICE, TOOLS, CHROMIUM, SHOTS } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");

const PHONE = "+14155550297";
const call = async (path, body) => {
  const answer = await fetch(SERVICE + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};
const { challenge_id } = await call("/v1/otp/send", { phone: PHONE });
const texts = await (await fetch(`${SERVICE}/_local/messages?to=${encodeURIComponent(PHONE)}`)).json();
const { access_token, user } = await call("/v1/otp/verify", { challenge_id, code: /\d{6}/.exec(texts.at(-1).body)[0] });

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 } });
const shot = name => page.screenshot({ path: join(SHOTS, name) });
mkdirSync(SHOTS, { recursive: true });
try {
  page.setDefaultTimeout(20_000);
  const troubles = [], elsewhere = [];
  page.on("pageerror", error => troubles.push(String(error)));
  page.on("console", message => {
    // The test provokes a refusal below.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
  });
  page.on("request", request => {
    if (!/^data:/.test(request.url()) && new URL(request.url()).origin !== SERVICE) elsewhere.push(request.url());
  });

  // The `type` of a problem leads to its code, also after the API is drawn above the list of codes.
  await page.goto(`${SERVICE}/docs#otp_incorrect`);
  await page.locator(".opblock").first().waitFor({ state: "attached" });
  await page.waitForFunction(() => {
    const { top, bottom } = document.getElementById("otp_incorrect").getBoundingClientRect();
    return top >= -1 && bottom <= innerHeight;
  });
  assert.ok(page.url().endsWith("/docs#otp_incorrect"), page.url());
  await shot("docs-page-code.png");

  await page.goto("about:blank");
  await page.goto(`${SERVICE}/docs`);
  const operation = page.locator(".opblock", { has: page.locator('[data-path="/v1/me"]') }).filter({ hasText: "GET" }).first();
  await operation.locator("button.opblock-summary-control").click();
  const answered = async () => {
    const [answer] = await Promise.all([
      page.waitForResponse(response => new URL(response.url()).pathname === "/v1/me"),
      operation.locator("button.execute").click(),
    ]);
    await operation.locator(".live-responses-table .response-col_status", { hasText: String(answer.status()) }).waitFor();
    return answer.status();
  };
  assert.equal(await answered(), 401, "a stranger has no profile");

  await page.locator("button.authorize").first().click();
  await page.locator(".auth-container input").first().fill(access_token);
  await shot("docs-page-authorize.png");
  await page.locator(".auth-btn-wrapper button.authorize").first().click();
  await page.locator(".auth-btn-wrapper .btn-done").first().click();

  assert.equal(await answered(), 200);
  const shown = await operation.locator(".live-responses-table .highlight-code").first().textContent();
  assert.ok(shown.includes(user.id) && shown.includes(PHONE), shown);
  await operation.locator(".live-responses-table").scrollIntoViewIfNeeded();
  await shot("docs-page-profile.png");

  assert.deepEqual(troubles, []);
  assert.deepEqual(elsewhere, []);
  console.log("the docs page: a stranger is refused, a pasted token shows its profile");
} catch (error) {
  await shot("docs-page-failed.png");
  throw error;
} finally {
  await browser.close();
}
