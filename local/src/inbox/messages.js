/** A message of the inbox as an item of its list. */

/** Makes an element with a class and with children, which are elements or texts. */
export function element(name, className, children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A time of day in the reader's time zone, with its date as a tooltip. */
export function timeOf(at) {
  const time = element("time", "", [new Date(at).toLocaleTimeString()]);
  time.dateTime = at;
  time.title = new Date(at).toLocaleString();
  return time;
}

/** The item of a message: its head, its text with links, its code, and the mail as it looks. */
export function messageItem(message) {
  const parts = [headOf(message)];
  if (message.subject) parts.push(element("p", "subject", [message.subject]));
  parts.push(element("p", "body", withLinks(message.body)));
  if (message.code) parts.push(element("div", "", [copyButton(message.code)]));
  if (message.html) parts.push(mailOf(message.html));
  return element("li", "", parts);
}

function headOf(message) {
  const parts = [element("strong", "", [message.to]), element("span", "badge", [channelOf(message)])];
  if (message.code_state) parts.push(element("span", message.code_state === "valid" ? "badge" : "badge off", [`Code ${message.code_state}`]));
  if (message.segments) parts.push(element("span", "", [priceOf(message)]));
  parts.push(timeOf(message.sent_at));
  return element("div", "head", parts);
}

function channelOf({ channel, sender }) {
  const names = { sms: "Text", email: "E-mail", whatsapp: "WhatsApp", voice: "Call" };
  return `${names[channel] ?? channel} by ${sender.toUpperCase()}`;
}

function priceOf({ segments, price_usd }) {
  const parts = segments === 1 ? "1 part" : `${segments} parts`;
  return price_usd === null ? parts : `${parts}, $${price_usd.toFixed(4)}`;
}

/** A text with its links as links. Codes at the end of a text for browsers are none. */
function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>]+[^\s<>.,;:!?)])/).map((part, index) => {
    if (index % 2 === 0) return part;
    const link = element("a", "", [part]);
    link.href = part;
    link.target = "_blank";
    link.rel = "noopener";
    return link;
  });
}

function copyButton(code) {
  const copy = element("button", "", [`Copy ${code}`]);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code);
    copy.textContent = "Copied";
  });
  return copy;
}

/** The HTML of a mail, in a frame that runs no script. Its links open in a new tab. */
function mailOf(html) {
  const frame = element("iframe", "", []);
  frame.title = "The e-mail as it looks";
  frame.sandbox = "allow-popups allow-popups-to-escape-sandbox";
  const details = element("details", "", [element("summary", "", ["As HTML"]), frame]);
  details.addEventListener("toggle", () => {
    if (details.open && !frame.srcdoc) frame.srcdoc = html.replace(/<head>/i, '<head><base target="_blank">');
  });
  return details;
}
