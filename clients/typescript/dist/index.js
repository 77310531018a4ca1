export { Latchkey } from "./client.js";
export { LatchkeyError } from "./problem.js";
export { localStorageStorage, memoryStorage } from "./storage.js";
export { foldDigits, readCode, readPhone, readRecoveryCode } from "./typed.js";
