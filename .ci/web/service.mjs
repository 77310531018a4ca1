/** The service that is tested: its API, and the texts that its inbox has. */
import assert from "node:assert/strict";

export const SERVICE = process.env.URL;

export const texts = async phone => {
  const answer = await fetch(`${SERVICE}/_local/messages?to=${encodeURIComponent(phone)}`);
  return (await answer.json()).map(({ body }) => body);
};

/** The code of the newest text that has one. */
export const codeOf = async phone => /\d{6}/.exec((await texts(phone)).findLast(body => /\d{6}/.test(body)))[0];

export const call = async (path, body, headers = {}) => {
  const answer = await fetch(SERVICE + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};

export const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
