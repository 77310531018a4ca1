/** The inbox: messages and users, read again whenever the service says that something has changed. */
import { element, messageItem, timeOf } from "./messages.js";

const $ = id => document.getElementById(id);
const TABS = ["messages", "users"];
let shown = "";

async function json(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

async function showMessages() {
  const wanted = $("to").value.trim();
  const messages = await json(`/_local/messages${wanted ? `?to=${encodeURIComponent(wanted)}` : ""}`);
  // Open or selected parts stay so if nothing has changed.
  const state = JSON.stringify([wanted, messages]);
  if (state === shown) return;
  shown = state;
  $("list").replaceChildren(...messages.reverse().map(messageItem));
  $("empty").hidden = messages.length > 0;
  $("empty").textContent = wanted ? `No messages to ${wanted}.` : "No messages yet.";
  $("count").textContent = messages.length > 0 ? `(${messages.length})` : "";
}

async function showUsers() {
  const users = await json("/_local/users");
  $("user-list").replaceChildren(...users.map(userItem));
  $("no-users").hidden = users.length > 0;
}

function userItem(user) {
  const addresses = [user.phone, user.email].filter(Boolean);
  const head = element("div", "head", [
    element("strong", "", [user.name ?? user.username ?? addresses[0] ?? user.id]),
    ...(user.status === "active" ? [] : [element("span", "badge off", [user.status])]),
    ...user.roles.map(role => element("span", "badge", [role])),
    timeOf(user.created_at),
  ]);
  const details = [...addresses, user.username, ...(user.mfa ?? [])].filter(Boolean).join(" · ");
  return element("li", "", [head, element("p", "soft", [details]), element("code", "soft", [user.id])]);
}

async function refresh() {
  try {
    await Promise.all([showMessages(), $("users").hidden ? null : showUsers()]);
    $("news").textContent = "";
  } catch {
    $("news").textContent = "Latchkey does not respond. Start it again with cargo run.";
  }
}

function select(tab) {
  for (const name of TABS) {
    $(name).hidden = name !== tab;
    $(`${name}-tab`).setAttribute("aria-selected", String(name === tab));
    $(`${name}-tab`).tabIndex = name === tab ? 0 : -1;
  }
  refresh();
}

for (const tab of TABS) {
  $(`${tab}-tab`).addEventListener("click", () => select(tab));
  $(`${tab}-tab`).addEventListener("keydown", event => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = TABS.find(name => name !== tab);
    select(other);
    $(`${other}-tab`).focus();
  });
}
$("to").addEventListener("input", refresh);
$("clear").addEventListener("click", async () => {
  await fetch("/_local/messages", { method: "DELETE" });
  await refresh();
});

const changes = new EventSource("/_local/events");
changes.addEventListener("change", refresh);
changes.addEventListener("error", refresh);
// Codes expire without an event.
setInterval(refresh, 30_000);
refresh();
