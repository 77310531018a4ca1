/** Those of a response that begins or refreshes a session. */
export function tokensOf(pair) {
    return {
        access_token: pair.access_token,
        refresh_token: pair.refresh_token,
        expires_at: Date.now() + pair.expires_in * 1000,
    };
}
/** The claims of a token, without verifying it; none if it is not one. */
export function claimsOf(token) {
    try {
        const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
        return JSON.parse(atob(payload));
    }
    catch {
        return {};
    }
}
