/** Passkeys on the page: added, removed, used, and one that was removed. */
import assert from "node:assert/strict";

/** Gives the browser a virtual authenticator for the while. The person is signed in before and after. */
export async function usePasskeys({ page, context, visible, focused, look }) {
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  const authenticator = (method, values) => devtools.send(`WebAuthn.${method}`, { authenticatorId, ...values });
  const kept = async () => (await authenticator("getCredentials")).credentials;
  const count = number => page.waitForFunction(number => document.querySelectorAll("#passkeys li").length === number, number);

  await page.locator("#passkey-add").click();
  await count(1);
  await page.locator("#passkey-add").click();
  await page.locator("#passkeys-error:not(:empty)").waitFor();
  await look("passkeys");
  const [removed] = await kept();
  await page.locator("#passkeys button").click();
  await page.locator("#ask-yes").click();
  await count(0);
  assert.equal(await focused(), "passkeys-title");
  await page.locator("#passkey-add").click();
  await count(1);
  const [passkey] = await kept();

  await page.locator("#sign-out").click();
  await visible("use-passkey");
  await authenticator("clearCredentials");
  await authenticator("addCredential", { credential: removed });
  await page.locator("#use-passkey").click();
  await page.locator("#use-passkey-error:not(:empty)").waitFor();
  await look("passkey-removed");
  await authenticator("addCredential", { credential: passkey });
  await page.locator("#use-passkey").click();
  await visible("account-step");
  await count(1);
  await devtools.detach();
}
