/**
 * `<latchkey-sign-in>`: the steps of a sign-in as one element, for any page. README.md has its
 * attributes, events, slots and CSS properties. A page can have one of them.
 */
import { api, connect, trustedMarkup } from "./api.js";
import { dress } from "./branding.js";
import { offerChannels } from "./channels.js";
import { config } from "./config.js";
import { prepareCountryPicker } from "./country-picker.js";
import { direction, has, language, preferredLanguage, speak, t } from "./i18n.js";
import { LatchkeyError } from "./latchkey/index.js";
import { offerPasskeys } from "./passkeys.js";
import { askNew } from "./password.js";
import { preparePhoneField, setCountries, writeCountry } from "./phone-field.js";
import { askFirst, goTo, prepareSignIn, resumeSignIn, writeSignIn } from "./sign-in.js";
import { isAt } from "./steps-in-history.js";
import {
  $, announce, explain, hasHistory, notice, onPress, retitle, show, showChecking, tell, translate, useElement,
} from "./ui.js";
import { offerWays } from "./ways.js";

const STYLES = ["tokens.css", "controls.css", "steps.css"];

/** Whether the page was told of the session, and the timer that tells it of one from another tab. */
let isShown = false, telling;

class LatchkeySignIn extends HTMLElement {
  static observedAttributes = ["language"];

  /** The client of this element: `client.request("get", "/v1/me")`, `client.signOut()`. */
  get client() {
    return api;
  }

  /** Asks for a new password. `token` is that of the link in an e-mail. */
  resetPassword(token) {
    askNew({ token });
  }

  connectedCallback() {
    if (this.shadowRoot) return;
    config.url = this.getAttribute("url") ?? config.url;
    config.clientId = this.getAttribute("client-id") ?? config.clientId;
    config.appName = this.getAttribute("app-name") ?? config.appName;
    config.inbox = this.getAttribute("inbox") ?? config.inbox;
    connect();

    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = trustedMarkup();
    useElement(this);
    const styled = STYLES.map(file => loadStyle(root, file));
    this.ready = Promise.all(styled).then(() => this.#start()).catch(error => failed(error));
  }

  attributeChangedCallback(_, before, value) {
    if (this.ready && value && value !== before) this.speak(value);
  }

  /** Switches to another language. `keep` remembers it for the next visit. */
  async speak(wanted, options) {
    await speak(wanted, options);
    this.lang = language();
    this.dir = direction();
    translate(this.shadowRoot);
    writeCountry();
    writeSignIn();
    retitle();
  }

  /** Shows where the user is: signed in, at a pending sign-in, or at the first step. */
  async open() {
    try {
      if (await api.signedIn()) return signedIn();
      if (!canResume() || !(await resumeSignIn())) askFirst("", { focus: this.hasAttribute("autofocus") });
    } catch (error) {
      if (await api.signedIn()) this.offerAgain(error);
    }
  }

  /** Says that the account could not be read. The session is kept, since this may be an outage. */
  offerAgain(error) {
    show("loading");
    notice(`${explain(error)} `);
    const again = document.createElement("button");
    again.textContent = t("account.again");
    again.className = "second";
    onPress(again, () => this.open());
    $("notice").append(again);
  }

  async #start() {
    await this.speak(this.getAttribute("language") ?? preferredLanguage());
    prepareLaptop();
    preparePhoneField();
    prepareCountryPicker();
    prepareSignIn(signedIn);
    setCountries([], null);
    dress(this);
    // The page works without them, and does not wait for them.
    readSettings(this).catch(error => console.warn("The settings of the service could not be read.", error.message));

    api.onChecking(showChecking);
    api.onChange(({ signedIn, reason }) => (signedIn ? this.#began() : ended(reason)));
    if (this.hasAttribute("history")) addEventListener("popstate", goTo);
    await this.open();
  }

  /** A session began. If nothing shows it within a second, the sign-in was in another tab. */
  #began() {
    clearTimeout(telling);
    telling = setTimeout(() => isShown || this.open(), 1000);
  }
}

/** Whether the user was at the code, and did not go back from it. */
const canResume = () => !hasHistory() || isAt("code");

/** Tells the page, which can show the account. `answer` is empty if the user was signed in already. */
function signedIn(answer = {}) {
  isShown = true;
  if (answer.user) announce(t("account.signedIn"));
  const shows = tell("signed-in", answer);
  if (shows) show("signed-in-step", answer.user && $("signed-in"));
}

/** A session ended: here, in another tab, or at the service, with a `reason`. */
function ended(reason) {
  clearTimeout(telling);
  isShown = false;
  tell("signed-out", { reason });
  askFirst(reason ? t(has(`error.${reason}`) ? `error.${reason}` : "error.token_invalid") : "");
  if (!reason) announce(t("account.signedOut"));
}

/** Takes the app's name, its look, its pages and the ways to sign in from the service. */
async function readSettings(element) {
  const query = config.clientId ? { client_id: config.clientId } : {};
  const settings = await api.request("get", "/v1/config", { query });
  config.appName ||= settings.app_name;
  setCountries(settings.countries, settings.default_region);
  offerChannels(settings.channels);
  offerWays(settings.sign_in_methods);
  await offerPasskeys(settings.passkeys);
  dress(element, settings);
  writeLinks(settings.links);
  retitle();
}

function writeLinks(links) {
  const shown = ["terms", "privacy", "support"].filter(name => /^https?:/.test(links[name] ?? ""));
  $("links").replaceChildren(...shown.map(name => {
    const link = document.createElement("a");
    link.href = links[name];
    link.dataset.t = `links.${name}`;
    link.textContent = t(link.dataset.t);
    return link;
  }));
  $("links").hidden = shown.length === 0;
}

/** Shows the link to the inbox that only `cargo run` has. */
function prepareLaptop() {
  for (const hint of $("code-step").getRootNode().querySelectorAll(".laptop")) {
    hint.hidden = !config.inbox;
    hint.querySelector("a").href = config.inbox ?? "";
  }
}

function loadStyle(root, file) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(file, import.meta.url).href;
  const loaded = new Promise(resolve => (link.onload = link.onerror = resolve));
  root.prepend(link);
  return loaded;
}

/** Nothing is shown yet, and the language may not be loaded. */
function failed(error) {
  console.error(error);
  show("loading");
  notice(error instanceof LatchkeyError ? error.detail : "This page could not start. Reload it.");
}

customElements.define("latchkey-sign-in", LatchkeySignIn);
