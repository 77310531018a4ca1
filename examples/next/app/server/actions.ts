"use server";
import { LatchkeyError, readPhone } from "latchkey-client";
import { redirect } from "next/navigation";

import { latchkey } from "../../lib/session";

export async function sendCode(form: FormData) {
  const typed = readPhone(String(form.get("phone")));
  if ("refused" in typed) redirect("/server?error=Enter+a+phone+number");
  const client = await latchkey();
  const challenge = await orError(client.sendCode(typed));
  redirect(`/server?challenge=${challenge.challenge_id}`);
}

export async function verify(form: FormData) {
  const client = await latchkey(), challenge = String(form.get("challenge"));
  const answer = await orError(client.verify(challenge, String(form.get("code"))), { challenge });
  if (answer.status === "mfa_required") redirect("/server?error=This+example+has+no+step+for+a+second+factor");
  redirect("/server");
}

export async function signOut() {
  await (await latchkey()).signOut();
  redirect("/server");
}

/** Goes back to the page with the refusal, if there is one. */
async function orError<T>(call: Promise<T>, query: Record<string, string> = {}): Promise<T> {
  return call.catch((error: unknown) => {
    if (!(error instanceof LatchkeyError)) throw error;
    redirect(`/server?${new URLSearchParams({ ...query, error: error.detail })}`);
  });
}
