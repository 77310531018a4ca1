/** ALTCHA's own library solves what the service asks for. The client does not use it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { solveChallenge, type Challenge } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/pbkdf2";

import { Service, waitForTime } from "./service.js";

let service: Service;
before(async () => {
  service = await Service.start({ FRAUD_MODE: "challenge", FRAUD_SEQUENTIAL_NUMBERS: "2" });
  await waitForTime();
  await service.ask("/v1/otp/send", { phone: service.newPhone() });
});
after(() => service.stop());

test("ALTCHA's library solves a proof of work, which works once", async t => {
  const phone = service.newPhone();
  const refusal = await service.ask("/v1/otp/send", { phone });
  assert.deepEqual([refusal.status, refusal.body["code"]], [403, "proof_required"]);

  const challenge = refusal.body["proof"] as Challenge;
  const solution = await solveChallenge({ challenge, deriveKey });
  t.diagnostic(`solved number ${solution?.counter} in ${solution?.time} ms`);
  const proof = btoa(JSON.stringify({ challenge, solution }));

  const other = await service.ask("/v1/otp/send", { phone: service.newPhone(), proof });
  assert.equal(other.status, 403, "it is good for its phone only");
  const sent = await service.ask("/v1/otp/send", { phone, proof });
  assert.equal(sent.status, 202);

  // Signing in ends the cooldown, so only the proof can be the reason of the refusal.
  const code = await service.code(phone);
  const { challenge_id } = sent.body;
  assert.equal((await service.ask("/v1/otp/verify", { challenge_id, code })).status, 200);
  const again = await service.ask("/v1/otp/send", { phone, proof });
  assert.deepEqual([again.status, again.body["code"]], [403, "proof_required"]);
});
