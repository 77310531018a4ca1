/** The session is in cookies that scripts cannot read: this server calls Latchkey for its visitor. */
import { latchkey } from "../../lib/session";
import { sendCode, signOut, verify } from "./actions";

type Search = Promise<{ challenge?: string; error?: string }>;

export default async function Page({ searchParams }: { searchParams: Search }) {
  const { challenge, error } = await searchParams;
  const client = await latchkey();
  if (await client.signedIn()) {
    const user = await client.request("get", "/v1/me");
    return (
      <form action={signOut}>
        <p>Signed in as {user.phone}</p>
        <button>Sign out</button>
      </form>
    );
  }
  return (
    <form action={challenge ? verify : sendCode}>
      {challenge ? <input type="hidden" name="challenge" value={challenge} /> : null}
      <label>
        {challenge ? "Code of the text" : "Phone number, with country code"}
        {challenge ? <input name="code" autoComplete="one-time-code" /> : <input name="phone" autoComplete="tel" />}
      </label>
      <button>Continue</button>
      <p role="alert">{error}</p>
    </form>
  );
}
