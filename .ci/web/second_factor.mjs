/** The second factor: set up, used, renewed and removed. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";

import { totp, wrongTotp } from "./authenticator.mjs";
import { codeOf, pause } from "./service.mjs";

const jsQR = createRequire(`${process.env.TOOLS}/`)("jsqr");

/** Sets up an authenticator app. Returns its secret and the recovery codes. */
export async function setUp({ page, visible, focused, failed, look }) {
  await page.locator("#factor-begin").click();
  await visible("factor-setup");
  assert.equal(await focused(), "confirm");
  await page.waitForFunction(() => document.querySelector("#qr").naturalWidth > 0);
  await look("second-factor");
  const picture = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 400;
    const pen = canvas.getContext("2d");
    pen.drawImage(document.querySelector("#qr"), 0, 0, 400, 400);
    return [...pen.getImageData(0, 0, 400, 400).data];
  });
  const scanned = jsQR(Uint8ClampedArray.from(picture), 400, 400)?.data;
  assert.equal(scanned, await page.locator("#otpauth").getAttribute("href"), "the QR code can be scanned");
  const secret = new URL(scanned).searchParams.get("secret");
  await page.locator("#confirm").pressSequentially(wrongTotp(secret));
  await failed("confirm");
  await page.locator("#confirm").pressSequentially(totp(secret));
  await visible("factor-codes");
  assert.equal(await focused(), "codes-title");
  const codes = await page.locator("#codes li").allTextContents();
  assert.equal(codes.length, 10);
  await look("recovery-codes");
  const download = page.waitForEvent("download");
  await page.locator("#codes-save").click();
  assert.equal((await download).suggestedFilename(), "recovery-codes.txt");
  await page.locator("#codes-copy").click();
  await page.waitForFunction(async first => (await navigator.clipboard.readText()).startsWith(first), codes[0]);
  await page.locator("#codes-done").click();
  await visible("factor-on");
  assert.equal(await page.locator("#codes li").count(), 0, "the codes are still on the page");
  return { secret, codes };
}

/** Signs out, and in again with a recovery code, after wrong ones. */
export async function signInAgain(person, { secret, codes }) {
  const { page, phone, canonical, language, visible, focused, typed, failed, announced, look } = person;
  await page.locator("#sign-out").click();
  await visible("first-step");
  assert.equal(await focused(), "phone");
  if (language === "en") await announced("You are signed out.");
  await pause(2_000);
  await typed("phone", phone);
  await visible("code-step");
  await page.locator("#code").pressSequentially(await codeOf(canonical));
  await visible("mfa-step");
  assert.equal(await focused(), "mfa");
  await look("mfa");
  await page.locator("#mfa").pressSequentially(wrongTotp(secret));
  await failed("mfa");
  await page.locator("#mfa-switch").click();
  await look("mfa-recovery");
  // Half a recovery code, and a whole one of nobody.
  for (const code of [codes[0].slice(0, 9), codes[0].replaceAll(/\w/g, "A")]) {
    await typed("mfa", code);
    const wrong = await failed("mfa");
    if (language === "en") assert.match(wrong, /Check the code, or use another one\./);
    await page.waitForFunction(() => byId("mfa").value === "");
  }
  await typed("mfa", codes[0].toLowerCase());
  await visible("account-step");
}

/** Renews the recovery codes, and turns the second factor off. */
export async function turnOff(person, { secret, codes }) {
  const { page, number, visible, typed, look } = person;
  await visible("factor-on");
  await look("factor-on");
  await typed("factor-code", `${codes[1].replaceAll("-", "\u2011")}\u00a0`);
  await visible("factor-codes");
  assert.ok(!(await page.locator("#codes li").allTextContents()).includes(codes[2]), "the codes are not new");
  const unused = await page.locator("#codes li").allTextContents();
  await page.locator("#codes-done").click();
  if (number % 4 === 0) await stepUp(person, unused);
  await page.locator("#factor-code").fill(totp(secret, 1).replace(/^.../, "$& "));
  await page.locator("#factor-form button[value=remove]").click();
  await page.locator("#ask-yes").click();
  await visible("factor-off");
}

/**
 * A sign-in that is too old for a change: the page asks for a new one, with both factors, and then
 * makes the change by itself. The previous session ends.
 */
async function stepUp({ page, visible, look, typed, canonical }, unused) {
  const headers = { "www-authenticate": 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"' };
  const refusal = { code: "insufficient_user_authentication", status: 401, detail: "too old" };
  const refuse = route => route.fulfill({ status: 401, headers, contentType: "application/problem+json", body: JSON.stringify(refusal) });
  await page.route("**/v1/me/recovery-codes", refuse);
  await typed("factor-code", unused[0]);
  await visible("again-step");
  await look("again");
  await page.locator("#again-cancel").click();
  await page.locator("#factor-code-error:not(:empty)").waitFor();
  assert.equal(await page.evaluate(() => globalThis.focused().id), "factor-code");

  await pause(2_000);
  await typed("factor-code", unused[0]);
  await visible("again-step");
  await page.unroute("**/v1/me/recovery-codes");
  await page.locator("#again-form .main").click();
  await visible("code-step");
  await page.locator("#code").pressSequentially(await codeOf(canonical));
  await visible("mfa-step");
  await page.locator("#mfa-switch").click();
  await typed("mfa", unused[1]);
  await visible("factor-codes");
  await page.locator("#codes-done").click();
  await page.waitForFunction(() => document.querySelectorAll("#sessions li").length > 0);
}
