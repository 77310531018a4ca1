/** The steps of a sign-in: phone or e-mail address, code, and the second factor if the user has one. */
import { api } from "./api.js";
import { clock, language, t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";
import { askForgotten, clearPasswords, preparePassword, resumeReset, writePassword } from "./password.js";
import { formatPhone, typedPhone } from "./phone-field.js";
import { preparePasskeySignIn } from "./passkeys.js";
import { backOr, enter, isAt } from "./steps-in-history.js";
import {
  $, announce, codeProblem, digitsInput, drawCells, explain, fieldError, isWrongCode, notice, onPress, onSubmit,
  show, showDone,
} from "./ui.js";
import { letChannelsWait, showChannels } from "./channels.js";
import { firstField, prepareFields } from "./ways.js";

/**
 * The pending challenge survives a reload, because phones may drop a page while its user reads the
 * text.
 */
const PENDING = "latchkey.pending";
const isCode = (error, ...codes) => error instanceof LatchkeyError && codes.includes(error.code);

let pending = null, factor = null, again = null, finish = () => {}, ticking, filling;

/** Connects the steps. Call it once. `signedIn` gets the response of a completed sign-in. */
export function prepareSignIn(signedIn) {
  finish = async (answer, form) => {
    await showDone(form);
    stop();
    enter(null);
    if (again) again.end(answer);
    else await signedIn(answer);
  };

  onSubmit($("phone-form"), async () => {
    const input = $("phone");
    fieldError(input, "");
    const { phone, refused } = typedPhone();
    if (refused) return fieldError(input, t("phone.strange", { sign: refused }));
    if (!phone) return fieldError(input, t("phone.missing"));
    await beginAt(input, { phone }, formatPhone(phone));
  });

  onSubmit($("email-form"), async () => {
    const input = $("email"), email = input.value.trim();
    fieldError(input, "");
    if (!email) return fieldError(input, t("email.missing"));
    await beginAt(input, { email }, email);
  });

  prepareFields();
  preparePassword(proceed, askFirst);
  preparePasskeySignIn((answer, button) => finish(answer, button));
  onSubmit($("code-form"), checkCode);
  digitsInput($("code"), () => pending?.code_length ?? 6);
  onPress($("resend"), () => resend());
  onPress($("change-phone"), leave);

  onSubmit($("mfa-form"), checkFactor);
  onPress($("mfa-switch"), () => askFactor(factor.method === "totp" ? "recovery_code" : "totp"));
  onPress($("mfa-back"), leave);
  digitsInput($("mfa"), () => (factor.method === "totp" ? 6 : 0));

  onSubmit($("again-form"), async () => {
    $("again-error").textContent = "";
    try {
      await begin(again.address);
    } catch (error) {
      $("again-error").textContent = explain(error);
    }
  });
  onPress($("again-cancel"), () => again.end(null));
}

/** Sends a code, or says at the field why it could not be sent. */
async function beginAt(input, address, shown) {
  try {
    // Somebody who went back by mistake needs no second code.
    if (isSame(kept()?.address, address) && (await resumeSignIn())) return;
    await begin(address, shown);
  } catch (error) {
    fieldError(input, explain(error));
  }
}

const isSame = (kept, address) => kept?.phone === address.phone && kept?.email === address.email;

/**
 * Asks the signed-in person to sign in once more, with their second factor if they have one. Returns
 * the response, or `null` if they would rather not. No code is sent before they agree.
 */
export function signInAgain(address) {
  return new Promise(resolve => {
    const end = answer => {
      again = null;
      stop();
      writeSignIn();
      resolve(answer);
    };
    again = { address, end };
    askAgain();
  });
}

function askAgain(problem = "") {
  writeSignIn();
  show("again-step", $("again-title"));
  $("again-error").textContent = problem;
}

/** Goes back to the step before. */
const leave = () => backOr(() => (again ? again.end(null) : askFirst()));

/** Shows the step of the history's entry that the user went to. */
export async function goTo() {
  if (again) return again.end(null);
  if (await api.signedIn()) return enter(null);
  if (isAt("code") && (await resumeSignIn())) return;
  rest();
  if (isAt("reset") && resumeReset()) return;
  if (isAt("forgot") || isAt("reset")) return askForgotten();
  show("first-step", firstField());
}

/** Forgets the sign-in that is under way. */
function stop() {
  rest();
  sessionStorage.removeItem(PENDING);
}

/** Leaves the sign-in that is under way. It can still be resumed. */
function rest() {
  clearInterval(ticking);
  filling?.abort();
  pending = factor = null;
  clearPasswords();
}

/** The sign-in that can be resumed. */
const kept = () => JSON.parse(sessionStorage.getItem(PENDING));

/** Continues a sign-in that a reload interrupted. Returns whether there was one. */
export async function resumeSignIn() {
  try {
    const begun = kept();
    if (!begun) return false;
    const state = await api.challenge(begun.challenge_id);
    if (state.status !== "pending") return false;
    askCode({ ...begun, ...state }, begun.address, begun.shown);
    return true;
  } catch {
    return false;
  }
}

/** Shows the first step, with a notice if there is a `reason` to start over. */
export function askFirst(reason = "", { focus = true } = {}) {
  again?.end(null);
  stop();
  enter(null);
  show("first-step", focus && firstField());
  $("use-passkey-error").textContent = "";
  notice(reason);
}

/** Sends a code to a phone or an e-mail address, which is `shown` in full, and asks for it. */
export async function begin(address, shown = address.phone ?? address.email) {
  askCode(await api.sendCode(address, { locale: language() }), address, shown);
  announce(t("code.sent", { to: shown }));
}

/** Writes the texts of the steps, in the current language. */
export function writeSignIn() {
  const byMail = Boolean(pending?.address.email);
  $("change-phone").querySelector("span").textContent = t(again ? "cancel" : byMail ? "code.backEmail" : "code.back");
  $("mfa-back").querySelector("span").textContent = t(again ? "cancel" : "mfa.back");
  if (again) $("again-lead").textContent = t("again.lead", { to: again.address.phone ?? again.address.email });
  if (pending) {
    $("code-lead").textContent = t("code.lead", { n: pending.code_length, to: pending.shown });
    tick();
  }
  writePassword();
  if (factor) {
    const recovery = factor.method === "recovery_code";
    $("mfa-lead").textContent = t(recovery ? "mfa.leadRecovery" : "mfa.leadTotp");
    $("mfa-label").textContent = t(recovery ? "mfa.labelRecovery" : "mfa.labelTotp");
    $("mfa-switch").textContent = t(recovery ? "mfa.useTotp" : "mfa.useRecovery");
  }
}

function askCode(challenge, address, shown) {
  pending = { ...challenge, address, shown, resendAt: Date.now() + challenge.resend_in * 1000, isOver: false };
  // After a reload, the signed-in person is back at their account.
  if (!again) sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const input = $("code");
  input.value = "";
  drawCells(input, challenge.code_length);
  fieldError(input, "");
  showChannels(challenge, resend);
  writeSignIn();
  enter("code");

  show("code-step", input);
  clearInterval(ticking);
  ticking = setInterval(tick, 250);
  fillIn();
}

/** Takes the code from the text that arrives, if the browser offers it (WebOTP). */
async function fillIn() {
  filling?.abort();
  if (!("OTPCredential" in window)) return;
  filling = new AbortController();
  try {
    const credential = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: filling.signal });
    if (!credential?.code || !pending) return;
    $("code").value = credential.code;
    $("code-form").requestSubmit();
  } catch {
    // The user declined, or it came too late. They can still type the code.
  }
}

/** Updates the countdown on the button, which stays focusable. Only its end is announced. */
function tick() {
  if (!pending) return;
  const button = $("resend"), left = Math.ceil((pending.resendAt - Date.now()) / 1000);
  const waits = left > 0;

  if (!waits && button.getAttribute("aria-disabled") === "true") announce(t(resendWords()));
  button.setAttribute("aria-disabled", String(waits));
  letChannelsWait(waits);

  // A code that is over cannot be sent, so the button for a new one is the main one.
  button.className = pending.isOver ? "main" : "quiet";
  $("code-submit").hidden = $("channels").hidden = pending.isOver;

  const words = waits ? t("code.resendIn", { time: clock(left) }) : t(resendWords());
  if (button.textContent !== words) button.textContent = words;
}

/** A challenge that is over sends no more codes. The button then starts a new one. */
const resendWords = () => (pending?.isOver ? "code.new" : "code.resend");

/** Sends the code again, on the `channel` that the person has chosen or else as before. */
async function resend(channel) {
  const input = $("code"), { challenge_id, address, isOver, shown } = pending;
  fieldError(input, "");
  try {
    if (isOver) return await begin(address, shown);
    askCode(await api.resendCode(challenge_id, channel), address, shown);
    announce(t("code.resent"));
  } catch (error) {
    if (isCode(error, "resend_too_soon")) pending.resendAt = Date.now() + (error.retry_after ?? 1) * 1000;
    if (isCode(error, "otp_expired", "otp_locked")) end(error);
    fieldError(input, explain(error));
  }
}

/** Marks the challenge as over: no code of it works any more. */
function end(error) {
  pending.isOver = true;
  pending.resendAt = Math.max(pending.resendAt, Date.now() + (error.retry_after ?? 0) * 1000);
  sessionStorage.removeItem(PENDING);
  tick();
}

async function checkCode() {
  const input = $("code");
  if (pending.isOver) return fieldError(input, t("error.otp_expired"));
  if (input.value.length !== pending.code_length) {
    return fieldError(input, t("code.short", { n: pending.code_length }));
  }
  fieldError(input, "");
  try {
    await proceed(await api.verify(pending.challenge_id, input.value), $("code-form"));
  } catch (error) {
    input.value = "";
    if (isCode(error, "otp_expired", "otp_locked") || error.attempts_left === 0) end(error);
    fieldError(input, codeProblem(error));
  }
}

/** Goes on with the response to a code or a password, whose `form` shows that it was right. */
async function proceed(answer, form) {
  if (!("mfa_required" in answer)) return finish(answer, form);
  sessionStorage.removeItem(PENDING);
  pending = null;
  factor = { token: answer.mfa_token };
  askFactor("totp");
}

function askFactor(method) {
  factor.method = method;
  const input = $("mfa");
  input.value = "";
  input.autocomplete = method === "totp" ? "one-time-code" : "off";
  input.inputMode = method === "totp" ? "numeric" : "text";
  drawCells(input, method === "totp" ? 6 : 0);
  fieldError(input, "");
  writeSignIn();
  enter("mfa");
  show("mfa-step", input);
}

async function checkFactor() {
  const input = $("mfa");
  const code = input.value;
  if (!code.trim()) return fieldError(input, t("factor.missing"));
  fieldError(input, "");
  try {
    await finish(await api.secondFactor(factor.token, factor.method, code), $("mfa-form"));
  } catch (error) {
    input.value = "";
    if (isCode(error, "token_invalid", "token_expired")) {
      stop();
      return again ? askAgain(t("mfa.over")) : askFirst(t("mfa.over"));
    }
    const wrong = factor.method === "totp" ? "mfa.wrongTotp" : "mfa.wrongRecovery";
    fieldError(input, isWrongCode(error) ? t(wrong) : explain(error));
  }
}
