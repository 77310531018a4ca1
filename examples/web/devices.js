/** Icons, and what a user agent tells about a device. */
import { t } from "./i18n.js";

/** Returns one of the icons of `index.html`. */
export function icon(name) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  picture.setAttribute("aria-hidden", "true");
  picture.append(use);
  return picture;
}

/** Returns a device's name, as far as its user agent tells, and whether it is a phone. */
export function deviceOf(userAgent) {
  const find = names => Object.entries(names).find(([, pattern]) => pattern.test(userAgent ?? ""))?.[0];
  const browser = find({
    Edge: /Edg/, Opera: /OPR\//, Firefox: /Firefox|FxiOS/, Chrome: /Chrome|CriOS/, Safari: /Safari/,
  });
  const system = find({
    iPhone: /iPhone/, iPad: /iPad/, Android: /Android/, Windows: /Windows/, macOS: /Mac OS X/, Linux: /Linux/,
  });

  const name = browser && system ? t("sessions.on", { browser, system }) : (browser ?? system ?? userAgent?.split(/[/ ]/)[0]);
  return { name: name || t("sessions.unknown"), isPhone: /iPhone|Android/.test(userAgent ?? "") };
}
