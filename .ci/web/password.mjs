/** Signing in by e-mail and with a password, and setting a new one. */
import assert from "node:assert/strict";

import { meet } from "./person.mjs";
import { SERVICE, call, codeOf, pause, texts } from "./service.mjs";

const LONG = "correct horse battery staple", LONGER = "incorrect zebra charger paperclip";

/** One person in one variant: an account by e-mail, a password by code, and another by a link. */
export async function usePassword(browser, variant) {
  const person = await meet(browser, variant);
  const { page, context, troubles, seen, number, visible, typed } = person;
  person.email = `ann${number}@example.com`;

  await page.goto(`${SERVICE}/_local/app`);
  await signInByMail(person);
  await setByCode(person);

  await page.locator("#sign-out").click();
  await page.locator("#who").fill(person.email.toUpperCase());
  await typed("password", LONG);
  await visible("account-step");
  await page.locator("#sign-out").click();

  await setByLink(person);
  await showBrand(person);
  await context.close();
  assert.deepEqual(troubles, []);
  console.log(`e-mail and password, ${variant}: ${seen.length} screenshots, no problems`);
}

async function signInByMail({ page, email, visible, focused, words, typed, failed, look }) {
  await page.locator("#use-email").click();
  assert.equal(await focused(), "email");
  await page.locator("#email").press("Enter");
  await failed("email");
  await typed("email", "ann");
  await failed("email");
  await look("email-wrong");
  await typed("email", email);
  await visible("code-step");
  assert.ok((await words("code-lead")).includes(email));
  await page.locator("#code").pressSequentially(await codeOf(email));
  await visible("account-step");
}

async function setByCode({ page, email, visible, focused, words, typed, failed, look }) {
  // Signing out immediately: the page waits a second for sign-ins of other tabs, and may not start over.
  await page.locator("#sign-out").click();
  await page.locator("#use-password").click();
  assert.equal(await focused(), "who");
  await page.locator("#password").press("Enter");
  await failed("who");
  await page.locator("#who").fill(email);
  await pause(1_500);
  assert.equal(await page.locator("#who").inputValue(), email, "the page started over");
  await typed("password", "wrong");
  await failed("password");
  await look("password-wrong");

  // The name goes along. Back and Forward lead to the question, not to a code that is over.
  await page.locator("#forgot").click();
  await visible("forgot-step");
  assert.equal(await page.locator("#forgot-who").inputValue(), email);
  await look("forgot");
  await page.locator("#forgot-who").press("Enter");
  await visible("reset-step");
  await page.goBack();
  await visible("first-step");
  await page.goForward();
  await visible("forgot-step");
  await pause(2_000);
  await page.locator("#forgot-who").press("Enter");
  await visible("reset-step");
  assert.ok((await words("reset-lead")).includes(email));
  assert.equal(await focused(), "reset-code");

  const right = await codeOf(email), code = page.locator("#reset-code");
  await code.pressSequentially(right === "000000" ? "111111" : "000000");
  assert.equal(await focused(), "new-password", "a whole code leads to the next field");
  await typed("new-password", LONG);
  await failed("reset-code");
  await code.pressSequentially(right);
  await typed("new-password", "password");
  await failed("new-password");
  await page.locator("[data-shows=new-password]").click();
  assert.equal(await page.locator("#new-password").getAttribute("type"), "text");
  await look("reset");
  await typed("new-password", LONG);
  await visible("account-step");
}

async function setByLink({ page, email, visible, typed, failed, look }) {
  await pause(2_000);
  await call("/v1/password/forgot", { email });
  const link = /\S+#[\w-]{40,}/.exec((await texts(email)).findLast(body => body.includes("#")))[0];
  const open = async () => {
    await page.goto("about:blank");
    await page.goto(link);
    await visible("reset-step");
  };
  await open();
  assert.ok(!page.url().includes("#"), "the token stays in the address");
  await page.locator("#reset-code-field").waitFor({ state: "hidden" });
  await look("reset-by-link");
  await page.goBack();
  await visible("first-step");
  await page.goForward();
  await visible("reset-step");
  await typed("new-password", LONGER);
  await page.locator("#done:not(:empty)").waitFor();
  await look("reset-done");
  await page.locator("#who").fill(email);
  await typed("password", LONGER);
  await visible("account-step");
  await page.locator("#sign-out").click();
  await visible("first-step");

  await open();
  await typed("new-password", LONG);
  await visible("forgot-step");
  await failed("forgot-who");
}

/** The look and the ways of an app, as the service has them. */
async function showBrand({ page, visible, look }) {
  const logo = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" width="96" height="24"><rect width="96" height="24" fill="#777"/></svg>')}`;
  await page.route("**/v1/config*", async route => {
    const json = await (await route.fetch()).json();
    await route.fulfill({ json: { ...json, logo, accent: "#ffcc00", sign_in_methods: ["email_code", "password"] } });
  });
  await page.goto("about:blank");
  await page.goto(`${SERVICE}/_local/app`);
  await visible("email");
  await visible("logo");
  assert.equal(await page.locator("#use-phone").count(), 0);
  if (!await page.evaluate(() => matchMedia("(forced-colors: active)").matches)) {
    // The button fades to its colours.
    await page.waitForFunction(() => {
      const { backgroundColor, color } = getComputedStyle(steps().querySelector("#email-form .main"));
      return backgroundColor === "rgb(255, 204, 0)" && color === "rgb(0, 0, 0)";
    });
  }
  await look("branded");
}
