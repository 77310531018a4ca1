// Better Auth with its phone plugin, as a Lambda. It uses its own store, in memory, so its requests
// do not pay for a database. Texts go to SNS, as Latchkey's do.

import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { bearer, phoneNumber } from "better-auth/plugins";

const { AWS_ENDPOINT_URL_SNS, AWS_LAMBDA_RUNTIME_API } = process.env;

async function sendOTP({ phoneNumber, code }) {
  const form = new URLSearchParams({
    Action: "Publish",
    Version: "2010-03-31",
    PhoneNumber: phoneNumber,
    Message: `${code} is your Latchkey code. It is good for 5 minutes.`,
  });
  const answer = await fetch(AWS_ENDPOINT_URL_SNS, { method: "POST", body: form });
  if (!answer.ok) throw new Error(await answer.text());
}

const auth = betterAuth({
  baseURL: "https://id.example.com",
  secret: "a secret of the deployment, which a real one would read",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  // Each request for the session renews it, as a refresh does.
  session: { updateAge: 0 },
  plugins: [
    bearer(),
    phoneNumber({
      sendOTP,
      signUpOnVerification: { getTempEmail: (phone) => `${phone.slice(1)}@phones.example.com` },
    }),
  ],
});

async function handle(event) {
  const url = `https://id.example.com${event.rawPath}?${event.rawQueryString ?? ""}`;
  const request = new Request(url, {
    method: event.requestContext.http.method,
    headers: event.headers,
    body: event.body,
  });
  const response = await auth.handler(request);
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
    isBase64Encoded: false,
  };
}

const api = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
for (;;) {
  const next = await fetch(`${api}/invocation/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const answer = await handle(await next.json());
  await fetch(`${api}/invocation/${id}/response`, { method: "POST", body: JSON.stringify(answer) });
}
