/** Where Latchkey runs. `cargo run` needs no setting. */
export const LATCHKEY_URL = process.env.NEXT_PUBLIC_LATCHKEY_URL ?? "http://localhost:4400";
