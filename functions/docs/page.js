/** The page of GET /docs: Swagger UI, its order, and what makes its requests work as they stand. */

/** The operations to read first, and the values that responses give to the next requests. */
const FIRST = ["post /v1/otp/send", "post /v1/otp/verify", "get /v1/otp/{challenge_id}", "post /v1/otp/resend", "get /v1/me"];
const EXAMPLES = { challenge_id: "01890000-0000-7000-8000-000000000000", mfa_token: "lkm_…", refresh_token: "lkr_…" };
const given = {};

/**
 * The section that the URL names, if it is one of the list of error codes. Swagger UI must not take
 * it for a link to an operation and rewrite the URL.
 */
const target = document.getElementById(location.hash.slice(1));
const scheme = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", scheme.matches);
scheme.addEventListener("change", dress);
dress();

/** Tags in the order of the document, but the reader's own account after the codes. */
function tagRank(name) {
  const names = SPEC.tags.map(tag => tag.name).filter(tag => tag !== "Me");
  names.splice(1, 0, "Me");
  return names.indexOf(name);
}

function operationRank(operation) {
  const place = FIRST.indexOf(`${operation.get("method")} ${operation.get("path")}`);
  return place < 0 ? FIRST.length : place;
}

/** Puts the ids and tokens of earlier responses where a request has those of the examples. */
function complete(request) {
  for (const [name, example] of Object.entries(EXAMPLES)) {
    if (!given[name]) continue;
    request.url = request.url.replace(encodeURIComponent(example), given[name]);
    if (typeof request.body === "string") request.body = request.body.replace(example, given[name]);
  }
  return request;
}

/** Keeps the ids and tokens of a response, and authorizes the page with an access token. */
function keep(response) {
  let answer;
  try {
    answer = JSON.parse(response.text);
  } catch {
    return response;
  }
  for (const name of Object.keys(EXAMPLES)) if (typeof answer?.[name] === "string") given[name] = answer[name];
  if (response.ok && typeof answer?.access_token === "string") authorize(answer.access_token);
  return response;
}

function authorize(token) {
  const schema = SPEC.components.securitySchemes.access_token;
  window.ui.authActions.authorize({ access_token: { name: "access_token", schema, value: token } });
}

window.ui = SwaggerUIBundle({
  spec: SPEC,
  dom_id: "#ui",
  deepLinking: !target,
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  validatorUrl: null,
  // Each operation shows its own.
  defaultModelsExpandDepth: -1,
  tagsSorter: (one, other) => tagRank(one) - tagRank(other),
  operationsSorter: (one, other) => operationRank(one) - operationRank(other),
  requestInterceptor: complete,
  responseInterceptor: keep,
});

// Keeps the section in view while Swagger UI draws the API above it, until the reader acts.
if (target && target.matches("article *")) {
  const follow = new ResizeObserver(() => target.scrollIntoView());
  follow.observe(document.getElementById("ui"));
  for (const act of ["wheel", "keydown", "pointerdown"]) addEventListener(act, () => follow.disconnect(), { once: true });
}

// Swagger UI draws fields without a name, examples out of reach of the keyboard, headings that skip
// a level, tables that are landmarks, and links within buttons, which change the URL by themselves.
const NAMES = { ".copy-to-clipboard button": "Copy", ".operation-filter-input": "Filter by tag", "textarea": "Body", "select": "Choice" };
const each = (selector, mend) => document.querySelectorAll(`#ui ${selector}`).forEach(mend);

function mend() {
  for (const [selector, name] of Object.entries(NAMES)) {
    each(`${selector}:not([aria-label])`, field => field.setAttribute("aria-label", name));
  }
  each("pre:not([tabindex])", example => example.setAttribute("tabindex", 0));
  each(":is(h3, h4, h5, h6):not([aria-level])", heading => heading.setAttribute("aria-level", heading.tagName[1] - 1));
  each("table[role=region]", table => table.removeAttribute("role"));
  each("button a[href]", link => link.removeAttribute("href"));
}
new MutationObserver(mend).observe(document.getElementById("ui"), { childList: true, subtree: true });

// `cargo run` has a test phone, whose code is known.
async function signIn() {
  const post = async (path, body) => {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    return answer.json();
  };
  const { challenge_id } = await post("/v1/otp/send", { phone: "+15005550006" });
  const answer = await post("/v1/otp/verify", { challenge_id, code: "123456" });
  if (answer.access_token) {
    authorize(answer.access_token);
    given.refresh_token = answer.refresh_token;
  }
  document.getElementById("signed-in").textContent = answer.access_token ? "You are signed in. Send GET /v1/me." : answer.detail;
}
document.getElementById("laptop").hidden = !["localhost", "127.0.0.1"].includes(location.hostname);
document.getElementById("sign-in").addEventListener("click", signIn);
