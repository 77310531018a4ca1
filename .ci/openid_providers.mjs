/**
 * The two providers: the certified `oidc-provider`, by which the cases themselves are tested, and
 * this service.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { TOOLS, URL: SERVICE, ADMIN_PHONE } = process.env;
const require = createRequire(`${TOOLS}/`);
export const load = name => import(pathToFileURL(require.resolve(name)).href);
export { require };
const { createLocalJWKSet, jwtVerify } = await load("jose");

export const CALLBACK = "https://office.example.com/callback";
export const GOODBYE = "https://office.example.com/goodbye";
/** The address that Auth.js makes up. */
const AUTH_JS = "https://office.example.com/auth/callback/latchkey";
const WITH_QUERY = `${CALLBACK}?tenant=7`;
/** The apps of every case. `office` sends neither PKCE nor a nonce if a case wants that. */
const APPS = [
  { id: "office", method: "client_secret_basic", redirects: [CALLBACK, WITH_QUERY, AUTH_JS] },
  { id: "branch", method: "client_secret_post", redirects: [CALLBACK, `${CALLBACK}/2`] },
];

/** The logout tokens that the apps got at their own server, with the header of the request. */
export const notices = [];
const told = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  notices.push({ app: request.url.slice(1), type: request.headers["content-type"], token: new URLSearchParams(body).get("logout_token") });
  response.end();
}).listen(0, "127.0.0.1");
await new Promise(resolve => told.once("listening", resolve));
told.unref();
/** Where an app of a provider is told of the end of its sessions. */
const logoutUri = (provider, id) => `http://127.0.0.1:${told.address().port}/${provider}/${id}`;

let people = 0;
/** A new person, whom both providers take. */
export const newPerson = () => `+1415555${String(1000 + (people += 1)).padStart(4, "0")}`;

async function known(provider) {
  const answer = await fetch(`${provider.issuer}/.well-known/openid-configuration`);
  provider.metadata = await answer.json();
  const keys = createLocalJWKSet(await (await fetch(provider.metadata.jwks_uri)).json());
  /** The claims of a logout token, verified as §2.6 of Back-Channel Logout says. */
  provider.verifyLogout = async (token, audience) => {
    const { payload } = await jwtVerify(token, keys, { issuer: provider.issuer, audience, algorithms: ["RS256"], typ: "logout+jwt", requiredClaims: ["iat", "exp", "jti", "sub", "sid", "events"] });
    return payload;
  };
  provider.verify = async (token, audience) => {
    const { payload } = await jwtVerify(token, keys, { issuer: provider.issuer, audience, algorithms: ["RS256"], requiredClaims: ["sub", "iat", "exp"] });
    return payload;
  };
  return provider;
}

/** The certified provider, as a fixture on its own port. */
export async function certified() {
  const { default: Provider } = await load("oidc-provider");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise(resolve => server.once("listening", resolve));
  const issuer = `http://localhost:${server.address().port}`;
  const clients = APPS.map(({ id, method, redirects }) => ({
    client_id: id,
    client_secret: `${id}-secret-of-32-characters-or-more`,
    token_endpoint_auth_method: method,
    redirect_uris: redirects,
    post_logout_redirect_uris: [GOODBYE],
    backchannel_logout_uri: logoutUri("oidc-provider", id),
    backchannel_logout_session_required: true,
    grant_types: ["authorization_code", "refresh_token"],
  }));
  const named = sub => ({ sub, name: "Ann Lee", email: `${sub.slice(1)}@example.com`, email_verified: true, phone_number: sub, phone_number_verified: true });
  const oidc = new Provider(issuer, {
    clients,
    cookies: { keys: ["a key of this fixture"], long: { sameSite: "none" }, short: { sameSite: "none" } },
    enableHttpPostMethods: true,
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], phone: ["phone_number", "phone_number_verified"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => named(sub) }),
    pkce: { required: () => false },
    // Its dispatcher refuses this machine, where the apps of the cases are told.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
  });
  server.on("request", oidc.callback());
  return known({
    name: "oidc-provider",
    issuer,
    callback: CALLBACK,
    apps: Object.fromEntries(clients.map(one => [one.client_id, { id: one.client_id, secret: one.client_secret, method: one.token_endpoint_auth_method }])),
    answer: (fields, person) => (fields.prompt === "login" ? { login: person, password: "any" } : {}),
    close: () => server.closeAllConnections() ?? server.close(),
  });
}

/** Calls the API of this service, or of another one by its whole address. */
export async function call(path, body, token, method = "POST") {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(new URL(path, SERVICE), { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.status === 204 ? null : answer.json();
}

export async function codeOf(phone, service = SERVICE) {
  const answer = await fetch(`${service}/_local/messages?to=${encodeURIComponent(phone)}`);
  return (await answer.json()).map(({ body }) => /\d{6}/.exec(body)?.[0]).findLast(Boolean);
}

/** Signs in by the API, with a code by text. */
export async function signInByCode(phone, client_id, service = SERVICE) {
  const { challenge_id } = await call(`${service}/v1/otp/send`, { phone, ...(client_id && { client_id }) });
  return call(`${service}/v1/otp/verify`, { challenge_id, code: await codeOf(phone, service) });
}

/** This service. */
export async function own() {
  const admin = (await signInByCode(ADMIN_PHONE)).access_token;
  const addApp = async app => (await call("/v1/apps", { first_party: true, ...app }, admin)).client_secret;
  const apps = {};
  for (const { id, method, redirects } of APPS) {
    const secret = await addApp({
      client_id: id, name: id, type: "confidential", pkce: "optional", redirect_uris: redirects, post_logout_redirect_uris: [GOODBYE],
      backchannel_logout_uri: logoutUri("latchkey", id),
    });
    apps[id] = { id, secret, method };
  }
  return known({
    name: "latchkey",
    issuer: SERVICE,
    callback: CALLBACK,
    apps,
    addApp,
    admin,
    answer: async (fields, person) => {
      const action = { action: "continue" };
      if ("identifier" in fields) return { ...action, identifier: person };
      return "code" in fields ? { ...action, code: await codeOf(person) } : action;
    },
    close: () => {},
  });
}
