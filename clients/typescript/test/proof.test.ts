import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Worker as Thread } from "node:worker_threads";

import { Latchkey, LatchkeyError, memoryStorage } from "../src/index.js";
import { Service, waitForTime } from "./service.js";

let service: Service;
before(async () => {
  // From the second of two neighbouring numbers on, every stranger has to solve a proof of work.
  service = await Service.start({ FRAUD_MODE: "challenge", FRAUD_SEQUENTIAL_NUMBERS: "2", OTP_RESEND_COOLDOWN_SECONDS: "600" });
  await waitForTime();
  await service.ask("/v1/otp/send", { phone: service.newPhone() });
});
after(() => service.stop());

/** A Web Worker made of a thread of Node, which runs the same file as the browser. */
class NodeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly #thread: Thread;
  constructor(file: string) {
    const url = new URL(`../src/${file}`, import.meta.url).href;
    const shim = `
      const { parentPort } = require("node:worker_threads");
      globalThis.postMessage = data => parentPort.postMessage(data);
      globalThis.addEventListener = (_, listener) => parentPort.on("message", data => listener({ data }));
      import(${JSON.stringify(url)}).catch(error => { throw error; });`;
    this.#thread = new Thread(shim, { eval: true });
    this.#thread.on("message", data => this.onmessage?.({ data }));
    this.#thread.on("error", () => this.onerror?.());
  }
  postMessage = (data: unknown) => this.#thread.postMessage(data);
  terminate = () => void this.#thread.terminate();
}
const worker = (file: string) => () => new NodeWorker(file) as unknown as Worker;

test("a proof of work is solved, and the code is sent", async () => {
  const { client, calls } = service.client();
  const checking: boolean[] = [];
  const remove = client.onChecking(isChecking => checking.push(isChecking));
  await service.signIn(client);
  assert.deepEqual(checking, [true, false]);
  assert.equal(calls("/v1/otp/send"), 2);

  remove();
  const { challenge_id } = await client.register({ phone: service.newPhone(), name: "Ann Lee" });
  assert.ok(challenge_id);
  assert.equal(calls("/v1/auth/register"), 2);
  assert.ok((await client.forgotPassword({ phone: service.newPhone() })).challenge_id);
  assert.deepEqual(checking, [true, false], "the listener was removed");
});

test("a worker solves it, and without one that starts it is solved anyway", async () => {
  const threads: string[] = [];
  for (const file of ["proof-worker.js", "missing.js"]) {
    const make = worker(file);
    const proofWorker = () => {
      threads.push(file);
      return make();
    };
    await service.signIn(service.client({ proofWorker }).client);
  }
  assert.deepEqual(threads, ["proof-worker.js", "missing.js"]);
  const forbidden = () => {
    throw new TypeError("the policy of the page forbids it");
  };
  await service.signIn(service.client({ proofWorker: forbidden }).client);
});

test("a proof of work can be cancelled", async () => {
  for (const proofWorker of [undefined, worker("proof-worker.js")]) {
    const { client, calls } = service.client(proofWorker ? { proofWorker } : {});
    const controller = new AbortController();
    const checking: boolean[] = [];
    client.onChecking(isChecking => {
      checking.push(isChecking);
      if (isChecking) controller.abort(new Error("changed my mind"));
    });
    const phone = service.newPhone();
    await assert.rejects(client.sendCode({ phone }, { signal: controller.signal }), /changed my mind/);
    assert.deepEqual(checking, [true, false]);
    assert.equal(calls("/v1/otp/send"), 1);
    assert.deepEqual(await service.texts(phone), []);
  }
});

test("a platform that cannot solve it gets the challenge", async t => {
  const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto")!;
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  t.after(() => Object.defineProperty(globalThis, "crypto", crypto));
  const refused = service.client().client.sendCode({ phone: service.newPhone() });
  await assert.rejects(refused, (error: unknown) => {
    assert.ok(error instanceof LatchkeyError);
    assert.deepEqual([error.code, error.proof?.parameters.algorithm], ["proof_required", "PBKDF2/SHA-256"]);
    return true;
  });
});

test("a known device is remembered after signing out, and strangers do not stop it", async () => {
  const storage = memoryStorage();
  const { client } = service.client({ storage });
  const phone = service.newPhone();
  await service.signIn(client, phone);
  const token = await storage.device?.get();
  assert.match(token ?? "", /^lkd_/);
  await client.signOut();
  assert.equal(await storage.get(), null);
  assert.equal(await storage.device?.get(), token);

  // A stranger sends a code, which makes other strangers wait for ten minutes.
  await service.client().client.sendCode({ phone });
  await assert.rejects(service.client().client.sendCode({ phone }), { code: "resend_too_soon" });
  const { client: again, calls } = service.client({ storage });
  const answer = await service.signIn(again, phone);
  assert.equal(calls("/v1/otp/send"), 1, "a known device solves nothing");
  assert.equal(answer.status, "signed_in");

  await again.signOut({ all: true });
  assert.equal(await storage.device?.get(), null);
});

test("the device token is kept also if a storage has no place for it", async () => {
  let kept: string | null = null;
  const storage = { get: () => kept, set: (value: string | null) => void (kept = value) };
  const bodies: Record<string, unknown>[] = [];
  const listening: typeof fetch = (input, init) => {
    if (typeof init?.body === "string") bodies.push(JSON.parse(init.body) as Record<string, unknown>);
    return fetch(input, init);
  };
  const client = new Latchkey({ url: service.url, storage, fetch: listening });
  const phone = service.newPhone();
  await service.signIn(client, phone);
  assert.ok(!("device_token" in bodies[0]!));
  await client.sendCode({ phone }).catch(() => undefined);
  await client.login({ phone }, "wrong horse battery").catch(() => undefined);
  const tokens = bodies.slice(-2).map(body => body["device_token"]);
  assert.ok(String(tokens[0]).startsWith("lkd_"));
  assert.equal(tokens[0], tokens[1]);
});
