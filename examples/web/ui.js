/** Shared by all steps: showing one, announcements, forms, and errors in the user's language. */
import { duration, has, t } from "./i18n.js";
import { foldDigits, LatchkeyError } from "./latchkey/index.js";

let element = null;

/** Sets the `<latchkey-sign-in>` whose steps are shown. */
export function useElement(used) {
  element = used;
}

/** The element with an id: of the steps, or else of the page. */
export const $ = id => element.shadowRoot.getElementById(id) ?? document.getElementById(id);

/** Sends an event of the element to the page. Returns whether the page leaves what follows to it. */
export const tell = (name, detail) =>
  element.dispatchEvent(new CustomEvent(`latchkey-${name}`, { detail, bubbles: true, cancelable: true }));

/** The sections of which one is shown: the steps, and those of the page. */
const sections = () => [
  ...element.shadowRoot.querySelectorAll(".step"),
  ...document.querySelectorAll("[data-latchkey-step]"),
];

/** Shows one step, hides the others, and moves the focus to the element `focus`, if there is one. */
export function show(step, focus) {
  for (const section of sections()) section.hidden = section.id !== step;
  notice("");
  done("");
  retitle();
  if (focus) focus.focus();
}

/** Tells the page the heading of the step that is shown. */
export function retitle() {
  const shown = sections().find(section => !section.hidden);
  tell("step", { step: shown?.id, title: shown?.querySelector("h1")?.textContent });
}

/** Writes the texts of a page or of the steps in the current language. */
export function translate(root) {
  for (const part of root.querySelectorAll("[data-t]")) part.textContent = t(part.dataset.t);
  for (const part of root.querySelectorAll("[data-t-alt]")) part.alt = t(part.dataset.tAlt);
  for (const part of root.querySelectorAll("[data-t-placeholder]")) part.placeholder = t(part.dataset.tPlaceholder);
  for (const part of root.querySelectorAll("[data-t-label]")) part.setAttribute("aria-label", t(part.dataset.tLabel));
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

/** Shows that something is done, until the next step. An empty text hides it. */
export function done(text) {
  $("done").textContent = text;
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

/** How long a request may take before screen readers say that the page waits. */
const SLOW_MS = 1500;

async function once(element, action) {
  if ("busy" in element.dataset) return;
  element.dataset.busy = "";
  element.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => announce(t("loading")), SLOW_MS);
  try {
    await action();
  } catch (error) {
    notice(explain(error));
  } finally {
    clearTimeout(slow);
    delete element.dataset.busy;
    element.removeAttribute("aria-busy");
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

/** Returns what is wrong with the code of a message, and how many tries are left. */
export function codeProblem(error) {
  const tries = error.attempts_left;
  if (error.code !== "otp_incorrect" || tries === undefined) return explain(error);
  return t(tries === 0 ? "code.wrongLast" : "code.wrong", { n: tries });
}

/** Returns the digits in a text, of any script, as ASCII digits. */
export const digitsOf = text => foldDigits(text).replace(/\D/g, "");

/** Draws the cells of a code behind its input. Without a number there are none. */
export function drawCells(input, digits) {
  const field = input.closest(".code"), cells = field.querySelector(".cells");
  input.classList.toggle("digits", digits > 0);
  field.style.setProperty("--digits", digits);
  cells.replaceChildren(...Array.from({ length: digits }, () => document.createElement("span")));
}

/** Shows for a moment that a code was right, unless the user wants no motion. */
export async function showDone(form) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  form.dataset.done = "";
  await new Promise(resolve => setTimeout(resolve, 700));
  delete form.dataset.done;
}

/**
 * Limits an input to `length()` digits, and calls `complete` when all are there, which by default
 * submits the form. A length of 0 does neither.
 */
export function digitsInput(input, length, complete = () => input.form.requestSubmit()) {
  input.addEventListener("input", () => {
    if (input.hasAttribute("aria-invalid")) fieldError(input, "");
    if (length() === 0) return;
    const digits = digitsOf(input.value).slice(0, length());
    if (input.value !== digits) input.value = digits;
    if (digits.length === length()) complete();
  });
}

/** Whether steps are entries of the browser's history. */
export const hasHistory = () => element.hasAttribute("history");
