/** On a server: cookies for each request, and guards against a session that visitors share. */
import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";

import { Latchkey, LatchkeyError, localStorageStorage } from "../src/index.js";
import { cookieStorage, createServerClient, headerCookies, nextCookies, type Cookies } from "../src/server.js";
import { Service } from "./service.js";

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

/** A visitor's browser: it sends its cookies, and keeps those of the response. */
class Visitor {
  readonly cookies = new Map<string, string>();
  setCookies: string[] = [];

  async visits<T>(page: (client: Latchkey) => Promise<T>): Promise<T> {
    const cookie = Array.from(this.cookies, pair => pair.join("=")).join("; ");
    const response = new Headers();
    const jar = headerCookies(new Request("https://shop.example.com/", { headers: { cookie } }), response);
    const result = await page(createServerClient(jar, { url: service.url }));
    this.setCookies = response.getSetCookie();
    for (const line of this.setCookies) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (line.includes("Max-Age=0")) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return result;
  }
}

test("each visitor has a separate session, in cookies that no script can read", async () => {
  const ann = new Visitor(), ben = new Visitor();
  const [annSession, benSession] = await Promise.all([ann, ben].map(who => who.visits(client => service.signIn(client))));
  for (const line of ann.setCookies) assert.match(line, /; Path=\/; Max-Age=\d+; HttpOnly; Secure; SameSite=Lax$/);

  const [annAgain, benAgain] = await Promise.all([ann, ben].map(who => who.visits(client => client.request("get", "/v1/me"))));
  assert.deepEqual([annAgain?.id, benAgain?.id], [annSession?.user.id, benSession?.user.id]);
  assert.equal(await new Visitor().visits(client => client.signedIn()), false);

  await ann.visits(client => client.signOut());
  assert.deepEqual([...ann.cookies.keys()], ["latchkey.device"], "the device stays known");
  assert.equal(await ben.visits(client => client.signedIn()), true);
});

test("a session that is too long for one cookie is kept in several", async () => {
  const visitor = new Visitor(), tokens = "t".repeat(8_000);
  const jar = (sent: Map<string, string>): Cookies => ({
    get: name => sent.get(name),
    set: (name, value, { maxAge }) => void (maxAge > 0 ? sent.set(name, value) : sent.delete(name)),
  });
  await cookieStorage(jar(visitor.cookies)).set(tokens);
  assert.equal(visitor.cookies.size, 3);
  for (const value of visitor.cookies.values()) assert.ok(value.length < 4_000);
  assert.equal(await cookieStorage(jar(visitor.cookies)).get(), tokens);

  await cookieStorage(jar(visitor.cookies)).set("short");
  assert.equal(await cookieStorage(jar(visitor.cookies)).get(), "short");
  await cookieStorage(jar(visitor.cookies)).set(null);
  assert.equal(visitor.cookies.size, 0);
});

test("a Server Component, which cannot set cookies, refreshes as often as it likes", async () => {
  const cookies = new Map<string, { value: string }>();
  const setting = { get: (name: string) => cookies.get(name), set: (name: string, value: string) => cookies.set(name, { value }) };
  const storage = cookieStorage(nextCookies(setting));
  const { user } = await service.signIn(new Latchkey({ url: service.url, storage }));
  await storage.set(JSON.stringify({ ...JSON.parse((await storage.get()) ?? ""), expires_at: 1 }));

  const rendering = { ...setting, set: () => assert.fail("cookies cannot be set") };
  for (let render = 0; render < 3; render += 1) {
    const client = createServerClient(nextCookies(rendering), { url: service.url });
    assert.equal((await client.request("get", "/v1/me")).id, user.id);
  }
});

test("localStorage is empty on a server, and refuses tokens", async () => {
  const { client } = service.client({ storage: localStorageStorage() });
  assert.equal(await client.signedIn(), false);
  client.onChange(() => undefined)();
  await assert.rejects(service.signIn(client), /latchkey-client\/server/);
});

test("a client that two visitors share warns", async () => {
  const warn = mock.method(console, "warn", () => undefined);
  const { client } = service.client(), phone = service.newPhone();
  await service.signIn(client, phone);
  await service.signIn(client, phone);
  assert.equal(warn.mock.callCount(), 0);
  await service.signIn(client);
  assert.match(String(warn.mock.calls[0]?.arguments[0]), /make one per request/);
  warn.mock.restore();
});

test("a page instead of JSON is an unexpected answer, and is not asked for again", async () => {
  let calls = 0;
  const page: typeof fetch = async () => {
    calls += 1;
    return new Response("<!doctype html><title>My app</title>", { headers: { "content-type": "text/html" } });
  };
  const wrong = new Latchkey({ url: "https://app.example.com", fetch: page });
  await assert.rejects(wrong.sendCode({ phone: service.newPhone() }), error => {
    assert.ok(error instanceof LatchkeyError);
    assert.deepEqual([error.code, error.status], ["unexpected_answer", 200]);
    assert.match(error.message, /Check the URL of the API/);
    return true;
  });
  assert.equal(calls, 1);
});
