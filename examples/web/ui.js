/** Shared by all steps: showing one, announcements, forms, and errors in the user's language. */
import { config } from "./config.js";
import { duration, has, t } from "./i18n.js";
import { foldDigits, LatchkeyError } from "./latchkey/index.js";

export const $ = id => document.getElementById(id);

/** Shows one step, hides the others, and moves the focus to the element `focus`. */
export function show(step, focus) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== step;
  notice("");
  scrollTo(0, 0);
  focus?.focus();
  retitle();
}

/** Sets the document's title to the heading of the step that is shown. */
export function retitle() {
  const heading = document.querySelector("main > section:not([hidden]) h1")?.textContent;
  document.title = [heading, config.appName].filter(Boolean).join(" · ");
}

/** Lets screen readers say something that others see on the page. */
export function announce(text) {
  $("announcer").textContent = "";
  // Screen readers say the same text again only if it was empty in between.
  setTimeout(() => ($("announcer").textContent = text), 100);
}

/** Shows that a proof of work is being solved, and lets screen readers say it. */
export function showChecking(isChecking) {
  $("checking").textContent = isChecking ? t("checking") : "";
}

/** Shows a message that concerns no field. An empty one hides it. */
export function notice(text) {
  $("notice").textContent = text;
}

/**
 * Shows in the element `<id>-error` what is wrong with a field, and focuses the field. An empty text
 * clears the error.
 */
export function fieldError(input, text) {
  $(`${input.id}-error`).textContent = text;
  if (text) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } else {
    input.removeAttribute("aria-invalid");
  }
}

/** Runs `action` when the form is submitted, but not while it is still running. */
export function onSubmit(form, action) {
  form.addEventListener("submit", event => {
    event.preventDefault();
    return once(form, () => action(event.submitter));
  });
}

/** Runs `action` when the button is pressed, but not while it is still running. */
export function onPress(button, action) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") return once(button, action);
  });
}

async function once(element, action) {
  if ("busy" in element.dataset) return;
  element.dataset.busy = "";
  try {
    await action();
  } catch (error) {
    notice(explain(error));
  } finally {
    delete element.dataset.busy;
  }
}

/** The next step after an error whose text does not say it, if the service names no wait. */
const NEXT = { busy: "wait.soon", unavailable: "wait.soon", otp_locked: "wait.code" };

/** Returns an error in the user's language: by its stable code, not by its English `detail`. */
export function explain(error) {
  if (!(error instanceof LatchkeyError)) {
    // The request got no response. Any other error is a fault of this page.
    if (!["TypeError", "TimeoutError"].includes(error.name)) console.error(error);
    return t("error.offline");
  }

  const code = codeOf(error), key = `error.${code}`;
  const words = has(key) ? t(key) : error.detail || t("error.internal_error");
  if (error.retry_after) return `${words} ${t("wait", { time: duration(error.retry_after) })}`;
  return code in NEXT ? `${words} ${t(NEXT[code])}` : words;
}

/** The code of a refusal. API Gateway's own refusals have none, so their status decides. */
function codeOf({ code, status }) {
  if (code !== "unexpected_answer") return code;
  if (status === 429) return "busy";
  return [502, 503, 504].includes(status) ? "unavailable" : "internal_error";
}

/** Whether a code was wrong, or does not have the form of one. */
export const isWrongCode = error =>
  error instanceof LatchkeyError && (error.code === "otp_incorrect" || error.field("code") !== undefined);

/** Returns the digits in a text, of any script, as ASCII digits. */
export const digitsOf = text => foldDigits(text).replace(/\D/g, "");

/**
 * Limits an input to `length()` digits, and submits its form when all are there. A length of 0 does
 * neither.
 */
export function digitsInput(input, length) {
  input.addEventListener("input", () => {
    if (input.hasAttribute("aria-invalid")) fieldError(input, "");
    if (length() === 0) return;
    const digits = digitsOf(input.value).slice(0, length());
    if (input.value !== digits) input.value = digits;
    if (digits.length === length()) input.form.requestSubmit();
  });
}
