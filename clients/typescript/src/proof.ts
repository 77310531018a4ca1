import type { components } from "./schema.js";

/** A proof of work that the service asks for: a challenge of ALTCHA, version 2. */
export type ProofChallenge = components["schemas"]["ProofChallenge"];

/** Makes the Web Worker that solves proofs. It has to run `proof-worker.js`. */
export type MakeWorker = () => Worker;

/** The response of the worker. */
export type Solved = { proof: string } | { error: string };

/** How many numbers are tried at the same time. The browser spreads them over its threads. */
const AT_ONCE = 16;
/** The greatest number that fits into the password. */
const LAST = 2 ** 32 - 1;

/**
 * Solves a proof of work, and returns what the service expects as `proof`. It runs in a worker if
 * `makeWorker` makes one, and otherwise here. In both cases the page stays responsive: the keys are
 * derived off the main thread, a few at a time.
 */
export async function solveProof(
  challenge: ProofChallenge,
  options: { makeWorker?: MakeWorker | undefined; signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const { makeWorker, signal } = options;
  signal?.throwIfAborted();
  const worker = made(makeWorker);
  if (!worker) return solveHere(challenge, signal);
  try {
    return await solveIn(worker, challenge, signal);
  } catch (error) {
    // The page's policy may forbid the worker, or its file may be missing.
    if (signal?.aborted) throw error;
    return await solveHere(challenge, signal);
  } finally {
    worker.terminate();
  }
}

/** Solves a proof of work in this thread. */
export async function solveHere(challenge: ProofChallenge, signal?: AbortSignal): Promise<string> {
  const { algorithm, cost, keyLength, keyPrefix, nonce, salt } = challenge.parameters;
  if (algorithm !== "PBKDF2/SHA-256") throw new Error(`This client cannot solve ${algorithm}. Update it.`);
  const began = performance.now();
  const password = new Uint8Array([...bytesOf(nonce), 0, 0, 0, 0]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(salt), iterations: cost };

  const derive = async (number: number): Promise<string> => {
    const secret = password.slice();
    new DataView(secret.buffer).setUint32(secret.length - 4, number);
    const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
    return hexOf(await crypto.subtle.deriveBits(parameters, key, keyLength * 8));
  };

  for (let first = 0; first <= LAST; first += AT_ONCE) {
    signal?.throwIfAborted();
    const keys = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => derive(first + index)));
    const found = keys.findIndex(key => key.startsWith(keyPrefix));
    if (found >= 0) {
      const solution = { counter: first + found, derivedKey: keys[found], time: performance.now() - began };
      return btoa(JSON.stringify({ challenge, solution }));
    }
  }
  throw new Error("The proof of work has no solution.");
}

function made(makeWorker: MakeWorker | undefined): Worker | undefined {
  try {
    return makeWorker?.();
  } catch {
    return undefined;
  }
}

function solveIn(worker: Worker, challenge: ProofChallenge, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const end = (finish: () => void) => {
      signal?.removeEventListener("abort", abort);
      finish();
    };
    worker.onmessage = ({ data }: MessageEvent<Solved>) =>
      end(() => ("proof" in data ? resolve(data.proof) : reject(new Error(data.error))));
    worker.onerror = () => end(() => reject(new Error("The worker could not start.")));
    worker.postMessage(challenge);
  });
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16));
}

function hexOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), byte => byte.toString(16).padStart(2, "0")).join("");
}
