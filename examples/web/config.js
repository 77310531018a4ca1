/** What to change when you make this page yours. */
export const config = {
  /** What the page calls itself. */
  appName: "Latchkey",
  /** The API's address, `https://id.example.com`; empty where the page has the same origin. */
  url: "",
  /** The app that people sign in to; undefined is the default one. */
  clientId: undefined,
  /** The inbox of `cargo run`, which keeps the texts instead of sending them; null everywhere else. */
  inbox: "/_local",
};
