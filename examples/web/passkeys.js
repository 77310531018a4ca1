/** Passkeys: the button that signs in with one, and those of the account. */
import { api } from "./api.js";
import { ask } from "./ask.js";
import { icon } from "./devices.js";
import { ago, t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";
import { addPasskey, isPasskeyAvailable, listPasskeys, removePasskey, signInWithPasskey } from "./latchkey/passkeys.js";
import { $, announce, explain, onPress } from "./ui.js";

let passkeys = [];

/** Offers to sign in with a passkey, if the service (`serves`) and the browser have them. */
export async function offerPasskeys(serves) {
  $("use-passkey").hidden = !(serves && (await isPasskeyAvailable()));
}

/** Connects the button. Call it once. `finish` gets the response of a completed sign-in. */
export function preparePasskeySignIn(finish) {
  onPress($("use-passkey"), async () => {
    const answer = await attempt("use-passkey-error", () => signInWithPasskey(api));
    if (answer) await finish(answer, $("use-passkey"));
  });
}

/** Connects the button of the account. Call it once. */
export function preparePasskeys() {
  onPress($("passkey-add"), async () => {
    const added = await attempt("passkeys-error", () => addPasskey(api));
    if (!added) return;
    passkeys = [...passkeys, added];
    writePasskeys();
    announce(t("passkeys.added"));
  });
}

/** Fetches the passkeys of the account, and shows them. Without passkeys in the service, nothing is shown. */
export async function showPasskeys() {
  clearPasskeys();
  try {
    passkeys = await listPasskeys(api);
    $("passkey-add").hidden = !(await isPasskeyAvailable());
    $("passkeys-card").hidden = false;
  } catch (error) {
    if (isMissing(error)) return;
    // If the session has ended, another step is shown by now.
    if (await api.signedIn()) $("passkeys-error").textContent = explain(error);
  }
  writePasskeys();
}

/** Removes the passkeys of the user who was signed in. */
export function clearPasskeys() {
  passkeys = [];
  $("passkeys-error").textContent = "";
  writePasskeys();
}

/** Writes the list in the current language. */
export function writePasskeys() {
  $("passkeys").replaceChildren(...passkeys.map(passkeyItem));
}

function passkeyItem({ id, name, last_used_at }) {
  const item = document.createElement("li"), what = document.createElement("div");
  const title = document.createElement("strong"), details = document.createElement("p");
  what.className = "what";
  title.dir = "auto";
  title.textContent = name;
  details.className = "soft";
  details.textContent = t("sessions.used", { when: ago(last_used_at) });
  what.append(title, details);

  const button = document.createElement("button");
  button.type = "button";
  button.className = "second";
  button.textContent = t("passkeys.remove");
  button.setAttribute("aria-label", t("passkeys.removeOf", { name }));
  onPress(button, () => remove(id, name));
  item.append(icon("key"), what, button);
  return item;
}

async function remove(id, name) {
  if (!(await ask(t("passkeys.removeSure", { name }), t("passkeys.remove")))) return;
  try {
    await removePasskey(api, id);
  } catch (error) {
    // Another device has removed it already.
    if (!isMissing(error)) throw error;
  }
  passkeys = passkeys.filter(passkey => passkey.id !== id);
  writePasskeys();
  $("passkeys-title").focus();
  announce(t("passkeys.removed"));
}

/** Runs a request of the browser. Returns nothing if the person cancelled it or it failed, which the element then says. */
async function attempt(element, run) {
  $(element).textContent = "";
  try {
    return await run();
  } catch (error) {
    if (["AbortError", "NotAllowedError"].includes(error.name)) return undefined;
    $(element).textContent = error.name === "InvalidStateError" ? t("passkeys.here") : explain(error);
    return undefined;
  }
}

const isMissing = error => error instanceof LatchkeyError && error.code === "not_found";
