/** An authenticator app. */
import { createHmac } from "node:crypto";

/** The code of an authenticator app (RFC 6238), `ahead` time steps of 30 s from now. */
export function totp(secret, ahead = 0) {
  const bits = [...secret.replace(/\s/g, "")].map(sign => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(sign).toString(2).padStart(5, "0"));
  const key = Buffer.from(bits.join("").match(/.{8}/g).map(byte => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** A code that the app does not show within a minute of now. */
export function wrongTotp(secret) {
  const near = [-2, -1, 0, 1, 2].map(ahead => totp(secret, ahead));
  for (let ahead = 40; ; ahead += 1) {
    const code = totp(secret, ahead);
    if (!near.includes(code)) return code;
  }
}
