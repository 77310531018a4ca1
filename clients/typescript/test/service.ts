import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { Latchkey, type Options, type SignedIn } from "../src/index.js";

/** A service for one test file: what `cargo run` starts, with its data in memory and no limits of messages. */
export class Service {
  readonly url: string;
  readonly #process: ChildProcess;
  #phones = 0;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(settings: Record<string, string> = {}): Promise<Service> {
    const run = ["run", "--locked", "--quiet", "--manifest-path", "../../Cargo.toml", "--"];
    const [program, options] = process.env["SERVICE"] ? [process.env["SERVICE"], []] : ["cargo", run];
    const child = spawn(program, [...options, "--in-memory"], {
      env: { ...process.env, PORT: "0", RUST_LOG: "error", ...settings },
      stdio: ["ignore", "pipe", "inherit"],
    });
    // The program prints its URL, and later texts. All lines are read, so that its output does not block.
    const lines = createInterface({ input: child.stdout });
    // The first build takes minutes.
    const port = await new Promise<string>((resolve, reject) => {
      lines.on("line", line => {
        const [, port] = /^ *API .*:(\d+)$/.exec(line) ?? [];
        if (port) resolve(port);
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error("the service did not start")));
    });
    return new Service(`http://127.0.0.1:${port}`, child);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.kill();
    await once(this.#process, "exit");
  }

  /** A request without this client. */
  async ask(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  newPhone(): string {
    this.#phones += 1;
    return `+1415555${String(100 + this.#phones).padStart(4, "0")}`;
  }

  /** The texts to a phone, oldest first. */
  async texts(phone: string): Promise<string[]> {
    const answer = await fetch(`${this.url}/_local/messages?to=${encodeURIComponent(phone)}`);
    return ((await answer.json()) as { body: string }[]).map(({ body }) => body);
  }

  /** The code of the newest text to a phone. */
  async code(phone: string): Promise<string> {
    return /\d{6}/.exec((await this.texts(phone)).at(-1) ?? "")?.[0] ?? "";
  }

  /** A client, and a function that returns how often it has called a path. */
  client(options: Options = {}): { client: Latchkey; calls: (path: string) => number } {
    const paths: string[] = [];
    const counting: typeof fetch = (input, init) => {
      paths.push(new URL(String(input)).pathname);
      return (options.fetch ?? fetch)(input, init);
    };
    const client = new Latchkey({ url: this.url, ...options, fetch: counting });
    return { client, calls: path => paths.filter(called => called === path).length };
  }

  async signIn(client: Latchkey, phone = this.newPhone()): Promise<SignedIn> {
    const { challenge_id } = await client.sendCode({ phone });
    const answer = await client.verify(challenge_id, await this.code(phone));
    if (!("access_token" in answer)) throw new Error("a second factor is due");
    return answer;
  }
}

/**
 * Waits for the next clock hour if fewer than two minutes of this one are left. The service counts texts by
 * clock hour, so numbers in two hours are no neighbours.
 */
export async function waitForTime(): Promise<void> {
  const left = 3_600_000 - (Date.now() % 3_600_000);
  if (left < 120_000) await new Promise(resolve => setTimeout(resolve, left + 1_000));
}
