/**
 * Takes the pictures of README.md: the sign-in page while it waits for a code, the inbox with the
 * text, and the API page after the first sign-in.
 */
import { join } from "node:path";

import { launch } from "./web/browser.mjs";

const { URL: SERVICE, SHOTS } = process.env;

const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 420, height: 560 }, locale: "en-US", colorScheme: "light", reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(`${SERVICE}/_local/app`);
  await page.locator("#phone").fill("+1 415 555 0123");
  await page.locator("#phone").press("Enter");
  await page.locator("#code-step").waitFor();
  await page.waitForFunction(() => !document.querySelector("[data-busy]"));
  await page.locator("#code").pressSequentially("12");
  await page.screenshot({ path: join(SHOTS, "sign-in.png") });

  const inbox = await context.newPage();
  await inbox.setViewportSize({ width: 560, height: 400 });
  await inbox.goto(`${SERVICE}/_local`);
  await inbox.getByText("is your Latchkey code").first().waitFor();
  await inbox.screenshot({ path: join(SHOTS, "inbox.png") });

  const api = await context.newPage();
  await api.setViewportSize({ width: 720, height: 560 });
  await api.goto(`${SERVICE}/docs`);
  await api.locator(".opblock").first().waitFor();
  await api.locator("#sign-in").click();
  await api.getByText("You are signed in.").waitFor();
  await api.screenshot({ path: join(SHOTS, "api.png") });
} finally {
  await browser.close();
}
