/** The functions of passkeys without a browser. `.ci/passkeys.mjs` uses them in one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LatchkeyError } from "../src/index.js";
import {
  addPasskey,
  isPasskeyAvailable,
  listPasskeys,
  passkeySecondFactor,
  removePasskey,
  renamePasskey,
  signInWithPasskey,
} from "../src/passkeys.js";
import { Service } from "./service.js";

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

test("without WebAuthn, nothing is asked of the service", async () => {
  const { client, calls } = service.client();
  assert.equal(await isPasskeyAvailable(), false);
  assert.equal(await isPasskeyAvailable({ mediation: "conditional" }), false);
  for (const call of [() => signInWithPasskey(client), () => passkeySecondFactor(client, "lkm_"), () => addPasskey(client)]) {
    await assert.rejects(call, { name: "NotSupportedError" });
  }
  assert.equal(calls("/v1/auth/passkey/options") + calls("/v1/me/passkeys/options"), 0);
});

test("passkeys are managed without WebAuthn", async () => {
  const { client } = service.client();
  await service.signIn(client);
  assert.deepEqual(await listPasskeys(client), []);
  const nobodys = "fb4929a9-d0df-8264-bd03-10be304e98b9";
  for (const call of [() => renamePasskey(client, nobodys, "Work"), () => removePasskey(client, nobodys)]) {
    await assert.rejects(call, (error: unknown) => error instanceof LatchkeyError && error.code === "not_found");
  }
});

test("a step of a sign-in keeps the session, and sends no token", async () => {
  const sent: (string | null)[] = [];
  const { client } = service.client({
    fetch: (input, init) => {
      sent.push(new Headers(init?.headers).get("authorization"));
      return fetch(input, init);
    },
  });
  const phone = service.newPhone();
  const { challenge_id } = await client.sendCode({ phone });
  const code = await service.code(phone);
  const answer = await client.signInStep("/v1/otp/verify", { body: { challenge_id, code } });
  assert.equal(answer.status, "signed_in");
  assert.equal(await client.signedIn(), true);
  await client.signInStep("/v1/auth/passkey/options", { body: {} });
  assert.deepEqual(sent, [null, null, null]);
});
