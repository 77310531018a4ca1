/** The browser's history has one entry for each step, if the element has the attribute `history`. */
import { hasHistory } from "./ui.js";

const step = () => history.state?.latchkey ?? null;

/** Whether the current entry is that of a step. */
export const isAt = wanted => step() === wanted;

/** Makes an entry for a step. `null`: the current entry is that of no step any more. */
export function enter(entered) {
  if (!hasHistory() || step() === entered) return;
  const state = { ...history.state, latchkey: entered };
  // The first step has an entry, and all that follow it share the next one.
  if (entered && !step()) history.pushState(state, "");
  else history.replaceState(state, "");
}

/** Goes back by the history if the current step has an entry. Otherwise calls `instead`. */
export function backOr(instead) {
  if (hasHistory() && step()) history.back();
  else instead();
}
