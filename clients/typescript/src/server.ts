/** For servers that render pages or call APIs for their visitors: the session is in the visitor's cookies. */
import { Latchkey, type Options } from "./client.js";
import type { DeviceStorage, TokenStorage } from "./storage.js";

export interface CookieOptions {
  path: string;
  httpOnly: boolean;
  secure: boolean;
  sameSite: "lax";
  /** Seconds. 0 deletes the cookie. */
  maxAge: number;
}

/** The cookies of one request and of its response. */
export interface Cookies {
  get(name: string): string | undefined;
  set(name: string, value: string, options: CookieOptions): void;
}

export interface CookieSettings {
  /** The name of the cookies. Default: `latchkey`. */
  name?: string;
  /** Whether browsers send them by https only. Default: yes, unless NODE_ENV is `development` or `test`. */
  secure?: boolean;
}

/** Browsers accept 4,096 bytes for a cookie with its name and attributes. */
const LONGEST = 3_600;
/** A longest token of 6 KiB, its refresh token, and the growth by base64. */
const MOST_PARTS = 4;
const DAYS = 24 * 60 * 60;

/**
 * Makes a client with the session of the visitor whose cookies these are. Make one for each request,
 * and never keep it longer: whoever shares a client shares its session.
 */
export function createServerClient(cookies: Cookies, options: Omit<Options, "storage"> & CookieSettings = {}): Latchkey {
  const { name, secure, ...rest } = options;
  const settings = { ...(name === undefined ? {} : { name }), ...(secure === undefined ? {} : { secure }) };
  return new Latchkey({ ...rest, storage: cookieStorage(cookies, settings) });
}

/** Keeps the session in cookies that scripts of the page cannot read. */
export function cookieStorage(cookies: Cookies, settings: CookieSettings = {}): TokenStorage {
  const { name = "latchkey", secure = !["development", "test"].includes(environment()) } = settings;
  // The default lifetime of a session is shorter. A cookie that outlives it does no harm.
  return {
    ...inCookies(cookies, name, secure, 30 * DAYS),
    device: inCookies(cookies, `${name}.device`, secure, 180 * DAYS),
  };
}

/** The cookies of a `Request`; those to set are added to `headers`, which belong into the response. */
export function headerCookies(request: { headers: Headers }, headers: Headers): Cookies {
  const sent = new Map<string, string>();
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [name = "", ...value] = pair.split("=");
    sent.set(name.trim(), value.join("=").trim());
  }
  return {
    get: name => sent.get(name),
    set: (name, value, { path, httpOnly, secure, maxAge }) => {
      const flags = `${httpOnly ? "; HttpOnly" : ""}${secure ? "; Secure" : ""}; SameSite=Lax`;
      headers.append("set-cookie", `${name}=${value}; Path=${path}; Max-Age=${maxAge}${flags}`);
    },
  };
}

interface NextCookies {
  get(name: string): { value: string } | undefined;
  set(name: string, value: string, options: CookieOptions): unknown;
}

/**
 * The cookies of Next.js: `nextCookies(await cookies())`. Server Components cannot set cookies, so
 * a refresh there is not stored: the next request repeats it, which the service allows.
 */
export function nextCookies(jar: NextCookies): Cookies {
  return {
    get: name => jar.get(name)?.value,
    set: (name, value, options) => {
      try {
        jar.set(name, value, options);
      } catch {
        // Next.js throws while it renders a Server Component.
      }
    },
  };
}

/** One string in as many cookies as it needs. In this request, `get` returns the value that was set. */
function inCookies(cookies: Cookies, name: string, secure: boolean, maxAge: number): DeviceStorage {
  const options = { path: "/", httpOnly: true, secure, sameSite: "lax" as const };
  let written: string | null | undefined;
  return {
    get: () => {
      if (written !== undefined) return written;
      const parts = partNames(name).map(part => cookies.get(part) ?? "");
      return decoded(parts.join(""));
    },
    set: value => {
      written = value;
      const text = value === null ? "" : encoded(value);
      for (const [index, part] of partNames(name).entries()) {
        const piece = text.slice(index * LONGEST, (index + 1) * LONGEST);
        if (piece) cookies.set(part, piece, { ...options, maxAge });
        else if (cookies.get(part)) cookies.set(part, "", { ...options, maxAge: 0 });
      }
    },
  };
}

function partNames(name: string): string[] {
  return Array.from({ length: MOST_PARTS }, (_, index) => (index === 0 ? name : `${name}.${index}`));
}

/** Base64url, so that no framework has anything to escape. Tokens and their JSON are ASCII. */
function encoded(value: string): string {
  return btoa(value).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

function decoded(text: string): string | null {
  if (text === "") return null;
  try {
    return atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  } catch {
    return null;
  }
}

function environment(): string {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.["NODE_ENV"] ?? "";
}
