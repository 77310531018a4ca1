/**
 * Runs the cases of OpenID Connect against a certified provider and against this service, and then
 * the mistakes of others, client libraries and the page against this service. Prints a table. ONLY=word runs
 * the cases with the word in their name.
 */
import { BASIC, CONFIG } from "./openid_basic.mjs";
import { Browser, Client } from "./openid_browser.mjs";
import { CLIENTS } from "./openid_clients.mjs";
import { FIREFOX_PAGE } from "./openid_firefox.mjs";
import { LOGOUT } from "./openid_logout.mjs";
import { PAGE } from "./openid_page.mjs";
import { PROGRAMS } from "./openid_programs.mjs";
import { PROOF } from "./openid_proof.mjs";
import { certified, newPerson, own } from "./openid_providers.mjs";
import { TRAPS } from "./openid_traps.mjs";

const { ONLY = "" } = process.env;
const AT_ONCE = 4;

/** Runs some cases, a few at a time. Each has its own person and browser. */
async function run(provider, cases) {
  const waiting = Object.entries(cases).filter(([name]) => name.includes(ONLY));
  // The one that waits longest starts first.
  waiting.sort(([a], [b]) => b.includes("30seconds") - a.includes("30seconds"));
  const results = {};
  const worker = async () => {
    for (let next; (next = waiting.shift()); ) {
      const [name, test] = next;
      const person = newPerson();
      const client = id => new Client(provider, provider.apps[id]);
      try {
        await test({ provider, person, browser: new Browser(provider, person), office: client("office"), branch: client("branch") });
        results[name] = "passes";
      } catch (error) {
        results[name] = `FAILS: ${error.stack?.slice(0, 1500) ?? error}`;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

const standard = { ...BASIC, ...CONFIG, ...LOGOUT };
const cases = { ...standard, ...TRAPS, ...CLIENTS, ...PROGRAMS, ...PAGE, ...PROOF, ...FIREFOX_PAGE };
const providers = [await certified(), await own()];
const results = await Promise.all([run(providers[0], standard), run(providers[1], cases)]);
const names = [...new Set(results.flatMap(Object.keys))];
const order = Object.keys(cases);
names.sort((a, b) => order.indexOf(a) - order.indexOf(b));

const brief = text => text.split(":")[0];
console.log(`| case | ${providers.map(({ name }) => name).join(" | ")} |\n|---|---|---|`);
for (const name of names) console.log(`| ${name} | ${results.map(each => brief(each[name] ?? "-")).join(" | ")} |`);

let failed = 0;
results.forEach((each, at) => {
  for (const [name, result] of Object.entries(each)) {
    if (!result.startsWith("FAILS")) continue;
    failed += 1;
    console.log(`\n${providers[at].name}, ${name}: ${result}`);
  }
});
providers.forEach(provider => provider.close());
process.exit(failed ? 1 : 0);
