/** Chromium, as the tests of pages start it. */
import { createRequire } from "node:module";

const { TOOLS, CHROMIUM } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");

/** The source of axe, which runs in pages. */
export const AXE = require("axe-core").source;

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
export const DESK = { viewport: { width: 1440, height: 900 } };

/** Starts it. Its profile is new and empty: playwright makes it. */
export const launch = () => chromium.launch({
  executablePath: CHROMIUM,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

/** Collects the errors of a page, and what its policy refuses. The tests provoke refusals of the service. */
export function watch(page, troubles) {
  page.on("pageerror", error => troubles.push(String(error)));
  page.on("console", message => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
  });
}

/** Makes a page report what its policy refuses. */
export const reportRefusals = page => page.addInitScript(() => {
  addEventListener("securitypolicyviolation", event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
});

/** Lets functions in the page reach into the element of the sign-in. */
export const REACH = `
  globalThis.steps = () => document.querySelector("latchkey-sign-in").shadowRoot;
  globalThis.byId = id => steps().getElementById(id) ?? document.getElementById(id);
  globalThis.focused = () => document.activeElement.shadowRoot?.activeElement ?? document.activeElement;
`;
