/** The other channels on which a person can get the code that did not arrive. */
import { t } from "./i18n.js";
import { $, onPress } from "./ui.js";

/** The channels of phones. */
const OF_PHONES = ["sms", "whatsapp", "voice"];

let offered = ["sms"];

/** Takes the `channels` of the service. */
export function offerChannels(channels) {
  offered = OF_PHONES.filter(channel => channels.includes(channel));
}

/** Shows a button for each channel but that of the `challenge`. `send` sends the code there. */
export function showChannels(challenge, send) {
  const others = OF_PHONES.includes(challenge.channel) ? offered.filter(channel => channel !== challenge.channel) : [];
  $("channels").replaceChildren(...others.map(channel => buttonFor(channel, send)));
}

/** Lets the buttons wait as long as the one that sends the code again. */
export function letChannelsWait(waits) {
  for (const button of $("channels").children) button.setAttribute("aria-disabled", String(waits));
}

function buttonFor(channel, send) {
  const button = document.createElement("button");
  button.id = `send-${channel}`;
  button.type = "button";
  button.className = "quiet";
  button.dataset.t = `channel.${channel}`;
  button.textContent = t(button.dataset.t);
  onPress(button, () => send(channel));
  return button;
}
