/** A person at the sign-in page, in one variant of the browser. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { AXE, DESK, PHONE, REACH, reportRefusals, watch } from "./browser.mjs";

export const VARIANTS = {
  "phone-light": { ...PHONE, colorScheme: "light", locale: "en-US" },
  "desk-light": { ...DESK, colorScheme: "light", locale: "en-US" },
  "phone-dark": { ...PHONE, colorScheme: "dark", locale: "en-US" },
  "phone-rtl": { ...PHONE, colorScheme: "light", locale: "ar-EG" },
  "desk-rtl": { ...DESK, colorScheme: "dark", locale: "ar-EG" },
  "phone-es": { ...PHONE, colorScheme: "light", locale: "es-MX" },
  "desk-forced": { ...DESK, forcedColors: "active", locale: "en-US" },
};

/** Opens a browser for a person, with a separate phone number. */
export async function meet(browser, variant) {
  const context = await browser.newContext({ ...VARIANTS[variant], reducedMotion: "reduce" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const troubles = [];
  await reportRefusals(context);
  context.on("page", page => {
    page.setDefaultTimeout(15_000);
    watch(page, troubles);
  });
  const page = await context.newPage();
  await page.addInitScript(AXE);
  await page.addInitScript(REACH);
  const number = Object.keys(VARIANTS).indexOf(variant);
  const phone = `+1 415 555 02${String(10 + number)}`, canonical = phone.replaceAll(" ", "");
  return { context, page, variant, number, phone, canonical, troubles, ...hands(page), ...eyes(page, variant) };
}

/**
 * How many pixels an error of at most two lines adds to the form. A longer one may add its other
 * lines. Runs in the page.
 */
function heightOfError(id) {
  const error = byId(`${id}-error`), form = error.closest("form, section"), height = form.offsetHeight;
  const lines = Math.round(error.offsetHeight / Number.parseFloat(getComputedStyle(error).lineHeight));
  const text = error.textContent;
  error.textContent = "";
  const added = height - form.offsetHeight;
  error.textContent = text;
  return lines > 2 ? 0 : added;
}

/** The actions of a person at a page. */
function hands(page) {
  const visible = id => page.locator(`#${id}`).waitFor({ state: "visible" });
  const words = id => page.locator(`#${id}`).textContent();
  const focused = () => page.evaluate(() => globalThis.focused().id);
  const typed = async (id, text) => {
    await page.locator(`#${id}`).fill(text);
    await page.locator(`#${id}`).press("Enter");
  };
  const failed = async id => {
    await page.locator(`#${id}-error:not(:empty)`).waitFor();
    assert.equal(await page.locator(`#${id}`).getAttribute("aria-invalid"), "true");
    assert.equal(await focused(), id, "the field to correct has the focus");
    assert.equal(await page.evaluate(heightOfError, id), 0, `the error of ${id} moves the form`);
    return words(`${id}-error`);
  };
  const announced = text => page.waitForFunction(text => byId("announcer").textContent.includes(text), text);
  return { visible, words, focused, typed, failed, announced };
}

/** Looks at a step: a screenshot, no overflow at three widths, and nothing that axe finds. */
function eyes(page, variant) {
  const folder = join(process.env.SHOTS, variant), { viewport } = VARIANTS[variant];
  mkdirSync(folder, { recursive: true });
  const seen = [];
  const look = async name => {
    // The form of a call that waits for a step-up is busy, and hidden.
    await page.waitForFunction(() => [...document.querySelectorAll("[data-busy]"), ...steps().querySelectorAll("[data-busy]")].every(busy => !busy.checkVisibility() || document.querySelector("dialog[open]")));
    seen.push(name);
    await page.screenshot({ path: join(folder, `${String(seen.length).padStart(2, "0")}-${name}.png`), fullPage: true });
    for (const width of [viewport.width, 768, 320]) {
      await page.setViewportSize({ ...viewport, width });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide at ${width}`);
    }
    await page.setViewportSize(viewport);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"], preload: false }));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(" ")}`);
    assert.deepEqual(found, [], `axe at ${name}`);
  };
  return { look, seen };
}
