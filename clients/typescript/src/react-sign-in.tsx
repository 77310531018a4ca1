"use client";
import { useEffect, useId, useState, type FormEvent, type ReactNode } from "react";

import { LatchkeyError } from "./problem.js";
import { useLatchkey } from "./react-session.js";
import { readPhone } from "./typed.js";
import type { Challenge, SignedIn } from "./types.js";

/** All texts that `<SignIn/>` shows. */
export interface SignInTexts {
  phone: string;
  email: string;
  send: string;
  /** `{to}` is the masked address. */
  code: string;
  verify: string;
  resend: string;
  /** `{seconds}` is the time to wait. */
  resendIn: string;
  back: string;
  authenticatorCode: string;
  recoveryCode: string;
  useRecoveryCode: string;
  useAuthenticator: string;
  checking: string;
  invalidPhone: string;
  noConnection: string;
  /** Your own words for refusals, by their code. Default: the `detail` of the refusal. */
  errors: Record<string, string>;
}

const ENGLISH: SignInTexts = {
  phone: "Phone number, with country code",
  email: "E-mail address",
  send: "Send code",
  code: "Code sent to {to}",
  verify: "Continue",
  resend: "Send the code again",
  resendIn: "Send again in {seconds} s",
  back: "Back",
  authenticatorCode: "Code from your authenticator app",
  recoveryCode: "Recovery code",
  useRecoveryCode: "Use a recovery code",
  useAuthenticator: "Use your authenticator app",
  checking: "Checking…",
  invalidPhone: "Enter a mobile number with its country code, like +1 415 555 0123.",
  noConnection: "The service did not respond. Check your connection and try again.",
  errors: {},
};

export interface SignInProps {
  /** What codes are sent to. Default: `phone`. */
  by?: "phone" | "email";
  texts?: Partial<SignInTexts>;
  /** The language of the message, like `es`. */
  locale?: string;
  onSignedIn?: (session: SignedIn) => void;
}

/** Runs the calls of a form, one at a time, and keeps what went wrong. */
function useCalls(texts: SignInTexts) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = async (call: () => Promise<void>): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    setError("");
    try {
      await call();
    } catch (failure) {
      const isRefusal = failure instanceof LatchkeyError && failure.code !== "unexpected_answer";
      setError(isRefusal ? (texts.errors[failure.code] ?? failure.detail) : texts.noConnection);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, error, setError, run };
}

type Step =
  | { name: "address" }
  | { name: "code"; challenge: Challenge }
  | { name: "second_factor"; token: string; method: "totp" | "recovery_code" };

/** The steps of a sign-in, with the value of the one field that each has. */
function useSteps({ by = "phone", locale, onSignedIn }: SignInProps, texts: SignInTexts) {
  const { client, status, reload } = useLatchkey();
  const { isBusy, error, setError, run } = useCalls(texts);
  const [step, setStep] = useState<Step>({ name: "address" });
  const [address, setAddress] = useState("");
  const [code, setCode] = useState("");

  const goTo = (next: Step) => {
    setStep(next);
    setCode("");
    setError("");
  };
  const finish = (session: SignedIn) => {
    goTo({ name: "address" });
    // The provider is told when a session begins, but not when another person replaces it.
    if (status === "signed_in") void reload();
    onSignedIn?.(session);
  };
  const send = async () => {
    const typed = by === "phone" ? readPhone(address) : { email: address.trim() };
    if ("refused" in typed) return setError(texts.invalidPhone);
    goTo({ name: "code", challenge: await client.sendCode(typed, locale === undefined ? {} : { locale }) });
  };
  const verify = async (challenge: Challenge) => {
    const answer = await client.verify(challenge.challenge_id, code);
    if (answer.status === "mfa_required") goTo({ name: "second_factor", token: answer.mfa_token, method: "totp" });
    else finish(answer);
  };
  const submit = () =>
    run(async () => {
      if (step.name === "address") await send();
      else if (step.name === "code") await verify(step.challenge);
      else finish(await client.secondFactor(step.token, step.method, code));
    });
  const resend = ({ challenge_id }: Challenge) =>
    run(async () => goTo({ name: "code", challenge: await client.resendCode(challenge_id) }));
  const field = step.name === "address" ? { value: address, onChange: setAddress } : { value: code, onChange: setCode };
  return { client, step, goTo, submit, resend, isBusy, field: { ...field, error } };
}

/**
 * A form that signs in with a code, and with a second factor if the user has one. It has no style:
 * its elements have classes that begin with `latchkey-`.
 */
export function SignIn(props: SignInProps): ReactNode {
  const texts = { ...ENGLISH, ...props.texts }, by = props.by ?? "phone";
  const { client, step, goTo, submit, resend, isBusy, field } = useSteps(props, texts);
  const [isChecking, setChecking] = useState(false);
  useEffect(() => client.onChecking(setChecking), [client]);

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void submit();
  };
  return (
    <form className="latchkey-sign-in" onSubmit={onSubmit} aria-busy={isBusy} noValidate>
      {step.name === "address" && <Field {...field} name={by} label={texts[by]} autoComplete={by === "phone" ? "tel" : "email"} />}
      {step.name === "code" && (
        <Field {...field} name="code" label={texts.code.replace("{to}", step.challenge.to)} autoComplete="one-time-code" />
      )}
      {step.name === "second_factor" && step.method === "totp" && (
        <Field {...field} name="code" label={texts.authenticatorCode} autoComplete="one-time-code" />
      )}
      {step.name === "second_factor" && step.method === "recovery_code" && (
        <Field {...field} name="recovery_code" label={texts.recoveryCode} autoComplete="off" />
      )}
      <button className="latchkey-submit" type="submit" disabled={isBusy}>
        {step.name === "address" ? texts.send : texts.verify}
      </button>
      {step.name === "code" && <Resend key={step.challenge.challenge_id} step={step} texts={texts} isBusy={isBusy} resend={resend} />}
      {step.name === "second_factor" && (
        <button className="latchkey-other" type="button"
          onClick={() => goTo({ ...step, method: step.method === "totp" ? "recovery_code" : "totp" })}>
          {step.method === "totp" ? texts.useRecoveryCode : texts.useAuthenticator}
        </button>
      )}
      {step.name !== "address" && (
        <button className="latchkey-back" type="button" onClick={() => goTo({ name: "address" })}>
          {texts.back}
        </button>
      )}
      <p className="latchkey-status" role="status">
        {isChecking ? texts.checking : ""}
      </p>
    </form>
  );
}

interface ResendProps {
  step: { challenge: Challenge };
  texts: SignInTexts;
  isBusy: boolean;
  resend: (challenge: Challenge) => unknown;
}

/** Sends the code again, once the time to wait is over. */
function Resend({ step: { challenge }, texts, isBusy, resend }: ResendProps): ReactNode {
  const [wait, setWait] = useSeconds();
  useEffect(() => setWait(challenge.resend_in), [challenge, setWait]);
  return (
    <button className="latchkey-resend" type="button" disabled={isBusy || wait > 0} onClick={() => resend(challenge)}>
      {wait > 0 ? texts.resendIn.replace("{seconds}", String(wait)) : texts.resend}
    </button>
  );
}

const KEYBOARDS = { tel: "tel", email: "email", "one-time-code": "numeric", off: "text" } as const;

interface FieldProps {
  name: string;
  label: string;
  value: string;
  error: string;
  autoComplete: keyof typeof KEYBOARDS;
  onChange: (typed: string) => void;
}

/** A labelled input, with what is wrong with it. It gets the focus unless it is the first one. */
function Field({ name, label, value, error, autoComplete, onChange }: FieldProps): ReactNode {
  const id = useId();
  return (
    <div className="latchkey-field">
      <label htmlFor={id}>{label}</label>
      <input id={id} name={name} dir="ltr" value={value} inputMode={KEYBOARDS[autoComplete]} autoComplete={autoComplete}
        autoFocus={autoComplete === "one-time-code"} required aria-invalid={error !== ""} aria-describedby={`${id}-error`}
        onChange={event => onChange(event.target.value)} />
      <p id={`${id}-error`} className="latchkey-error" role="alert">
        {error}
      </p>
    </div>
  );
}

/** Counts down to 0. */
function useSeconds(): [number, (seconds: number) => void] {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return [left, setLeft];
}
