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
 * `<key>.device`. Any script of the page's origin can read it.
 */
export function localStorageStorage(key = "latchkey") {
    return {
        ...inLocalStorage(key),
        device: inLocalStorage(`${key}.device`),
        watch: changed => {
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
        get: () => localStorage.getItem(key),
        set: value => (value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)),
    };
}
