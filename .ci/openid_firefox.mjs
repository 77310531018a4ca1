/**
 * The hosted page in Firefox, driven by WebDriver BiDi, at the sizes of a phone and of a desktop, with and
 * without JavaScript: taps, its policy, the way back, single sign-on and signing out.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Client, pause } from "./openid_browser.mjs";
import { codeOf, newPerson, require } from "./openid_providers.mjs";

const { FIREFOX } = process.env;
/** CSS pixels. */
const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1440, height: 900 } };
/** From the page of the app: "Sign in" there, then "Continue" after the number and after the code. */
const MOST_TAPS = 3;
const WAIT_SECONDS = 15;

const htmlOf = title => `<!doctype html><html lang="en"><title>${title}</title><meta name="viewport" content="width=device-width"><h1>${title}</h1>`;

/**
 * The server of two apps. Its first page links to the `to` of its query. `answers` are the parameters that
 * its redirect URI was sent, in the query or posted.
 */
async function serve() {
  const answers = [];
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    let body = "";
    for await (const part of request) body += part;
    response.setHeader("content-type", "text/html");
    if (pathname === "/callback") answers.push(request.method === "POST" ? new URLSearchParams(body) : searchParams);
    const titles = { "/callback": "Welcome", "/bye": "Bye" };
    const link = `<a href="${searchParams.get("to")?.replaceAll("&", "&amp;")}">Sign in</a>`;
    response.end(titles[pathname] ? htmlOf(titles[pathname]) : htmlOf("Shop") + link);
  }).listen(0, "127.0.0.1");
  await new Promise(resolve => server.once("listening", resolve));
  return { answers, origin: `http://127.0.0.1:${server.address().port}`, close: () => server.closeAllConnections() ?? server.close() };
}

/**
 * Somebody with a page of Firefox. Elements are looked up in one synchronous call and tapped by their place,
 * because puppeteer's own waiting needs the JavaScript of the page.
 */
class Visitor {
  constructor(page, isPhone) {
    Object.assign(this, { page, isPhone, taps: 0, troubles: [] });
    page.on("pageerror", error => this.troubles.push(String(error)));
    page.on("console", message => message.type() === "error" && this.troubles.push(message.text()));
  }

  /** Waits until `look`, which runs in the page, returns something for `value`. */
  async until(what, look, value) {
    const end = Date.now() + WAIT_SECONDS * 1000;
    for (;;) {
      // A page that is being left cannot be looked at.
      const found = await this.page.evaluate(look, value).catch(() => null);
      if (found) return found;
      assert.ok(Date.now() < end, `no ${what} at ${this.page.url()}`);
      await pause(0.05);
    }
  }

  /** Waits for a page by its heading. The page must not scroll sideways. */
  async sees(title) {
    await this.until(`heading "${title}"`, title => document.readyState === "complete" && document.querySelector("h1")?.textContent === title, title);
    assert.ok(await this.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `"${title}" scrolls sideways`);
  }

  /** Taps a button or a link, which must be visible without scrolling. */
  async tap(name) {
    const { x, y, isVisible } = await this.until(`button "${name}"`, name => {
      const found = [...document.querySelectorAll("button, a")].find(one => one.textContent === name);
      if (!found) return null;
      const { left, top, width, height } = found.getBoundingClientRect();
      const [x, y] = [left + width / 2, top + height / 2];
      return { x, y, isVisible: document.elementFromPoint(x, y) === found };
    }, name);
    assert.ok(isVisible, `"${name}" cannot be tapped`);
    this.taps += 1;
    await (this.isPhone ? this.page.touchscreen.tap(x, y) : this.page.mouse.click(x, y));
  }

  /** Types into the field that has the focus, so that no tap is needed before. */
  async type(field, text) {
    await this.until(`focus in ${field}`, field => document.activeElement?.name === field, field);
    await this.page.keyboard.type(text);
  }

  /** The back button. */
  back() {
    return this.page.evaluate(() => history.back());
  }
}

/** Exchanges the last answer. Returns the claims of the app's ID token. */
async function enter(provider, app, answers) {
  const answer = answers.at(-1);
  assert.equal(answer.get("error"), null, `${answer}`);
  const tokens = await app.tokens(await app.exchange(answer.get("code")));
  return provider.verify(tokens.id_token, app.id);
}

/** Goes a step back in a sign-in to `shop`, then starts again and counts the taps. Returns the claims. */
async function signIn(visitor, { provider, shop, server }) {
  const person = newPerson();
  const home = `${server.origin}/?to=${encodeURIComponent(shop.url())}`;
  const title = "Sign in to Shop";
  await visitor.page.goto(home);
  await visitor.tap("Sign in");
  await visitor.sees(title);
  await visitor.type("identifier", person);
  await visitor.tap("Continue");
  await visitor.sees("Enter the code");
  await visitor.back();
  await visitor.sees(title);

  await visitor.page.goto(home);
  visitor.taps = 0;
  await visitor.tap("Sign in");
  await visitor.sees(title);
  await visitor.type("identifier", person);
  await visitor.tap("Continue");
  await visitor.sees("Enter the code");
  await visitor.type("code", await codeOf(person));
  await visitor.tap("Continue");
  await visitor.sees("Welcome");
  assert.ok(visitor.taps <= MOST_TAPS, `${visitor.taps} taps`);
  return enter(provider, shop, server.answers);
}

/** Goes back from the app, enters the other app by single sign-on, and signs out. */
async function visit(visitor, fixture, hasScripts) {
  const { provider, shop, bank, server } = fixture;
  const { sub } = await signIn(visitor, fixture);

  // Firefox sends no form again. The page before it leads to the app.
  const entered = server.answers.length;
  await visitor.back();
  await visitor.until("page of Firefox", () => document.documentURI.startsWith("about:neterror?e=notCached"));
  await visitor.back();
  await visitor.sees("Welcome");
  assert.equal(server.answers.length, entered + 1);
  assert.equal((await enter(provider, shop, server.answers)).sub, sub);

  visitor.taps = 0;
  await visitor.page.goto(bank.url({ response_mode: "form_post" }));
  if (!hasScripts) await visitor.tap("Continue");
  await visitor.sees("Welcome");
  assert.equal(visitor.taps, hasScripts ? 0 : 1);
  assert.equal((await enter(provider, bank, server.answers)).sub, sub);

  const leave = new URL(provider.metadata.end_session_endpoint);
  leave.search = new URLSearchParams({ client_id: shop.id, post_logout_redirect_uri: `${server.origin}/bye` });
  await visitor.page.goto(leave.href);
  await visitor.sees("Sign out?");
  await visitor.tap("Sign out");
  await visitor.sees("Bye");
  await visitor.page.goto(bank.url());
  await visitor.sees("Sign in to Bank");
  assert.deepEqual(visitor.troubles, []);
}

/** Two visits in a new Firefox, whose profile is empty: puppeteer makes it. */
const inFirefox = hasScripts => async ({ provider }) => {
  const server = await serve();
  const redirect = `${server.origin}/callback`;
  const add = async name => {
    const id = `${name.toLowerCase()}-${hasScripts ? "firefox" : "firefox-no-scripts"}`;
    const secret = await provider.addApp({
      client_id: id, name, type: "confidential", pkce: "optional", redirect_uris: [redirect], post_logout_redirect_uris: [`${server.origin}/bye`],
    });
    return new Client(provider, { id, secret, redirect });
  };
  const fixture = { provider, server, shop: await add("Shop"), bank: await add("Bank") };
  const browser = await require("puppeteer-core").launch({
    browser: "firefox",
    executablePath: FIREFOX,
    extraPrefsFirefox: { "javascript.enabled": hasScripts, "intl.accept_languages": "en-US" },
  });
  try {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const page = await (await browser.createBrowserContext()).newPage();
      await page.setViewport(viewport);
      await visit(new Visitor(page, size === "phone"), fixture, hasScripts);
    }
  } finally {
    await browser.close();
    server.close();
  }
};

export const FIREFOX_PAGE = {
  "the page in firefox": inFirefox(true),
  "the page in firefox without JavaScript": inFirefox(false),
};
