import { config } from "./config.js";
import { Latchkey, localStorageStorage } from "./latchkey/index.js";

/** The client that all steps share. It keeps the tokens in `localStorage`. */
export const api = new Latchkey({
  url: config.url,
  storage: localStorageStorage(),
  ...(config.clientId ? { clientId: config.clientId } : {}),
});
