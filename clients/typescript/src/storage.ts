/**
 * Where the tokens of a session are kept: one string, so that both are replaced together or not at all.
 *
 * Anything with `get` and `set` will do: the keychain of a phone, a cookie of a server.
 */
export interface TokenStorage {
  get(): string | null | Promise<string | null>;
  /** `null` removes it. */
  set(value: string | null): void | Promise<void>;
  /** Calls `changed` when somebody else has changed it, until the answer is called. */
  watch?(changed: () => void): () => void;
}

/** Gone with the page or the process. */
export function memoryStorage(): TokenStorage {
  let kept: string | null = null;
  return {
    get: () => kept,
    set: value => {
      kept = value;
    },
  };
}

/** The browser's `localStorage`, which its tabs share. Any script of the page's origin can read it. */
export function localStorageStorage(key = "latchkey"): TokenStorage {
  return {
    get: () => localStorage.getItem(key),
    set: value => (value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)),
    watch: changed => {
      // The key is null when everything is cleared.
      const heard = (event: StorageEvent) => {
        if (event.storageArea === localStorage && (event.key === key || event.key === null)) changed();
      };
      addEventListener("storage", heard);
      return () => removeEventListener("storage", heard);
    },
  };
}
