/**
 * Programs of Debian, unmodified, which run the recipes of docs/openid-connect.md: Apache with
 * mod_auth_openidc, oidc-agent, and Git with git-credential-oauth.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { resolve } from "node:path";
import { Browser, pause } from "./openid_browser.mjs";
import { call } from "./openid_providers.mjs";

/** What `a2enmod` enables before the recipe is used. */
const MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc"];
/** The shortest lifetime of an access token. */
const ACCESS_TOKEN_TTL_SECONDS = 60;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** The password is in the environment, so that nobody has to type it. The agent listens a moment after it has started. */
const AGENT_BEFORE = `
trap 'oidc-agent --kill >"$HOME/killed"' EXIT
ready() { for _ in {1..50}; do oidc-add --loaded >/dev/null 2>&1 && return; sleep 0.1; done; }
oidc-gen() {
    last=("\${@:2}")
    ready
    command oidc-gen --pw-env "$@" 2>"$HOME/progress"
}`;
/** Refreshes, refreshes again after the agent has started from its file, and signs in as a device. */
const AGENT_AFTER = `
echo; oidc-token --force-new latchkey
oidc-agent --kill >"$HOME/killed"; eval "$(oidc-agent --quiet)"; ready
oidc-add --pw-env latchkey >"$HOME/added"
echo; oidc-token --force-new latchkey
command oidc-gen --pw-env device "\${last[@]/=code/=device}" >"$HOME/device" 2>&1
echo; oidc-token device`;
/** The tokens that the two of them print. */
const TOKENS = 4;

/** The first block of a language on the page, with other values for those that the reader has to choose. */
function recipe(language, values) {
  const page = readFileSync("docs/openid-connect.md", "utf8");
  const [, text] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms").exec(page) ?? assert.fail(`no ${language} on the page`);
  return Object.entries(values).reduce((text, [value, other]) => {
    assert.ok(text.includes(value), `no ${value} in the ${language} of the page`);
    return text.replaceAll(value, other);
  }, text);
}

/** A browser that says that it opens pages, as browsers do, since mod_auth_openidc sends nothing else to sign in. `fetch` cannot. */
class Navigating extends Browser {
  async send(url) {
    const cookie = [...this.cookies.values()].map(({ pair }) => pair).join("; ");
    const [answer] = await once(get(url, { headers: { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", cookie } }), "response");
    for (const set of answer.headers["set-cookie"] ?? []) {
      const pair = set.split(";")[0];
      const [name, value] = pair.split("=");
      if (value) this.cookies.set(name, { pair });
      else this.cookies.delete(name);
    }
    return new Response(Buffer.concat(await answer.toArray()), { status: answer.statusCode, headers: { location: answer.headers.location ?? "" } });
  }
}

/** A server on a free port of this machine. Returns its port, and closes it. */
export async function listening(handler) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, close: () => server.closeAllConnections() ?? server.close() };
}

/** An empty folder, which stays there after a failure. */
function newFolder(name) {
  const folder = resolve("target/openid", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A port that is free, and stays so until a program uses it: see free_port.py. */
export const freePort = () => Number(execFileSync("python3", [".ci/free_port.py"]));

/** Runs Apache with the recipe until `action` is done. */
async function withApache(port, text, action) {
  const folder = newFolder("apache");
  const modules = MODULES.map(name => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
  const own = [...modules, `ServerRoot ${folder}`, "ServerName localhost", `Listen 127.0.0.1:${port}`, `PidFile ${folder}/pid`, `DefaultRuntimeDir ${folder}`, `ErrorLog ${folder}/error.log`, "User www-data", "Group www-data"];
  writeFileSync(`${folder}/apache.conf`, `${own.join("\n")}\n${text}`);
  const apache = spawn("/usr/sbin/apache2", ["-f", `${folder}/apache.conf`, "-DFOREGROUND"], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(apache, "exit");
  try {
    for (let tries = 0; tries < 100 && !(await fetch(`http://127.0.0.1:${port}/`, { redirect: "manual" }).catch(() => null)); tries += 1) await pause(0.1);
    await action();
  } finally {
    apache.kill();
    await ended;
  }
}

/** A home folder with a browser that writes down what it is to open, and an environment that uses them. */
function newHome(name) {
  const home = newFolder(name);
  for (const opener of ["xdg-open", "open"]) writeFileSync(`${home}/${opener}`, '#!/bin/sh\necho "$1" >>"$HOME/opened"\n', { mode: 0o755 });
  /** Waits for something in a file. */
  const written = async (file, wanted) => {
    for (let tries = 0; tries < 150; tries += 1) {
      const found = existsSync(`${home}/${file}`) && wanted.exec(readFileSync(`${home}/${file}`, "utf8"));
      if (found) return found[0];
      await pause(0.1);
    }
    return assert.fail(`nothing in ${home}/${file}`);
  };
  return { home, env: { ...process.env, HOME: home, XDG_CONFIG_HOME: "", PATH: `${home}:${process.env.PATH}` }, opened: () => written("opened", /http.+(?=\n)/), written };
}

/** Signs in on the page that a program opens, and brings the answer to the program. */
async function comeBack(browser, url) {
  const { left } = await browser.finish(await browser.open(url));
  assert.ok((await fetch(left)).ok, `the program refuses ${left}`);
}

export const PROGRAMS = {
  "mod_auth_openidc": async ({ provider, browser, person }) => {
    const app = await listening((request, response) => response.end(JSON.stringify(request.headers)));
    const port = freePort(), home = `http://localhost:${port}`;
    const client_id = "intranet";
    const secret = await provider.addApp({
      client_id, name: "Intranet", type: "confidential", access_token_ttl: ACCESS_TOKEN_TTL_SECONDS,
      redirect_uris: [`${home}/oidc`], post_logout_redirect_uris: [`${home}/`], backchannel_logout_uri: `${home}/oidc?logout=backchannel`,
    });
    const text = recipe("apache", {
      "https://id.example.com": provider.issuer, "https://intranet.example.com": home, "lks_…": secret, "http://127.0.0.1:8080": `http://127.0.0.1:${app.port}`,
    });
    const atApp = new Navigating({ issuer: home }, person);
    /** The headers that the app gets, or the address at the provider to which the browser is sent. */
    const see = async path => {
      const page = await atApp.open(home + path);
      return page.left ?? JSON.parse(page.html);
    };
    const signIn = async () => {
      const { left } = await browser.finish(await browser.open(await see("/report")));
      return JSON.parse((await atApp.open(left)).html);
    };
    const isSentToSignIn = async () => assert.ok((await see("/")).startsWith(provider.metadata.authorization_endpoint));

    await withApache(port, text, async () => {
      const first = await signIn();
      assert.equal(first.oidc_claim_phone_number, person);
      assert.equal(first.oidc_claim_sub, (await provider.verify(first.oidc_access_token, client_id)).sub);

      // Its tokens are always about to expire, so it refreshes before each request.
      const next = await Promise.all(["/1", "/2", "/3", "/4"].map(see));
      const tokens = new Set([first, ...next].map(seen => seen.oidc_access_token));
      assert.equal(tokens.size, 5);
      for (const token of tokens) assert.equal((await provider.verify(token, client_id)).sub, first.oidc_claim_sub);

      const leaving = await see(`/oidc?logout=${encodeURIComponent(`${home}/`)}`);
      assert.equal((await browser.open(leaving)).left, `${home}/`);
      await isSentToSignIn();
      assert.ok((await browser.open(await see("/"))).forms.length, "the browser is still signed in");

      // A token that does not expire soon is not refreshed, so only the back channel ends the session.
      await call(`/v1/apps/${client_id}`, { access_token_ttl: 900 }, provider.admin, "PATCH");
      const again = await signIn();
      assert.equal((await see("/")).oidc_access_token, again.oidc_access_token);
      const out = await browser.open(`${provider.metadata.end_session_endpoint}?client_id=${client_id}`);
      await browser.submit(out, { action: "continue" });
      for (let tries = 0; typeof (await see("/")) !== "string"; tries += 1) {
        assert.ok(tries < 50, "Apache is not told that the session has ended");
        await pause(0.1);
      }
      await isSentToSignIn();
    }).finally(app.close);
  },

  "oidc-agent": async ({ provider, browser }) => {
    const { home, env, opened, written } = newHome("oidc-agent");
    const port = freePort(), client_id = "terminal";
    const grant_types = ["authorization_code", "refresh_token", DEVICE_GRANT];
    await provider.addApp({ client_id, name: "Terminal", redirect_uris: ["http://localhost"], grant_types });
    const text = recipe("sh", { "https://id.example.com": provider.issuer, 4242: port });
    mkdirSync(`${home}/.oidc-agent`);
    const shell = spawn("bash", ["-euc", [AGENT_BEFORE, text, AGENT_AFTER].join("\n")], { env: { ...env, OIDC_ENCRYPTION_PW: "a password" }, stdio: ["ignore", "pipe", "inherit"] });
    const output = shell.stdout.toArray();
    try {
      await comeBack(browser, await opened());
      const user_code = await written("device", /[A-Z]{4}-[A-Z]{4}/);
      const asked = await browser.submit(await browser.open(await written("device", /http\S+\/device/)), { user_code });
      assert.match((await browser.submit(asked, { action: "continue" })).html, /The device is signed in/);

      const tokens = Buffer.concat(await output).toString().trim().split(/\s+/).slice(-TOKENS);
      const { sub } = await provider.verify(tokens[0], client_id);
      assert.equal(new Set(tokens).size, TOKENS);
      for (const token of tokens) assert.equal((await provider.verify(token, client_id)).sub, sub);
    } finally {
      shell.kill();
    }
  },

  "git-credential-oauth": async ({ provider, browser }) => {
    const { home, env, opened } = newHome("git");
    await provider.addApp({ client_id: "git", name: "Git", redirect_uris: ["http://127.0.0.1"] });
    const text = recipe("ini", { "https://id.example.com": provider.issuer });
    writeFileSync(`${home}/.gitconfig`, text);
    const git = spawn("git", ["credential", "fill"], { env: { ...env, GIT_CONFIG_NOSYSTEM: "1" }, stdio: ["pipe", "pipe", "ignore"] });
    const output = git.stdout.toArray();
    try {
      const { protocol, host } = new URL(provider.issuer);
      git.stdin.end(`protocol=${protocol.slice(0, -1)}\nhost=${host}\n\n`);
      await comeBack(browser, await opened());
      const { username, password } = Object.fromEntries(Buffer.concat(await output).toString().trim().split("\n").map(line => line.split(/=(.*)/s).slice(0, 2)));
      assert.equal(username, "oauth2");
      assert.equal((await provider.verify(password, "git")).client_id, "git");
    } finally {
      git.kill();
    }
  },
};
