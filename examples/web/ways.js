/** The first step: the ways to sign in that the service has, with the form of the chosen one. */
import { t } from "./i18n.js";
import { $, fieldError, onPress } from "./ui.js";

/** The method of `GET /v1/config`, and the first field, of each way. */
const WAYS = {
  phone: { method: "phone_code", field: "phone" },
  email: { method: "email_code", field: "email" },
  password: { method: "password", field: "who" },
};

let offered = ["phone"], chosen = "phone";

/** The first field of the form that is shown. */
export const firstField = () => $(WAYS[chosen].field);

/** Takes the `sign_in_methods` of the service. Keeps the way that is shown if it is one of them. */
export function offerWays(methods) {
  const known = Object.keys(WAYS).filter(way => methods.includes(WAYS[way].method));
  if (known.length === 0) return;
  offered = known;
  const hadFocus = firstField().matches(":focus");
  chooseWay(offered.includes(chosen) ? chosen : offered[0]);
  if (hadFocus) firstField().focus();
}

/** Shows the form of a way, and buttons for the others. */
export function chooseWay(way) {
  chosen = way;
  for (const each of Object.keys(WAYS)) $(`${each}-form`).hidden = each !== way;
  // A password creates no account.
  $("lead").hidden = way === "password";
  $("ways").replaceChildren(...offered.filter(other => other !== way).map(buttonFor));
}

function buttonFor(way) {
  const button = document.createElement("button");
  button.id = `use-${way}`;
  button.type = "button";
  button.className = "second";
  button.dataset.t = `way.${way}`;
  button.textContent = t(button.dataset.t);
  onPress(button, () => {
    chooseWay(way);
    firstField().focus();
  });
  return button;
}

/** Clears errors as soon as somebody corrects the field. */
export function prepareFields() {
  for (const id of ["phone", "email", "who", "password", "forgot-who", "new-password"]) {
    $(id).addEventListener("input", () => $(id).hasAttribute("aria-invalid") && fieldError($(id), ""));
  }
}
