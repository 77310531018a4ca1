/** The settings of this page. Change them when you make it yours. */
export const config = {
  /** The name of your app, as the page shows it. Empty: the name that the service has for it. */
  appName: "",
  /** The URL of the API, like `https://id.example.com`. Empty if the page has the same origin. */
  url: "",
  /** The `client_id` of the app that people sign in to. undefined: the default app. */
  clientId: undefined,
  /** The inbox of `cargo run`, which keeps texts instead of sending them. null everywhere else. */
  inbox: "/_local",
};
