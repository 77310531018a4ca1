/** What React Native lacks is missing here, and tokens are kept as docs/app-developers.md says, by expo-secure-store. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Latchkey } from "../src/index.js";
import { Service } from "./service.js";

let service: Service;
before(async () => {
  service = await Service.start();
  for (const name of ["crypto", "localStorage"]) Reflect.deleteProperty(globalThis, name);
  Object.defineProperty(globalThis, "navigator", { value: { product: "ReactNative" }, configurable: true });
  Object.defineProperty(globalThis, "window", { value: globalThis, configurable: true });
  for (const name of ["timeout", "any"]) Reflect.deleteProperty(AbortSignal, name);
});
after(() => service.stop());

/** The functions of expo-secure-store, with its own rules for keys and values. */
const kept = new Map<string, string>();
const checked = (key: string) => assert.match(key, /^[\w.-]+$/, "expo-secure-store refuses other keys");
const SecureStore = {
  getItemAsync: async (key: string): Promise<string | null> => {
    checked(key);
    return kept.get(key) ?? null;
  },
  setItemAsync: async (key: string, value: string): Promise<void> => {
    checked(key);
    assert.equal(typeof value, "string");
    assert.ok(value.length <= 2048, "expo-secure-store warns of longer values");
    kept.set(key, value);
  },
  deleteItemAsync: async (key: string): Promise<void> => {
    checked(key);
    kept.delete(key);
  },
};

function started(): Latchkey {
  return new Latchkey({
    url: service.url,
    storage: {
      get: () => SecureStore.getItemAsync("latchkey"),
      set: value => (value === null ? SecureStore.deleteItemAsync("latchkey") : SecureStore.setItemAsync("latchkey", value)),
      device: {
        get: () => SecureStore.getItemAsync("latchkey.device"),
        set: value =>
          value === null ? SecureStore.deleteItemAsync("latchkey.device") : SecureStore.setItemAsync("latchkey.device", value),
      },
    },
  });
}

test("an app stays signed in when it is started again, and its device stays known when it signs out", async () => {
  const { user } = await service.signIn(started());

  const again = started();
  assert.equal(await again.signedIn(), true);
  await SecureStore.setItemAsync("latchkey", JSON.stringify({ ...JSON.parse(kept.get("latchkey") ?? ""), expires_at: 1 }));
  const [me, sessions] = await Promise.all([again.request("get", "/v1/me"), again.request("get", "/v1/me/sessions")]);
  assert.deepEqual([me.id, sessions.items.length], [user.id, 1]);

  await started().signOut();
  assert.deepEqual([...kept.keys()], ["latchkey.device"]);
  assert.equal(await started().signedIn(), false);
});
