/**
 * A browser without JavaScript: it keeps cookies, follows redirects within the provider, and sends
 * forms. And what every test of OpenID Connect shares.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

export const random = () => randomBytes(32).toString("base64url");
export const challengeOf = verifier => createHash("sha256").update(verifier).digest("base64url");
export const pause = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000));
export const claimsOf = token => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

const HTML = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&#x2F;": "/" };
const unescape = text => text.replace(/&[#\w]+;/g, sign => HTML[sign] ?? sign);
const attribute = (tag, name) => {
  const found = new RegExp(`\\b${name}="([^"]*)"`).exec(tag);
  return found ? unescape(found[1]) : null;
};

/** The forms of a page: where they lead, and their fields. */
export function formsOf(html) {
  return [...html.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)].map(([, tag, inside]) => {
    const inputs = [...inside.matchAll(/<input[^>]*>/g)].map(([input]) => [attribute(input, "name"), attribute(input, "value") ?? ""]);
    return { action: attribute(tag, "action"), fields: Object.fromEntries(inputs.filter(([name]) => name)) };
  });
}

export class Browser {
  /** A browser of `person` at a provider. */
  constructor(provider, person) {
    Object.assign(this, { provider, person, cookies: new Map(), pages: 0 });
  }

  async send(url, { form, headers = {} } = {}) {
    const cookie = [...this.cookies].filter(([, { path }]) => new URL(url).pathname.startsWith(path)).map(([, { pair }]) => pair).join("; ");
    const answer = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form && new URLSearchParams(form),
      headers: { cookie, ...headers },
      redirect: "manual",
    });
    for (const set of answer.headers.getSetCookie()) {
      const [pair, ...rest] = set.split(/; */);
      const name = pair.split("=")[0];
      const path = rest.find(one => /^path=/i.test(one))?.slice(5) ?? "/";
      const isGone = /max-age=0\b|expires=thu, 01 jan 1970/i.test(set);
      if (isGone) this.cookies.delete(name + path);
      else this.cookies.set(name + path, { pair, path });
    }
    return answer;
  }

  /** Goes to a URL, until there is a page of the provider or an address of an app. */
  async open(url, options) {
    let answer = await this.send(url, options);
    for (let hops = 0; [301, 302, 303, 307].includes(answer.status); hops += 1) {
      assert.ok(hops < 10, "a redirect loop");
      const location = answer.headers.get("location");
      assert.notEqual(answer.status, 307, "307 sends a form to the app");
      url = new URL(location, url).href;
      if (!url.startsWith(`${this.provider.issuer}/`)) return { left: location, status: answer.status, parameters: new URL(url).searchParams };
      answer = await this.send(url);
    }
    const html = await answer.text();
    const forms = formsOf(html);
    const page = { url, status: answer.status, html, forms, headers: answer.headers };
    const away = forms.find(({ action }) => action && !new URL(action, url).href.startsWith(`${this.provider.issuer}/`));
    return away ? { ...page, left: away.action, parameters: new URLSearchParams(away.fields), posted: true } : page;
  }

  /** Sends the form of a page. */
  submit(page, fields = {}) {
    assert.ok(page.forms?.length, `no form at ${page.url ?? page.left}: ${page.status} ${page.html ?? ""}`);
    const [{ action, fields: own }] = page.forms;
    return this.open(new URL(action, page.url).href, { form: { ...own, ...fields } });
  }

  /** Does what a person does, until the browser is at the app. Returns the parameters that it brings. */
  async finish(page) {
    for (let steps = 0; !page.left; steps += 1) {
      assert.ok(steps < 8 && page.forms.length, `stuck at ${page.url}: ${page.status} ${page.html}`);
      this.pages += 1;
      page = await this.submit(page, await this.provider.answer(page.forms[0].fields, this.person));
    }
    return page;
  }
}

/** The request of an app, and how it exchanges what it gets. */
export class Client {
  constructor(provider, { id, secret, method = "client_secret_basic", redirect = provider.callback }) {
    Object.assign(this, { provider, id, secret, method, redirect });
  }

  /** A URL of the authorization endpoint. A parameter that is `undefined` is left out. */
  url(parameters = {}) {
    const all = { client_id: this.id, response_type: "code", redirect_uri: this.redirect, scope: "openid", state: random(), nonce: random(), ...parameters };
    const sent = Object.entries(all).filter(([, value]) => value !== undefined);
    return `${this.provider.metadata.authorization_endpoint}?${new URLSearchParams(sent)}`;
  }

  post(endpoint, parameters) {
    const headers = {}, body = { ...parameters };
    if (this.method === "client_secret_basic") headers.authorization = `Basic ${btoa(`${encodeURIComponent(this.id)}:${encodeURIComponent(this.secret)}`)}`;
    else body.client_id = this.id;
    if (this.method === "client_secret_post") body.client_secret = this.secret;
    return fetch(endpoint, { method: "POST", headers, body: new URLSearchParams(body) });
  }

  /** Exchanges a code. */
  exchange(code, parameters = {}) {
    return this.post(this.provider.metadata.token_endpoint, { grant_type: "authorization_code", code, redirect_uri: this.redirect, ...parameters });
  }

  refresh(refresh_token, parameters = {}) {
    return this.post(this.provider.metadata.token_endpoint, { grant_type: "refresh_token", refresh_token, ...parameters });
  }

  /** A whole sign-in in a browser. Checks the answer, the ID token and its signature. */
  async signIn(browser, parameters = {}, exchange = {}) {
    const asked = { state: random(), nonce: random(), ...parameters };
    const page = await browser.finish(await browser.open(this.url(asked)));
    assert.equal(page.parameters.get("error"), null, `${page.parameters}`);
    assert.equal(page.parameters.get("state"), asked.state ?? null);
    assert.equal(page.parameters.get("iss"), this.provider.metadata.issuer);
    const code = page.parameters.get("code");
    const tokens = await this.tokens(await this.exchange(code, exchange));
    const claims = await this.provider.verify(tokens.id_token, this.id);
    assert.equal(claims.nonce, asked.nonce);
    return { tokens, claims, code, page };
  }

  async tokens(answer) {
    const tokens = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(tokens));
    assert.match(tokens.token_type, /^bearer$/i);
    assert.match(answer.headers.get("cache-control"), /no-store/);
    return tokens;
  }

  userinfo(token, options = {}) {
    return fetch(this.provider.metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${token}` }, ...options });
  }
}

/** Asserts that the token endpoint refuses. */
export async function refused(answer, error = "invalid_grant") {
  const body = await answer.json();
  assert.deepEqual([answer.status, body.error], [error === "invalid_client" ? 401 : 400, error], JSON.stringify(body));
}
