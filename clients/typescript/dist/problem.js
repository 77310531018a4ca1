/** A refusal: the problem details (RFC 9457) of the answer, named as they are there. */
export class LatchkeyError extends Error {
    name = "LatchkeyError";
    code;
    status;
    title;
    /** A sentence in English; choose your own words by `code`. */
    detail;
    /** Tries that are left. */
    attempts_left;
    /** Seconds to wait before another try can succeed. */
    retry_after;
    /** The fields that cannot be accepted. */
    errors;
    /** What to tell support. */
    request_id;
    constructor(problem) {
        super(problem.detail ?? `unexpected answer ${problem.status}`);
        this.code = problem.code ?? "unexpected_answer";
        this.status = problem.status;
        this.title = problem.title ?? "Unexpected answer";
        this.detail = problem.detail ?? "";
        this.attempts_left = problem.attempts_left ?? undefined;
        this.retry_after = problem.retry_after ?? undefined;
        this.errors = problem.errors ?? [];
        this.request_id = problem.request_id;
    }
    /** What is wrong with a field of the request. */
    field(name) {
        return this.errors.find(error => error.field === name)?.message;
    }
}
/** The refusal that an answer is; `text` is its body. */
export function refusal(answer, text) {
    // A proxy or a gateway in between answers as it likes.
    const retryAfter = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
    const problem = isProblem(answer) ? (parsed(text) ?? {}) : {};
    if (problem.retry_after == null && retryAfter >= 0)
        problem.retry_after = retryAfter;
    const request_id = problem.request_id ?? answer.headers.get("x-request-id");
    return new LatchkeyError({ ...problem, ...(request_id ? { request_id } : {}), status: answer.status });
}
function isProblem(answer) {
    return answer.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
}
function parsed(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}
