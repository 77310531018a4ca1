"use client";
/** The session is in the browser: the page calls Latchkey itself. */
import { SignIn, useLatchkey } from "latchkey-client/react";

export default function Page() {
  const { status, user, signOut } = useLatchkey();
  if (status === "loading") return <p>Loading…</p>;
  if (status === "signed_out") return <SignIn />;
  return (
    <main>
      <p>Signed in as {user?.phone ?? "…"}</p>
      <button onClick={() => void signOut()}>Sign out</button>
    </main>
  );
}
