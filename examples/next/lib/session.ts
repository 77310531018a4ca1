import { createServerClient, nextCookies } from "latchkey-client/server";
import { cookies } from "next/headers";

import { LATCHKEY_URL } from "./url";

/** The client of the visitor whose request this is. Make one for each request, and keep none. */
export async function latchkey() {
  return createServerClient(nextCookies(await cookies()), { url: LATCHKEY_URL });
}
