/**
 * Client libraries, unmodified. Each signs in on the hosted page, reads the claims, refreshes and
 * signs out, as far as it can.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { register } from "node:module";
import { Browser, claimsOf, pause, random } from "./openid_browser.mjs";
import { freePort } from "./openid_programs.mjs";
import { CALLBACK, GOODBYE, load, require } from "./openid_providers.mjs";

const { DJANGO } = process.env;

/** Does what a person does, and returns the address at the app with its parameters. */
async function visit(browser, url) {
  const { left } = await browser.finish(await browser.open(String(url)));
  return new URL(left);
}

export const CLIENTS = {
  "openid-client": async ({ provider, office, browser, person }) => {
    const client = await load("openid-client");
    const config = await client.discovery(new URL(provider.issuer), office.id, office.secret, undefined, { execute: [client.allowInsecureRequests] });
    const pkceCodeVerifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK, scope: "openid phone", state, nonce, code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256",
    });
    const tokens = await client.authorizationCodeGrant(config, await visit(browser, url), { pkceCodeVerifier, expectedState: state, expectedNonce: nonce });
    const { sub } = tokens.claims();
    assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).phone_number, person);
    const again = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(again.claims().sub, sub);
    const out = client.buildEndSessionUrl(config, { id_token_hint: again.id_token, post_logout_redirect_uri: GOODBYE });
    assert.equal((await browser.open(out.href)).left, GOODBYE);
    await assert.rejects(client.refreshTokenGrant(config, again.refresh_token), { error: "invalid_grant" });
  },
  "openid-client with a pushed request": async ({ provider, office, browser }) => {
    const client = await load("openid-client");
    const config = await client.discovery(new URL(provider.issuer), office.id, office.secret, undefined, { execute: [client.allowInsecureRequests] });
    const pkceCodeVerifier = client.randomPKCECodeVerifier(), expectedState = client.randomState();
    const code_challenge = await client.calculatePKCECodeChallenge(pkceCodeVerifier);
    const asked = { redirect_uri: CALLBACK, scope: "openid", state: expectedState, code_challenge, code_challenge_method: "S256" };
    const url = await client.buildAuthorizationUrlWithPAR(config, asked);
    assert.deepEqual([...url.searchParams.keys()].sort(), ["client_id", "request_uri"]);
    const back = await visit(browser, url);
    assert.ok((await client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState })).id_token);
    assert.equal((await browser.open(url.href)).parameters?.get("code"), undefined, "a pushed request works twice");
  },
  "oauth4webapi": async ({ provider, office, browser, person }) => {
    const oauth = await load("oauth4webapi");
    const loose = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(provider.issuer);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, loose));
    const client = { client_id: office.id }, secret = oauth.ClientSecretBasic(office.secret);
    const verifier = oauth.generateRandomCodeVerifier(), state = random(), nonce = random();
    const url = office.url({ scope: "openid phone", state, nonce, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" });
    const parameters = oauth.validateAuthResponse(as, client, await visit(browser, url), state);
    const answer = await oauth.authorizationCodeGrantRequest(as, client, secret, parameters, CALLBACK, verifier, loose);
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce, requireIdToken: true });
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    const info = await oauth.userInfoRequest(as, client, tokens.access_token, loose);
    assert.equal((await oauth.processUserInfoResponse(as, client, sub, info)).phone_number, person);
    await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, secret, tokens.refresh_token, loose));
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, secret, tokens.refresh_token, loose));
  },
  "the auth client of the MCP SDK": async ({ provider, office, browser }) => {
    const mcp = await load("@modelcontextprotocol/sdk/client/auth.js");
    const metadata = await mcp.discoverAuthorizationServerMetadata(provider.issuer);
    assert.equal(metadata.issuer, provider.issuer);
    const clientInformation = { client_id: office.id, client_secret: office.secret, redirect_uris: [CALLBACK] };
    const { authorizationUrl, codeVerifier } = await mcp.startAuthorization(provider.issuer, {
      metadata, clientInformation, redirectUrl: CALLBACK, scope: "openid phone", state: random(),
    });
    const authorizationCode = (await visit(browser, authorizationUrl)).searchParams.get("code");
    const tokens = await mcp.exchangeAuthorization(provider.issuer, { metadata, clientInformation, authorizationCode, codeVerifier, redirectUri: CALLBACK });
    const again = await mcp.refreshAuthorization(provider.issuer, { metadata, clientInformation, refreshToken: tokens.refresh_token });
    assert.equal(claimsOf(again.access_token).sub, claimsOf(tokens.access_token).sub);
  },
  "aws-jwt-verify": async ({ provider, office, browser }) => {
    const { JwtVerifier } = require("aws-jwt-verify");
    const { tokens, claims } = await office.signIn(browser);
    const jwks = await (await fetch(provider.metadata.jwks_uri)).json();
    const verifier = JwtVerifier.create({ issuer: provider.issuer, audience: office.id, jwksUri: provider.metadata.jwks_uri });
    verifier.cacheJwks(jwks);
    for (const token of [tokens.id_token, tokens.access_token]) assert.equal(verifier.verifySync(token).sub, claims.sub);
    assert.ok(!("scope" in claims), "an ID token passes for an access token where a scope is asked");
    assert.throws(() => verifier.verifySync(tokens.id_token, { audience: "branch" }));
  },
  "Auth.js": async ({ provider, office, browser, person }) => {
    const { Auth } = await load("@auth/core");
    const latchkey = {
      id: "latchkey", name: "Latchkey", type: "oidc", issuer: provider.issuer, clientId: office.id, clientSecret: office.secret,
      checks: ["pkce", "state", "nonce"], authorization: { params: { scope: "openid phone" } }, profile: ({ sub, phone_number }) => ({ id: sub, name: phone_number }),
    };
    const config = { providers: [latchkey], secret: random(), trustHost: true, basePath: "/auth", logger: { error: error => { throw error; } } };
    const cookies = new Map();
    const ask = async (path, form) => {
      const headers = { cookie: [...cookies].map(pair => pair.join("=")).join("; "), "content-type": "application/x-www-form-urlencoded" };
      const answer = await Auth(new Request(`https://office.example.com${path}`, { method: form ? "POST" : "GET", headers, body: form && new URLSearchParams(form) }), config);
      for (const set of answer.headers.getSetCookie()) cookies.set(...set.split(";")[0].split(/=(.*)/s).slice(0, 2));
      return answer;
    };
    const { csrfToken } = await (await ask("/auth/csrf")).json();
    const begun = await ask("/auth/signin/latchkey", { csrfToken, callbackUrl: "https://office.example.com" });
    const back = await visit(browser, begun.headers.get("location"));
    await ask(back.pathname + back.search);
    assert.equal((await (await ask("/auth/session")).json()).user?.name, person);
  },
  "express-openid-connect": async ({ provider, browser, person }) => {
    const { auth, requiresAuth } = require("express-openid-connect");
    const app = require("express")();
    const server = createServer(app).listen(0, "127.0.0.1");
    await new Promise(resolve => server.once("listening", resolve));
    const baseURL = `http://localhost:${server.address().port}`;
    const clientSecret = await provider.addApp({
      client_id: "express", name: "Express", type: "confidential", redirect_uris: [`${baseURL}/callback`], post_logout_redirect_uris: [baseURL],
    });
    const authorizationParams = { response_type: "code", scope: "openid phone" };
    app.use(auth({ issuerBaseURL: provider.issuer, baseURL, clientID: "express", clientSecret, secret: random(), idpLogout: true, authRequired: false, authorizationParams }));
    app.get("/", requiresAuth(), async (request, response) => {
      const renewed = await request.oidc.accessToken.refresh();
      response.json({ user: request.oidc.user, info: await request.oidc.fetchUserInfo(), renewed: Boolean(renewed.access_token) });
    });
    try {
      const atApp = new Browser({ issuer: baseURL }, person);
      const back = await visit(browser, (await atApp.open(`${baseURL}/login`)).left);
      const { user, info, renewed } = JSON.parse((await atApp.open(back.href)).html);
      assert.deepEqual([user.phone_number, info.sub, renewed], [person, user.sub, true]);
      const { left } = await browser.open((await atApp.open(`${baseURL}/logout`)).left);
      assert.equal(new URL(left).origin, baseURL);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
  "AppAuth-JS": async ({ provider, browser, person }) => {
    // It is written for bundlers, which add the ending of a file.
    const endings = `export const resolve = (name, context, next) => next(/^[.]/.test(name) && context.parentURL.includes("@openid/appauth") && !name.endsWith(".js") ? name + ".js" : name, context);`;
    register(`data:text/javascript,${encodeURIComponent(endings)}`);
    const appauth = await load("@openid/appauth");
    const { NodeCrypto } = await load("@openid/appauth/built/src/node_support/crypto_utils.js");
    appauth.setFlag("IS_LOG", false);
    const redirect_uri = "https://appauth.example.com/callback", client_id = "appauth";
    await provider.addApp({ client_id, name: "AppAuth", redirect_uris: [redirect_uri] });

    const kept = new Map();
    const storage = { getItem: async key => kept.get(key) ?? null, setItem: async (key, value) => void kept.set(key, value), removeItem: async key => void kept.delete(key) };
    // It reads an answer from the fragment, unless it is told to read the query.
    class Query extends appauth.BasicQueryStringUtils {
      parse(location) {
        return super.parse(location, false);
      }
    }
    const requestor = new appauth.FetchRequestor();
    const configuration = await appauth.AuthorizationServiceConfiguration.fetchFromIssuer(provider.issuer, requestor);
    const response_type = appauth.AuthorizationRequest.RESPONSE_TYPE_CODE;
    const asked = new appauth.AuthorizationRequest({ client_id, redirect_uri, scope: "openid phone", response_type }, new NodeCrypto());
    const url = await new Promise(assign => new appauth.RedirectRequestHandler(storage, new Query(), { assign }, new NodeCrypto()).performAuthorizationRequest(configuration, asked));
    const handler = new appauth.RedirectRequestHandler(storage, new Query(), await visit(browser, url), new NodeCrypto());
    const { request, response } = await handler.completeAuthorizationRequest();

    const tokens = new appauth.BaseTokenRequestHandler(requestor);
    const perform = fields => tokens.performTokenRequest(configuration, new appauth.TokenRequest({ client_id, redirect_uri, ...fields }));
    const { idToken, refreshToken } = await perform({ grant_type: "authorization_code", code: response.code, extras: { code_verifier: request.internal.code_verifier } });
    assert.equal(claimsOf(idToken).phone_number, person);
    const renewed = await perform({ grant_type: "refresh_token", refresh_token: refreshToken });
    assert.equal(claimsOf(renewed.idToken).sub, claimsOf(idToken).sub);
    await tokens.performRevokeTokenRequest(configuration, new appauth.RevokeTokenRequest({ client_id, token: renewed.refreshToken }));
    await assert.rejects(perform({ grant_type: "refresh_token", refresh_token: renewed.refreshToken }));
  },
  "mozilla-django-oidc": async ({ provider, office, browser, person }) => {
    const port = freePort();
    const home = `http://localhost:${port}/`;
    const secret = await provider.addApp({
      client_id: "django", name: "Django", type: "confidential", redirect_uris: [`${home}oidc/callback/`], post_logout_redirect_uris: [home],
    });
    const app = spawn(DJANGO, [".ci/openid_django.py"], { env: { ...process.env, ISSUER: provider.issuer, PORT: port, CLIENT_SECRET: secret }, stdio: ["ignore", "ignore", "inherit"] });
    try {
      for (let tries = 0; tries < 100 && !(await fetch(home).catch(() => null)); tries += 1) await pause(0.1);
      const atApp = new Browser({ issuer: home.slice(0, -1) }, person);
      const user = async () => JSON.parse((await atApp.open(home)).html).user;
      const back = await visit(browser, (await atApp.open(`${home}oidc/authenticate/`)).left);
      await atApp.open(back.href);
      assert.equal(await user(), (await office.signIn(browser)).claims.sub);
      assert.equal((await browser.open((await atApp.open(`${home}oidc/logout/`)).left)).left, home);
      assert.equal(await user(), "");
    } finally {
      app.kill();
    }
  },
};
