import { config } from "./config.js";
import { Latchkey, localStorageStorage } from "./latchkey/index.js";

/** The page's policy allows no script URL, except through this one. */
const scripts = globalThis.trustedTypes?.createPolicy("latchkey", {
  createScriptURL: () => new URL("latchkey/proof-worker.js", import.meta.url).href,
});
const worker = scripts?.createScriptURL("") ?? new URL("latchkey/proof-worker.js", import.meta.url);

/** The client that all steps share. It keeps the tokens in `localStorage`. */
export const api = new Latchkey({
  url: config.url,
  storage: localStorageStorage(),
  proofWorker: () => new Worker(worker, { type: "module" }),
  ...(config.clientId ? { clientId: config.clientId } : {}),
});
