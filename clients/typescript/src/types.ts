import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

export type Challenge = Schemas["ChallengeView"];
/** How a code is sent. */
export type Channel = Schemas["Channel"];
export type ChallengeState = Schemas["ChallengeStatusView"];
export type MfaRequired = Schemas["MfaRequired"];
export type Session = Schemas["Session"];
export type SignedIn = Schemas["SignedIn"];
export type SignIn = SignedIn | MfaRequired;
export type User = Schemas["User"];

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** The paths that have the method `M`. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends PathOf<M>> = paths[P] extends Record<M, infer O> ? O : never;

type Json<T> = T extends { content: { "application/json": infer J } } ? J : undefined;

/** The body of a successful response, or `undefined` if it has none. */
export type Answer<M extends Method, P extends PathOf<M>> =
  Operation<M, P> extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never;

type Parameters<O, Place extends "path" | "query"> = O extends { parameters: infer A }
  ? Place extends keyof A
    ? NonNullable<A[Place]>
    : never
  : never;

type Body<O> = O extends { requestBody: { content: infer C } }
  ? C extends { "application/json": infer J }
    ? J
    : Blob
  : O extends { requestBody?: { content: { "application/json": infer J } } }
    ? J | undefined
    : never;

type Given<Name extends string, T> = [T] extends [never]
  ? { [N in Name]?: never }
  : undefined extends T
    ? { [N in Name]?: T }
    : Record<never, never> extends T
      ? { [N in Name]?: T }
      : { [N in Name]: T };

/** The path parameters, query parameters and body of a call, and a signal to abort it. */
export type Call<M extends Method, P extends PathOf<M>> = Given<"path", Parameters<Operation<M, P>, "path">> &
  Given<"query", Parameters<Operation<M, P>, "query">> &
  Given<"body", Body<Operation<M, P>>> & { signal?: AbortSignal };

/**
 * The arguments after method and path. They are optional if the call needs nothing, and also if the
 * path is unknown: then the compiler complains about the path, and not about a missing argument.
 */
export type Arguments<M extends Method, P extends PathOf<M>> =
  PathOf<M> extends P ? [call?: Call<M, P>] : Record<never, never> extends Call<M, P> ? [call?: Call<M, P>] : [call: Call<M, P>];
