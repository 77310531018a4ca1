import { LatchkeyError, refusal } from "./problem.js";
import { memoryStorage } from "./storage.js";
/** A token that ends sooner is replaced before it is used. */
const MARGIN = 30_000;
/** Nobody waits longer for a retry; the refusal is passed on instead. */
const LONGEST_WAIT = 10;
const IDEMPOTENT = ["get", "put", "delete"];
/** A client of one Latchkey, and the session of one person with it. */
export class Latchkey {
    #url;
    #clientId;
    #storage;
    #fetch;
    #timeout;
    #listeners = new Set();
    #unwatch;
    #told;
    #refreshing = null;
    constructor(options = {}) {
        this.#url = (options.url ?? "").replace(/\/+$/, "");
        this.#clientId = options.clientId;
        this.#storage = options.storage ?? memoryStorage();
        // Unbound: browsers refuse `fetch` as a method of anything but the window.
        this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
        this.#timeout = options.timeout ?? 20_000;
    }
    /** Sends a sign-in code. It signs up, too. */
    async sendCode(to, options = {}) {
        return this.#ask("/v1/otp/send", { ...to, ...options });
    }
    /** Sends the code of a challenge again, once its `resend_in` is over. */
    async resendCode(challengeId) {
        return (await this.#send("post", "/v1/otp/resend", { body: { challenge_id: challengeId } }));
    }
    /** Where a challenge stands. */
    async challenge(challengeId) {
        const path = { challenge_id: challengeId };
        return (await this.#send("get", "/v1/otp/{challenge_id}", { path }));
    }
    /** Signs in with a code. The answer is `mfa_required` where a second factor is due: go on with `secondFactor`. */
    async verify(challengeId, code) {
        return this.#signIn("/v1/otp/verify", { challenge_id: challengeId, code });
    }
    /** Signs up with a password, a username or a name; `verify` proves the address. */
    async register(account) {
        return this.#ask("/v1/auth/register", account);
    }
    /** Signs in with a password. */
    async login(who, password) {
        return this.#signIn("/v1/auth/login", { ...who, password, ...this.#app() });
    }
    /** Finishes a sign-in that asked for a second factor. */
    async secondFactor(mfaToken, method, code) {
        return (await this.#signIn("/v1/auth/mfa", { mfa_token: mfaToken, method, code }));
    }
    /** Proves a new phone or e-mail address of whoever is signed in. */
    async confirmAddress(challengeId, code) {
        const body = { challenge_id: challengeId, code };
        return (await this.#authorized("post", "/v1/otp/verify", { body })).user;
    }
    /** Whether there is a session. The next call may find that it has ended. */
    async signedIn() {
        return (await this.#read()) !== null;
    }
    /** An access token that is good for a while, for calls to other services; `null` where nobody is signed in. */
    async accessToken() {
        return (await this.#tokens())?.access_token ?? null;
    }
    /**
     * Ends the session; `all` ends those of other devices, too.
     *
     * Here it is over in any case; a rejection says that the service could not be told.
     */
    async signOut(options = {}) {
        let token = null;
        try {
            token = await this.accessToken();
        }
        catch (error) {
            // A session that has ended already needs no end.
            if (!(error instanceof LatchkeyError && error.status < 500))
                throw error;
        }
        finally {
            await this.#exclusively(() => this.#write(null));
        }
        if (token === null)
            return;
        try {
            const body = { all: options.all ?? false };
            await this.#send("post", "/v1/auth/logout", { body, token, keepalive: true, retryLost: true });
        }
        catch (error) {
            if (!(error instanceof LatchkeyError && error.status === 401))
                throw error;
        }
    }
    /** Calls any endpoint, as whoever is signed in. A `Blob` as the body is sent as it is, all else as JSON. */
    async request(method, path, ...[call]) {
        return (await this.#authorized(method, path, (call ?? {})));
    }
    /** Tells when a session begins or ends, in other tabs, too. The answer ends it. */
    onChange(listener) {
        this.#listeners.add(listener);
        // Only a change is news; other tabs write at every refresh.
        void this.signedIn().then(signedIn => (this.#told ??= signedIn));
        this.#unwatch ??= this.#storage.watch?.(() => {
            void this.signedIn().then(signedIn => this.#tell({ signedIn }));
        });
        return () => {
            this.#listeners.delete(listener);
            if (this.#listeners.size > 0)
                return;
            this.#unwatch?.();
            this.#unwatch = undefined;
        };
    }
    #app() {
        return this.#clientId === undefined ? {} : { client_id: this.#clientId };
    }
    #tell(change) {
        if (change.signedIn === this.#told)
            return;
        this.#told = change.signedIn;
        for (const listener of this.#listeners)
            listener(change);
    }
    /** Asks for a message. Without an answer it is asked for again, by the same key, so that one is sent. */
    async #ask(path, body) {
        const sent = { body: { ...body, ...this.#app() }, idempotencyKey: newKey(), retryLost: true };
        return (await this.#send("post", path, sent));
    }
    async #signIn(path, body) {
        const answer = (await this.#send("post", path, { body }));
        if ("access_token" in answer)
            await this.#exclusively(() => this.#write(tokensOf(answer)));
        return answer;
    }
    async #authorized(method, path, sent) {
        const tokens = await this.#tokens();
        if (!tokens)
            return this.#send(method, path, sent);
        try {
            return await this.#send(method, path, { ...sent, token: tokens.access_token });
        }
        catch (error) {
            // Keys may have been replaced, a clock may be wrong: the refresh tells whether the session is alive.
            const stale = error instanceof LatchkeyError && ["token_expired", "token_invalid"].includes(error.code);
            if (!stale)
                throw error;
            const renewed = await this.#tokens(tokens.access_token);
            if (!renewed)
                throw error;
            return this.#send(method, path, { ...sent, token: renewed.access_token });
        }
    }
    /** The tokens, other than a `refused` one, refreshed where they are about to end. */
    async #tokens(refused) {
        const tokens = await this.#read();
        if (!tokens || isGood(tokens, refused))
            return tokens;
        // All who need it wait for the same refresh.
        this.#refreshing ??= this.#exclusively(() => this.#refresh(refused)).finally(() => {
            this.#refreshing = null;
        });
        return this.#refreshing;
    }
    async #refresh(refused) {
        // Another tab may have been faster.
        const tokens = await this.#read();
        if (!tokens || isGood(tokens, refused))
            return tokens;
        const isStillKept = async () => (await this.#read())?.refresh_token === tokens.refresh_token;
        try {
            const body = { refresh_token: tokens.refresh_token };
            // A second try within ten seconds gets the pair whose answer was lost.
            const pair = await this.#send("post", "/v1/auth/refresh", { body, retryLost: true });
            const renewed = tokensOf(pair);
            if (!(await isStillKept()))
                return this.#read();
            await this.#write(renewed);
            return renewed;
        }
        catch (error) {
            const ended = error instanceof LatchkeyError && [400, 401, 403].includes(error.status);
            if (ended && (await isStillKept()))
                await this.#write(null, error.code);
            throw error;
        }
    }
    /** One tab at a time, where the platform has locks. */
    async #exclusively(action) {
        const locks = globalThis.navigator?.locks;
        if (!locks)
            return action();
        return (await locks.request(`latchkey ${this.#url} ${this.#clientId ?? ""}`, action));
    }
    async #read() {
        const kept = await this.#storage.get();
        try {
            const tokens = JSON.parse(kept ?? "null");
            return tokens?.access_token && tokens.refresh_token && tokens.expires_at ? tokens : null;
        }
        catch {
            return null;
        }
    }
    async #write(tokens, reason) {
        await this.#storage.set(tokens && JSON.stringify(tokens));
        this.#tell({ signedIn: tokens !== null, ...(reason === undefined ? {} : { reason }) });
    }
    /** Sends a request, once more where that is safe and promising, and reads its answer. */
    async #send(method, path, sent) {
        // Not messages: a 503 may mean that nobody knows whether one was sent, and the next would be another.
        const canRepeat = IDEMPOTENT.includes(method) || (sent.retryLost === true && sent.idempotencyKey === undefined);
        try {
            return await this.#sendOnce(method, path, sent);
        }
        catch (error) {
            if (error instanceof LatchkeyError) {
                const { status, retry_after } = error;
                if (!canRepeat || status !== 503 || retry_after === undefined || retry_after > LONGEST_WAIT)
                    throw error;
                await pause(retry_after * 1000);
            }
            else {
                if (!sent.retryLost)
                    throw error;
                await pause(1000);
            }
            return this.#sendOnce(method, path, sent);
        }
    }
    async #sendOnce(method, path, sent) {
        const headers = { accept: "application/json" };
        if (sent.token !== undefined)
            headers["authorization"] = `Bearer ${sent.token}`;
        if (sent.idempotencyKey !== undefined)
            headers["idempotency-key"] = sent.idempotencyKey;
        let body;
        if (sent.body instanceof Blob) {
            body = sent.body;
            headers["content-type"] = sent.body.type;
        }
        else if (sent.body !== undefined) {
            body = JSON.stringify(sent.body);
            headers["content-type"] = "application/json";
        }
        // Not AbortSignal.timeout and .any, which React Native lacks.
        const controller = new AbortController();
        const abort = () => controller.abort(sent.signal?.reason);
        if (sent.signal?.aborted)
            abort();
        sent.signal?.addEventListener("abort", abort);
        const late = Object.assign(new Error("the service does not answer"), { name: "TimeoutError" });
        const timer = setTimeout(() => controller.abort(late), this.#timeout);
        try {
            const answer = await this.#fetch(this.#url + filled(path, sent), {
                method: method.toUpperCase(),
                headers,
                signal: controller.signal,
                // Tokens are in headers; no cookie is needed, nor stored.
                credentials: "omit",
                ...(body === undefined ? {} : { body }),
                ...(sent.keepalive ? { keepalive: true } : {}),
            });
            const text = await answer.text();
            if (!answer.ok)
                throw refusal(answer, text);
            return text === "" ? undefined : JSON.parse(text);
        }
        finally {
            clearTimeout(timer);
            sent.signal?.removeEventListener("abort", abort);
        }
    }
}
function tokensOf(pair) {
    const { access_token, refresh_token, expires_in } = pair;
    return { access_token, refresh_token, expires_at: Date.now() + expires_in * 1000 };
}
function isGood(tokens, refused) {
    return tokens.access_token !== refused && Date.now() < tokens.expires_at - MARGIN;
}
function filled(path, { path: values = {}, query = {} }) {
    const address = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(values[name])));
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const search = given.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
    return search.length > 0 ? `${address}?${search.join("&")}` : address;
}
/** It has to be new, not secret. React Native and pages without TLS have no `randomUUID`. */
function newKey() {
    const crypto = globalThis.crypto;
    return crypto?.randomUUID?.() ?? Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join("");
}
function pause(milliseconds) {
    return new Promise(resolve => setTimeout(resolve, milliseconds));
}
