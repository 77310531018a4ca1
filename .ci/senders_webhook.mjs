/**
 * Standard Webhooks in JavaScript: reads a message of a webhook from the standard input, and prints a
 * signature for the answer to it.
 */
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { Webhook } = createRequire(process.env.TOOLS + "/")("standardwebhooks");
const { secret, received, report } = JSON.parse(await text(process.stdin));
const webhook = new Webhook(secret);
webhook.verify(received.body, received.headers);
process.stdout.write(webhook.sign(report.id, new Date(report.at * 1000), report.body));
