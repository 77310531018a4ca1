import { LatchkeyError, refusal } from "./problem.js";
import { memoryStorage, type TokenStorage } from "./storage.js";
import type { Answer, Arguments, Challenge, ChallengeState, Method, PathOf, SignIn, SignedIn, User } from "./types.js";

export interface Options {
  /** The API's address, `https://id.example.com`. Left out: the page's own origin. */
  url?: string;
  /** The app that people sign in to, where it is not the default one. */
  clientId?: string;
  /** Where the tokens are kept. Left out: in memory. */
  storage?: TokenStorage;
  /** What sends requests. Left out: the global `fetch`. */
  fetch?: typeof fetch;
  /** Milliseconds after which a request is given up. */
  timeout?: number;
}

/** A phone or an e-mail address. */
export type Address = { phone: string } | { email: string };
export type Identifier = Address | { username: string };

/** What listeners hear: whether somebody is signed in, and if a refusal ended the session, its code. */
export interface Change {
  signedIn: boolean;
  reason?: string;
}

interface Tokens {
  access_token: string;
  refresh_token: string;
  /** Milliseconds since 1970, by this machine's clock. */
  expires_at: number;
}

interface Sent {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  signal?: AbortSignal;
  token?: string;
  /** Sends the request once more where no answer came. */
  retryLost?: boolean;
  /** What the service knows a repetition by. */
  idempotencyKey?: string;
  keepalive?: boolean;
}

/** A token that ends sooner is replaced before it is used. */
const MARGIN = 30_000;
/** Nobody waits longer for a retry; the refusal is passed on instead. */
const LONGEST_WAIT = 10;
const IDEMPOTENT: readonly string[] = ["get", "put", "delete"];

/** A client of one Latchkey, and the session of one person with it. */
export class Latchkey {
  readonly #url: string;
  readonly #clientId: string | undefined;
  readonly #storage: TokenStorage;
  readonly #fetch: typeof fetch;
  readonly #timeout: number;
  readonly #listeners = new Set<(change: Change) => void>();
  #unwatch: (() => void) | undefined;
  #told: boolean | undefined;
  #refreshing: Promise<Tokens | null> | null = null;

  constructor(options: Options = {}) {
    this.#url = (options.url ?? "").replace(/\/+$/, "");
    this.#clientId = options.clientId;
    this.#storage = options.storage ?? memoryStorage();
    // Unbound: browsers refuse `fetch` as a method of anything but the window.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#timeout = options.timeout ?? 20_000;
  }

  /** Sends a sign-in code. It signs up, too. */
  async sendCode(to: Address, options: { locale?: string } = {}): Promise<Challenge> {
    return this.#ask("/v1/otp/send", { ...to, ...options });
  }

  /** Sends the code of a challenge again, once its `resend_in` is over. */
  async resendCode(challengeId: string): Promise<Challenge> {
    return (await this.#send("post", "/v1/otp/resend", { body: { challenge_id: challengeId } })) as Challenge;
  }

  /** Where a challenge stands. */
  async challenge(challengeId: string): Promise<ChallengeState> {
    const path = { challenge_id: challengeId };
    return (await this.#send("get", "/v1/otp/{challenge_id}", { path })) as ChallengeState;
  }

  /** Signs in with a code. The answer is `mfa_required` where a second factor is due: go on with `secondFactor`. */
  async verify(challengeId: string, code: string): Promise<SignIn> {
    return this.#signIn("/v1/otp/verify", { challenge_id: challengeId, code });
  }

  /** Signs up with a password, a username or a name; `verify` proves the address. */
  async register(
    account: Address & { password?: string; username?: string; name?: string; locale?: string },
  ): Promise<Challenge> {
    return this.#ask("/v1/auth/register", account);
  }

  /** Signs in with a password. */
  async login(who: Identifier, password: string): Promise<SignIn> {
    return this.#signIn("/v1/auth/login", { ...who, password, ...this.#app() });
  }

  /** Finishes a sign-in that asked for a second factor. */
  async secondFactor(mfaToken: string, method: "totp" | "recovery_code", code: string): Promise<SignedIn> {
    return (await this.#signIn("/v1/auth/mfa", { mfa_token: mfaToken, method, code })) as SignedIn;
  }

  /** Proves a new phone or e-mail address of whoever is signed in. */
  async confirmAddress(challengeId: string, code: string): Promise<User> {
    const body = { challenge_id: challengeId, code };
    return ((await this.#authorized("post", "/v1/otp/verify", { body })) as { user: User }).user;
  }

  /** Whether there is a session. The next call may find that it has ended. */
  async signedIn(): Promise<boolean> {
    return (await this.#read()) !== null;
  }

  /** An access token that is good for a while, for calls to other services; `null` where nobody is signed in. */
  async accessToken(): Promise<string | null> {
    return (await this.#tokens())?.access_token ?? null;
  }

  /**
   * Ends the session; `all` ends those of other devices, too.
   *
   * Here it is over in any case; a rejection says that the service could not be told.
   */
  async signOut(options: { all?: boolean } = {}): Promise<void> {
    let token: string | null = null;
    try {
      token = await this.accessToken();
    } catch (error) {
      // A session that has ended already needs no end.
      if (!(error instanceof LatchkeyError && error.status < 500)) throw error;
    } finally {
      await this.#exclusively(() => this.#write(null));
    }
    if (token === null) return;
    try {
      const body = { all: options.all ?? false };
      await this.#send("post", "/v1/auth/logout", { body, token, keepalive: true, retryLost: true });
    } catch (error) {
      if (!(error instanceof LatchkeyError && error.status === 401)) throw error;
    }
  }

  /** Calls any endpoint, as whoever is signed in. A `Blob` as the body is sent as it is, all else as JSON. */
  async request<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    ...[call]: Arguments<M, P>
  ): Promise<Answer<M, P>> {
    return (await this.#authorized(method, path, (call ?? {}) as Sent)) as Answer<M, P>;
  }

  /** Tells when a session begins or ends, in other tabs, too. The answer ends it. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    // Only a change is news; other tabs write at every refresh.
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

  #app(): { client_id?: string } {
    return this.#clientId === undefined ? {} : { client_id: this.#clientId };
  }

  #tell(change: Change): void {
    if (change.signedIn === this.#told) return;
    this.#told = change.signedIn;
    for (const listener of this.#listeners) listener(change);
  }

  /** Asks for a message. Without an answer it is asked for again, by the same key, so that one is sent. */
  async #ask(path: string, body: object): Promise<Challenge> {
    const sent = { body: { ...body, ...this.#app() }, idempotencyKey: newKey(), retryLost: true };
    return (await this.#send("post", path, sent)) as Challenge;
  }

  async #signIn(path: string, body: unknown): Promise<SignIn> {
    const answer = (await this.#send("post", path, { body })) as SignIn;
    if ("access_token" in answer) await this.#exclusively(() => this.#write(tokensOf(answer)));
    return answer;
  }

  async #authorized(method: string, path: string, sent: Sent): Promise<unknown> {
    const tokens = await this.#tokens();
    if (!tokens) return this.#send(method, path, sent);
    try {
      return await this.#send(method, path, { ...sent, token: tokens.access_token });
    } catch (error) {
      // Keys may have been replaced, a clock may be wrong: the refresh tells whether the session is alive.
      const stale = error instanceof LatchkeyError && ["token_expired", "token_invalid"].includes(error.code);
      if (!stale) throw error;
      const renewed = await this.#tokens(tokens.access_token);
      if (!renewed) throw error;
      return this.#send(method, path, { ...sent, token: renewed.access_token });
    }
  }

  /** The tokens, other than a `refused` one, refreshed where they are about to end. */
  async #tokens(refused?: string): Promise<Tokens | null> {
    const tokens = await this.#read();
    if (!tokens || isGood(tokens, refused)) return tokens;
    // All who need it wait for the same refresh.
    this.#refreshing ??= this.#exclusively(() => this.#refresh(refused)).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(refused?: string): Promise<Tokens | null> {
    // Another tab may have been faster.
    const tokens = await this.#read();
    if (!tokens || isGood(tokens, refused)) return tokens;
    const isStillKept = async () => (await this.#read())?.refresh_token === tokens.refresh_token;
    try {
      const body = { refresh_token: tokens.refresh_token };
      // A second try within ten seconds gets the pair whose answer was lost.
      const pair = await this.#send("post", "/v1/auth/refresh", { body, retryLost: true });
      const renewed = tokensOf(pair as SignedIn);
      if (!(await isStillKept())) return this.#read();
      await this.#write(renewed);
      return renewed;
    } catch (error) {
      const ended = error instanceof LatchkeyError && [400, 401, 403].includes(error.status);
      if (ended && (await isStillKept())) await this.#write(null, error.code);
      throw error;
    }
  }

  /** One tab at a time, where the platform has locks. */
  async #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    if (!locks) return action();
    return (await locks.request(`latchkey ${this.#url} ${this.#clientId ?? ""}`, action)) as T;
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

  /** Sends a request, once more where that is safe and promising, and reads its answer. */
  async #send(method: string, path: string, sent: Sent): Promise<unknown> {
    // Not messages: a 503 may mean that nobody knows whether one was sent, and the next would be another.
    const canRepeat = IDEMPOTENT.includes(method) || (sent.retryLost === true && sent.idempotencyKey === undefined);
    try {
      return await this.#sendOnce(method, path, sent);
    } catch (error) {
      if (error instanceof LatchkeyError) {
        const { status, retry_after } = error;
        if (!canRepeat || status !== 503 || retry_after === undefined || retry_after > LONGEST_WAIT) throw error;
        await pause(retry_after * 1000);
      } else {
        if (!sent.retryLost) throw error;
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
      headers["content-type"] = sent.body.type;
    } else if (sent.body !== undefined) {
      body = JSON.stringify(sent.body);
      headers["content-type"] = "application/json";
    }
    // Not AbortSignal.timeout and .any, which React Native lacks.
    const controller = new AbortController();
    const abort = () => controller.abort(sent.signal?.reason);
    if (sent.signal?.aborted) abort();
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
      if (!answer.ok) throw refusal(answer, text);
      return text === "" ? undefined : JSON.parse(text);
    } finally {
      clearTimeout(timer);
      sent.signal?.removeEventListener("abort", abort);
    }
  }
}

function tokensOf(pair: { access_token: string; refresh_token: string; expires_in: number }): Tokens {
  const { access_token, refresh_token, expires_in } = pair;
  return { access_token, refresh_token, expires_at: Date.now() + expires_in * 1000 };
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

/** It has to be new, not secret. React Native and pages without TLS have no `randomUUID`. */
function newKey(): string {
  const crypto = globalThis.crypto as Partial<Crypto> | undefined;
  return crypto?.randomUUID?.() ?? Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join("");
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
