/** The element on a page of somebody else. */
import assert from "node:assert/strict";
import { join } from "node:path";

import { AXE, DESK } from "./browser.mjs";
import { SERVICE, codeOf } from "./service.mjs";

const { SHOTS } = process.env;

/** Signs in on a page that has nothing but the element, with its own accent and words. A style comes before an attribute. */
export async function embed(browser) {
  const context = await browser.newContext({ ...DESK, colorScheme: "light", locale: "en-US", reducedMotion: "reduce" });
  const page = await context.newPage();
  const html = `<!doctype html><html lang="en"><title>A page</title>
    <style>latchkey-sign-in { --latchkey-accent: #5b21b6; --latchkey-accent-strong: #4c1d95 }</style>
    <script type="module" src="/_local/app/latchkey-sign-in.js"></script>
    <main><latchkey-sign-in language="es" accent="#ffcc00"><p slot="terms">Our terms.</p></latchkey-sign-in></main>`;
  await page.route("**/a-page", route => route.fulfill({ contentType: "text/html", body: html }));
  await page.addInitScript(AXE);
  await page.goto(`${SERVICE}/a-page`);
  await page.evaluate(() => addEventListener("latchkey-signed-in", event => (globalThis.user = event.detail.user)));
  await page.locator("#phone").fill("+1 415 555 0296");
  await page.getByText("Our terms.").waitFor();
  assert.equal(await page.locator("#phone-form .main").evaluate(button => getComputedStyle(button).backgroundColor), "rgb(91, 33, 182)");
  await page.screenshot({ path: join(SHOTS, "embedded.png") });
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false, runOnly: ["wcag2a", "wcag2aa"] }));
  assert.deepEqual(violations.map(({ id }) => id), []);
  await page.locator("#phone").press("Enter");
  await page.locator("#code-step").waitFor({ state: "visible" });
  await page.locator("#code").pressSequentially(await codeOf("+14155550296"));
  await page.locator("#signed-in").waitFor();
  assert.equal(await page.evaluate(() => globalThis.user.phone), "+14155550296");
  const me = await page.evaluate(() => document.querySelector("latchkey-sign-in").client.request("get", "/v1/me"));
  assert.equal(me.phone, "+14155550296");
  assert.equal(await page.title(), "A page");
  await context.close();
}
