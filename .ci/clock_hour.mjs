/**
 * Waits for the next clock hour if fewer than `seconds` of this one are left. The service counts texts by
 * clock hour, so a test of a limit or of a sign of fraud has to end in the hour in which it began.
 */
export async function waitForTime(seconds) {
  const left = 3_600 - ((Date.now() / 1_000) % 3_600);
  if (left < seconds) await new Promise(resolve => setTimeout(resolve, (left + 1) * 1_000));
}
