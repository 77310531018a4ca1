/** Reads what people type: each line of the repository's `corpus/` is an input, and what is sent or refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { foldDigits, LatchkeyError, readCode, readPhone, readRecoveryCode } from "../src/index.js";
import { Service } from "./service.js";
import { totp } from "./totp.js";

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

type Line = { input: string; accepted: string | null; why?: string };
type Country = { region: string; typed: Record<string, string> };
const corpus = <T = Line>(name: string) => JSON.parse(readFileSync(`../../corpus/${name}.json`, "utf8")) as T[];

test("phone numbers are read, or refused by their first strange character", () => {
  for (const { input, accepted, why } of corpus("typed-phones")) {
    const expected = accepted === null ? { refused: why } : { phone: accepted };
    assert.deepEqual(readPhone(input), expected, JSON.stringify(input));
  }
});

test("phone numbers are read as people write them in each country", () => {
  const countries = corpus<Country>("countries");
  assert.ok(countries.length > 230);
  for (const { region, typed } of countries) {
    for (const [input, phone] of Object.entries(typed)) {
      assert.deepEqual(readPhone(input), { phone }, `${region}: ${input}`);
    }
  }
});

test("codes and recovery codes are read", () => {
  for (const { input, accepted } of corpus("codes")) assert.equal(readCode(input), accepted, JSON.stringify(input));
  for (const { input, accepted } of corpus("recovery-codes")) {
    assert.equal(readRecoveryCode(input).toUpperCase(), accepted, JSON.stringify(input));
  }
});

test("every decimal digit of Unicode is folded, and nothing else", () => {
  let before = "";
  for (let point = 0; point <= 0x10ffff; point += 1) {
    const sign = String.fromCodePoint(point), folded = foldDigits(sign);
    if (/\p{Nd}/u.test(sign)) assert.match(folded, /^\d$/, `U+${point.toString(16)}`);
    // A newer engine than this table's may know more digits, but it takes none away.
    else if (folded !== sign) assert.match(sign, /\p{Cn}/u, `U+${point.toString(16)}`);
    if (/^\d$/.test(folded) && folded !== "0") assert.equal(Number(before), Number(folded) - 1);
    before = folded;
  }
});

test("codes are sent as they are meant", async () => {
  const phone = service.newPhone(), { client } = service.client();
  const { challenge_id } = await client.sendCode({ phone });
  const code = await service.code(phone);
  const arabic = Array.from(code, digit => String.fromCodePoint(0x660 + Number(digit))).join("");
  assert.ok("access_token" in (await client.verify(challenge_id, ` ${arabic.slice(0, 3)}\u00a0${arabic.slice(3)}\n`)));

  const { secret } = await client.request("post", "/v1/me/totp");
  const body = { code: totp(secret) };
  const { recovery_codes } = await client.request("post", "/v1/me/totp/confirm", { body });
  const token = async (who: typeof client) => {
    const again = await who.sendCode({ phone });
    const answer = await who.verify(again.challenge_id, await service.code(phone));
    assert.ok(answer.status === "mfa_required");
    return answer.mfa_token;
  };

  const second = service.client().client, third = service.client().client;
  const next = totp(secret, 1);
  const full = Array.from(next, digit => String.fromCodePoint(0xff10 + Number(digit))).join("");
  await second.secondFactor(await token(second), "totp", `${full.slice(0, 3)}\u2011${full.slice(3)}`);
  const pasted = `${recovery_codes[0]?.replaceAll("-", "\u2011").toLowerCase()}\u00a0\n`;
  await third.secondFactor(await token(third), "recovery_code", pasted);
  assert.equal(await third.signedIn(), true);
});

test("a code that is none is refused by the service", async () => {
  const { client } = service.client(), { challenge_id } = await client.sendCode({ phone: service.newPhone() });
  await assert.rejects(client.verify(challenge_id, "G-12345"), error => error instanceof LatchkeyError && error.status === 400);
});

test("a picture without a type is sent as bytes", async () => {
  const types: (string | null)[] = [];
  const listening: typeof fetch = async (_, init) => {
    types.push(new Headers(init?.headers).get("content-type"));
    return new Response("{}");
  };
  const { client } = service.client({ fetch: listening });
  for (const body of [new Blob(["picture"]), new Blob(["picture"], { type: "image/png" })]) {
    await client.request("put", "/v1/me/avatar", { body });
  }
  assert.deepEqual(types, ["application/octet-stream", "image/png"]);
});
