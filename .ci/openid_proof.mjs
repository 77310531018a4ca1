/**
 * The hosted page of a deployment with `FRAUD_MODE=challenge`, in Chromium: a suspected person gets the code
 * after a proof of work, which the page solves.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { waitForTime } from "./clock_hour.mjs";
import { pause } from "./openid_browser.mjs";
import { inChromium, isFine } from "./openid_page.mjs";
import { freePort, listening } from "./openid_programs.mjs";
import { call, codeOf, signInByCode } from "./openid_providers.mjs";

const { ADMIN_PHONE, SERVICE } = process.env;
/** Texts from this machine to a second country are suspected. */
const STRICT = { FRAUD_MODE: "challenge", FRAUD_COUNTRIES_PER_IP: "1", FRAUD_SEQUENTIAL_NUMBERS: "1000" };
const ABROAD = "+447400123456";

/** Runs `action` with another service, and the URL by which its app sends people to the page. */
async function withStrictService(action) {
  const port = freePort(), service = `http://localhost:${port}`;
  const args = ["--in-memory", "--port", String(port)];
  const log = openSync("target/openid-strict.log", "w");
  const local = spawn(SERVICE, args, { env: { ...process.env, ...STRICT }, stdio: ["ignore", log, log] });
  const ended = once(local, "exit");
  const app = await listening((_, response) => response.setHeader("content-type", "text/html").end('<!doctype html><html lang="en"><title>shop</title>'));
  try {
    for (let tries = 0; !(await fetch(`${service}/health`).catch(() => null)); tries += 1) {
      assert.ok(tries < 600 && local.exitCode === null, "the service does not start: see target/openid-strict.log");
      await pause(0.1);
    }
    await waitForTime(120);
    const { access_token } = await signInByCode(ADMIN_PHONE, undefined, service);
    const redirect_uri = `http://127.0.0.1:${app.port}/callback`;
    const shop = { client_id: "shop", name: "Shop", type: "confidential", pkce: "optional", first_party: true, redirect_uris: [redirect_uri] };
    await call(`${service}/v1/apps`, shop, access_token);
    const asked = { client_id: "shop", redirect_uri, response_type: "code", scope: "openid" };
    await action(service, `${service}/oauth2/authorize?${new URLSearchParams(asked)}`, redirect_uri);
  } finally {
    local.kill();
    await ended;
    app.close();
  }
}

export const PROOF = {
  "a proof of work in chromium": () => withStrictService(async (service, url, redirect) => {
    const identify = async page => {
      await page.goto(url);
      await page.locator("[name=identifier]").fill(ABROAD);
      await page.getByRole("button", { name: "Continue", exact: true }).tap();
    };
    await inChromium(async page => {
      await identify(page);
      await page.getByText("Switch on JavaScript").waitFor();
      await page.getByRole("button", { name: "Continue", exact: true }).tap();
      await page.getByText("Switch on JavaScript").waitFor();
      await page.getByRole("button", { name: "Use a password" }).tap();
      await page.locator("[name=password]").waitFor();
      assert.equal(await codeOf(ABROAD, service), undefined);
    }, { javaScriptEnabled: false });

    // A browser that cannot do the calculation shows the same help.
    await inChromium(async page => {
      await page.addInitScript(() => Object.defineProperty(Crypto.prototype, "subtle", { value: undefined }));
      await identify(page);
      await page.getByText("Switch on JavaScript").waitFor();
      await isFine(page, "the proof of work that cannot be solved");
    });

    await inChromium(async page => {
      const seen = [];
      page.on("response", response => seen.push(new URL(response.url()).pathname));
      await identify(page);
      const code = page.locator("[name=code]");
      await code.waitFor();
      assert.equal(seen.filter(path => path === "/sign-in").length, 2, "the page sends the proof once, by itself");
      await code.fill(await codeOf(ABROAD, service));
      await page.getByRole("button", { name: "Continue", exact: true }).tap();
      await page.waitForURL(`${redirect}?**`);
    });
  }),
};
