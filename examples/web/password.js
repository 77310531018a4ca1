/** Signing in with a password, and setting a new one by a code or by the link of an e-mail. */
import { api } from "./api.js";
import { t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";
import { formatPhone, phoneFrom } from "./phone-field.js";
import { backOr, enter } from "./steps-in-history.js";
import { $, codeProblem, digitsInput, done, drawCells, explain, fieldError, onPress, onSubmit, show } from "./ui.js";
import { chooseWay } from "./ways.js";

/** The proof for the new password: a challenge with its address, or the `token` of a link. */
let proof = null, proceed = () => {}, startOver = () => {};

/** Connects the forms. Call it once. `answered` gets the response of a sign-in. */
export function preparePassword(answered, restart) {
  proceed = answered;
  startOver = restart;
  onSubmit($("password-form"), signIn);
  onPress($("forgot"), askForgotten);

  onSubmit($("forgot-form"), sendCode);
  onPress($("forgot-back"), () => backOr(startOver));

  onSubmit($("reset-form"), setPassword);
  onPress($("reset-back"), () => backOr(startOver));
  digitsInput($("reset-code"), () => proof?.code_length ?? 0, () => $("new-password").focus());
  for (const button of $("password").getRootNode().querySelectorAll("[data-shows]")) {
    onPress(button, () => showPassword(button, button.getAttribute("aria-pressed") !== "true"));
  }
}

/** Continues the reset by a link that the user went back from. Returns whether there was one. */
export function resumeReset() {
  if (proof?.token) askNew(proof);
  return Boolean(proof?.token);
}

/** Forgets what was typed. The token of a link is kept, since the address no longer has it. */
export function clearPasswords() {
  if (!proof?.token) proof = null;
  for (const id of ["password", "new-password", "reset-code"]) $(id).value = "";
  for (const button of $("password").getRootNode().querySelectorAll("[data-shows]")) showPassword(button, false);
}

function showPassword(button, isShown) {
  $(button.dataset.shows).type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
}

/** Reads an identifier: an address has an `@`, a phone number has digits, and anything else is a username. */
function identifierOf(text) {
  const typed = text.trim();
  if (typed.includes("@")) return { email: typed };
  const { phone } = phoneFrom(typed);
  return phone ? { phone } : { username: typed };
}

async function signIn() {
  const who = $("who"), password = $("password");
  for (const field of [password, who]) fieldError(field, "");
  if (!who.value.trim()) return fieldError(who, t("password.whoMissing"));
  if (!password.value) return fieldError(password, t("password.missing"));
  try {
    await proceed(await api.login(identifierOf(who.value), password.value), $("password-form"));
  } catch (error) {
    fieldError(isAboutName(error) ? who : password, explain(error));
  }
}

const isAboutName = error => ["invalid_phone", "invalid_email", "country_not_allowed"].includes(error.code);

/** Asks for the address whose password was forgotten: the one that was typed already, if any. */
export function askForgotten() {
  const input = $("forgot-who");
  input.value ||= $("who").value;
  fieldError(input, "");
  enter("forgot");
  show("forgot-step", input);
}

async function sendCode() {
  const input = $("forgot-who"), address = identifierOf(input.value);
  fieldError(input, "");
  if (!input.value.trim() || address.username) return fieldError(input, t("forgot.missing"));
  try {
    const challenge = await api.forgotPassword(address);
    askNew({ ...challenge, address, shown: address.email ?? formatPhone(address.phone) });
  } catch (error) {
    fieldError(input, explain(error));
  }
}

/** Asks for the new password, and for the code if the proof is not the token of a link. */
export function askNew(wanted) {
  clearPasswords();
  proof = wanted;
  for (const id of ["new-password", "reset-code"]) fieldError($(id), "");
  $("reset-code-field").hidden = Boolean(proof.token);
  $("reset-who").value = proof.address?.email ?? proof.address?.phone ?? "";
  drawCells($("reset-code"), proof.code_length ?? 0);
  writePassword();
  enter("reset");
  show("reset-step", $(proof.token ? "new-password" : "reset-code"));
}

/** Writes the text of the step in the current language. */
export function writePassword() {
  if (!proof) return;
  const { token, shown, code_length } = proof;
  $("reset-lead").textContent = token ? t("reset.leadLink") : t("reset.lead", { n: code_length, to: shown });
}

async function setPassword() {
  const code = $("reset-code"), password = $("new-password");
  for (const field of [password, code]) fieldError(field, "");
  const { token, challenge_id, code_length, address } = proof;
  if (!token && code.value.length !== code_length) return fieldError(code, t("code.short", { n: code_length }));
  if (!password.value) return fieldError(password, t("reset.missing"));

  const new_password = password.value, proven = token ? { token } : { challenge_id, code: code.value };
  try {
    await api.request("post", "/v1/password/reset", { body: { ...proven, new_password } });
  } catch (error) {
    return refuse(error);
  }
  // A link does not say whose it is.
  if (token) {
    proof = null;
    return signInNow();
  }
  try {
    await proceed(await api.login(address, new_password), $("reset-form"));
  } catch {
    signInNow();
  }
}

/** Shows what was wrong at its field. A link that is over leads to a code. */
function refuse(error) {
  const isOver = error instanceof LatchkeyError && error.code === "token_invalid";
  if (isOver && proof.token) {
    proof = null;
    askForgotten();
    return fieldError($("forgot-who"), t("reset.linkOver"));
  }
  const isAboutCode = !proof.token && /^otp_/.test(error.code) || error.field?.("code");
  if (!isAboutCode) return fieldError($("new-password"), explain(error));
  $("reset-code").value = "";
  fieldError($("reset-code"), codeProblem(error));
}

/** The password is set. Signing in with it is up to the user. */
function signInNow() {
  startOver();
  chooseWay("password");
  $("who").focus();
  done(t("reset.done"));
}
