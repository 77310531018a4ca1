/**
 * Reads what people type or paste: digits of any script, with spaces, hyphens and characters that
 * nobody sees. It uses no property escapes (`\p{…}`), because the engine of React Native may lack
 * them.
 */
/**
 * The zeros of Unicode's decimal digits (`Nd`), each followed by its nine others: every zero as its
 * distance from the one before, in base 36, which keeps the package small.
 */
const ZEROS = [];
const DISTANCES = "1c 180 40 5s bq 3k 3k 3k 3k 3k 3k 3k 3k 3k 2y 3k 28 80 28 1g0 1c 8m 3u 4w g 5c 2o 40 g r80 j4 1c 5s w "
    + "2o bk gf4 13k 1ow g me 3u 1y 4a 80 9s 3k ao 34 g a 2e c0 34 io 2o 74 28 1s a8 d0g 1tc 2o 40 f4 iv4 25a "
    + "a a a a 1u2 c0 e8 75 nz 3og";
for (const distance of DISTANCES.split(" "))
    ZEROS.push((ZEROS.at(-1) ?? 0) + Number.parseInt(distance, 36));
/**
 * Characters that nobody means to type: blanks, the format characters (`Cf`) that contacts, messengers and
 * keyboards add, hyphens and dashes, the minus sign, and the Japanese long vowel mark, which
 * keyboards put for a hyphen.
 */
const BLANK = /[\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\-\u058a\u2010-\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d\uff70]/g;
/** Dots and brackets, also of full width. */
const PUNCTUATION = /[.\u00b7\u2024\u30fb\uff0e()[\]\uff08\uff09\uff3b\uff3d]/g;
/** Replaces the digits of every script with 0 to 9. Everything else stays. */
export function foldDigits(text) {
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
export function readPhone(typed) {
    const folded = foldDigits(typed)
        .replace(/[\uff0b\ufe62]/g, "+")
        .replace(BLANK, "")
        .replace(/^tel:/i, "");
    const isInternational = /^[.([\uff08\uff3b]*(\+|00)/.test(folded);
    const written = isInternational ? folded.replace(/[(\uff08[\uff3b]0[)\uff09\]\uff3d]/, "") : folded;
    const number = written.replace(PUNCTUATION, "").replace(/^00/, "+");
    const strange = Array.from(number).find((sign, index) => !/\d/.test(sign) && !(sign === "+" && index === 0));
    if (strange !== undefined)
        return { refused: strange };
    return { phone: number === "+" ? "" : number };
}
/** Reads a code of a text, an e-mail or an authenticator app. */
export function readCode(typed) {
    return foldDigits(typed).replace(BLANK, "");
}
/** Reads a recovery code, of which only letters and digits count. */
export function readRecoveryCode(typed) {
    return foldDigits(typed.normalize("NFKC")).replace(/[^A-Za-z0-9]/g, "");
}
