/**
 * Uses the service's own docs page in Chromium like a reader of the API: sends the prefilled requests
 * as they stand, signs in by the button, pastes the token of a sign-in. At three widths, in light,
 * dark and forced colours, axe may find no violation. The page's policy may refuse nothing, and
 * nothing may be loaded from another origin.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { AXE, launch, watch } from "./web/browser.mjs";

const { URL: SERVICE, SHOTS } = process.env;

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

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 } });
const shot = name => page.screenshot({ path: join(SHOTS, name) });
mkdirSync(SHOTS, { recursive: true });
try {
  page.setDefaultTimeout(20_000);
  const troubles = [], elsewhere = [];
  watch(page, troubles);
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

  // The prefilled requests work as they stand, from the first to the last.
  const asItStands = async (path, method, status) => {
    const block = page.locator(".opblock", { has: page.locator(`[data-path="${path}"]`) }).and(page.locator(`.opblock-${method}`));
    await block.locator("button.opblock-summary-control").click();
    const pathname = path.replace(/\{.*\}/, "");
    const [answer] = await Promise.all([
      page.waitForResponse(response => new URL(response.url()).pathname.startsWith(pathname)),
      block.locator("button.execute").click(),
    ]);
    assert.equal(answer.status(), status, `${method} ${path}: ${await answer.text()}`);
    // With many operations open, Swagger UI gets slow.
    await block.locator("button.opblock-summary-control").click();
  };
  const order = await page.locator(".opblock-summary-path").evaluateAll(paths => paths.slice(0, 2).map(path => path.dataset.path));
  assert.deepEqual(order, ["/v1/otp/send", "/v1/otp/verify"]);
  await asItStands("/v1/otp/send", "post", 202);
  await asItStands("/v1/otp/{challenge_id}", "get", 200);
  await asItStands("/v1/otp/verify", "post", 200);
  await asItStands("/v1/me", "patch", 200);
  await asItStands("/v1/auth/refresh", "post", 200);
  await asItStands("/v1/auth/register", "post", 202);
  await asItStands("/v1/password/forgot", "post", 202);
  await asItStands("/v1/config", "get", 200);
  assert.equal(await answered(), 200, "the page is signed in");
  const { paths } = await (await fetch(`${SERVICE}/openapi.json`)).json();
  const readable = Object.keys(paths).filter(path => paths[path].get?.tags.includes("Me") && !path.includes("{") && path !== "/v1/me");
  for (const path of readable) await asItStands(path, "get", 200);

  // The button of a laptop signs in. Operations are read and sent with axe's eyes, too.
  const looks = [
    { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
    { viewport: { width: 768, height: 1024 }, forcedColors: "active" },
    { viewport: { width: 1440, height: 900 }, colorScheme: "light", reducedMotion: "reduce" },
  ];
  for (const look of looks) {
    const { width } = look.viewport;
    const reader = await browser.newPage(look);
    await reader.addInitScript(AXE);
    await reader.goto(`${SERVICE}/docs`);
    await reader.locator(".opblock").first().waitFor();
    await reader.locator("#sign-in").click();
    await reader.getByText("You are signed in.").waitFor();
    await reader.screenshot({ path: join(SHOTS, `docs-page-${width}.png`) });
    for (const path of ["/v1/otp/send", "/v1/otp/{challenge_id}", "/v1/me"]) {
      await reader.locator(`.opblock [data-path="${path}"]`).first().click();
    }
    await reader.locator(".opblock.is-open button.execute").last().click();
    await reader.locator(".live-responses-table .highlight-code").waitFor();
    await reader.screenshot({ path: join(SHOTS, `docs-page-open-${width}.png`) });
    assert.equal(await reader.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    const { violations } = await reader.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"], preload: false }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id} at ${width}: ${nodes[0].html}`), []);
    await reader.close();
  }

  await page.locator("button.authorize").first().click();
  if (await page.locator(".auth-btn-wrapper button", { hasText: "Logout" }).count()) {
    await page.locator(".auth-btn-wrapper button", { hasText: "Logout" }).first().click();
  }
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
  console.log("the docs page: a stranger is refused, prefilled requests work as they stand, a pasted token shows its profile");
} catch (error) {
  await shot("docs-page-failed.png");
  throw error;
} finally {
  await browser.close();
}
