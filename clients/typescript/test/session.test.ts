import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Latchkey, LatchkeyError, memoryStorage, type Change, type StepUp, type TokenStorage } from "../src/index.js";
import { Service } from "./service.js";
import { totp } from "./totp.js";

let service: Service;
before(async () => {
  service = await Service.start({ OTP_RESEND_COOLDOWN_SECONDS: "30" });
});
after(() => service.stop());

/** A storage, and a way to make its tokens stale. */
function storage(): TokenStorage & { change: (changes: Record<string, unknown>) => void } {
  let kept: string | null = null;
  return {
    // Asynchronous, like a keychain.
    get: async () => kept,
    set: async value => {
      kept = value;
    },
    change: changes => {
      kept = JSON.stringify({ ...JSON.parse(kept ?? "{}"), ...changes });
    },
  };
}

async function refused(promise: Promise<unknown>): Promise<LatchkeyError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof LatchkeyError, String(error));
    return error;
  }
  throw new Error("the call was not refused");
}

test("signs up, changes the profile, and signs out", async () => {
  const { client } = service.client();
  const changes: Change[] = [];
  client.onChange(change => changes.push(change));
  assert.equal(await client.signedIn(), false);

  const phone = service.newPhone();
  const signedIn = await service.signIn(client, phone);
  assert.equal(signedIn.is_new_user, true);
  assert.equal(signedIn.user.phone, phone);

  const user = await client.request("patch", "/v1/me", { body: { name: "Ann Lee" } });
  assert.equal(user.name, "Ann Lee");
  const sessions = await client.request("get", "/v1/me/sessions", { query: { limit: 10 } });
  assert.equal(sessions.items.length, 1);

  const token = await client.accessToken();
  await client.signOut();
  assert.equal(await client.signedIn(), false);
  const answer = await fetch(`${service.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 401, "the session is over at the service, too");
  assert.equal((await refused(client.request("get", "/v1/me"))).code, "token_invalid");
  assert.deepEqual(changes, [{ signedIn: true }, { signedIn: false }]);
});

test("a double tap signs in once, and both taps get the session", async () => {
  const { client } = service.client(), phone = service.newPhone();
  const { challenge_id } = await client.sendCode({ phone });
  const code = await service.code(phone);
  const taps = await Promise.all([client.verify(challenge_id, code), client.verify(challenge_id, ` ${code}`)]);
  assert.deepEqual(taps[0], taps[1]);
  assert.equal((await client.request("get", "/v1/me/sessions")).items.length, 1);
  assert.equal((await refused(client.verify(challenge_id, code))).code, "otp_expired", "later, a code is used up");
});

test("refusals are typed", async () => {
  const { client } = service.client();
  const invalid = await refused(client.sendCode({ phone: "12" }));
  assert.equal(invalid.code, "invalid_phone");
  assert.equal(invalid.status, 400);
  assert.ok(invalid.request_id);
  const fields = await refused(client.register({ phone: service.newPhone(), username: "1" }));
  assert.equal(fields.code, "invalid_request");
  assert.ok(fields.field("username"));

  const challenge = await client.sendCode({ phone: service.newPhone() });
  const wrong = await refused(client.verify(challenge.challenge_id, "000000"));
  assert.deepEqual([wrong.code, wrong.attempts_left], ["otp_incorrect", challenge.attempts_left - 1]);
  assert.equal((await client.challenge(challenge.challenge_id)).attempts_left, challenge.attempts_left - 1);

  const soon = await refused(client.resendCode(challenge.challenge_id));
  assert.equal(soon.code, "resend_too_soon");
  assert.ok(soon.retry_after && soon.retry_after <= challenge.resend_in);
});

test("a response of a gateway in between is an error", async () => {
  const proxy: typeof fetch = async () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  const error = await refused(service.client({ fetch: proxy }).client.request("get", "/health"));
  assert.deepEqual([error.code, error.status], ["unexpected_answer", 502]);
});

test("a hundred calls with a token that is about to expire refresh once", async () => {
  const kept = storage();
  const { client, calls } = service.client({ storage: kept });
  await service.signIn(client);
  kept.change({ expires_at: Date.now() + 5_000 });
  await Promise.all(Array.from({ length: 100 }, () => client.request("get", "/v1/me")));
  assert.equal(calls("/v1/auth/refresh"), 1);
  assert.equal(calls("/v1/me"), 100);
});

test("a hundred refused calls refresh once", async () => {
  const kept = storage();
  const { client, calls } = service.client({ storage: kept });
  await service.signIn(client);
  kept.change({ access_token: "revoked" });
  await Promise.all(Array.from({ length: 100 }, () => client.request("get", "/v1/me")));
  assert.equal(calls("/v1/auth/refresh"), 1);
  assert.equal(calls("/v1/me"), 200);
});

test("clients that share a storage and a lock, as tabs do, refresh once", async t => {
  const lock = locks();
  Object.defineProperty(globalThis, "navigator", { value: { locks: lock }, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, "navigator"));
  const kept = storage();
  const tabs = Array.from({ length: 5 }, () => service.client({ storage: kept }));
  await service.signIn(tabs[0]!.client);
  kept.change({ expires_at: 1 });
  await Promise.all(tabs.map(tab => tab.client.request("get", "/v1/me")));
  assert.equal(tabs.reduce((sum, tab) => sum + tab.calls("/v1/auth/refresh"), 0), 1);
  assert.ok(lock.names.every(name => name === lock.names[0]));
});

test("clients that share a storage without a lock stay signed in", async () => {
  const kept = storage();
  const tabs = Array.from({ length: 5 }, () => service.client({ storage: kept }));
  await service.signIn(tabs[0]!.client);
  kept.change({ expires_at: 1 });
  await Promise.all(tabs.map(tab => tab.client.request("get", "/v1/me")));
  await Promise.all(tabs.map(tab => tab.client.request("get", "/v1/me")));
});

test("a refresh is retried if its response is lost", async () => {
  const kept = storage();
  let lose = true;
  const unreliable: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (String(input).endsWith("/v1/auth/refresh") && lose) {
      lose = false;
      throw new TypeError("the connection is gone");
    }
    return answer;
  };
  const { client, calls } = service.client({ storage: kept, fetch: unreliable });
  await service.signIn(client);
  kept.change({ expires_at: 1 });
  await client.request("get", "/v1/me");
  assert.equal(calls("/v1/auth/refresh"), 2);
});

test("the tokens of a session that has ended are deleted, and the reason is reported", async () => {
  const kept = storage();
  const { client } = service.client({ storage: kept });
  await service.signIn(client);
  const stolen = JSON.parse((await kept.get()) ?? "").refresh_token as string;
  kept.change({ expires_at: 1 });
  await client.accessToken();
  kept.change({ expires_at: 1 });
  await client.accessToken();

  const changes: Change[] = [];
  client.onChange(change => changes.push(change));
  kept.change({ expires_at: 1, refresh_token: stolen });
  assert.equal((await refused(client.request("get", "/v1/me"))).code, "refresh_token_reused");
  assert.equal(await client.signedIn(), false);
  assert.deepEqual(changes, [{ signedIn: false, reason: "refresh_token_reused" }]);
  assert.equal(await client.accessToken(), null);
});

test("a service that cannot be reached ends no session", async () => {
  const kept = storage();
  let down = false;
  const flaky: typeof fetch = (input, init) => (down ? Promise.reject(new TypeError("offline")) : fetch(input, init));
  const { client } = service.client({ storage: kept, fetch: flaky });
  await service.signIn(client);
  kept.change({ expires_at: 1 });
  down = true;
  await assert.rejects(client.request("get", "/v1/me"), /offline/);
  assert.equal(await client.signedIn(), true);
  down = false;
  await client.request("get", "/v1/me");
});

test("a firewall or a gateway in front of the service ends no session", async () => {
  const kept = storage();
  let blocked: Response | undefined;
  const guarded: typeof fetch = (input, init) => (blocked ? Promise.resolve(blocked.clone()) : fetch(input, init));
  const { client } = service.client({ storage: kept, fetch: guarded });
  await service.signIn(client);
  kept.change({ expires_at: 1 });
  const headers = { "content-type": "application/problem+json" };
  for (const [answer, code] of [
    [new Response("<h1>Request blocked</h1>", { status: 403 }), "unexpected_answer"],
    [new Response('{"message":"Forbidden"}', { status: 403 }), "unexpected_answer"],
    [new Response('{"message":"Too Many Requests"}', { status: 429 }), "unexpected_answer"],
    [new Response('{"code":"forbidden"}', { status: 403, headers }), "forbidden"],
  ] as const) {
    blocked = answer;
    assert.equal((await refused(client.request("get", "/v1/me"))).code, code);
    assert.equal(await client.signedIn(), true);
  }
  blocked = undefined;
  await client.request("get", "/v1/me");
});

test("a session that ends during a refresh does not come back", async () => {
  const kept = storage();
  let release = (): void => {};
  const held = new Promise<void>(resolve => (release = resolve));
  const slow: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (String(input).endsWith("/v1/auth/refresh")) await held;
    return answer;
  };
  const { client } = service.client({ storage: kept, fetch: slow });
  await service.signIn(client);
  kept.change({ expires_at: 1 });
  const call = client.accessToken();
  await new Promise(resolve => setTimeout(resolve, 200));
  await kept.set(null);
  release();
  assert.equal(await call, null);
  assert.equal(await client.signedIn(), false);
});

test("a 503 with Retry-After is retried once, if that is safe", async () => {
  let answers = 0;
  const busy: typeof fetch = async () => {
    answers += 1;
    const body = JSON.stringify({ code: "unavailable", detail: "later", retry_after: 1 });
    const headers = { "content-type": "application/problem+json", "retry-after": "1" };
    return new Response(body, { status: 503, headers });
  };
  const client = new Latchkey({ url: service.url, fetch: busy });
  assert.equal((await refused(client.request("get", "/health"))).code, "unavailable");
  assert.equal(answers, 2);
  answers = 0;
  await refused(client.sendCode({ phone: service.newPhone() }));
  assert.equal(answers, 1, "a second text might be sent");
});

test("a message is sent once, even if the response is lost", async () => {
  const keys: (string | null)[] = [];
  let lost = true;
  const unreliable: typeof fetch = async (input, init) => {
    keys.push(new Headers(init?.headers).get("idempotency-key"));
    const answer = await fetch(input, init);
    if (!lost) return answer;
    lost = false;
    throw new TypeError("the connection was reset");
  };
  const { client } = service.client({ fetch: unreliable });
  for (const ask of [
    (phone: string) => client.sendCode({ phone }),
    (phone: string) => client.register({ phone, name: "Ann Lee" }),
  ]) {
    lost = true;
    const phone = service.newPhone();
    const { challenge_id } = await ask(phone);
    assert.equal((await service.texts(phone)).length, 1);
    assert.ok("access_token" in (await client.verify(challenge_id, await service.code(phone))));
  }
  assert.ok(keys[0] && keys[0] === keys[1], "a retry has the same key");
  assert.ok(keys[3] && keys[3] === keys[4] && keys[3] !== keys[0], "another message has another key");
  assert.equal(keys[2], null, "a verification has no key");
});

test("if the platform makes no UUIDs, the keys still differ", async t => {
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, "crypto"));
  const keys: (string | null)[] = [];
  const deaf: typeof fetch = async (_, init) => {
    keys.push(new Headers(init?.headers).get("idempotency-key"));
    return new Response("{}", { status: 202 });
  };
  const { client } = service.client({ fetch: deaf });
  await Promise.all(Array.from({ length: 100 }, () => client.sendCode({ phone: "+14155550123" })));
  assert.equal(new Set(keys).size, 100);
  assert.ok(keys.every(key => key !== null && key.length >= 20 && /^[\x21-\x7e]+$/.test(key)));
});

test("a request without a response fails after the timeout", async () => {
  const silent: typeof fetch = (_, init) =>
    new Promise((_resolve, reject) => {
      const abort = () => reject(init?.signal?.reason);
      if (init?.signal?.aborted) abort();
      init?.signal?.addEventListener("abort", abort);
    });
  const client = new Latchkey({ url: service.url, fetch: silent, timeout: 50 });
  await assert.rejects(client.request("get", "/health"), { name: "TimeoutError" });
  const mine = AbortSignal.abort(new Error("changed my mind"));
  await assert.rejects(client.request("get", "/health", { signal: mine }), /changed my mind/);
});

test("a wrong second factor code leaves nobody signed in", async () => {
  const { client } = service.client();
  const phone = service.newPhone();
  await client.register({ phone, password: "correct horse battery" }).then(async ({ challenge_id }) => {
    await client.verify(challenge_id, await service.code(phone));
  });
  const { secret } = await client.request("post", "/v1/me/totp");
  assert.match(secret, /^[A-Z2-7]+$/);
  assert.equal((await refused(client.request("post", "/v1/me/totp/confirm", { body: { code: "000000" } }))).code, "otp_incorrect");

  const other = service.client().client;
  assert.equal((await refused(other.login({ phone }, "wrong horse battery"))).code, "invalid_credentials");
  assert.ok("access_token" in (await other.login({ phone }, "correct horse battery")));
  assert.equal((await refused(service.client().client.secondFactor("lkm_junk", "totp", "123456"))).status, 401);
});

test("a call that needs both factors is repeated once the user has signed in again", async () => {
  const { client, calls } = service.client(), phone = service.newPhone();
  await client.register({ phone, password: "correct horse battery" }).then(async ({ challenge_id }) => {
    await client.verify(challenge_id, await service.code(phone));
  });
  const { secret } = await client.request("post", "/v1/me/totp");
  const { recovery_codes } = await client.request("post", "/v1/me/totp/confirm", { body: { code: totp(secret) } });
  const change = () => client.request("post", "/v1/me/email", { body: { email: "ann@example.com" } });

  const need: StepUp = { acr_values: ["aal2"], max_age: 600 };
  const without = await refused(change());
  assert.deepEqual([without.code, without.step_up], ["insufficient_user_authentication", need]);
  const declined = client.onStepUp(() => false);
  assert.equal((await refused(change())).code, "insufficient_user_authentication");
  declined();

  const needs: StepUp[] = [];
  client.onStepUp(async asked => {
    needs.push(asked);
    const answer = await client.login({ phone }, "correct horse battery");
    if (answer.status === "mfa_required") await client.secondFactor(answer.mfa_token, "recovery_code", recovery_codes[0] ?? "");
    return true;
  });
  await change();
  assert.deepEqual(needs, [need]);
  assert.equal(calls("/v1/me/email"), 4, "two refused, one refused and repeated");
  const { items } = await client.request("get", "/v1/me/sessions");
  assert.deepEqual(items.map(({ current }) => current), [true], "the previous session has ended");
});

test("calls that wait for one step-up are repeated, but never as another person", async () => {
  const [ann, bob] = [service.newPhone(), service.newPhone()];
  // Only sign-ins below are new enough.
  const fresh = new Set<string>(), headers = {
    "content-type": "application/problem+json",
    "www-authenticate": 'Bearer realm="latchkey", error="insufficient_user_authentication", max_age="600"',
  };
  const aged: typeof fetch = async (input, init) => {
    const sent = new Headers(init?.headers).get("authorization") ?? "", needsFresh = String(input).endsWith("/v1/me/totp");
    if (!needsFresh || fresh.has(sent)) return fetch(input, init);
    return new Response('{"code": "insufficient_user_authentication"}', { status: 401, headers });
  };
  const { client, calls } = service.client({ fetch: aged });
  const signInAgain = async (phone: string) => {
    await service.signIn(client, phone);
    fresh.add(`Bearer ${await client.accessToken()}`);
    return true;
  };
  await service.signIn(client, ann);

  let times = 0;
  client.onStepUp(need => {
    times += 1;
    assert.deepEqual(need, { acr_values: [], max_age: 600 });
    return signInAgain(ann);
  });
  await Promise.all(Array.from({ length: 5 }, () => client.request("post", "/v1/me/totp")));
  assert.deepEqual([times, calls("/v1/me/totp")], [1, 10]);

  fresh.clear();
  client.onStepUp(() => signInAgain(bob));
  assert.equal((await refused(client.request("post", "/v1/me/totp"))).code, "insufficient_user_authentication");
  assert.equal(calls("/v1/me/totp"), 11);
});

test("a storage with junk in it has no tokens", async () => {
  const kept = memoryStorage();
  await kept.set("{");
  assert.equal(await new Latchkey({ storage: kept }).signedIn(), false);
});

/** The part of `navigator.locks` that the client uses. */
function locks(): { names: string[]; request: <T>(name: string, action: () => Promise<T>) => Promise<T> } {
  let last: Promise<unknown> = Promise.resolve();
  const names: string[] = [];
  return {
    names,
    request: (name, action) => {
      names.push(name);
      const mine = last.then(action);
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}
