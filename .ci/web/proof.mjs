/** A sign-in for which the service asks for a proof of work. */
import assert from "node:assert/strict";

import { waitForTime } from "../clock_hour.mjs";
import { PHONE, REACH, reportRefusals, watch } from "./browser.mjs";
import { SERVICE, call, codeOf, pause } from "./service.mjs";

/**
 * Signs in with a phone of a second country, for which the service asks for a proof of work. On a
 * page whose thread is slow, it says that it is checking, and is not blocked meanwhile. The next
 * sign-in of the device needs none.
 */
export async function proveWork(browser) {
  const context = await browser.newContext({ ...PHONE, locale: "en-US" });
  const page = await context.newPage();
  const troubles = [], sends = [];
  watch(page, troubles);
  await reportRefusals(page);
  page.on("response", answer => answer.url().endsWith("/v1/otp/send") && sends.push(answer.status()));
  await page.addInitScript(REACH);
  await page.addInitScript(() => {
    globalThis.shown = [];
    addEventListener("DOMContentLoaded", () => {
      const checking = () => byId("checking");
      customElements.whenDefined("latchkey-sign-in").then(() => new MutationObserver(() =>
        shown.push({ text: checking().textContent, at: performance.now() })).observe(checking(), { childList: true }));
    });
  });
  let workers = 0;
  page.on("worker", () => (workers += 1));
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 6 });

  await waitForTime(120);
  // The first country of this hour.
  await call("/v1/otp/send", { phone: "+14155550295" });
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
  await page.locator("#first-step").waitFor({ state: "visible" });
  await pause(2_000);
  await signIn("+447400123456");
  assert.deepEqual(sends, [403, 202, 202], "a known device has to prove nothing");
  await context.close();
  assert.deepEqual(troubles, []);
}
