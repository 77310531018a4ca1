"use client";
/** For React: a provider, a hook, and a sign-in form. */
export { LatchkeyProvider, useLatchkey, type LatchkeyProviderProps, type SessionState, type UseLatchkey } from "./react-session.js";
export { SignIn, type SignInProps, type SignInTexts } from "./react-sign-in.js";
