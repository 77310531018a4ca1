/**
 * Where the tokens of a session are kept: as one string, so that both tokens are replaced together
 * or not at all.
 *
 * Any object with `get` and `set` works, such as a phone's keychain or a server's cookie.
 */
export interface TokenStorage extends DeviceStorage {
  /**
   * Where the token of this device is kept, which outlives the session: signing out leaves it, and
   * with it the next sign-in here has separate limits. Default: in memory.
   */
  device?: DeviceStorage;
  /**
   * Calls `changed` whenever the value was changed elsewhere, like in another tab. Returns a function
   * that stops this.
   */
  watch?(changed: () => void): () => void;
}

/** Where one string is kept. */
export interface DeviceStorage {
  get(): string | null | Promise<string | null>;
  /** Stores a value. `null` removes the stored one. */
  set(value: string | null): void | Promise<void>;
}

/** Keeps the tokens in memory: they are gone when the page or the process ends. */
export function memoryStorage(): TokenStorage {
  return { ...inMemory(), device: inMemory() };
}

function inMemory(): DeviceStorage {
  let kept: string | null = null;
  return {
    get: () => kept,
    set: value => {
      kept = value;
    },
  };
}

/**
 * Keeps the tokens in the browser's `localStorage`, which all tabs share, under `key` and
 * `<key>.device`. Any script of the page's origin can read it. On a server it is empty, so that
 * pages can be rendered there, and refuses to store.
 */
export function localStorageStorage(key = "latchkey"): TokenStorage {
  return {
    ...inLocalStorage(key),
    device: inLocalStorage(`${key}.device`),
    watch: changed => {
      if (!isBrowser()) return () => undefined;
      // The key is null if the whole storage was cleared.
      const heard = (event: StorageEvent) => {
        if (event.storageArea === localStorage && (event.key === key || event.key === null)) changed();
      };
      addEventListener("storage", heard);
      return () => removeEventListener("storage", heard);
    },
  };
}

function inLocalStorage(key: string): DeviceStorage {
  return {
    get: () => (isBrowser() ? localStorage.getItem(key) : null),
    set: value => {
      if (value === null) return isBrowser() ? localStorage.removeItem(key) : undefined;
      if (!isBrowser()) throw new Error("localStorageStorage() keeps tokens in browsers only. On a server, use latchkey-client/server.");
      localStorage.setItem(key, value);
    },
  };
}

/** Servers render pages, too: nobody is signed in there. Newer versions of Node have a `localStorage` that all visitors would share. */
function isBrowser(): boolean {
  return "window" in globalThis && "localStorage" in globalThis;
}
