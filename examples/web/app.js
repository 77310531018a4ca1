/** Starts the page: the language, then where the user was. */
import { clearAccount, prepareAccount, showAccount, writeAccount } from "./account.js";
import { api } from "./api.js";
import { config } from "./config.js";
import { has, language, languages, preferredLanguage, speak, t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";
import { askPhone, prepareSignIn, resumeSignIn, writeSignIn } from "./sign-in.js";
import { $, announce, explain, notice, onPress, retitle, show } from "./ui.js";

async function start() {
  prepareLanguages();
  await speak(preferredLanguage());
  $("language").value = language();
  prepareLaptop();
  prepareSignIn(async ({ user }) => {
    announce(t("account.signedIn"));
    await showAccount(user);
  });
  prepareAccount();
  api.onChange(({ signedIn, reason }) => (signedIn ? began() : ended(reason)));
  await open();
}

/** Shows where the user is: signed in, halfway, or at the beginning. */
async function open() {
  try {
    if (await api.signedIn()) return await showAccount();
    if (!(await resumeSignIn())) askPhone();
  } catch (error) {
    if (!(await api.signedIn())) return;
    // The session is kept; the service will be back.
    show("loading");
    notice(`${explain(error)} `);
    const again = document.createElement("button");
    again.textContent = t("account.again");
    again.className = "second";
    onPress(again, open);
    $("notice").append(again);
  }
}

/** Somebody has signed in: in another tab, unless this one shows the account at once. */
function began() {
  setTimeout(() => $("account-step").hidden && open(), 500);
}

/** Signed out here, in another tab, or by the service. */
function ended(reason) {
  const isHalfway = !$("code-step").hidden;
  clearAccount();
  if (isHalfway) return;
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
    writeSignIn();
    writeAccount();
    retitle();
  });
}

/** What only `cargo run` has. */
function prepareLaptop() {
  for (const id of ["laptop", "laptop-hint"]) $(id).hidden = config.inbox === null;
  for (const id of ["inbox-link", "inbox-hint"]) $(id).href = config.inbox ?? "";
}

start().catch(error => {
  // Nothing is shown yet, perhaps not even words.
  console.error(error);
  show("loading");
  notice(error instanceof LatchkeyError ? error.detail : "This page could not be started.");
});
