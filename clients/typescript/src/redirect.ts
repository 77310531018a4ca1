/**
 * Signs in by the hosted page (OpenID Connect, authorization code with PKCE), for web pages. The tokens
 * go into the same storage that a `Latchkey` client of the page uses.
 */
import type { TokenStorage } from "./storage.js";
import { claimsOf, tokensOf } from "./tokens.js";

export interface RedirectOptions {
  /** The URL of the API, like `https://id.example.com`. Default: the page's own origin. */
  url?: string;
  /** The `client_id` of the app. */
  clientId: string;
  /** Where the tokens are kept: the storage of the page's `Latchkey` client. */
  storage: TokenStorage;
}

export interface SignInRequest {
  /** One of the app's `redirect_uris`. There, call `handleRedirect`. */
  redirectUri: string;
  /** Default: `openid profile`. */
  scope?: string;
  /** Anything that fits into JSON. `handleRedirect` returns it, for example the page to go on with. */
  state?: unknown;
  /** Further parameters of the request, like `login_hint`, `prompt`, `max_age` or `acr_values`. */
  parameters?: Record<string, string>;
}

/** The hosted page returned an error, or its answer is not one to a request of this page. */
export class RedirectError extends Error {
  override readonly name = "RedirectError";
  /** The error code of OAuth, like `access_denied`, or `invalid_response`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A request that waits for its answer. */
interface Pending {
  issuer: string;
  redirectUri: string;
  state: string;
  nonce: string;
  verifier: string;
  kept: unknown;
}

interface Metadata {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  end_session_endpoint: string;
}

const PENDING = "latchkey.redirect";
const ID_TOKEN = "latchkey.id_token";

/** The answer that is being handled: React, for example, runs effects twice. */
let handling: Promise<{ state: unknown } | null> | undefined;

/**
 * Leaves for the hosted page. The promise never resolves, since the browser leaves this page. It
 * rejects if the service cannot be reached.
 */
export async function signInWithRedirect(options: RedirectOptions, request: SignInRequest): Promise<never> {
  const { redirectUri, scope = "openid profile", state: kept, parameters = {} } = request;
  const { issuer, authorization_endpoint } = await metadata(options);
  const [state, nonce, verifier] = [random(), random(), random()];
  const pending: Pending = { issuer, redirectUri, state, nonce, verifier, kept };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  return leave(authorization_endpoint, {
    ...parameters,
    client_id: options.clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope,
    state,
    nonce,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
  });
}

/**
 * Completes a sign-in that `signInWithRedirect` began. Call it when the page at `redirectUri` loads.
 * Returns `null` if the page was opened in another way, and otherwise the request's `state`. It removes
 * the answer from the address.
 *
 * Throws a `RedirectError` if the person cancelled or the answer is not one to this page's request, and
 * a `TypeError` if the service cannot be reached.
 */
export function handleRedirect(options: RedirectOptions): Promise<{ state: unknown } | null> {
  handling ??= complete(options).finally(() => {
    handling = undefined;
  });
  return handling;
}

/**
 * Signs out here and of the hosted page's session, and of the other apps that were entered from it.
 * `returnTo` is one of the app's `post_logout_redirect_uris`. The promise never resolves, since the
 * browser leaves this page.
 */
export async function signOutWithRedirect(options: RedirectOptions, { returnTo }: { returnTo?: string } = {}): Promise<never> {
  const { end_session_endpoint } = await metadata(options);
  const hint = localStorage.getItem(ID_TOKEN);
  localStorage.removeItem(ID_TOKEN);
  await options.storage.set(null);
  return leave(end_session_endpoint, {
    client_id: options.clientId,
    ...(hint ? { id_token_hint: hint } : {}),
    ...(returnTo ? { post_logout_redirect_uri: returnTo } : {}),
  });
}

async function complete(options: RedirectOptions): Promise<{ state: unknown } | null> {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("state") || !(answer.has("code") || answer.has("error"))) return null;
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  sessionStorage.removeItem(PENDING);
  history.replaceState(history.state, "", withoutAnswer());

  // RFC 9700 §4.4.2, RFC 9207 §2.4: the answer must be one to this page's own request.
  if (!pending || answer.get("state") !== pending.state || answer.get("iss") !== pending.issuer) {
    throw new RedirectError("invalid_response", "This sign-in was not begun in this tab, or was completed already. Sign in again.");
  }
  const error = answer.get("error");
  if (error) throw new RedirectError(error, answer.get("error_description") ?? `The sign-in failed: ${error}.`);

  const tokens = await exchange(options, pending, answer.get("code") ?? "");
  if (tokens.id_token) checkIdToken(tokens.id_token, pending, options.clientId);
  await options.storage.set(JSON.stringify(tokensOf(tokens)));
  if (tokens.id_token) localStorage.setItem(ID_TOKEN, tokens.id_token);
  return { state: pending.kept };
}

interface TokenResponse {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  id_token?: string;
}

async function exchange(options: RedirectOptions, pending: Pending, code: string): Promise<TokenResponse> {
  const { token_endpoint } = await metadata(options);
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: options.clientId,
    redirect_uri: pending.redirectUri,
    code_verifier: pending.verifier,
    code,
  });
  const response = await fetch(token_endpoint, { method: "POST", body, credentials: "omit" });
  const answer = (await response.json()) as Partial<TokenResponse> & { error?: string; error_description?: string };
  if (answer.access_token && answer.refresh_token && answer.expires_in) return answer as TokenResponse;
  const missing = "The app gets no refresh tokens: its grant_types need refresh_token.";
  throw new RedirectError(answer.error ?? "invalid_response", answer.error_description ?? missing);
}

/** OpenID Connect Core 1.0 §3.1.3.7. TLS vouches for the signature, since the token comes from the endpoint itself. */
function checkIdToken(token: string, pending: Pending, clientId: string): void {
  const claims = claimsOf(token);
  if (claims.iss === pending.issuer && claims.aud === clientId && claims.nonce === pending.nonce) return;
  throw new RedirectError("invalid_response", "The ID token is not one for this sign-in. Sign in again.");
}

async function metadata({ url = "" }: RedirectOptions): Promise<Metadata> {
  const response = await fetch(`${url.replace(/\/+$/, "")}/.well-known/openid-configuration`, { credentials: "omit" });
  if (!response.ok) throw new TypeError(`The service answered with status ${response.status}. Check the URL of the API, or try again later.`);
  return (await response.json()) as Metadata;
}

function leave(endpoint: string, parameters: Record<string, string>): Promise<never> {
  location.assign(`${endpoint}?${new URLSearchParams(parameters)}`);
  return new Promise(() => undefined);
}

/** The address of the page without the parameters of the answer. */
function withoutAnswer(): string {
  const address = new URL(location.href);
  for (const name of ["code", "state", "iss", "error", "error_description"]) address.searchParams.delete(name);
  return address.href;
}

/** 256 random bits. */
function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
