/** The page around `<latchkey-sign-in>`: its languages, its title, and the account. */
import "./latchkey-sign-in.js";
import { clearAccount, prepareAccount, showAccount, writeAccount } from "./account.js";
import { config } from "./config.js";
import { direction, language, languages } from "./i18n.js";
import { translate } from "./ui.js";

const signIn = document.querySelector("latchkey-sign-in"), select = document.getElementById("language");
let shown = null;

/** The token of a link to set a new password, which `PASSWORD_RESET_URL` leads here. */
let resetToken = /^#([\w-]{40,})$/.exec(location.hash)?.[1];

signIn.addEventListener("latchkey-step", ({ detail }) => {
  document.title = [detail.title, config.appName].filter(Boolean).join(" · ");
  for (const element of document.querySelectorAll("[data-app]")) element.textContent = config.appName;
  document.documentElement.lang = language();
  document.documentElement.dir = direction();
  if (detail.step !== shown) scrollTo(0, 0);
  shown = detail.step;
});

signIn.addEventListener("latchkey-signed-in", event => {
  event.preventDefault();
  // Somebody who follows the link may be signed in already.
  if (resetToken) return;
  showAccount(event.detail.user).catch(error => signIn.offerAgain(error));
});
signIn.addEventListener("latchkey-signed-out", clearAccount);

for (const { tag, name } of languages()) {
  const option = new Option(name, tag);
  option.lang = tag;
  select.add(option);
}
select.addEventListener("change", async () => {
  await signIn.speak(select.value, { keep: true });
  translate(document);
  writeAccount();
});

document.getElementById("laptop").hidden = !config.inbox;
document.getElementById("inbox-link").href = config.inbox ?? "";
prepareAccount();

signIn.ready.then(() => {
  if (resetToken) {
    history.replaceState(history.state, "", location.pathname + location.search);
    signIn.resetPassword(resetToken);
    resetToken = null;
  }
  select.value = language();
  translate(document);
  writeAccount();
});
