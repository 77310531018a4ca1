/**
 * The hosted page in Chromium at the size of a phone, entered by oidc-client-ts: taps, policies, axe,
 * reloading and the way back.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
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

export const PAGE = {
  "oidc-client-ts and the page in chromium": async ({ provider, person }) => {
    const { chromium } = require("playwright-core");
    const server = await serve(provider.issuer);
    const { port } = server.address(), origin = `http://127.0.0.1:${port}`;
    await provider.addApp({
      client_id: "spa", name: "Shop", redirect_uris: [`http://localhost:${port}/hop`], post_logout_redirect_uris: [`${origin}/bye`], allowed_origins: [origin],
    });
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
      assert.deepEqual(troubles, []);
    } finally {
      await browser.close();
      server.closeAllConnections();
      server.close();
    }
  },
};
