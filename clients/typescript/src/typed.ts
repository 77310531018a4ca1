/**
 * Reads what people type or paste: digits of any script, with spaces, hyphens and characters that
 * nobody sees. It uses no property escapes (`\p{…}`), because the engine of React Native may lack
 * them.
 */

/** A phone number to send, or the first character that no phone number has. */
export type TypedPhone = { phone: string } | { refused: string };

/** The zeros of Unicode's decimal digits (`Nd`), each followed by its nine others. */
const ZEROS = [
  0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
  0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
  0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136,
  0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0,
  0x11c50, 0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce,
  0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];
/** The format characters (`Cf`) that contacts, messengers and keyboards add. */
const FORMAT = "\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufeff";
/** Hyphens and dashes, the minus sign, and the Japanese long vowel mark, which keyboards put for a hyphen. */
const DASHES = "\\-\\u058a\\u2010-\\u2015\\u2043\\u2212\\u30fc\\ufe58\\ufe63\\uff0d\\uff70";
const BLANK = new RegExp(`[\\s${FORMAT}${DASHES}]`, "g");
/** Dots and brackets, also of full width. */
const PUNCTUATION = /[.\u00b7\u2024\u30fb\uff0e()[\]\uff08\uff09\uff3b\uff3d]/g;

/** Replaces the digits of every script with 0 to 9. Everything else stays. */
export function foldDigits(text: string): string {
  return Array.from(text, sign => {
    const point = sign.codePointAt(0) ?? 0;
    const zero = ZEROS.find(zero => point >= zero && point <= zero + 9);
    return zero === undefined ? sign : String(point - zero);
  }).join("");
}

/**
 * Reads a phone number as people write it. Spaces, dots, dashes, brackets, format characters and
 * `tel:` are dropped, and so is the `(0)` after a country code. `00` before a number becomes `+`.
 *
 * Anything else is refused, such as an extension: its digits would belong to another phone. The
 * result is empty if there are no digits. It has no `+` if the person typed none: such a number is
 * accepted only if the service has a `default_region`.
 */
export function readPhone(typed: string): TypedPhone {
  const folded = foldDigits(typed)
    .replace(/[\uff0b\ufe62]/g, "+")
    .replace(BLANK, "")
    .replace(/^tel:/i, "");
  const isInternational = /^[.([\uff08\uff3b]*(\+|00)/.test(folded);
  const written = isInternational ? folded.replace(/[(\uff08[\uff3b]0[)\uff09\]\uff3d]/, "") : folded;

  const number = written.replace(PUNCTUATION, "").replace(/^00/, "+");
  const strange = Array.from(number).find((sign, index) => !/\d/.test(sign) && !(sign === "+" && index === 0));
  if (strange !== undefined) return { refused: strange };
  return { phone: number === "+" ? "" : number };
}

/** Reads a code of a text, an e-mail or an authenticator app. */
export function readCode(typed: string): string {
  return foldDigits(typed).replace(BLANK, "");
}

/** Reads a recovery code, of which only letters and digits count. */
export function readRecoveryCode(typed: string): string {
  return foldDigits(typed.normalize("NFKC")).replace(/[^A-Za-z0-9]/g, "");
}
