import { config } from "./config.js";
import { Latchkey, localStorageStorage } from "./latchkey/index.js";
import { MARKUP } from "./steps.js";

/** A page with Trusted Types allows no other script URL and no other HTML than these. */
const policy = globalThis.trustedTypes?.createPolicy("latchkey", {
  createScriptURL: () => new URL("latchkey/proof-worker.js", import.meta.url).href,
  createHTML: () => MARKUP,
});
const worker = policy?.createScriptURL("") ?? new URL("latchkey/proof-worker.js", import.meta.url);

/** The markup of the steps, as a page with Trusted Types takes it. */
export const trustedMarkup = () => policy?.createHTML("") ?? MARKUP;

/** The client that all steps share. It keeps the tokens in `localStorage`. */
export let api;

/** Makes the client, once the settings are known. */
export function connect() {
  api = new Latchkey({
    url: config.url,
    storage: localStorageStorage(),
    proofWorker: () => new Worker(worker, { type: "module" }),
    ...(config.clientId ? { clientId: config.clientId } : {}),
  });
}
