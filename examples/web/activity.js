/** The list of what happened to the account, newest first. */
import { api } from "./api.js";
import { deviceOf, icon } from "./devices.js";
import { dateAndTime, has, t } from "./i18n.js";
import { $, explain, onPress } from "./ui.js";

/** How many events a page of the list has. */
const LIMIT = 5;
/** Actions of administrators that read like those of the user. */
const ALIKE = {
  address_unlock: "lockout_end", user_avatar_remove: "avatar_remove", user_delete: "account_delete",
  user_lookup: "user_read", user_second_factor_remove: "second_factor_remove", user_session_end: "sign_out",
  user_sessions_read: "user_read", user_unlock: "lockout_end",
};

let events = [], nextCursor = null, isLoaded = false;

/** Connects the buttons. Call it once. */
export function prepareActivity() {
  onPress($("activity-more"), () => load(nextCursor));
  onPress($("activity-again"), () => load(nextCursor));
}

/** Fetches the newest events, and shows them. */
export async function showActivity() {
  clearActivity();
  await load();
}

/** Removes the events of the user who was signed in. */
export function clearActivity() {
  events = [];
  nextCursor = null;
  isLoaded = false;
  $("activity-error").textContent = "";
  writeActivity();
}

/** Writes the list in the current language. */
export function writeActivity() {
  $("activity").replaceChildren(...events.map(activityItem));
  $("activity-none").hidden = !isLoaded || events.length > 0 || nextCursor !== null;

  const failed = $("activity-error").textContent !== "";
  $("activity-again").hidden = !failed;
  $("activity-more").hidden = failed || nextCursor === null;
}

async function load(cursor) {
  const first = events.length;
  try {
    const page = await api.request("get", "/v1/me/activity", { query: { limit: LIMIT, cursor } });
    events = [...events, ...page.items];
    nextCursor = page.next_cursor ?? null;
    isLoaded = true;
    $("activity-error").textContent = "";
  } catch (error) {
    // If the session has ended, another step is shown by now.
    if (await api.signedIn()) $("activity-error").textContent = explain(error);
  }
  writeActivity();
  // The button that was pressed may be gone: go on with the first new event.
  if (cursor) $("activity").children[first]?.focus();
}

function activityItem({ action, address, at, by, device, result }) {
  const item = document.createElement("li"), what = document.createElement("div");
  const name = document.createElement("strong"), details = document.createElement("p");
  item.tabIndex = -1;
  what.className = "what";
  details.className = "soft";

  const key = `activity.${ALIKE[action] ?? action}`, kind = deviceOf(device);
  name.textContent = t(has(key) ? key : "activity.other");
  if (result !== "success") name.append(badge(t("activity.refused")));

  const time = document.createElement("time"), where = document.createElement("bdi");
  time.dateTime = at;
  time.textContent = dateAndTime(at);
  where.textContent = address ?? "";
  where.dir = "ltr";
  const who = by === "administrator" ? t("activity.administrator") : device ? kind.name : "";
  for (const part of [time, who, address ? where : ""].filter(Boolean)) {
    if (details.childNodes.length > 0) details.append(" · ");
    details.append(part);
  }

  what.append(name, details);
  item.append(icon(by === "administrator" ? "person" : kind.isPhone ? "phone-device" : "computer"), what);
  return item;
}

function badge(text) {
  const badge = document.createElement("span");
  badge.className = "badge bad";
  badge.textContent = text;
  return badge;
}
