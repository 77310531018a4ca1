/** The look of the element: what the page sets comes first, then what the service has for the app. */
import { $ } from "./ui.js";

/** Sets the colours of the main button, and the logo. `settings` are those of `GET /v1/config`. */
export function dress(element, settings = {}) {
  const style = getComputedStyle(element), isSet = name => style.getPropertyValue(name) !== "";
  const accent = element.getAttribute("accent") ?? settings.accent;
  if (accent && CSS.supports("color", accent) && !isSet("--latchkey-accent") && !isSet("--latchkey-main")) {
    element.style.setProperty("--latchkey-main", accent);
    element.style.setProperty("--latchkey-on-main", textOn(accent));
  }
  showLogo(element.getAttribute("logo") ?? settings.logo);
}

/** Shows the logo once it is loaded. One that cannot be loaded leaves no gap. */
function showLogo(address) {
  const logo = $("logo");
  if (!address || logo.src) return;
  logo.onload = () => (logo.hidden = false);
  logo.src = address;
}

/** The colour of a text on another one: black or white, of which one always has enough contrast. */
function textOn(colour) {
  const [red, green, blue] = channelsOf(colour).map(linear);
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}

/** Red, green and blue of a colour in sRGB, as the browser reads it: 0 to 255. */
function channelsOf(colour) {
  const probe = $("logo");
  probe.style.color = colour;
  const read = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).map(Number);
  probe.style.color = "";
  return read;
}

/** The part that a channel of sRGB, 0 to 255, has in the luminance (WCAG 2.2). */
function linear(channel) {
  const value = channel / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
