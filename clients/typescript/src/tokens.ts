/** The tokens of a session, as a storage keeps them in JSON. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  /** When the access token expires: milliseconds since 1970, by this machine's clock. */
  expires_at: number;
}

/** The claims of an access token or an ID token that the client reads. */
export interface Claims {
  iss?: string;
  aud?: string;
  sub?: string;
  sid?: string;
  nonce?: string;
}

/** Those of a response that begins or refreshes a session. */
export function tokensOf(pair: { access_token: string; refresh_token: string; expires_in: number }): Tokens {
  return {
    access_token: pair.access_token,
    refresh_token: pair.refresh_token,
    expires_at: Date.now() + pair.expires_in * 1000,
  };
}

/** The claims of a token, without verifying it; none if it is not one. */
export function claimsOf(token: string): Claims {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(payload)) as Claims;
  } catch {
    return {};
  }
}
