/**
 * The cases of the plans "Basic OP" and "Config OP" of the OpenID Foundation, as black-box tests.
 * Each is named after its module there. They run against any provider.
 */
import assert from "node:assert/strict";
import { challengeOf, pause, random, refused } from "./openid_browser.mjs";
import { CALLBACK } from "./openid_providers.mjs";

/** A case in which a request with these parameters must lead to a whole sign-in. */
const succeeds = parameters => async ({ office, browser }) => {
  await office.signIn(browser, parameters);
};

/** A case about the claims of a scope. */
const scope = (scopes, names) => async ({ office, browser, provider }) => {
  const { tokens, claims } = await office.signIn(browser, { scope: `openid ${scopes}` });
  const answer = await office.userinfo(tokens.access_token);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  const info = await answer.json();
  assert.equal(info.sub, claims.sub);
  for (const name of names) assert.notEqual({ ...claims, ...info }[name], undefined, `${name} is missing at ${provider.name}`);
};

const userinfo = request => async ({ office, browser }) => {
  const { tokens, claims } = await office.signIn(browser);
  const answer = await request(office, tokens.access_token);
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.equal((await answer.json()).sub, claims.sub);
};

/** The request must end on a page of the provider, and lead nowhere. */
const staysHere = async (browser, url) => {
  const page = await browser.open(url);
  assert.equal(page.left, undefined, `sent to ${page.left}`);
  assert.equal(page.status, 400, page.html);
};

const errorOf = async (browser, url, ...errors) => {
  const { left, parameters } = await browser.open(url);
  assert.ok(left, "not sent back to the app");
  assert.ok(errors.includes(parameters.get("error")), `${parameters}`);
  assert.equal(parameters.get("state"), new URL(url).searchParams.get("state"));
  assert.equal(parameters.get("code"), null);
};

const unsigned = claims => `${btoa('{"alg":"none"}').replaceAll("=", "")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;

async function reuse({ office, browser }, seconds) {
  const { code, tokens } = await office.signIn(browser);
  await pause(seconds);
  await refused(await office.exchange(code));
  return office.userinfo(tokens.access_token);
}

export const BASIC = {
  "oidcc-server": async ({ office, browser }) => {
    const { claims } = await office.signIn(browser);
    assert.equal(claims.aud, office.id);
    assert.ok(claims.sub.length <= 255 && /^[\x20-\x7e]+$/.test(claims.sub));
    assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60);
  },
  "oidcc-response-type-missing": async ({ office, browser }) => {
    await errorOf(browser, office.url({ response_type: undefined }), "invalid_request", "unsupported_response_type");
  },
  "oidcc-userinfo-get": userinfo((client, token) => client.userinfo(token)),
  "oidcc-userinfo-post-header": userinfo((client, token) => client.userinfo(token, { method: "POST", headers: { authorization: `Bearer ${token}` } })),
  "oidcc-userinfo-post-body": userinfo((client, token) => client.userinfo(token, { method: "POST", headers: {}, body: new URLSearchParams({ access_token: token }) })),
  "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": succeeds({ nonce: undefined }),
  "oidcc-scope-profile": scope("profile", []),
  "oidcc-scope-email": scope("email", []),
  "oidcc-scope-address": scope("address", []),
  "oidcc-scope-phone": scope("phone", ["phone_number", "phone_number_verified"]),
  "oidcc-scope-all": scope("profile email address phone", ["phone_number"]),
  "oidcc-ensure-other-scope-order-succeeds": succeeds({ scope: "phone openid profile" }),
  "oidcc-display-page": succeeds({ display: "page" }),
  "oidcc-display-popup": succeeds({ display: "popup" }),
  "oidcc-prompt-login": async ({ office, browser }) => {
    const first = await office.signIn(browser);
    await pause(1.1);
    const pages = browser.pages;
    const second = await office.signIn(browser, { prompt: "login" });
    assert.ok(browser.pages > pages, "no page was shown");
    assert.equal(second.claims.sub, first.claims.sub);
    const before = first.claims.auth_time;
    if (before !== undefined) assert.ok(second.claims.auth_time > before, "auth_time is the old one");
  },
  "oidcc-prompt-none-not-logged-in": async ({ office, browser }) => {
    await errorOf(browser, office.url({ prompt: "none" }), "login_required", "interaction_required", "account_selection_required", "consent_required");
  },
  "oidcc-prompt-none-logged-in": async ({ office, browser }) => {
    const first = await office.signIn(browser, { max_age: "10000" });
    const pages = browser.pages;
    const second = await office.signIn(browser, { prompt: "none", max_age: "10000" });
    assert.equal(browser.pages, pages, "a page was shown");
    assert.deepEqual([second.claims.sub, second.claims.auth_time], [first.claims.sub, first.claims.auth_time]);
  },
  "oidcc-max-age-1": async ({ office, browser }) => {
    await office.signIn(browser);
    await pause(2.1);
    const pages = browser.pages, now = Math.floor(Date.now() / 1000);
    const { claims } = await office.signIn(browser, { max_age: "1" });
    assert.ok(browser.pages > pages, "no page was shown");
    assert.ok(claims.auth_time >= now, "auth_time is the old one");
  },
  "oidcc-max-age-10000": async ({ office, browser }) => {
    const first = await office.signIn(browser, { max_age: "10000" });
    await pause(1.1);
    const second = await office.signIn(browser, { max_age: "10000" });
    assert.ok(Number.isInteger(first.claims.auth_time), "auth_time is missing");
    assert.deepEqual([second.claims.sub, second.claims.auth_time], [first.claims.sub, first.claims.auth_time]);
  },
  "oidcc-ensure-request-with-unknown-parameter-succeeds": succeeds({ extra: "foobar" }),
  "oidcc-id-token-hint": async ({ office, browser }) => {
    const first = await office.signIn(browser);
    const second = await office.signIn(browser, { prompt: "none", id_token_hint: first.tokens.id_token });
    assert.equal(second.claims.sub, first.claims.sub);
  },
  "oidcc-login-hint": succeeds({ login_hint: "buffy@example.com" }),
  "oidcc-ui-locales": succeeds({ ui_locales: "se" }),
  "oidcc-claims-locales": succeeds({ claims_locales: "se" }),
  "oidcc-ensure-request-with-acr-values-succeeds": succeeds({ acr_values: "1 2" }),
  "oidcc-codereuse": async fixture => {
    await reuse(fixture, 0);
  },
  "oidcc-codereuse-30seconds": async fixture => {
    const { status } = await reuse(fixture, 30);
    assert.equal(status, 401, "the access token still works");
  },
  "oidcc-ensure-registered-redirect-uri": async ({ office, browser }) => {
    await staysHere(browser, office.url({ redirect_uri: `${CALLBACK}/other` }));
  },
  "oidcc-redirect-uri-query-OK": async ({ office, browser }) => {
    office.redirect = `${CALLBACK}?tenant=7`;
    const { page } = await office.signIn(browser);
    assert.equal(page.parameters.get("tenant"), "7");
  },
  "oidcc-redirect-uri-query-mismatch": async ({ office, browser }) => {
    await staysHere(browser, office.url({ redirect_uri: `${CALLBACK}?tenant=8` }));
  },
  "oidcc-redirect-uri-query-added": async ({ branch, browser }) => {
    await staysHere(browser, branch.url({ redirect_uri: `${CALLBACK}?added=1` }));
  },
  "oidcc-ensure-post-request-succeeds": async ({ office, browser, provider }) => {
    const parameters = new URL(office.url()).searchParams;
    const page = await browser.open(provider.metadata.authorization_endpoint, { form: parameters });
    const { parameters: answer } = await browser.finish(page);
    assert.equal(answer.get("state"), parameters.get("state"));
    await office.tokens(await office.exchange(answer.get("code")));
  },
  "oidcc-server-client-secret-post": async ({ branch, browser }) => {
    await branch.signIn(browser);
  },
  "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": async ({ office, browser }) => {
    await errorOf(browser, office.url({ request: unsigned({ state: "inside" }) }), "request_not_supported");
  },
  "oidcc-ensure-request-object-with-redirect-uri": async ({ office, browser }) => {
    const page = await browser.open(office.url({ request: unsigned({ redirect_uri: "https://evil.example/cb" }) }));
    assert.ok(page.left ? page.left.startsWith(CALLBACK) : page.status === 400);
  },
  "oidcc-claims-essential": succeeds({ claims: '{"userinfo":{"name":{"essential":true}}}' }),
  "oidcc-refresh-token": async ({ office, branch, browser }) => {
    const { tokens, claims } = await office.signIn(browser, { scope: "openid offline_access", prompt: "consent" });
    const again = await office.tokens(await office.refresh(tokens.refresh_token));
    const renewed = again.id_token ? await office.provider.verify(again.id_token, office.id) : claims;
    for (const name of ["iss", "sub", "aud", "auth_time"]) assert.deepEqual(renewed[name], claims[name], name);
    assert.notEqual(again.access_token, tokens.access_token);
    await refused(await branch.refresh(again.refresh_token ?? tokens.refresh_token));
  },
  "oidcc-ensure-request-with-valid-pkce-succeeds": async ({ office, browser }) => {
    const verifier = random(), asked = { code_challenge: challengeOf(verifier), code_challenge_method: "S256" };
    await office.signIn(browser, asked, { code_verifier: verifier });
    const page = await browser.finish(await browser.open(office.url(asked)));
    await refused(await office.exchange(page.parameters.get("code"), { code_verifier: random() }));
  },
  "oidcc-alternate-happy-flow": async ({ office, browser }) => {
    const reversed = [...new URL(office.url()).searchParams].reverse();
    const { parameters } = await browser.finish(await browser.open(`${office.provider.metadata.authorization_endpoint}?${new URLSearchParams(reversed)}`));
    await office.tokens(await office.exchange(parameters.get("code")));
  },
};

export const CONFIG = {
  "oidcc-discovery-endpoint-verification": async ({ provider: { issuer, metadata } }) => {
    assert.equal(metadata.issuer, issuer);
    for (const name of ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"]) {
      assert.ok(metadata[name]?.startsWith(`${issuer}/`), name);
    }
    const has = (name, value) => assert.ok(metadata[name]?.includes(value), `${name} lacks ${value}`);
    has("response_types_supported", "code");
    has("subject_types_supported", "public");
    has("id_token_signing_alg_values_supported", "RS256");
    has("scopes_supported", "openid");
    has("claims_supported", "sub");
    has("code_challenge_methods_supported", "S256");
    assert.equal(metadata.authorization_response_iss_parameter_supported, true);
    const { keys } = await (await fetch(metadata.jwks_uri)).json();
    assert.ok(keys.some(({ kty }) => kty === "RSA") && keys.every(key => !("d" in key)));
    assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length);
  },
};

