"use client";
import {
  createContext, createElement, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode,
} from "react";

import { Latchkey, type Options } from "./client.js";
import { localStorageStorage } from "./storage.js";
import type { User } from "./types.js";

/** The known state of the session. It is `loading` on the server, and until the storage was read. */
export interface SessionState {
  status: "loading" | "signed_in" | "signed_out";
  /** `null` if nobody is signed in, and until the user was fetched. */
  user: User | null;
  /** The code of the refusal that ended the session, if one did. */
  reason: string | undefined;
}

export interface UseLatchkey extends SessionState {
  client: Latchkey;
  /** Fetches the user again, for example after a change of the profile. */
  reload(): Promise<void>;
  signOut(options?: { all?: boolean }): Promise<void>;
}

const LOADING: SessionState = { status: "loading", user: null, reason: undefined };
const SIGNED_OUT: SessionState = { status: "signed_out", user: null, reason: undefined };

/** The session of a client, in a form that React can read without waiting. */
class Session {
  state = LOADING;
  readonly #client: Latchkey;
  readonly #listeners = new Set<() => void>();
  #loads = 0;

  constructor(client: Latchkey) {
    this.#client = client;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Follows the client. Returns a function that stops this. */
  follow(): () => void {
    void this.#client.signedIn().then(isSignedIn => (isSignedIn ? this.load() : this.#set(SIGNED_OUT)));
    return this.#client.onChange(({ signedIn, reason }) => {
      if (signedIn) void this.load();
      else this.#set({ ...SIGNED_OUT, reason });
    });
  }

  async load(): Promise<void> {
    const load = ++this.#loads;
    if (this.state.status !== "signed_in") this.#set({ ...LOADING, status: "signed_in" });
    try {
      const user = await this.#client.request("get", "/v1/me");
      // Meanwhile the user may have signed out, or somebody else in.
      if (load === this.#loads) this.#set({ status: "signed_in", user, reason: undefined });
    } catch {
      // A refusal that ends the session is told by `onChange`. Without a connection, the user stays signed in.
    }
  }

  #set(state: SessionState): void {
    if (state.status === "signed_out") this.#loads += 1;
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

const Context = createContext<{ client: Latchkey; session: Session } | null>(null);

export type LatchkeyProviderProps = Options & {
  /** A client that you made. The other options are then ignored. */
  client?: Latchkey;
  children?: ReactNode;
};

/**
 * Gives the components below it a client, made once from the options. Tokens are in `localStorage`,
 * unless you pass another `storage`. It may be rendered on a server. There, nobody is signed in.
 */
export function LatchkeyProvider({ children, client: given, ...options }: LatchkeyProviderProps): ReactNode {
  const [own] = useState(() => given ?? new Latchkey({ ...options, storage: options.storage ?? localStorageStorage() }));
  const client = given ?? own;
  const value = useMemo(() => ({ client, session: new Session(client) }), [client]);
  useEffect(() => value.session.follow(), [value]);
  return createElement(Context.Provider, { value }, children);
}

/** The client of the next `LatchkeyProvider` above, and its session. */
export function useLatchkey(): UseLatchkey {
  const value = useContext(Context);
  if (!value) throw new Error("useLatchkey() needs a <LatchkeyProvider> above it.");
  const { client, session } = value;
  const state = useSyncExternalStore(session.subscribe, () => session.state, () => LOADING);
  const reload = useCallback(() => session.load(), [session]);
  const signOut = useCallback((options?: { all?: boolean }) => client.signOut(options), [client]);
  return { ...state, client, reload, signOut };
}
