/**
 * Takes the pictures of README.md: the sign-in page while it waits for a code, and the inbox with
 * the text.
 */
import { createRequire } from "node:module";
import { join } from "node:path";

const { URL: SERVICE, TOOLS, CHROMIUM, SHOTS } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");

const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
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
} finally {
  await browser.close();
}
