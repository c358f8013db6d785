// What both pages need. Text goes into a page as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function within(outer, ...parts) {
  outer.append(...parts);
  return outer;
}

// The same words again would be read out again, and end a selection.
export function say(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

export async function ask(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: "application/json", "Headgate-Request": "1" }, ...options });
  if (answer.status === 401) location.reload(); // leads to where one signs in
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || answer.statusText);
  return body;
}

// Server-sent events. The browser connects again by itself, unless it was refused: then `refused` says why.
export function follow(path, on, refused) {
  const source = new EventSource(path);
  for (const [event, handle] of Object.entries(on))
    source.addEventListener(event, (message) => handle(JSON.parse(message.data), source));
  source.addEventListener("open", () => say("connection", ""));
  source.addEventListener("error", () => {
    const over = source.readyState === EventSource.CLOSED;
    say("connection", over ? "Not live: the connection was refused. Reload the page." : "Not live: connecting again …");
    if (over) refused();
  });
}

export const count = (number) => number.toLocaleString("en", { maximumFractionDigits: 0 });
export const percent = (errors, requests) => (requests ? `${((100 * errors) / requests).toFixed(2)} %` : "no requests");
export const phaseOf = (one) => element("span", one.phase, { class: "phase", "data-phase": one.phase });

export function time(instant) {
  const at = new Date(instant);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const text = `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
  return element("time", text, { datetime: instant, title: at.toString() });
}

// Where a quantile lies, in milliseconds; an end that is not known is left open.
export function between([low, high]) {
  if (low === null && high === null) return "not known";
  if (low === null) return `at most ${high} ms`;
  return high === null ? `over ${low} ms` : `${low} to ${high} ms`;
}

byId("sign-out").addEventListener("submit", async (event) => {
  event.preventDefault();
  await fetch("/session/end", { method: "POST", headers: { "Headgate-Request": "1" }, redirect: "manual" });
  location.assign("/");
});
