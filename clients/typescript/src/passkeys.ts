/** Signs in with passkeys (WebAuthn Level 3) and manages those of the signed-in user, for web pages. */
import type { Latchkey } from "./client.js";
import { LatchkeyError } from "./problem.js";
import type { components } from "./schema.js";
import type { SignedIn } from "./types.js";

type Schemas = components["schemas"];
type CreationOptions = Schemas["PublicKeyCredentialCreationOptionsJSON"];
type RequestOptions = Schemas["PublicKeyCredentialRequestOptionsJSON"];

/** A passkey of the signed-in user. */
export type Passkey = Schemas["Passkey"];

export interface PasskeySignIn {
  /**
   * `conditional` offers passkeys among what the browser fills into an input with
   * `autocomplete="username webauthn"`, and waits until the person chooses one. Default: the browser
   * asks immediately.
   */
  mediation?: "conditional";
  /** Cancels the request. */
  signal?: AbortSignal;
}

/** The parts of WebAuthn that browsers may lack: Safari has had the first two since 18.4. */
interface Newer {
  parseCreationOptionsFromJSON?(options: CreationOptions): PublicKeyCredentialCreationOptions;
  parseRequestOptionsFromJSON?(options: RequestOptions): PublicKeyCredentialRequestOptions;
  isConditionalMediationAvailable?(): Promise<boolean>;
  signalUnknownCredential?(options: { rpId: string; credentialId: string }): Promise<void>;
  signalAllAcceptedCredentials?(options: { rpId: string; userId: string; allAcceptedCredentialIds: string[] }): Promise<void>;
}

/** Milliseconds. A waiting request gets new options when the challenge of the old ones is good for less. */
const MARGIN = 30_000;

/** The request that waits for the person. A browser takes one at a time. */
let waiting: AbortController | undefined;

/**
 * Returns whether this browser can use passkeys, and with `mediation` whether it can offer them as it
 * fills in forms. Pages that were not opened by https or at localhost cannot.
 */
export async function isPasskeyAvailable({ mediation }: Pick<PasskeySignIn, "mediation"> = {}): Promise<boolean> {
  const browser = supported();
  if (!browser || mediation === undefined) return browser !== undefined;
  return (await browser.isConditionalMediationAvailable?.()) ?? false;
}

/**
 * Signs in with a passkey, which stands for two factors. A request that still waits, as a
 * `conditional` one does, is aborted first. A `conditional` request gets new options before its old
 * ones expire.
 *
 * Throws a `LatchkeyError` with `passkey_unknown` if nobody has the passkey; the browser is told, so
 * that it stops offering it. Throws the browser's `DOMException`: a `NotAllowedError` if the person
 * cancelled, an `AbortError` if another request has begun, or the reason of `signal`.
 */
export async function signInWithPasskey(client: Latchkey, { mediation, signal }: PasskeySignIn = {}): Promise<SignedIn> {
  // In JSON, a field that is undefined is left out.
  const app = { client_id: client.clientId } as { client_id?: string };
  const ask = (signal: AbortSignal) => client.signInStep("/v1/auth/passkey/options", { body: app, signal });
  const used = await alone(signal, signal => (mediation ? waitFor(ask, signal) : use(ask, signal)));
  return completed(used, client.signInStep("/v1/auth/passkey", { body: { ...app, credential: used.credential } }));
}

/**
 * Completes a sign-in whose `methods` name `passkey`, with the `mfa_token` of its result. Throws as
 * `signInWithPasskey` does.
 */
export async function passkeySecondFactor(
  client: Latchkey,
  mfaToken: string,
  { signal }: Pick<PasskeySignIn, "signal"> = {},
): Promise<SignedIn> {
  const token = { mfa_token: mfaToken };
  const ask = (signal: AbortSignal) => client.signInStep("/v1/auth/passkey/options", { body: token, signal });
  const used = await alone(signal, signal => use(ask, signal));
  const body = { ...token, method: "passkey" as const, credential: used.credential };
  return completed(used, client.signInStep("/v1/auth/mfa", { body }));
}

/**
 * Adds a passkey to the signed-in user. Without a `name` (1 to 64 characters), it has that of the app
 * that keeps it, or `Passkey` if that app is not known. The user must have signed in within the last 10 minutes, with both factors if they
 * have two.
 *
 * Throws a `LatchkeyError` if the service refuses; the browser is told to forget the new passkey. Throws
 * the browser's `DOMException`: an `InvalidStateError` if this device already keeps a passkey
 * of the user, and a `NotAllowedError` if the person cancelled.
 */
export async function addPasskey(client: Latchkey, name?: string): Promise<Passkey> {
  const [credential, rpId] = await alone(undefined, async signal => {
    const options = await client.request("post", "/v1/me/passkeys/options", { signal });
    const publicKey = creationOptions(options);
    const created = made<AuthenticatorAttestationResponse>(await navigator.credentials.create({ publicKey, signal }));
    return [created, options.rp.id] as const;
  });
  const { id, response } = credential;
  const body = {
    credential: json<Schemas["RegistrationResponseJSON"]>(credential, {
      id,
      type: "public-key",
      response: {
        clientDataJSON: encoded(response.clientDataJSON),
        attestationObject: encoded(response.attestationObject),
        transports: response.getTransports?.() ?? [],
      },
    }),
    ...(name === undefined ? {} : { name }),
  };
  try {
    return await client.request("post", "/v1/me/passkeys", { body });
  } catch (error) {
    // The browser has it, but it signs nobody in.
    if (error instanceof LatchkeyError && error.status < 500) await forget(rpId, id);
    throw error;
  }
}

/** Returns the passkeys of the signed-in user, in the order in which they were added. At most 10. */
export async function listPasskeys(client: Latchkey): Promise<Passkey[]> {
  return (await client.request("get", "/v1/me/passkeys")).items;
}

/** Gives a passkey another name: 1 to 64 characters. */
export async function renamePasskey(client: Latchkey, id: string, name: string): Promise<Passkey> {
  return client.request("patch", "/v1/me/passkeys/{passkey_id}", { path: { passkey_id: id }, body: { name } });
}

/**
 * Removes a passkey, also the last one: the phone or the e-mail address still signs in. Tells the
 * browser which ones are left, so that it offers no others.
 */
export async function removePasskey(client: Latchkey, id: string): Promise<void> {
  await client.request("delete", "/v1/me/passkeys/{passkey_id}", { path: { passkey_id: id } });
  const browser = supported();
  if (!browser?.signalAllAcceptedCredentials) return;
  try {
    const { items, rp_id: rpId, user_handle: userId } = await client.request("get", "/v1/me/passkeys");
    if (!userId) return;
    const allAcceptedCredentialIds = items.map(({ credential_id }) => credential_id);
    await browser.signalAllAcceptedCredentials({ rpId, userId, allAcceptedCredentialIds });
  } catch {
    // The passkey is removed. If it is still offered, `passkey_unknown` tells the browser.
  }
}

/** A passkey that was used, and the domain that it is for. */
interface Used {
  credential: Schemas["AuthenticationResponseJSON"];
  rpId: string;
}

type Ask = (signal: AbortSignal) => Promise<RequestOptions>;

/** Asks the person for a passkey. */
async function use(ask: Ask, signal: AbortSignal): Promise<Used> {
  return get(await ask(signal), signal);
}

/** Waits until the person chooses a passkey, with new options before the old ones expire. */
async function waitFor(ask: Ask, signal: AbortSignal): Promise<Used> {
  for (;;) {
    const options = await ask(signal);
    const used = await following(signal, async late => {
      const goodUntil = Date.now() + options.timeout - MARGIN;
      // A page that nobody sees asks for nothing.
      const renew = () => {
        if (!document.hidden && Date.now() >= goodUntil) late.abort();
      };
      const timer = setTimeout(renew, options.timeout - MARGIN);
      document.addEventListener("visibilitychange", renew);
      try {
        return await get(options, late.signal, "conditional");
      } catch (error) {
        if (!late.signal.aborted || signal.aborted) throw error;
        return undefined;
      } finally {
        clearTimeout(timer);
        document.removeEventListener("visibilitychange", renew);
      }
    });
    if (used) return used;
  }
}

async function get(options: RequestOptions, signal: AbortSignal, mediation?: "conditional"): Promise<Used> {
  const publicKey = requestOptions(options);
  const credential = made<AuthenticatorAssertionResponse>(
    await navigator.credentials.get({ publicKey, signal, ...(mediation ? { mediation } : {}) }),
  );
  const { id, response } = credential;
  const written = json<Used["credential"]>(credential, {
    id,
    type: "public-key",
    response: {
      clientDataJSON: encoded(response.clientDataJSON),
      authenticatorData: encoded(response.authenticatorData),
      signature: encoded(response.signature),
      ...(response.userHandle ? { userHandle: encoded(response.userHandle) } : {}),
    },
  });
  return { credential: written, rpId: options.rpId };
}

/** Returns the result of a sign-in. If nobody has the passkey, the browser is told. */
async function completed({ credential, rpId }: Used, answer: Promise<unknown>): Promise<SignedIn> {
  try {
    return (await answer) as SignedIn;
  } catch (error) {
    if (error instanceof LatchkeyError && error.code === "passkey_unknown") await forget(rpId, credential.id);
    throw error;
  }
}

/** Tells the browser that nobody has a passkey. It then deletes or hides it. */
async function forget(rpId: string, credentialId: string): Promise<void> {
  await supported()?.signalUnknownCredential?.({ rpId, credentialId }).catch(() => undefined);
}

/** Runs a ceremony after aborting the one that waits. */
function alone<T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  webAuthn();
  waiting?.abort(new DOMException("Another request for a passkey has begun.", "AbortError"));
  return following(signal, async controller => {
    waiting = controller;
    try {
      return await run(controller.signal);
    } finally {
      if (waiting === controller) waiting = undefined;
    }
  });
}

/** Runs `run` with a controller that is aborted together with `signal`. Safari has had AbortSignal.any since 17.4. */
async function following<T>(signal: AbortSignal | undefined, run: (controller: AbortController) => Promise<T>): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    return await run(controller);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function supported(): Newer | undefined {
  return (globalThis as { PublicKeyCredential?: Newer }).PublicKeyCredential;
}

function webAuthn(): Newer {
  const browser = supported();
  if (browser) return browser;
  throw new DOMException("There are no passkeys here: the browser is too old, or the page was not opened by https.", "NotSupportedError");
}

type Made<R> = Omit<PublicKeyCredential, "response" | "toJSON"> & { response: R; toJSON?: () => unknown };

function made<R>(credential: Credential | null): Made<R> {
  if (credential) return credential as unknown as Made<R>;
  throw new DOMException("The browser made no credential.", "NotAllowedError");
}

/** A credential in JSON, as the browser writes it, or as `written` if it does not. */
function json<T>(credential: { toJSON?: () => unknown }, written: T): T {
  return credential.toJSON ? (credential.toJSON() as T) : written;
}

function creationOptions(options: CreationOptions): PublicKeyCredentialCreationOptions {
  return webAuthn().parseCreationOptionsFromJSON?.(options) ?? {
    ...(options as object as PublicKeyCredentialCreationOptions),
    challenge: decoded(options.challenge),
    user: { ...options.user, id: decoded(options.user.id) },
    excludeCredentials: options.excludeCredentials.map(descriptor),
  };
}

function requestOptions(options: RequestOptions): PublicKeyCredentialRequestOptions {
  return webAuthn().parseRequestOptionsFromJSON?.(options) ?? {
    ...(options as object as PublicKeyCredentialRequestOptions),
    challenge: decoded(options.challenge),
    allowCredentials: options.allowCredentials.map(descriptor),
  };
}

function descriptor(known: Schemas["PasskeyDescriptor"]): PublicKeyCredentialDescriptor {
  return { ...(known as object as PublicKeyCredentialDescriptor), id: decoded(known.id) };
}

function decoded(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), sign => sign.charCodeAt(0));
}

function encoded(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
