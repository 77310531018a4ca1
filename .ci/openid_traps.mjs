/**
 * Mistakes that other providers were reported for, as cases of this service: their names begin with
 * the mistake. Public clients and native ones have separate apps.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Browser, Client, challengeOf, claimsOf, pause, random, refused } from "./openid_browser.mjs";
import { CALLBACK, GOODBYE, call, codeOf, newPerson } from "./openid_providers.mjs";

const ODD = `a+b/=%&#"\\{~ '<script>`;
const NATIVE = "com.example.shop:/cb";

/** A program on the device of a person: public, with a private scheme and any port of loopback. */
let native;
async function nativeClient(provider, redirect) {
  native ??= provider.addApp({ client_id: "desktop", name: "Desktop", redirect_uris: ["http://127.0.0.1/cb", NATIVE] });
  await native;
  return new Client(provider, { id: "desktop", method: "none", redirect });
}

const pkce = verifier => ({ code_challenge: challengeOf(verifier), code_challenge_method: "S256" });

/** The error that a request brings back to the app. */
async function errorOf(browser, url) {
  const { left, parameters } = await browser.open(url);
  assert.ok(left, "not sent back to the app");
  assert.equal(parameters.get("iss"), browser.provider.metadata.issuer);
  return parameters.get("error");
}

export const TRAPS = {
  "T1 of fifty exchanges of one code one wins": async ({ office, browser }) => {
    const page = await browser.finish(await browser.open(office.url()));
    const code = page.parameters.get("code");
    const answers = await Promise.all(Array.from({ length: 50 }, () => office.exchange(code)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    for (const answer of answers.filter(({ status }) => status !== 200)) await refused(answer);
  },
  "T3 a form of another site is refused": async ({ office, browser, person }) => {
    const page = await browser.open(office.url());
    const form = { ...page.forms[0].fields, action: "continue", identifier: person };
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }]) {
      const { status, left } = await browser.open(`${office.provider.issuer}/sign-in`, { form, headers });
      assert.deepEqual([status, left], [403, undefined]);
    }
    const { status } = await new Browser(office.provider, person).open(`${office.provider.issuer}/sign-in`, { form });
    assert.equal(status, 403, "another browser may send the form");
  },
  "T4 prompt none with a cookie of no session comes back": async ({ office, browser }) => {
    browser.cookies.set("lk-browser/", { pair: "lk-browser=lkb_expired", path: "/" });
    assert.equal(await errorOf(browser, office.url({ prompt: "none" })), "login_required");
  },
  "T5 the wrong account gets no code without a click": async ({ office, browser }) => {
    await office.signIn(browser);
    const other = newPerson();
    for (const change of [{ login_hint: other }, { login_hint: other, prompt: "consent" }]) {
      const page = await browser.open(office.url(change));
      assert.equal(page.status, 200);
      assert.ok(page.html.includes(other), "the page does not name who is expected");
    }
    assert.equal(await errorOf(browser, office.url({ login_hint: other, prompt: "none" })), "login_required");
  },
  "T6 no address that is not registered is ever redirected to": async ({ office, browser }) => {
    const evil = [
      "https://evil.example", "//evil.example", "https:evil.example", "https://office.example.com@evil.example/callback",
      "https://office.example.com.evil.example/callback", "https://office.example.com\\@evil.example/callback", `${CALLBACK}/..;/x`,
      `${CALLBACK}/../x`, `${CALLBACK}/`, `${CALLBACK}?a=1`, `${CALLBACK}#a`, `${CALLBACK}%00`, ` ${CALLBACK}`, CALLBACK.toUpperCase(),
      "HTTPS://office.example.com/callback", "http://office.example.com/callback", "https://office.example.com:443/callback",
      "javascript:alert(1)", "data:text/html,x", "",
    ];
    for (const redirect_uri of evil) {
      for (const change of [{}, { response_type: "token" }, { prompt: "none" }, { scope: "none" }]) {
        if (redirect_uri === "" && change.scope) continue;
        const { left, status } = await browser.open(office.url({ redirect_uri, ...change }));
        assert.deepEqual([left, status], [undefined, 400], `${redirect_uri} ${JSON.stringify(change)}`);
      }
    }
    const { left } = await browser.open(`${office.url()}&redirect_uri=https%3A%2F%2Fevil.example`);
    assert.equal(left, undefined, "the second of two addresses");
  },
  "T7 a state comes back byte for byte": async ({ office, browser }) => {
    office.redirect = `${CALLBACK}?tenant=7`;
    const { page, tokens } = await office.signIn(browser, { state: ODD });
    assert.ok(page.left.startsWith(`${CALLBACK}?tenant=7&`), page.left);
    const posted = await browser.finish(await browser.open(office.url({ state: ODD, response_mode: "form_post" })));
    assert.ok(posted.posted);
    assert.equal(posted.parameters.get("state"), ODD);
    const out = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: GOODBYE, state: ODD });
    const { parameters } = await browser.open(`${office.provider.metadata.end_session_endpoint}?${out}`);
    assert.equal(parameters.get("state"), ODD);
  },
  "T8 every error has iss": async ({ office, browser }) => {
    const changes = [
      [{ response_type: "token" }, "unsupported_response_type"], [{ response_mode: "fragment" }, "invalid_request"],
      [{ prompt: "none login" }, "invalid_request"], [{ prompt: "none", response_mode: "form_post" }, "login_required"],
      [{ request_uri: "https://evil.example" }, "request_uri_not_supported"], [{ code_challenge_method: "plain", code_challenge: random() }, "invalid_request"],
    ];
    for (const [change, error] of changes) assert.equal(await errorOf(browser, office.url(change)), error, JSON.stringify(change));
  },
  "T9 a program on the device may use any port of loopback": async ({ provider, browser }) => {
    const client = await nativeClient(provider, "http://127.0.0.1:51004/cb"), verifier = random();
    const { page } = await client.signIn(browser, pkce(verifier), { code_verifier: verifier });
    assert.ok(page.left.startsWith("http://127.0.0.1:51004/cb?code="), page.left);
    const wrong = ["http://127.0.0.1:51004/other", "https://127.0.0.1:51004/cb", "http://localhost:80@evil.example/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1.evil.example/cb"];
    for (const redirect_uri of wrong) assert.equal((await browser.open(client.url({ ...pkce(verifier), redirect_uri }))).status, 400, redirect_uri);
    // Another program could have asked: somebody who is signed in clicks all the same.
    client.redirect = NATIVE;
    assert.equal((await browser.open(client.url(pkce(verifier)))).left, undefined);
    assert.equal(await errorOf(browser, client.url()), "invalid_request", "without PKCE");
  },
  "T10 a verifier without a challenge is refused": async ({ office, browser }) => {
    const page = await browser.finish(await browser.open(office.url()));
    await refused(await office.exchange(page.parameters.get("code"), { code_verifier: random() }));
  },
  "T11 the hint of another session asks first": async ({ office, browser, person }) => {
    const elsewhere = new Browser(office.provider, person);
    const { tokens } = await office.signIn(elsewhere);
    await office.signIn(browser);
    const url = new URL(office.provider.metadata.end_session_endpoint);
    url.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: GOODBYE });
    const page = await browser.open(url.href);
    assert.equal(page.left, undefined);
    assert.equal((await browser.submit(page, { action: "continue" })).left, GOODBYE);
    // The session of the hint ended with that; its browser is signed in still.
    assert.equal((await elsewhere.open(office.url({ prompt: "none" }))).parameters.get("error"), null);
  },
  "T12 no app is named like a user": async ({ provider }) => {
    await assert.rejects(call("/v1/apps", { client_id: randomUUID(), name: "X" }, provider.admin), /: 400 /);
  },
  "T13 a device that has polled too fast may go on": async ({ provider, browser }) => {
    const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    await provider.addApp({ client_id: "telly", name: "Telly", grant_types: [grant_type, "refresh_token"] });
    const telly = new Client(provider, { id: "telly", method: "none" });
    const begun = await (await telly.post(provider.metadata.device_authorization_endpoint, { scope: "openid" })).json();
    const poll = () => telly.post(provider.metadata.token_endpoint, { grant_type, device_code: begun.device_code });
    await refused(await poll(), "authorization_pending");
    for (let fast = 0; fast < 2; fast += 1) await refused(await poll(), "slow_down");
    await pause(begun.interval);
    await refused(await poll(), "authorization_pending");
    let page = await browser.open(begun.verification_uri_complete);
    while (page.forms.length) page = await browser.submit(page, await provider.answer(page.forms[0].fields, browser.person));
    const { id_token } = await telly.tokens(await poll());
    assert.equal(claimsOf(id_token).aud, "telly");
  },
  "T14 two tabs finish in either order": async ({ office, browser }) => {
    const one = { state: random() }, two = { state: random() };
    const tabs = [await browser.open(office.url(one)), await browser.open(office.url(two))];
    const done = [];
    for (const [tab, { state }] of [[tabs[1], two], [tabs[0], one]]) {
      const { parameters } = await browser.finish(tab);
      assert.equal(parameters.get("state"), state);
      done.push(await office.tokens(await office.exchange(parameters.get("code"))));
    }
    for (const { refresh_token } of done) await office.tokens(await office.refresh(refresh_token));
  },
  "T15 five tabs refresh at once": async ({ office, browser }) => {
    const { tokens, claims } = await office.signIn(browser);
    for (const answer of await Promise.all(Array.from({ length: 5 }, () => office.refresh(tokens.refresh_token)))) {
      const { id_token } = await office.tokens(answer);
      const renewed = await office.provider.verify(id_token, office.id);
      assert.deepEqual([renewed.sub, renewed.auth_time, renewed.nonce], [claims.sub, claims.auth_time, undefined]);
    }
  },
  "T16 a max_age that is no number is refused": async ({ office, browser }) => {
    for (const max_age of ["-1", "1e3", "abc", "1.5"]) assert.equal(await errorOf(browser, office.url({ max_age })), "invalid_request", max_age);
    await office.signIn(browser);
    assert.equal(await errorOf(browser, office.url({ max_age: "0", prompt: "none" })), "login_required");
    const pages = browser.pages;
    await office.signIn(browser, { max_age: "00" });
    assert.ok(browser.pages > pages, "no page was shown");
  },
  "T17 Basic is read encoded and as it is": async ({ office, browser }) => {
    let { refresh_token } = (await office.signIn(browser)).tokens;
    const whole = text => [...Buffer.from(text)].map(byte => `%${byte.toString(16).padStart(2, "0")}`).join("");
    for (const form of [text => text, encodeURIComponent, whole]) {
      const answer = await fetch(office.provider.metadata.token_endpoint, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${form(office.id)}:${form(office.secret)}`)}` },
        body: new URLSearchParams({ grant_type: "refresh_token", refresh_token }),
      });
      ({ refresh_token } = await office.tokens(answer));
    }
  },
  "T18 a nonce that was not sent is absent": async ({ office, browser }) => {
    const { claims } = await office.signIn(browser, { nonce: undefined });
    assert.ok(!("nonce" in claims));
  },
  "T19 roles and scopes that are named like claims change none": async ({ provider, office, browser }) => {
    const named = ["aud", "sub", "iss", "exp", "nonce", "acr"];
    await call("/v1/roles", { roles: named.map(name => ({ name })) }, provider.admin);
    const { claims: before } = await office.signIn(browser);
    await call(`/v1/users/${before.sub}/roles`, { roles: named, client_id: office.id }, provider.admin, "PUT");
    const { claims, tokens } = await office.signIn(browser, { scope: `openid ${named.join(" ")}`, prompt: "login" });
    assert.deepEqual([claims.iss, claims.aud, claims.sub, claims.acr], [provider.issuer, office.id, before.sub, "aal1"]);
    assert.equal(tokens.scope, "openid");
    const access = claimsOf(tokens.access_token);
    assert.deepEqual([access.iss, access.sub, access.roles.sort()], [provider.issuer, before.sub, [...named].sort()]);
  },
  "T20 another browser that opens a page in mid-flow says so, and the first goes on": async ({ provider, office, browser, person }) => {
    let page = await browser.open(office.url());
    page = await browser.submit(page, { action: "continue", identifier: person });
    const other = new Browser(provider, person);
    const opened = await other.open(page.url, { headers: { accept: "text/html" } });
    assert.match(opened.html, /This sign-in cannot go on here/);
    const sent = await other.submit(page, { action: "continue", code: await codeOf(person) });
    assert.equal(sent.status, 403);
    assert.match(sent.html, /opened in another browser/);
    assert.equal(other.cookies.size, 0, "half a sign-in");
    const { parameters } = await browser.finish(page);
    await office.tokens(await office.exchange(parameters.get("code")));
  },
  "T21 a sign-in that somebody else began names its app, and its code is worth nothing elsewhere": async ({ provider, office, browser, person }) => {
    const verifier = random(), attacker = new Browser(provider, newPerson());
    const link = office.url(pkce(verifier));
    const begun = await attacker.open(link);
    assert.match(begun.html, /<h1>Sign in to office</);
    const form = { action: "continue", identifier: person };
    assert.equal((await browser.submit(begun, form)).status, 403, "the page of another browser");

    // A link begins a sign-in of the person who opens it. Its code works only with the verifier of the attacker, and only at the app.
    const code = (await browser.finish(await browser.open(link))).parameters.get("code");
    await refused(await office.exchange(code, { code_verifier: random() }));
    await refused(await office.exchange(code));
    assert.equal((await attacker.open(office.url({ prompt: "none" }))).parameters.get("error"), "login_required");
  },
  "a cancelled sign-in tells the app": async ({ office, browser }) => {
    const asked = { state: random() };
    const page = await browser.submit(await browser.open(office.url(asked)), { action: "cancel" });
    assert.deepEqual([page.parameters.get("error"), page.parameters.get("state")], ["access_denied", asked.state]);
  },
  "a page is hidden from frames, caches and other sites": async ({ office, browser }) => {
    const { headers } = await browser.open(office.url());
    assert.match(headers.get("content-security-policy"), /default-src 'none'.*frame-ancestors 'none'/);
    assert.ok(!headers.get("content-security-policy").includes("unsafe"));
    assert.match(headers.get("cache-control"), /no-store/);
    assert.equal(headers.get("cross-origin-opener-policy"), null, "it would cut off popups");
  },
};
