/**
 * The cases of the plans "RP-Initiated Logout OP" and "Back-Channel Logout OP" of the OpenID Foundation, as black-box tests, which
 * run against any provider.
 */
import assert from "node:assert/strict";
import { pause, random } from "./openid_browser.mjs";
import { GOODBYE, notices } from "./openid_providers.mjs";

/** Every character that a state may have, and that is easily damaged. */
const STATE = "a+b/=%&#?'~ .:;,()!*$@" + random();

async function out(browser, parameters) {
  const url = new URL(browser.provider.metadata.end_session_endpoint);
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  const page = await browser.open(url.href);
  // The certified provider asks always, and only a click signs out.
  if (page.left || !page.forms.length) return page;
  return browser.submit(page, page.forms[0].fields.xsrf ? { logout: "yes" } : { action: "continue" });
}

/** Nobody is signed in to the browser any more. */
async function isOut({ office, browser }) {
  const { parameters } = await browser.open(office.url({ prompt: "none" }));
  assert.equal(parameters.get("error"), "login_required");
}

/** Signing out with these parameters, which must end at the app or on a page of the provider. */
const logout = (change, leads) => async fixture => {
  const { office, browser } = fixture;
  const { tokens } = await office.signIn(browser);
  const asked = { id_token_hint: tokens.id_token, post_logout_redirect_uri: GOODBYE, state: STATE };
  const { left, parameters } = await out(browser, change(asked, tokens));
  if (leads === null) return assert.ok(!left, `sent to ${left}`);
  assert.equal(left?.split("?")[0], GOODBYE);
  assert.equal(parameters.get("state"), leads === "state" ? STATE : null);
  await isOut(fixture);
};

/** The ID token with another signature. */
const forged = token => token.replace(/\.[^.]*$/, `.${random()}`);

const EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** Signing out tells each app that the person has entered, with a token that it can verify. */
async function backchannel({ provider, office, branch, browser }) {
  const entered = { office: await office.signIn(browser), branch: await branch.signIn(browser) };
  await out(browser, { id_token_hint: entered.office.tokens.id_token, post_logout_redirect_uri: GOODBYE });
  for (const [id, { claims }] of Object.entries(entered)) {
    assert.ok(claims.sid, "the ID token names its session");
    const isOurs = async ({ app, token }) => app === `${provider.name}/${id}` && (await provider.verifyLogout(token, id)).sid === claims.sid;
    let found;
    for (let tries = 0; !found && tries < 50; tries += 1) {
      for (const notice of [...notices]) if (await isOurs(notice)) found = notice;
      if (!found) await pause(0.2);
    }
    assert.ok(found, `${id} was not told`);
    assert.match(found.type, /^application\/x-www-form-urlencoded/);
    const told = await provider.verifyLogout(found.token, id);
    assert.deepEqual([told.sub, told.nonce, told.events], [claims.sub, undefined, { [EVENT]: {} }]);
    assert.ok(told.exp - told.iat <= 120);
  }
}

export const LOGOUT = {
  "oidcc-backchannel-rp-initiated-logout-discovery": async ({ provider: { metadata } }) => {
    assert.equal(metadata.backchannel_logout_supported, true);
    assert.equal(metadata.backchannel_logout_session_supported, true);
  },
  "oidcc-backchannel-rp-initiated-logout": backchannel,
  "oidcc-rp-initiated-logout-discovery-endpoint-verification": async ({ provider: { metadata, issuer } }) => {
    assert.ok(metadata.end_session_endpoint.startsWith(`${issuer}/`));
  },
  "oidcc-rp-initiated-logout": logout(asked => asked, "state"),
  "oidcc-rp-initiated-logout-bad-id-token-hint": logout(asked => ({ ...asked, id_token_hint: "bad" }), null),
  "oidcc-rp-initiated-logout-modified-id-token-hint": logout(asked => ({ ...asked, id_token_hint: forged(asked.id_token_hint) }), null),
  "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": logout(asked => ({ ...asked, post_logout_redirect_uri: "https://evil.example" }), null),
  "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": logout(asked => ({ ...asked, post_logout_redirect_uri: `${GOODBYE}?added=1` }), null),
  "oidcc-rp-initiated-logout-no-id-token-hint": logout(asked => ({ ...asked, id_token_hint: undefined }), null),
  "oidcc-rp-initiated-logout-no-params": logout(() => ({}), null),
  "oidcc-rp-initiated-logout-no-post-logout-redirect-uri": logout(asked => ({ ...asked, post_logout_redirect_uri: undefined }), null),
  "oidcc-rp-initiated-logout-no-state": logout(asked => ({ ...asked, state: undefined }), "no state"),
  "oidcc-rp-initiated-logout-only-state": logout(({ state }) => ({ state }), null),
};
