/** Starts the page: picks the language, then shows the step at which the user was. */
import { clearAccount, prepareAccount, showAccount, writeAccount } from "./account.js";
import { api } from "./api.js";
import { config } from "./config.js";
import { countryName, has, language, languages, preferredLanguage, speak, t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";
import { askPhone, prepareSignIn, resumeSignIn, writeSignIn } from "./sign-in.js";
import { $, announce, explain, notice, onPress, retitle, show, showChecking } from "./ui.js";

/** The country of phone numbers without a country code, if there is one. */
let region = null;

async function start() {
  prepareLanguages();
  await speak(preferredLanguage());
  $("language").value = language();
  prepareLaptop();
  // The page works without them, and does not wait for them.
  readSettings().catch(error => console.warn("The settings of the service could not be read.", error.message));

  prepareSignIn(async ({ user }) => {
    announce(t("account.signedIn"));
    await showAccount(user);
  });

  prepareAccount();
  api.onChecking(showChecking);
  api.onChange(({ signedIn, reason }) => (signedIn ? began() : ended(reason)));
  await open();
}

/** Shows the account, the pending sign-in or the first step, depending on where the user is. */
async function open() {
  try {
    if (await api.signedIn()) return await showAccount();
    if (!(await resumeSignIn())) askPhone();
  } catch (error) {
    if (!(await api.signedIn())) return;

    // The session is kept, since this may be an outage. Offer to try again.
    show("loading");
    notice(`${explain(error)} `);
    const again = document.createElement("button");
    again.textContent = t("account.again");
    again.className = "second";
    onPress(again, open);
    $("notice").append(again);
  }
}

/**
 * A session began. If this tab does not show the account within half a second, the sign-in was in
 * another tab.
 */
function began() {
  setTimeout(() => $("account-step").hidden && open(), 500);
}

/** A session ended: here, in another tab, or at the service, with a `reason`. */
function ended(reason) {
  clearAccount();
  askPhone(reason ? t(has(`error.${reason}`) ? `error.${reason}` : "error.token_invalid") : "");
  if (!reason) announce(t("account.signedOut"));
}

function prepareLanguages() {
  const select = $("language");
  for (const { tag, name } of languages()) {
    const option = new Option(name, tag);
    option.lang = tag;
    select.add(option);
  }
  select.addEventListener("change", async () => {
    await speak(select.value, { keep: true });
    writeSettings();
    writeSignIn();
    writeAccount();
    retitle();
  });
}

/** Takes the name of the app, and the country of numbers without a country code, from the service. */
async function readSettings() {
  const query = config.clientId ? { client_id: config.clientId } : {};
  const { app_name, default_region } = await api.request("get", "/v1/config", { query });
  config.appName ||= app_name;
  region = default_region ?? null;
  writeSettings();
  retitle();
}

function writeSettings() {
  for (const element of document.querySelectorAll("[data-app]")) element.textContent = config.appName;
  if (region) $("phone-hint").textContent = t("phone.hintRegion", { country: countryName(region) });
}

/** Shows the links that only `cargo run` has. */
function prepareLaptop() {
  for (const id of ["laptop", "laptop-hint"]) $(id).hidden = config.inbox === null;
  for (const id of ["inbox-link", "inbox-hint"]) $(id).href = config.inbox ?? "";
}

start().catch(error => {
  // Nothing is shown yet, and the language may not be loaded.
  console.error(error);
  show("loading");
  notice(error instanceof LatchkeyError ? error.detail : "This page could not start. Reload it.");
});
