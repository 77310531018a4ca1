const [form] = document.forms;
const field = form.elements.proof;
const main = form.querySelector(".main");
const show = isAtWork => {
  document.getElementById("work").hidden = !isAtWork;
  document.getElementById("help").hidden = isAtWork;
  main.hidden = isAtWork;
};
const hexOf = bytes => Array.from(new Uint8Array(bytes), byte => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = hex => Uint8Array.from(hex.match(/../g), byte => parseInt(byte, 16));

async function solve(challenge) {
  const { algorithm, cost, keyLength, keyPrefix, nonce, salt } = challenge.parameters;
  const [name, hash] = algorithm.split("/");
  const password = bytesOf(nonce + "00000000");
  const parameters = { name, hash, salt: bytesOf(salt), iterations: cost };
  const derive = async number => {
    const secret = password.slice();
    new DataView(secret.buffer).setUint32(secret.length - 4, number);
    const key = await crypto.subtle.importKey("raw", secret, name, false, ["deriveBits"]);
    return hexOf(await crypto.subtle.deriveBits(parameters, key, keyLength * 8));
  };
  for (let first = 0; ; first += 16) {
    const keys = await Promise.all(Array.from({ length: 16 }, (_, index) => derive(first + index)));
    const found = keys.findIndex(key => key.startsWith(keyPrefix));
    if (found < 0) continue;
    const solution = { counter: first + found, derivedKey: keys[found] };
    return btoa(JSON.stringify({ challenge, solution }));
  }
}

show(true);
solve(JSON.parse(field.dataset.challenge)).then(proof => {
  field.value = proof;
  main.click();
}).catch(() => show(false));
