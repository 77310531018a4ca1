import { config } from "./config.js";
import { Latchkey, localStorageStorage } from "./latchkey/index.js";

export const api = new Latchkey({
  url: config.url,
  storage: localStorageStorage(),
  ...(config.clientId ? { clientId: config.clientId } : {}),
});
