export { Latchkey, type Address, type Cancel, type Change, type Identifier, type Options } from "./client.js";
export { LatchkeyError, type Code, type FieldError, type StepUp } from "./problem.js";
export type { MakeWorker, ProofChallenge } from "./proof.js";
export { localStorageStorage, memoryStorage, type DeviceStorage, type TokenStorage } from "./storage.js";
export { foldDigits, readCode, readPhone, readRecoveryCode, type TypedPhone } from "./typed.js";
export type { Answer, Challenge, ChallengeState, Channel, MfaRequired, Method, PathOf, Session, SignIn, SignedIn, User } from "./types.js";
