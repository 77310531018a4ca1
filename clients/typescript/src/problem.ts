import type { ProofChallenge } from "./proof.js";
import type { components } from "./schema.js";

/** The stable code of a refusal, or `unexpected_answer` if the response did not come from Latchkey. */
export type Code = components["schemas"]["Code"] | "unexpected_answer";
export type FieldError = components["schemas"]["FieldError"];
type Problem = components["schemas"]["Problem"];

/** The demands of a call on the sign-in behind its token (RFC 9470). */
export interface StepUp {
  /** The accepted `acr`: `aal2` is a sign-in with both factors. Empty if one factor is enough. */
  acr_values: readonly string[];
  /** How old the sign-in may be, in seconds. `undefined` if its age does not matter. */
  max_age: number | undefined;
}

/** A refusal. Its fields are those of the problem details (RFC 9457) in the response. */
export class LatchkeyError extends Error {
  override readonly name = "LatchkeyError";
  declare readonly code: Code;
  declare readonly status: number;
  declare readonly title: string;
  /** A sentence in English. To show your own text, choose it by `code`. */
  declare readonly detail: string;
  /** How many tries are left for the code. */
  declare readonly attempts_left: number | undefined;
  /** Seconds to wait before another try can succeed. */
  declare readonly retry_after: number | undefined;
  /** The fields of the request that were not accepted. */
  declare readonly errors: readonly FieldError[];
  /** The proof of work that the service asks for. The client solves it by itself if it can. */
  declare readonly proof: ProofChallenge | undefined;
  /** The sign-in that the call needs, if this one is too old or lacks the second factor. */
  declare readonly step_up: StepUp | undefined;
  /** The id of the request, for support: its log lines have it. */
  declare readonly request_id: string | undefined;

  constructor(problem: Partial<Problem> & { status: number; step_up?: StepUp }) {
    super(problem.detail ?? `Unexpected response with status ${problem.status}. Check the URL of the API, or try again later.`);
    this.code = problem.code ?? "unexpected_answer";
    this.status = problem.status;
    this.title = problem.title ?? "Unexpected response";
    this.detail = problem.detail ?? "";
    this.attempts_left = problem.attempts_left ?? undefined;
    this.retry_after = problem.retry_after ?? undefined;
    this.errors = problem.errors ?? [];
    this.proof = problem.proof ?? undefined;
    this.step_up = problem.step_up;
    this.request_id = problem.request_id;
  }

  /** Returns what is wrong with a field of the request, if anything is. */
  field(name: string): string | undefined {
    return this.errors.find(error => error.field === name)?.message;
  }
}

/** Makes the error of a response with an error status. `text` is its body. */
export function refusal(answer: Response, text: string): LatchkeyError {
  // A proxy or a gateway may respond in any format.
  const retryAfter = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
  const problem: Partial<Problem> = isProblem(answer) ? ((json(text) as Partial<Problem> | undefined) ?? {}) : {};
  if (problem.retry_after == null && retryAfter >= 0) problem.retry_after = retryAfter;
  const request_id = problem.request_id ?? answer.headers.get("x-request-id");
  const step_up = problem.code === "insufficient_user_authentication" ? stepUpOf(answer.headers) : undefined;
  return new LatchkeyError({
    ...problem,
    ...(request_id ? { request_id } : {}),
    ...(step_up ? { step_up } : {}),
    status: answer.status,
  });
}

/** Returns the body of a successful response. A wrong URL often leads to a page instead of JSON. */
export function parsed(answer: Response, text: string): unknown {
  const body = json(text);
  if (typeof body !== "object" || body === null) throw new LatchkeyError({ status: answer.status });
  return body;
}

function stepUpOf(headers: Headers): StepUp {
  const challenge = headers.get("www-authenticate") ?? "";
  const value = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(challenge)?.[1];
  const max_age = Number.parseInt(value("max_age") ?? "", 10);
  return {
    acr_values: value("acr_values")?.split(" ") ?? [],
    max_age: Number.isNaN(max_age) ? undefined : max_age,
  };
}

function isProblem(answer: Response): boolean {
  return answer.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
