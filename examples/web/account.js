/** The page of a signed-in user: profile, picture, two-step verification, passkeys, sessions. */
import { clearActivity, prepareActivity, showActivity, writeActivity } from "./activity.js";
import { api } from "./api.js";
import { ask } from "./ask.js";
import { config } from "./config.js";
import { deviceOf, icon } from "./devices.js";
import { ago, t } from "./i18n.js";
import { LatchkeyError, readCode, readRecoveryCode } from "./latchkey/index.js";
import { clearPasskeys, preparePasskeys, showPasskeys, writePasskeys } from "./passkeys.js";
import { signInAgain } from "./sign-in.js";
import {
  $, announce, digitsInput, drawCells, explain, fieldError, isWrongCode, notice, onPress, onSubmit, retitle, show,
} from "./ui.js";

/**
 * The longest side of a picture, in pixels. Phones take larger ones than the service shows, so they
 * are scaled down before they are sent.
 */
const LARGEST_SIDE = 1024;
const isCode = (error, code) => error instanceof LatchkeyError && error.code === code;

let user = null, sessions = [], nextCursor = null, codesFile = null;

/** Connects the buttons and forms. Call it once. */
export function prepareAccount() {
  api.onStepUp(stepUp);
  onPress($("sign-out"), () => api.signOut());
  onPress($("sign-out-all"), async () => {
    if (await ask(t("sessions.allSure"), t("sessions.all"))) await api.signOut({ all: true });
  });

  onSubmit($("profile-form"), saveProfile);
  $("avatar-file").addEventListener("change", savePicture);
  onPress($("avatar-remove"), removePicture);

  onPress($("factor-begin"), setUpFactor);
  onSubmit($("confirm-form"), confirmFactor);
  drawCells($("confirm"), 6);
  digitsInput($("confirm"), () => 6);
  onPress($("confirm-cancel"), () => showFactor($("factor-begin")));
  onSubmit($("factor-form"), changeFactor);

  onPress($("codes-copy"), async () => {
    await navigator.clipboard.writeText(codes().join("\n"));
    $("codes-copy").textContent = t("codes.copied");
    announce(t("codes.copied"));
  });
  onPress($("codes-done"), () => {
    $("codes").replaceChildren();
    URL.revokeObjectURL(codesFile);
    showFactor($("factor-title"));
  });

  onPress($("sessions-more"), () => loadSessions(nextCursor));
  preparePasskeys();
  prepareActivity();
}

/** Shows the account. `known` is the user from a sign-in's response; without it, they are fetched. */
export async function showAccount(known) {
  user = known ?? (await api.request("get", "/v1/me"));
  writeAccount();

  $("name").value = user.name ?? "";
  $("username").value = user.username ?? "";
  for (const input of ["name", "username"]) fieldError($(input), "");
  showFactor();

  show("account-step", $("greeting"));
  await Promise.all([loadSessions(), showPasskeys(), showActivity()]);
}

/** Removes all that the page holds about the user who was signed in. */
export function clearAccount() {
  user = null;
  sessions = [];
  clearPasskeys();
  clearActivity();
  for (const list of ["sessions", "codes"]) $(list).replaceChildren();
  $("qr").removeAttribute("src");
  $("otpauth").removeAttribute("href");
  $("secret").textContent = "";
}

/** Writes the texts that depend on the user, in the current language. */
export function writeAccount() {
  if (!user) return;
  $("greeting").textContent = user.name ? t("account.hello", { name: user.name }) : t("account.welcome");
  $("my-phone").textContent = user.phone ?? user.email ?? "";
  writePicture();

  const on = user.mfa.length > 0;
  $("factor-state").textContent = t(on ? "factor.stateOn" : "factor.stateOff");
  $("factor-state").classList.toggle("off", !on);

  // This device first.
  $("sessions").replaceChildren(...sessions.toSorted((one, other) => other.current - one.current).map(sessionItem));
  writePasskeys();
  writeActivity();
  retitle();
}

// Profile

async function saveProfile() {
  const name = $("name"), username = $("username");
  for (const input of [name, username]) fieldError(input, "");

  const changed = {};
  // An empty field is cleared. An unchanged one is not sent.
  for (const [field, input] of Object.entries({ name, username })) {
    const value = input.value.trim() || null;
    if (value !== (user[field] ?? null)) changed[field] = value;
  }
  try {
    if (Object.keys(changed).length > 0) user = await api.request("patch", "/v1/me", { body: changed });
    writeAccount();
    confirmOn($("profile-form").querySelector("button"), t("profile.saved"), t("profile.save"));
  } catch (error) {
    if (isCode(error, "conflict")) fieldError(username, t("profile.taken"));
    else if (error.field?.("username")) fieldError(username, t("profile.usernameWrong"));
    else if (error.field?.("name")) fieldError(name, t("profile.nameWrong"));
    else throw error;
  }
}

/** Shows for 2.5 s on a button that its action is done, then its usual text again. */
function confirmOn(button, done, usual) {
  button.textContent = done;
  announce(done);
  setTimeout(() => (button.textContent = usual), 2500);
}

// Picture

function writePicture() {
  const picture = $("avatar"), initials = $("initials");
  picture.hidden = !user.avatar_url;
  initials.hidden = !picture.hidden;
  if (user.avatar_url) picture.src = user.avatar_url;
  else picture.removeAttribute("src");

  const letters = (user.name ?? user.username ?? "").trim().split(/\s+/).map(word => [...word][0] ?? "");
  const shown = [letters[0], ...letters.slice(1).slice(-1)].join("").toUpperCase();
  initials.replaceChildren(shown || icon("person"));
  $("avatar-remove").hidden = picture.hidden;
  document.querySelector("label[for=avatar-file]").textContent = t(picture.hidden ? "avatar.choose" : "avatar.change");
}

async function savePicture() {
  const input = $("avatar-file"), [file] = input.files;
  if (!file) return;
  fieldError(input, "");
  try {
    const body = await smaller(file);
    const { avatar_url } = await api.request("put", "/v1/me/avatar", { body });
    user = { ...user, avatar_url };
    writeAccount();
    announce(t("avatar.saved"));
  } catch (error) {
    fieldError(input, pictureProblem(error));
  } finally {
    input.value = "";
  }
}

async function removePicture() {
  await api.request("delete", "/v1/me/avatar");
  user = { ...user, avatar_url: null };
  writeAccount();
  announce(t("avatar.removed"));
  $("avatar-file").focus();
}

function pictureProblem(error) {
  if (error.name === "InvalidStateError" || error.name === "EncodingError") return t("avatar.unreadable");
  return isCode(error, "not_found") ? t("avatar.none") : explain(error);
}

/**
 * Returns the picture with sides of at most `LARGEST_SIDE` pixels, as a JPEG or PNG. It is drawn
 * again, so its metadata, such as the place where it was taken, is left out.
 */
async function smaller(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));

  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();

  const type = file.type === "image/jpeg" ? "image/jpeg" : "image/png";
  return new Promise(resolve => canvas.toBlob(resolve, type, 0.9));
}

// Second factor

function showFactor(focus) {
  const on = user.mfa.length > 0;
  showFactorPart(on ? "factor-on" : "factor-off");
  $("factor-code").value = "";
  $("factor-error").textContent = "";
  fieldError($("factor-code"), "");
  focus?.focus();
}

function showFactorPart(shown) {
  for (const part of ["factor-off", "factor-setup", "factor-codes", "factor-on"]) $(part).hidden = part !== shown;
}

async function setUpFactor() {
  try {
    const { secret, otpauth_uri, qr_svg } = await api.request("post", "/v1/me/totp");
    $("qr").src = `data:image/svg+xml,${encodeURIComponent(qr_svg)}`;
    $("otpauth").href = otpauth_uri;
    $("secret").textContent = secret.replace(/(.{4})(?=.)/g, "$1 ");
    $("confirm").value = "";
    fieldError($("confirm"), "");
    showFactorPart("factor-setup");
    $("confirm").focus();
    announce(t("factor.scan"));
  } catch (error) {
    $("factor-error").textContent = explain(error);
  }
}

// Step-up

/**
 * Lets the person sign in again for a call that needs it, then shows the account as it was. The
 * client repeats the call. Returns whether they did.
 */
async function stepUp() {
  const place = { at: scrollY, focus: document.activeElement };
  const answer = await signInAgain(user.phone_verified ? { phone: user.phone } : { email: user.email });
  // The session may have ended meanwhile.
  if (!user) return false;

  show("account-step", place.focus);
  scrollTo(0, place.at);
  if (!answer) return false;

  // The address may belong to another account by now.
  if (answer.user.id !== user.id) await showAccount(answer.user);
  announce(t("account.signedIn"));
  return true;
}

async function confirmFactor() {
  const input = $("confirm");
  fieldError(input, "");
  if (!input.value) return fieldError(input, t("factor.missing"));
  try {
    const { recovery_codes } = await api.request("post", "/v1/me/totp/confirm", { body: { code: input.value } });
    user = { ...user, mfa: ["totp"] };
    $("qr").removeAttribute("src");
    $("secret").textContent = "";
    showCodes(recovery_codes, t("factor.added"));
  } catch (error) {
    input.value = "";
    fieldError(input, isWrongCode(error) ? t("factor.wrong") : explain(error));
  }
}

function showCodes(recoveryCodes, news) {
  writeAccount();
  $("codes").replaceChildren(
    ...recoveryCodes.map(code => {
      const item = document.createElement("li");
      item.textContent = code;
      return item;
    }),
  );

  codesFile = URL.createObjectURL(new Blob([`${config.appName || location.host}\n\n${recoveryCodes.join("\n")}\n`], { type: "text/plain" }));
  $("codes-save").href = codesFile;
  $("codes-copy").textContent = t("codes.copy");

  showFactorPart("factor-codes");
  $("codes-title").focus();
  announce(news);
}

const codes = () => Array.from($("codes").children, item => item.textContent);

async function changeFactor(button) {
  const input = $("factor-code"), digits = readCode(input.value);
  // Up to eight digits are a code of the app. Recovery codes are longer.
  const isTotp = /^\d{1,8}$/.test(digits), code = isTotp ? digits : readRecoveryCode(input.value);
  fieldError(input, "");
  if (!code) return fieldError(input, t("factor.missing"));
  try {
    // Enter presses the form's first button, so that button must not turn anything off.
    if (button?.value === "remove") {
      if (!(await ask(t("factor.removeSure"), t("factor.remove")))) return;
      await api.request("delete", "/v1/me/totp", { body: { code } });
      user = { ...user, mfa: [] };
      writeAccount();
      showFactor($("factor-title"));
      announce(t("factor.removed"));
    } else {
      const { recovery_codes } = await api.request("post", "/v1/me/recovery-codes", { body: { code } });
      showCodes(recovery_codes, t("codes.title"));
    }
  } catch (error) {
    input.value = "";
    const wrong = isTotp ? "mfa.wrongTotp" : "mfa.wrongRecovery";
    fieldError(input, isWrongCode(error) ? t(wrong) : explain(error));
  }
}

// Sessions

async function loadSessions(cursor) {
  try {
    const page = await api.request("get", "/v1/me/sessions", { query: { cursor } });
    sessions = cursor ? [...sessions, ...page.items] : page.items;
    nextCursor = page.next_cursor ?? null;
    $("sessions-error").textContent = "";
  } catch (error) {
    // If the session has ended, another step is shown by now, and the list is gone.
    if (user) $("sessions-error").textContent = explain(error);
  }

  $("sessions-more").hidden = nextCursor === null;
  writeAccount();
}

function sessionItem(session) {
  const item = document.createElement("li"), device = deviceOf(session.user_agent);
  const what = document.createElement("div"), name = document.createElement("strong");
  what.className = "what";
  name.textContent = device.name;

  const details = document.createElement("p"), where = document.createElement("bdi");
  details.className = "soft";
  where.textContent = session.ip ?? "";
  details.append(t("sessions.used", { when: ago(session.last_used_at) }), session.ip ? " · " : "", where);

  what.append(name, details);
  item.append(icon(device.isPhone ? "phone-device" : "computer"), what);

  if (session.current) {
    const badge = document.createElement("span");
    badge.className = "badge";
    badge.textContent = t("sessions.here");
    name.append(badge);
  } else {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "second";
    button.textContent = t("sessions.end");
    button.setAttribute("aria-label", t("sessions.endOf", { device: device.name }));
    onPress(button, () => endSession(session.id, device.name));
    item.append(button);
  }
  return item;
}

async function endSession(session_id, device) {
  try {
    await api.request("delete", "/v1/me/sessions/{session_id}", { path: { session_id } });
  } catch (error) {
    // The session has already ended by itself.
    if (!isCode(error, "not_found")) throw error;
  }
  sessions = sessions.filter(session => session.id !== session_id);
  writeAccount();
  $("sessions-title").focus();
  announce(t("sessions.ended", { device }));
}
