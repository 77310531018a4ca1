/**
 * Uses passkeys in Chromium, on a page with the compiled TypeScript client. Chromium keeps them in a
 * virtual authenticator, which verifies its user as it is told. The examples of docs/passkeys.md run
 * as they stand there.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { totp } from "./web/authenticator.mjs";
import { launch, watch } from "./web/browser.mjs";
import { SERVICE, codeOf } from "./web/service.mjs";

const DIST = new URL("../clients/typescript/dist/", import.meta.url);
const PAGE = `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">
  <input autocomplete="username webauthn">
  <script type="module">
    import * as client from "/client/index.js";
    import * as passkeys from "/client/passkeys.js";
    const latchkey = new client.Latchkey({ url: location.origin, storage: client.localStorageStorage() });
    const refused = promise => promise.then(() => "", error => error.code && typeof error.code === "string" ? error.code : error.name);
    const ceremonies = { pending: 0 }, get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = options => {
      ceremonies.pending += 1;
      return get(options).finally(() => (ceremonies.pending -= 1));
    };
    Object.assign(globalThis, { latchkey, refused, ceremonies }, passkeys);
  </script>`;
const PASSWORD = "correct horse battery staple";

/** Opens the page, with an authenticator, which may sync its passkeys. */
async function open(browser, isSynced) {
  const context = await browser.newContext({ locale: "en-US" });
  const page = await context.newPage(), troubles = [], devtools = await context.newCDPSession(page);
  page.setDefaultTimeout(15_000);
  watch(page, troubles);
  await page.route("**/a-page", route => route.fulfill({ contentType: "text/html", body: PAGE }));
  await page.route("**/client/*", route => {
    const file = new URL(route.request().url()).pathname.split("/").at(-1);
    return route.fulfill({ contentType: "text/javascript", body: readFileSync(new URL(file, DIST), "utf8") });
  });
  await page.clock.install();
  await page.goto(`${SERVICE}/a-page`);
  await page.waitForFunction(() => "latchkey" in globalThis);

  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
      defaultBackupEligibility: isSynced, defaultBackupState: isSynced,
    },
  });
  const authenticator = (method, values) => devtools.send(`WebAuthn.${method}`, { authenticatorId, ...values });
  return { context, page, troubles, authenticator };
}

/** Signs up by a code, with a password. */
async function signUp({ page }, phone) {
  const challenge = await page.evaluate(who => latchkey.register(who), { phone, password: PASSWORD });
  await page.evaluate(([id, code]) => latchkey.verify(id, code), [challenge.challenge_id, await codeOf(phone)]);
}

const claims = page => page.evaluate(async () => {
  const payload = (await latchkey.accessToken()).split(".")[1];
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
});

/** Checks that a passkey alone has signed in, with two factors. */
async function assertBothFactors(page, user) {
  const { sub, acr, amr } = await claims(page);
  assert.deepEqual({ sub, acr, amr }, { sub: user, acr: "aal2", amr: ["pop", "user", "mfa"] });
}

/** Adds a passkey, lists it, and gives it another name. Returns it. */
async function add({ page, authenticator }, phone) {
  assert.deepEqual(
    await page.evaluate(() => Promise.all([isPasskeyAvailable(), isPasskeyAvailable({ mediation: "conditional" })])),
    [true, true],
  );
  assert.equal(await page.evaluate(() => refused(addPasskey(latchkey, "x".repeat(65)))), "invalid_request");
  assert.deepEqual((await authenticator("getCredentials")).credentials, [], "the browser keeps a passkey that was refused");
  const added = await page.evaluate(() => addPasskey(latchkey, "My laptop"));
  assert.equal(added.name, "My laptop");
  assert.deepEqual(await page.evaluate(() => listPasskeys(latchkey)), [added]);
  const { credentials } = await authenticator("getCredentials");
  const { rpId, userName, isResidentCredential } = credentials[0];
  assert.deepEqual({ rpId, userName, isResidentCredential }, { rpId: "localhost", userName: phone, isResidentCredential: true });

  // A device keeps one passkey of a user.
  assert.equal(await page.evaluate(() => refused(addPasskey(latchkey))), "InvalidStateError");
  const renamed = await page.evaluate(id => renamePasskey(latchkey, id, "Work"), added.id);
  assert.deepEqual(renamed, { ...added, name: "Work" });
  return renamed;
}

/** Signs in with the passkey alone. */
async function signIn({ page }, user) {
  await page.evaluate(() => latchkey.signOut());
  const device = await page.evaluate(() => localStorage.getItem("latchkey.device"));
  const answer = await page.evaluate(() => signInWithPasskey(latchkey));
  assert.deepEqual([answer.status, answer.is_new_user], ["signed_in", false]);
  await assertBothFactors(page, user);
  const kept = await page.evaluate(() => localStorage.getItem("latchkey.device"));
  assert.ok(kept.startsWith("lkd_") && kept !== device, "the device token is not kept");
}

/** The browser offers the passkey as it fills in the form. A request that waits gets new options before its old ones expire. */
async function fillIn({ page, authenticator }, user) {
  await page.evaluate(() => latchkey.signOut());
  await page.evaluate(() => signInWithPasskey(latchkey, { mediation: "conditional" }));
  await assertBothFactors(page, user);

  await page.evaluate(() => latchkey.signOut());
  await authenticator("setAutomaticPresenceSimulation", { enabled: false });
  const old = await waiting(page, () => void (globalThis.filling = signInWithPasskey(latchkey, { mediation: "conditional" })));
  // The person comes only now. The virtual authenticator notices at the next request.
  await authenticator("setAutomaticPresenceSimulation", { enabled: true });
  const sent = page.waitForRequest("**/v1/auth/passkey");
  const renewed = page.waitForResponse("**/v1/auth/passkey/options");
  await page.clock.fastForward(old.timeout - 29_000);
  const { challenge } = await (await renewed).json();
  assert.notEqual(challenge, old.challenge);
  await page.evaluate(() => filling);
  const { credential } = (await sent).postDataJSON();
  const data = JSON.parse(Buffer.from(credential.response.clientDataJSON, "base64url"));
  assert.equal(data.challenge, challenge, "the old options were used");
  await assertBothFactors(page, user);
}

/** Begins a request, which then waits for the person. Returns its options. */
async function waiting(page, begin) {
  const asked = page.waitForResponse("**/v1/auth/passkey/options");
  await page.evaluate(begin);
  const options = await (await asked).json();
  await page.waitForFunction(() => ceremonies.pending > 0);
  return options;
}

/** A request that waits is aborted by the next one, and by its signal. */
async function interrupt({ page, authenticator }, user) {
  await page.evaluate(() => latchkey.signOut());
  await authenticator("setAutomaticPresenceSimulation", { enabled: false });
  await waiting(page, () => void (globalThis.first = refused(signInWithPasskey(latchkey, { mediation: "conditional" }))));
  await waiting(page, () => {
    globalThis.controller = new AbortController();
    globalThis.second = refused(signInWithPasskey(latchkey, { signal: controller.signal }));
  });
  assert.equal(await page.evaluate(() => first), "AbortError");
  await page.evaluate(() => controller.abort());
  assert.equal(await page.evaluate(() => second), "AbortError");

  await authenticator("setAutomaticPresenceSimulation", { enabled: true });
  await page.evaluate(() => signInWithPasskey(latchkey));
  await assertBothFactors(page, user);
}

/** A user who is not verified: the browser refuses, and the service refuses what a page asks for without verification. */
async function refuseUnverified({ page, authenticator }) {
  await page.evaluate(() => latchkey.signOut());
  await authenticator("setUserVerified", { isUserVerified: false });
  assert.equal(await page.evaluate(() => refused(signInWithPasskey(latchkey))), "NotAllowedError");
  const refusal = await page.evaluate(async () => {
    const options = await latchkey.signInStep("/v1/auth/passkey/options", { body: {} });
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON({ ...options, userVerification: "discouraged" });
    const credential = await navigator.credentials.get({ publicKey });
    const sent = latchkey.signInStep("/v1/auth/passkey", { body: { credential: credential.toJSON() } });
    return sent.then(() => ({}), ({ code, status, detail }) => ({ code, status, detail }));
  });
  assert.deepEqual([refusal.code, refusal.status], ["passkey_invalid", 401]);
  assert.match(refusal.detail, /user verification/);
  assert.equal(await page.evaluate(() => latchkey.signedIn()), false);
  await authenticator("setUserVerified", { isUserVerified: true });
}

/** The passkey as the second factor after a password, of a user with an authenticator app. */
async function useAsSecondFactor({ page }, phone, user) {
  await page.evaluate(() => signInWithPasskey(latchkey));
  const { secret } = await page.evaluate(() => latchkey.request("post", "/v1/me/totp"));
  await page.evaluate(code => latchkey.request("post", "/v1/me/totp/confirm", { body: { code } }), totp(secret));
  await page.evaluate(() => latchkey.signOut());
  const first = await page.evaluate(([phone, password]) => latchkey.login({ phone }, password), [phone, PASSWORD]);
  assert.equal(first.status, "mfa_required");
  assert.ok(first.methods.includes("passkey"), String(first.methods));
  await page.evaluate(token => passkeySecondFactor(latchkey, token), first.mfa_token);
  const { sub, acr, amr } = await claims(page);
  assert.deepEqual({ sub, acr }, { sub: user, acr: "aal2" });
  assert.ok(amr.includes("pwd") && amr.includes("mfa"), String(amr));
}

/** A removed passkey is offered no more. If it still is, nobody has it. */
async function remove({ page, authenticator }, { id }) {
  const before = await authenticator("getCredentials");
  await page.evaluate(id => removePasskey(latchkey, id), id);
  assert.deepEqual(await page.evaluate(() => listPasskeys(latchkey)), []);
  assert.deepEqual((await authenticator("getCredentials")).credentials, [], "the browser was not told which passkeys are left");

  await page.evaluate(() => latchkey.signOut());
  await authenticator("addCredential", { credential: before.credentials[0] });
  assert.equal(await page.evaluate(() => refused(signInWithPasskey(latchkey))), "passkey_unknown");
  assert.deepEqual((await authenticator("getCredentials")).credentials, [], "the browser was not told that nobody has the passkey");
  assert.equal(await page.evaluate(() => latchkey.signedIn()), false);
}

/** The whole way without the functions that convert JSON, which Safari has had since 18.4. */
async function useOlderBrowser(visit, phone) {
  const { page } = visit;
  await page.evaluate(() => {
    delete PublicKeyCredential.parseCreationOptionsFromJSON;
    delete PublicKeyCredential.parseRequestOptionsFromJSON;
    delete PublicKeyCredential.prototype.toJSON;
  });
  await signUp(visit, phone);
  const { sub } = await claims(page);
  const passkey = await add(visit, phone);
  assert.deepEqual(passkey.transports, ["internal"]);
  await signIn(visit, sub);
  await useAsSecondFactor(visit, phone, sub);
  await remove(visit, passkey);
}

/** Runs the examples of docs/passkeys.md. */
async function followDocs(visit, phone) {
  const { page, authenticator } = visit;
  const text = readFileSync(new URL("../docs/passkeys.md", import.meta.url), "utf8");
  const [adding, telling, signingIn, secondFactor] = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, block]) => block);
  const [api] = adding.split("\n\n");
  const run = (block, values, result) => page.evaluate(`(async () => {
    const { token, mfa_token, list } = ${values};
    const url = location.origin;
    ${block}
    return ${result};
  })()`);

  await signUp(visit, phone);
  const { sub } = await claims(page);
  await run(adding, "{ token: await latchkey.accessToken() }", "undefined");
  const [passkey] = await page.evaluate(() => listPasskeys(latchkey));
  assert.deepEqual([passkey.name, passkey.synced], ["My laptop", true]);
  await run(telling, '{ list: () => latchkey.request("get", "/v1/me/passkeys") }', "undefined");
  assert.equal((await authenticator("getCredentials")).credentials.length, 1, "the browser was told to forget the passkey");

  const session = await run(`${api}\n${signingIn}`, "{}", "session");
  assert.equal(session.user.id, sub);
  const { secret } = await page.evaluate(() => latchkey.request("post", "/v1/me/totp"));
  await page.evaluate(code => latchkey.request("post", "/v1/me/totp/confirm", { body: { code } }), totp(secret));
  const first = await page.evaluate(([phone, password]) => latchkey.login({ phone }, password), [phone, PASSWORD]);
  const done = await run(`${api}\n${secondFactor}`, JSON.stringify({ mfa_token: first.mfa_token }), "session");
  assert.equal(done.user.id, sub);
}

const browser = await launch();
try {
  const visit = await open(browser, false), phone = "+14155550311";
  await signUp(visit, phone);
  const { sub, acr } = await claims(visit.page);
  assert.equal(acr, "aal1");
  const passkey = await add(visit, phone);
  await signIn(visit, sub);
  await fillIn(visit, sub);
  await interrupt(visit, sub);
  await refuseUnverified(visit);
  await useAsSecondFactor(visit, phone, sub);
  await remove(visit, passkey);
  await useOlderBrowser(visit, "+14155550312");
  assert.deepEqual(visit.troubles, []);
  await visit.context.close();

  const reader = await open(browser, true);
  await followDocs(reader, "+14155550313");
  assert.deepEqual(reader.troubles, []);
  console.log("passkeys: no problems");
} finally {
  await browser.close();
}
