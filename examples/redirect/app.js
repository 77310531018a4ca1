/** A page that signs people in by Latchkey's hosted page. Its own address is the app's `redirect_uri`. */
import { config } from "./config.js";
import { Latchkey, localStorageStorage } from "./latchkey/index.js";
import { handleRedirect, signInWithRedirect, signOutWithRedirect } from "./latchkey/redirect.js";

const options = { ...config, storage: localStorageStorage("corner-shop") };
const latchkey = new Latchkey(options);
const here = location.origin + location.pathname;
const $ = id => document.getElementById(id);

$("sign-in").addEventListener("click", () => {
  attempt(() => signInWithRedirect(options, { redirectUri: here, scope: "openid profile phone", state: location.hash }));
});
$("sign-out").addEventListener("click", () => attempt(() => signOutWithRedirect(options, { returnTo: here })));
latchkey.onChange(showSession);

await attempt(async () => {
  const answer = await handleRedirect(options);
  if (answer) location.hash = answer.state;
  await showSession();
});

async function showSession() {
  const isSignedIn = await latchkey.signedIn();
  const user = isSignedIn && (await latchkey.request("get", "/v1/me"));
  $("who").textContent = user ? `You are signed in as ${user.name ?? user.phone ?? user.email}.` : "You are not signed in.";
  $("sign-in").hidden = isSignedIn;
  $("sign-out").hidden = !isSignedIn;
}

/** Runs an action, and says if it failed. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    $("who").textContent = error.code === "access_denied" ? "You did not sign in." : error.message;
    $("sign-in").hidden = false;
  }
}
