/** The address of Latchkey, and the app that people sign in to. */
export const config = { url: "http://localhost:4400", clientId: "shop" };
