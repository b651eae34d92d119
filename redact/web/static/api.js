// Talks to the server that served this page. The key lives in this tab alone.

const store = "redact-key";
const given = document.querySelector('meta[name="redact-key"]');
if (given.content) sessionStorage.setItem(store, given.content);
given.remove();
history.replaceState(null, "", "/"); // the token has been used; keep it out of the history

async function ask(path, options = {}) {
  const headers = { "X-Redact-Key": sessionStorage.getItem(store) ?? "", ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("redact does not answer; was it ended?");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let said = text.trim();
  try { said = JSON.parse(text).error ?? said; } catch { /* plain words */ }
  const error = new Error(said || `error ${answer.status}`);
  error.status = answer.status;
  throw error;
}

export async function get(path, signal) {
  return (await ask(path, { signal })).json();
}

export async function post(path, body = {}, signal) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}

export async function blob(path, signal) {
  return (await ask(path, { signal })).blob();
}

// Onto a canvas, so that no address of the picture remains.
export async function paint(path, canvas, signal) {
  const picture = await createImageBitmap(await blob(path, signal));
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
}

export function say(text, bad = false) {
  const said = document.getElementById("said");
  said.textContent = text;
  said.classList.toggle("bad", bad);
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
