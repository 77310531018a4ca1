/** Keeps the tokens in memory: they are gone when the page or the process ends. */
export function memoryStorage() {
    return { ...inMemory(), device: inMemory() };
}
function inMemory() {
    let kept = null;
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
export function localStorageStorage(key = "latchkey") {
    return {
        ...inLocalStorage(key),
        device: inLocalStorage(`${key}.device`),
        watch: changed => {
            if (!isBrowser())
                return () => undefined;
            // The key is null if the whole storage was cleared.
            const heard = (event) => {
                if (event.storageArea === localStorage && (event.key === key || event.key === null))
                    changed();
            };
            addEventListener("storage", heard);
            return () => removeEventListener("storage", heard);
        },
    };
}
function inLocalStorage(key) {
    return {
        get: () => (isBrowser() ? localStorage.getItem(key) : null),
        set: value => {
            if (value === null)
                return isBrowser() ? localStorage.removeItem(key) : undefined;
            if (!isBrowser())
                throw new Error("localStorageStorage() keeps tokens in browsers only. On a server, use latchkey-client/server.");
            localStorage.setItem(key, value);
        },
    };
}
/** Servers render pages, too: nobody is signed in there. Newer versions of Node have a `localStorage` that all visitors would share. */
function isBrowser() {
    return "window" in globalThis && "localStorage" in globalThis;
}
