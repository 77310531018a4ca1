/**
 * The hosted page in Chromium at the size of a phone, entered by oidc-client-ts: taps, policies, axe,
 * reloading and the way back.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { codeOf, require } from "./openid_providers.mjs";

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

/** Runs `action` with a page of a new browser, in which nothing may go wrong. */
async function inChromium(action) {
  const { chromium } = require("playwright-core");
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--no-proxy-server"] });
  try {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: "en-US" });
    const page = await context.newPage(), troubles = [];
    page.setDefaultTimeout(15_000);
    page.on("pageerror", error => troubles.push(String(error)));
    page.on("console", message => {
      if (message.type() === "error" && !message.location().url.endsWith("/favicon.ico")) troubles.push(message.text());
    });
    await context.addInitScript(require("axe-core").source);
    await action(page);
    assert.deepEqual(troubles, []);
  } finally {
    await browser.close();
  }
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
        const check = async where => {
          const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false }));
          assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `axe at ${where}`);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} scrolls sideways`);
        };
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
};
