/** The Web Worker that solves a proof of work. It gets the challenge as a message. */
import { solveHere, type ProofChallenge, type Solved } from "./proof.js";

addEventListener("message", async ({ data }: MessageEvent<ProofChallenge>) => {
  const respond = (solved: Solved) => postMessage(solved);
  try {
    respond({ proof: await solveHere(data) });
  } catch (error) {
    respond({ error: String(error) });
  }
});
