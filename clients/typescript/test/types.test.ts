/** Tests what the compiler accepts and refuses. Nothing of it runs. */
import { test } from "node:test";

import type { Latchkey, User } from "../src/index.js";

test("the status tells the results of a sign-in apart", () => {
  void (async (client: Latchkey) => {
    const answer = await client.login({ username: "ann" }, "");
    if (answer.status === "mfa_required") return answer.mfa_token;
    const status: "signed_in" = answer.status;
    return [status, answer.access_token, answer.device_token];
  });
});

test("calls are typed by the OpenAPI document", () => {
  void (async (client: Latchkey) => {
    const user: User = await client.request("get", "/v1/me");
    const name: string | null | undefined = user.name;
    const nothing: undefined = await client.request("delete", "/v1/me/sessions/{session_id}", { path: { session_id: "" } });
    await client.request("get", "/v1/users", { query: { role: "Admin", limit: 10 } });
    await client.request("patch", "/v1/me", { body: { username: null } });
    await client.request("post", "/v1/auth/logout");
    // @ts-expect-error There is no such path.
    await client.request("get", "/v1/nothing");
    // @ts-expect-error The path does not have this method.
    await client.request("put", "/v1/me");
    // @ts-expect-error No such field.
    await client.request("patch", "/v1/me", { body: { nickname: "Ann" } });
    // @ts-expect-error The path needs an id.
    await client.request("delete", "/v1/me/sessions/{session_id}");
    // @ts-expect-error The call needs a body.
    await client.request("post", "/v1/me/totp/confirm");
    return [name, nothing];
  });
});
