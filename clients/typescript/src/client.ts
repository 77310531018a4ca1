import { LatchkeyError, parsed, refusal, type StepUp } from "./problem.js";
import type { MakeWorker, ProofChallenge } from "./proof.js";
import { memoryStorage, type DeviceStorage, type TokenStorage } from "./storage.js";
import { claimsOf, tokensOf, type Tokens } from "./tokens.js";
import { readCode, readRecoveryCode } from "./typed.js";
import type { Answer, Arguments, Call, Challenge, ChallengeState, Channel, Method, PathOf, SignIn, SignedIn, User } from "./types.js";

export interface Options {
  /** The URL of the API, like `https://id.example.com`. Default: the page's own origin. */
  url?: string;
  /** The `client_id` of the app that people sign in to. Default: the default app. */
  clientId?: string;
  /** Where the tokens are kept. Default: in memory. */
  storage?: TokenStorage;
  /**
   * Makes the Web Worker that solves proofs of work: `new Worker(url, { type: "module" })` with the
   * URL of `proof-worker.js`. Default: they are solved without one.
   */
  proofWorker?: MakeWorker;
  /** The function that sends requests. Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Milliseconds after which a request without a response fails. Default: 20,000. */
  timeout?: number;
}

/** A phone or an e-mail address, to which a code can be sent. */
export type Address = { phone: string } | { email: string };
/** An identifier that signs a user in, together with a password. */
export type Identifier = Address | { username: string };
/** A signal that cancels a call, also while it solves a proof of work. */
export interface Cancel {
  signal?: AbortSignal;
}

/** A session began or ended. */
export interface Change {
  signedIn: boolean;
  /** The code of the refusal that ended the session, if one did. */
  reason?: string;
}

interface Sent {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  signal?: AbortSignal | undefined;
  token?: string;
  /** Whether to send the request once more if no response came. */
  retryLost?: boolean;
  /** The `Idempotency-Key`, by which the service recognises a retry. */
  idempotencyKey?: string;
  keepalive?: boolean;
}

/** Milliseconds. An access token that expires sooner is refreshed before it is used. */
const MARGIN = 30_000;
/** Seconds. If the service asks for a longer wait, the refusal is thrown instead of retrying. */
const LONGEST_WAIT = 10;
const IDEMPOTENT: readonly string[] = ["get", "put", "delete"];

/**
 * A client of one Latchkey service, with the session of one person. On a server, make one for each
 * person: everyone who shares a client shares its session.
 */
export class Latchkey {
  /** The `client_id` of the app that people sign in to, if it is not the default app. JSON leaves `undefined` out. */
  readonly clientId: string | undefined;
  readonly #url: string;
  readonly #options: Options;
  readonly #storage: TokenStorage;
  readonly #device: DeviceStorage;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #watchers = new Set<(isChecking: boolean) => void>();
  #unwatch: (() => void) | undefined;
  #told: boolean | undefined;
  #refreshing: Promise<Tokens | null> | null = null;
  #stepUp: ((need: StepUp) => boolean | Promise<boolean>) | undefined;
  #steppingUp: Promise<boolean> | null = null;
  /** The calls of `verify` that run, by challenge and code. */
  readonly #verifying = new Map<string, Promise<SignIn>>();

  constructor(options: Options = {}) {
    this.#options = options;
    this.clientId = options.clientId;
    this.#url = (options.url ?? "").replace(/\/+$/, "");
    this.#storage = options.storage ?? memoryStorage();
    this.#device = this.#storage.device ?? memoryStorage();
  }

  /**
   * Sends a sign-in code. If nobody has the address yet, `verify` then creates their account. `locale`
   * is the language of the message. A `channel` that the person has chosen is the only one that is used.
   */
  async sendCode(to: Address, options: { locale?: string; channel?: Channel } & Cancel = {}): Promise<Challenge> {
    const { signal, ...rest } = options;
    return this.#ask("/v1/otp/send", { ...to, ...rest, client_id: this.clientId }, { signal, isOnce: true });
  }

  /**
   * Sends the code of a challenge again, on the `channel` that the person has chosen. Fails until the
   * challenge's `resend_in` seconds are over.
   */
  async resendCode(challengeId: string, channel?: Channel): Promise<Challenge> {
    return (await this.#send("post", "/v1/otp/resend", { body: { challenge_id: challengeId, channel } })) as Challenge;
  }

  /** Returns the current state of a challenge. */
  async challenge(challengeId: string): Promise<ChallengeState> {
    const path = { challenge_id: challengeId };
    return (await this.#send("get", "/v1/otp/{challenge_id}", { path })) as ChallengeState;
  }

  /**
   * Signs in with a code, as it was typed. If the result has `mfa_required`, the user has a second
   * factor: continue with `secondFactor`. A code signs in once, so a second call while the first one
   * runs, as by a double tap, gets the result of the first.
   */
  async verify(challengeId: string, code: string): Promise<SignIn> {
    const body = { challenge_id: challengeId, code: readCode(code) };
    const tap = `${challengeId} ${body.code}`;
    const running = this.#verifying.get(tap)
      ?? (this.signInStep("/v1/otp/verify", { body }) as Promise<SignIn>).finally(() => this.#verifying.delete(tap));
    this.#verifying.set(tap, running);
    return running;
  }

  /** Signs up, with a password, a username or a name if given. `verify` then proves the address. */
  async register(
    account: Address & { password?: string; username?: string; name?: string; locale?: string },
    { signal }: Cancel = {},
  ): Promise<Challenge> {
    return this.#ask("/v1/auth/register", { ...account, client_id: this.clientId }, { signal, isOnce: true });
  }

  /** Sends a code for a new password. The result is the same if nobody has the address. */
  async forgotPassword(to: Address, { signal }: Cancel = {}): Promise<Challenge> {
    return this.#ask("/v1/password/forgot", to, { signal });
  }

  /** Signs in with a password. Like `verify`, it may result in `mfa_required`. */
  async login(who: Identifier, password: string): Promise<SignIn> {
    const app = { client_id: this.clientId } as { client_id?: string };
    const body = { ...who, password, ...app, ...(await this.#knownDevice()) };
    return this.signInStep("/v1/auth/login", { body });
  }

  /** Completes a sign-in that requires a second factor, with the `mfa_token` of its result. */
  async secondFactor(mfaToken: string, method: "totp" | "recovery_code", code: string): Promise<SignedIn> {
    const read = method === "totp" ? readCode(code) : readRecoveryCode(code);
    const body = { mfa_token: mfaToken, method, code: read };
    return (await this.signInStep("/v1/auth/mfa", { body })) as SignedIn;
  }

  /**
   * Sends a step of a sign-in, without a token. Keeps the session if the response begins one. For ways
   * to sign in that have no method here, such as those of `latchkey-client/passkeys`.
   */
  async signInStep<P extends PathOf<"post">>(path: P, call: Call<"post", P>): Promise<Answer<"post", P>> {
    const answer = (await this.#send("post", path, call as Sent)) as SignIn;
    if ("access_token" in answer) {
      await this.#warnIfShared(answer.access_token);
      await this.#exclusively(() => this.#write(tokensOf(answer)));
      if (answer.device_token) await this.#device.set(answer.device_token);
    }
    return answer as Answer<"post", P>;
  }

  /** Proves a new phone or e-mail address of the signed-in user. */
  async confirmAddress(challengeId: string, code: string): Promise<User> {
    const body = { challenge_id: challengeId, code: readCode(code) };
    return ((await this.#authorized("post", "/v1/otp/verify", { body })) as { user: User }).user;
  }

  /** Returns whether there is a session here. The service may have ended it already. */
  async signedIn(): Promise<boolean> {
    return (await this.#read()) !== null;
  }

  /**
   * Returns an access token for calls to other services, valid for at least 30 seconds. `null` if
   * nobody is signed in.
   */
  async accessToken(): Promise<string | null> {
    return (await this.#tokens())?.access_token ?? null;
  }

  /**
   * Signs out. `all` also signs out the user's other devices, and none of them is known any more.
   *
   * The tokens here are deleted in any case. If this fails, the service could not be reached, and the
   * session may still be valid there.
   */
  async signOut(options: { all?: boolean } = {}): Promise<void> {
    let token: string | null = null;
    try {
      token = await this.accessToken();
    } catch (error) {
      // The session has already ended, so there is nothing to revoke.
      if (!(error instanceof LatchkeyError && error.status < 500)) throw error;
    } finally {
      await this.#exclusively(() => this.#write(null));
      if (options.all) await this.#device.set(null);
    }
    if (token === null) return;
    try {
      const body = { all: options.all ?? false };
      await this.#send("post", "/v1/auth/logout", { body, token, keepalive: true, retryLost: true });
    } catch (error) {
      if (!(error instanceof LatchkeyError && error.status === 401)) throw error;
    }
  }

  /** Calls any endpoint, as the signed-in user. A `Blob` body is sent as it is, any other as JSON. */
  async request<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    ...[call]: Arguments<M, P>
  ): Promise<Answer<M, P>> {
    return (await this.#authorized(method, path, (call ?? {}) as Sent)) as Answer<M, P>;
  }

  /**
   * Calls `listener` whenever a session begins or ends, also in another tab. Returns a function that
   * removes the listener.
   */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    // Listeners hear only changes, but other tabs write at every refresh.
    void this.signedIn().then(signedIn => (this.#told ??= signedIn));

    this.#unwatch ??= this.#storage.watch?.(() => {
      void this.signedIn().then(signedIn => this.#tell({ signedIn }));
    });
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
    };
  }

  /**
   * Calls `listener` with `true` when a proof of work begins, which takes from a moment to some
   * seconds, and with `false` when it ends. Returns a function that removes the listener.
   */
  onChecking(listener: (isChecking: boolean) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /**
   * Sets the function that signs the user in again if a call needs a newer or stronger sign-in. It
   * signs in by `sendCode`, `verify` and `secondFactor`, and returns whether it did. The call is then
   * repeated, and the previous session ends. Without such a function, the refusal is thrown.
   *
   * All concurrent calls wait for one sign-in. Returns a function that removes `handler`.
   */
  onStepUp(handler: (need: StepUp) => boolean | Promise<boolean>): () => void {
    this.#stepUp = handler;
    return () => {
      if (this.#stepUp === handler) this.#stepUp = undefined;
    };
  }

  /** The token by which the service knows this device, if somebody has signed in on it. */
  async #knownDevice(): Promise<{ device_token?: string }> {
    const token = await this.#device.get();
    return token ? { device_token: token } : {};
  }

  #tell(change: Change): void {
    if (change.signedIn === this.#told) return;
    this.#told = change.signedIn;
    for (const listener of this.#listeners) listener(change);
  }

  /** Requests a message. If the service asks for a proof of work, it is solved and sent along. */
  async #ask(path: string, body: object, options: { signal?: AbortSignal | undefined; isOnce?: boolean }): Promise<Challenge> {
    const asked = { ...body, ...(await this.#knownDevice()) };
    try {
      return await this.#message(path, asked, options);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || !error.proof || !canSolve()) throw error;
      const proof = await this.#prove(error.proof, options.signal);
      return this.#message(path, { ...asked, proof }, options);
    }
  }

  /**
   * Requests a message. If there is no response and `isOnce`, the request is retried with the same
   * `Idempotency-Key`, so that only one message is sent.
   */
  async #message(
    path: string,
    body: object,
    { signal, isOnce }: { signal?: AbortSignal | undefined; isOnce?: boolean },
  ): Promise<Challenge> {
    const once = isOnce ? { idempotencyKey: newKey(), retryLost: true } : {};
    return (await this.#send("post", path, { body, ...once, signal })) as Challenge;
  }

  async #prove(challenge: ProofChallenge, signal: AbortSignal | undefined): Promise<string> {
    const tell = (isChecking: boolean) => this.#watchers.forEach(watcher => watcher(isChecking));
    tell(true);
    try {
      // Loaded when it is needed, since most people never meet a proof of work.
      const { solveProof } = await import("./proof.js");
      return await solveProof(challenge, { makeWorker: this.#options.proofWorker, signal });
    } finally {
      tell(false);
    }
  }

  /** A client that all visitors of a server share would give each the session of the last. */
  async #warnIfShared(token: string): Promise<void> {
    const before = await this.#read();
    // One person uses a browser or a phone. React Native has a `window`, too.
    if (!before || "window" in globalThis || claimsOf(before.access_token).sub === claimsOf(token).sub) return;
    console.warn("latchkey-client: two people share this client. On a server, make one per request.");
  }

  /** Sends a request as the signed-in user, once more after a step-up. */
  async #authorized(method: string, path: string, sent: Sent): Promise<unknown> {
    try {
      return await this.#withToken(method, path, sent);
    } catch (error) {
      const need = error instanceof LatchkeyError ? error.step_up : undefined;
      if (!need || !this.#stepUp) throw error;
      this.#steppingUp ??= this.#signInAgain(need, this.#stepUp).finally(() => {
        this.#steppingUp = null;
      });
      if (!(await this.#steppingUp)) throw error;
      sent.signal?.throwIfAborted();
      return this.#withToken(method, path, sent);
    }
  }

  /** Returns whether the same user has signed in again. Then it ends their previous session. */
  async #signInAgain(need: StepUp, signIn: (need: StepUp) => boolean | Promise<boolean>): Promise<boolean> {
    const before = await this.#read();
    const isDone = await signIn(need);
    const now = await this.#read();
    if (!isDone || !before || !now) return false;

    const [old, renewed] = [claimsOf(before.access_token), claimsOf(now.access_token)];
    // A call of one person is never repeated as another one.
    if (renewed.sub === undefined || renewed.sub !== old.sub) return false;
    if (renewed.sid !== old.sid) {
      const body = { all: false };
      // If this fails, the session ends by itself.
      await this.#send("post", "/v1/auth/logout", { body, token: before.access_token }).catch(() => undefined);
    }
    return true;
  }

  async #withToken(method: string, path: string, sent: Sent): Promise<unknown> {
    const tokens = await this.#tokens();
    if (!tokens) return this.#send(method, path, sent);
    try {
      return await this.#send(method, path, { ...sent, token: tokens.access_token });
    } catch (error) {
      // The keys may have been rotated, or a clock may be wrong. A refresh shows whether the session
      // is still valid.
      const stale = error instanceof LatchkeyError && ["token_expired", "token_invalid"].includes(error.code);
      if (!stale) throw error;
      const renewed = await this.#tokens(tokens.access_token);
      if (!renewed) throw error;
      return this.#send(method, path, { ...sent, token: renewed.access_token });
    }
  }

  /** Returns the tokens. Refreshes them first if they are about to expire, or one was `refused`. */
  async #tokens(refused?: string): Promise<Tokens | null> {
    const tokens = await this.#read();
    if (!tokens || isGood(tokens, refused)) return tokens;
    // All concurrent calls wait for the same refresh.
    this.#refreshing ??= this.#exclusively(() => this.#refresh(refused)).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(refused?: string): Promise<Tokens | null> {
    // Another tab may have refreshed them already.
    const tokens = await this.#read();
    if (!tokens || isGood(tokens, refused)) return tokens;
    const isStillKept = async () => (await this.#read())?.refresh_token === tokens.refresh_token;
    try {
      const body = { refresh_token: tokens.refresh_token };
      // If the response is lost, a retry gets a new pair in its place.
      const pair = await this.#send("post", "/v1/auth/refresh", { body, retryLost: true });
      const renewed = tokensOf(pair as SignedIn);
      if (!(await isStillKept())) return this.#read();
      await this.#write(renewed);
      return renewed;
    } catch (error) {
      // Otherwise a firewall or a gateway in front of the service may have refused.
      const isOwn = error instanceof LatchkeyError && !["unexpected_answer", "forbidden"].includes(error.code);
      if (isOwn && [400, 401, 403].includes(error.status) && (await isStillKept())) await this.#write(null, error.code);
      throw error;
    }
  }

  /** Runs `action` in one tab at a time, if the platform has `navigator.locks`. */
  async #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    if (!locks) return action();
    return (await locks.request(`latchkey ${this.#url} ${this.clientId ?? ""}`, action)) as T;
  }

  async #read(): Promise<Tokens | null> {
    const kept = await this.#storage.get();
    try {
      const tokens = JSON.parse(kept ?? "null") as Partial<Tokens> | null;
      return tokens?.access_token && tokens.refresh_token && tokens.expires_at ? (tokens as Tokens) : null;
    } catch {
      return null;
    }
  }

  async #write(tokens: Tokens | null, reason?: string): Promise<void> {
    await this.#storage.set(tokens && JSON.stringify(tokens));
    this.#tell({ signedIn: tokens !== null, ...(reason === undefined ? {} : { reason }) });
  }

  /** Sends a request and returns the body of the response. Retries once, if that is safe and can help. */
  async #send(method: string, path: string, sent: Sent): Promise<unknown> {
    // Messages are not retried after a 503: one may have been sent, and the retry would send another.
    const canRepeat = IDEMPOTENT.includes(method) || (sent.retryLost === true && sent.idempotencyKey === undefined);
    try {
      return await this.#sendOnce(method, path, sent);
    } catch (error) {
      if (error instanceof LatchkeyError) {
        const { status, retry_after } = error;
        if (!canRepeat || status !== 503 || retry_after === undefined || retry_after > LONGEST_WAIT) throw error;
        await pause(retry_after * 1000);
      } else {
        if (!sent.retryLost || sent.signal?.aborted) throw error;
        await pause(1000);
      }
      return this.#sendOnce(method, path, sent);
    }
  }

  async #sendOnce(method: string, path: string, sent: Sent): Promise<unknown> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (sent.token !== undefined) headers["authorization"] = `Bearer ${sent.token}`;
    if (sent.idempotencyKey !== undefined) headers["idempotency-key"] = sent.idempotencyKey;

    let body: Blob | string | undefined;
    if (sent.body instanceof Blob) {
      body = sent.body;
      // The content decides what a picture is. An empty type would be refused.
      headers["content-type"] = sent.body.type || "application/octet-stream";
    } else if (sent.body !== undefined) {
      body = JSON.stringify(sent.body);
      headers["content-type"] = "application/json";
    }

    const { fetch: ask = fetch, timeout = 20_000 } = this.#options;
    // React Native lacks AbortSignal.timeout and AbortSignal.any.
    const controller = new AbortController();
    const abort = () => controller.abort(sent.signal?.reason);
    if (sent.signal?.aborted) abort();
    sent.signal?.addEventListener("abort", abort);
    const late = Object.assign(new Error("No response in time."), { name: "TimeoutError" });
    const timer = setTimeout(() => controller.abort(late), timeout);
    try {
      const answer = await ask(this.#url + filled(path, sent), {
        method: method.toUpperCase(),
        headers,
        signal: controller.signal,
        // Tokens are sent in headers. Cookies are neither needed nor stored.
        credentials: "omit",
        ...(body === undefined ? {} : { body }),
        ...(sent.keepalive ? { keepalive: true } : {}),
      });
      const text = await answer.text();
      if (!answer.ok) throw refusal(answer, text);
      return text === "" ? undefined : parsed(answer, text);
    } finally {
      clearTimeout(timer);
      sent.signal?.removeEventListener("abort", abort);
    }
  }
}

/** Whether this platform can solve a proof: React Native and pages without TLS lack `crypto.subtle`. */
function canSolve(): boolean {
  return (globalThis.crypto as Partial<Crypto> | undefined)?.subtle !== undefined;
}

function isGood(tokens: Tokens, refused: string | undefined): boolean {
  return tokens.access_token !== refused && Date.now() < tokens.expires_at - MARGIN;
}

function filled(path: string, { path: values = {}, query = {} }: Sent): string {
  const address = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = given.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return search.length > 0 ? `${address}?${search.join("&")}` : address;
}

/** Returns a new key. It need not be secret. React Native and pages without TLS lack `randomUUID`. */
function newKey(): string {
  const crypto = globalThis.crypto as Partial<Crypto> | undefined;
  return crypto?.randomUUID?.() ?? `${Math.random()}${Math.random()}`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
