/** A refusal. Its fields are those of the problem details (RFC 9457) in the response. */
export class LatchkeyError extends Error {
    name = "LatchkeyError";
    constructor(problem) {
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
    field(name) {
        return this.errors.find(error => error.field === name)?.message;
    }
}
/** Makes the error of a response with an error status. `text` is its body. */
export function refusal(answer, text) {
    // A proxy or a gateway may respond in any format.
    const retryAfter = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
    const problem = isProblem(answer) ? (json(text) ?? {}) : {};
    if (problem.retry_after == null && retryAfter >= 0)
        problem.retry_after = retryAfter;
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
export function parsed(answer, text) {
    const body = json(text);
    if (typeof body !== "object" || body === null)
        throw new LatchkeyError({ status: answer.status });
    return body;
}
function stepUpOf(headers) {
    const challenge = headers.get("www-authenticate") ?? "";
    const value = (name) => new RegExp(`\\b${name}="?([^",]+)`).exec(challenge)?.[1];
    const max_age = Number.parseInt(value("max_age") ?? "", 10);
    return {
        acr_values: value("acr_values")?.split(" ") ?? [],
        max_age: Number.isNaN(max_age) ? undefined : max_age,
    };
}
function isProblem(answer) {
    return answer.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
}
function json(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}
