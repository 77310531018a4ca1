/** The Web Worker that solves a proof of work. It gets the challenge as a message. */
import { solveHere } from "./proof.js";
addEventListener("message", async ({ data }) => {
    const respond = (solved) => postMessage(solved);
    try {
        respond({ proof: await solveHere(data) });
    }
    catch (error) {
        respond({ error: String(error) });
    }
});
