/** What all steps share: showing one, saying things aloud, forms, and errors in the user's words. */
import { config } from "./config.js";
import { duration, has, t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";

export const $ = id => document.getElementById(id);

/** Shows one step and puts the focus where it goes on. */
export function show(step, focus) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== step;
  notice("");
  scrollTo(0, 0);
  focus?.focus();
  retitle();
}

/** The title is the heading of what is shown. */
export function retitle() {
  const heading = document.querySelector("main > section:not([hidden]) h1")?.textContent;
  document.title = heading ? `${heading} · ${config.appName}` : config.appName;
}

/** Lets screen readers say something that is seen anyway. */
export function announce(text) {
  $("announcer").textContent = "";
  // The same words twice are news only after nothing.
  setTimeout(() => ($("announcer").textContent = text), 100);
}

/** Something that concerns no field. */
export function notice(text) {
  $("notice").textContent = text;
}

/** Shows what is wrong with a field, or that nothing is; the element for it is called `<id>-error`. */
export function fieldError(input, text) {
  $(`${input.id}-error`).textContent = text;
  if (text) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } else {
    input.removeAttribute("aria-invalid");
  }
}

/** Runs `action` when the form is sent, once at a time. */
export function onSubmit(form, action) {
  form.addEventListener("submit", event => {
    event.preventDefault();
    return once(form, () => action(event.submitter));
  });
}

/** Runs `action` when the button is pressed, once at a time. */
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

/** An error in words for the user: by its code, which is stable, not by its English detail. */
export function explain(error) {
  if (!(error instanceof LatchkeyError)) {
    // A request without an answer; anything else is a fault of this page.
    if (!["TypeError", "TimeoutError"].includes(error.name)) console.error(error);
    return t("error.offline");
  }
  const key = `error.${error.code}`;
  const words = has(key) ? t(key) : error.detail || t("error.internal_error");
  return error.retry_after ? `${words} ${t("wait", { time: duration(error.retry_after) })}` : words;
}

/** What was typed or pasted of a code: its digits, in whatever script. */
export function digitsOf(text) {
  return Array.from(text, sign => {
    const point = sign.codePointAt(0);
    // Arabic-Indic, Persian, and Devanagari digits.
    const zero = [0x30, 0x660, 0x6f0, 0x966].find(zero => point >= zero && point <= zero + 9);
    return zero === undefined ? "" : String(point - zero);
  }).join("");
}

/** Keeps an input at `length()` digits, and sends its form when they are complete; 0 lets it be. */
export function digitsInput(input, length) {
  input.addEventListener("input", () => {
    if (input.hasAttribute("aria-invalid")) fieldError(input, "");
    if (length() === 0) return;
    const digits = digitsOf(input.value).slice(0, length());
    if (input.value !== digits) input.value = digits;
    if (digits.length === length()) input.form.requestSubmit();
  });
}
