/**
 * The hosted page in Chromium at the size of a phone, entered by oidc-client-ts: taps, policies, axe,
 * reloading and the way back. And the authenticator app that somebody sets up there.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { Client } from "./openid_browser.mjs";
import { codeOf, require } from "./openid_providers.mjs";
import { totp } from "./web/authenticator.mjs";

const { CHROMIUM } = process.env;

/** The page of the app. It says in its title how far it is. */
const APP = (issuer, origin, hop) => `<!doctype html><html lang="en"><title>begin</title><button>Sign in</button>
<script src="/oidc.js"></script>
<script>
const manager = new oidc.UserManager({
  authority: ${JSON.stringify(issuer)}, client_id: "spa", redirect_uri: ${JSON.stringify(hop)}, post_logout_redirect_uri: ${JSON.stringify(`${origin}/bye`)},
  scope: "openid phone", loadUserInfo: true, userStore: new oidc.WebStorageStateStore({ store: localStorage }),
});
const say = text => { document.title = text; };
document.querySelector("button").onclick = () => manager.signinRedirect();
if (location.search.includes("code=")) {
  manager.signinCallback().then(user => { globalThis.user = user; history.replaceState({}, "", "/"); say(user.profile.phone_number); }, error => say("error: " + error.message));
}
</script></html>`;

/** The app, at one origin; its redirect URI is at another, which sends the browser on. */
async function serve(issuer) {
  const bundle = readFileSync(join(dirname(require.resolve("oidc-client-ts/package.json")), "dist/browser/oidc-client-ts.min.js"));
  const server = createServer((request, response) => {
    const { port } = server.address(), origin = `http://127.0.0.1:${port}`;
    const url = new URL(request.url, origin);
    if (url.pathname === "/oidc.js") return response.end(bundle);
    if (url.pathname === "/hop") return response.writeHead(302, { location: `${origin}/${url.search}` }).end();
    response.setHeader("content-type", "text/html");
    response.end(url.pathname === "/bye" ? '<!doctype html><html lang="en"><title>bye</title>' : APP(issuer, origin, `http://localhost:${port}/hop`));
  }).listen(0, "127.0.0.1");
  await new Promise(resolve => server.once("listening", resolve));
  return server;
}

/** `examples/redirect`, with the address of the service under test. */
async function serveExample(issuer) {
  const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
  const server = createServer((request, response) => {
    const name = new URL(request.url, "http://localhost").pathname.slice(1) || "index.html";
    response.setHeader("content-type", types[extname(name)] ?? "text/plain");
    if (name === "config.js") return response.end(`export const config = ${JSON.stringify({ url: issuer, clientId: "corner" })};`);
    response.end(readFileSync(join("examples/redirect", name)));
  }).listen(0, "127.0.0.1");
  await new Promise(resolve => server.once("listening", resolve));
  return server;
}

/** Reads the QR code of a page, as a phone does. The policy of the page allows no other picture, so it is drawn on a blank one. */
async function scan(page) {
  const svg = await page.locator("svg").evaluate(svg => svg.outerHTML);
  const blank = await page.context().newPage();
  const picture = await blank.evaluate(async svg => {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 400, height: 400 });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 400, 400);
    return Array.from(context.getImageData(0, 0, 400, 400).data);
  }, svg);
  await blank.close();
  return require("jsqr")(Uint8ClampedArray.from(picture), 400, 400)?.data;
}

/** Runs `action` with a page of a new browser, in which nothing may go wrong. `options` are those of its context. */
export async function inChromium(action, options = {}) {
  const { chromium } = require("playwright-core");
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--no-proxy-server"] });
  try {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: "en-US", ...options });
    const page = await context.newPage(), troubles = [];
    page.setDefaultTimeout(15_000);
    page.on("pageerror", error => troubles.push(String(error)));
    page.on("console", message => message.type() === "error" && troubles.push(message.text()));
    await context.addInitScript(require("axe-core").source);
    await action(page);
    assert.deepEqual(troubles, []);
  } finally {
    await browser.close();
  }
}

/** Asserts that axe finds nothing, and that a page does not scroll sideways. */
export async function isFine(page, where) {
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `axe at ${where}`);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} scrolls sideways`);
}

export const PAGE = {
  "oidc-client-ts and the page in chromium": async ({ provider, person }) => {
    const server = await serve(provider.issuer);
    const { port } = server.address(), origin = `http://127.0.0.1:${port}`;
    await provider.addApp({
      client_id: "spa", name: "Shop", redirect_uris: [`http://localhost:${port}/hop`], post_logout_redirect_uris: [`${origin}/bye`], allowed_origins: [origin],
    });
    try {
      await inChromium(async page => {
        let taps = 0;
        const tap = async name => {
          taps += 1;
          await page.getByRole("button", { name, exact: true }).tap();
        };
        const check = where => isFine(page, where);
        const titled = title => page.waitForFunction(title => document.title === title, title);

        await page.goto(origin);
        await tap("Sign in");
        await page.locator("[name=identifier]").fill(person);
        await check("the first step");
        await tap("Continue");
        const code = page.locator("[name=code]");
        await code.waitFor();
        await check("the code");
        await code.fill(await codeOf(person));
        await tap("Continue");
        await titled(person);
        assert.equal(taps, 3);
        assert.equal(await page.evaluate(() => manager.signinSilent().then(user => user.profile.phone_number)), person, "a refresh");

        // A second visit needs no page.
        await page.goto(origin);
        await page.getByRole("button", { name: "Sign in" }).tap();
        await titled(person);

        await page.evaluate(() => void manager.signoutRedirect());
        await titled("bye");
        await page.goto(origin);
        await page.getByRole("button", { name: "Sign in" }).tap();
        await page.locator("[name=identifier]").fill(person);
        await page.reload();
        await page.locator("[name=identifier]").fill(person);
        await page.getByRole("button", { name: "Cancel" }).tap();
        await page.waitForURL(url => url.searchParams.get("error") === "access_denied");
        await page.goBack();
        await page.locator("[name=identifier]").waitFor();
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },

  "the client of this project, and its example, in chromium": async ({ provider, person }) => {
    const server = await serveExample(provider.issuer);
    const home = `http://localhost:${server.address().port}/`;
    await provider.addApp({
      client_id: "corner", name: "Corner Shop", first_party: true, redirect_uris: [home], post_logout_redirect_uris: [home], allowed_origins: [home.slice(0, -1)],
    });
    try {
      await inChromium(async page => {
        const tap = name => page.getByRole("button", { name, exact: true }).tap();
        const says = text => page.locator("#who", { hasText: text }).waitFor();
        await page.goto(`${home}#basket`);
        await says("You are not signed in.");
        await tap("Sign in");
        await page.locator("[name=identifier]").fill(person);
        await tap("Continue");
        const code = page.locator("[name=code]");
        await code.waitFor();
        await code.fill(await codeOf(person));
        await tap("Continue");
        await says(`You are signed in as ${person}.`);
        assert.equal(page.url(), `${home}#basket`, "the answer has left the address");
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false }));
        assert.deepEqual(violations.map(({ id }) => id), []);

        // The session is that of the client, and outlives a reload. An answer works in its own tab, once.
        await page.reload();
        await says(`You are signed in as ${person}.`);
        await page.goto(`${home}?code=stolen&state=other&iss=${encodeURIComponent(provider.issuer)}`);
        await says("was not begun in this tab");
        await page.goto(home);

        await tap("Sign out");
        await says("You are not signed in.");
        await tap("Sign in");
        await page.getByRole("button", { name: "Cancel" }).tap();
        await says("You did not sign in.");
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },

  "an authenticator app is set up on the page in chromium": async ({ provider, person }) => {
    const server = createServer((_, response) => response.setHeader("content-type", "text/html").end('<!doctype html><html lang="en"><title>bank</title>'));
    await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
    const redirect = `http://127.0.0.1:${server.address().port}/callback`;
    const secret = await provider.addApp({ client_id: "bank", name: "Bank", type: "confidential", pkce: "optional", redirect_uris: [redirect] });
    const bank = new Client(provider, { id: "bank", secret, redirect });
    await inChromium(async page => {
      const tap = name => page.getByRole("button", { name, exact: true }).tap();
      const titled = name => page.getByRole("heading", { name }).waitFor();
      const methods = async () => {
        await page.waitForURL(`${redirect}?**`);
        const tokens = await bank.tokens(await bank.exchange(new URL(page.url()).searchParams.get("code")));
        const { acr, amr } = await provider.verify(tokens.id_token, bank.id);
        return [acr, ...amr];
      };
      const url = bank.url({ acr_values: "aal2" });

      await page.goto(url);
      await page.locator("[name=identifier]").fill(person);
      await tap("Continue");
      const code = page.locator("[name=code]");
      await code.waitFor();
      await code.fill(await codeOf(person));
      await tap("Continue");
      await titled("Set up two-step verification?");
      await isFine(page, "the offer");
      await tap("Skip");
      assert.deepEqual(await methods(), ["aal1", "sms"]);

      await page.goto(url);
      await tap("Continue");
      await titled("Set up your authenticator app");
      await isFine(page, "the QR code");
      const uri = await page.locator("[href^=otpauth]").getAttribute("href");
      assert.equal(await scan(page), uri);
      const key = new URL(uri).searchParams.get("secret");
      assert.equal((await page.locator(".key").innerText()).replaceAll(" ", ""), key);
      await code.fill(totp(key));
      await tap("Continue");
      await titled("Keep your recovery codes");
      await isFine(page, "the recovery codes");
      const codes = await page.locator("li").allInnerTexts();
      assert.equal(new Set(codes).size, 10);
      await page.reload();
      assert.deepEqual(await page.locator("li").allInnerTexts(), codes, "after a reload");
      await tap("Continue");
      assert.deepEqual(await methods(), ["aal2", "sms", "otp", "mfa"]);

      // The browser has both factors from now on.
      await page.goto(url);
      assert.deepEqual(await methods(), ["aal2", "sms", "otp", "mfa"]);
    }).finally(() => server.closeAllConnections() ?? server.close());
  },
};
