// All Releases: one list in memory, filtered and sorted here, kept up to date by events.

import { ask, byId, count, element, follow, percent, phaseOf, say, time, within } from "./headgate.js";

const PAGE = 50;
const ENDED = new Set(["Succeeded", "RolledBack", "Superseded", "Bypassed", "Failed"]);
const SEARCHED = ["namespace", "name", "deployment", "releaseId", "appVersion", "message"];

const version = (one) => one.appVersion || one.canaryImages.map((image) => image.split("/").pop()).join(", ");
const rate = ({ evidence }) => (evidence && evidence.canaryRequests ? evidence.canaryErrors / evidence.canaryRequests : -1);

function errors({ evidence }) {
  if (!evidence) return "";
  const of = `${count(evidence.canaryErrors)} of ${count(evidence.canaryRequests)}`;
  const shown = percent(evidence.canaryErrors, evidence.canaryRequests);
  return within(element("span", shown), " ", element("small", evidence.canaryRequests ? of : ""));
}

function why(one) {
  return one.question ? within(element("span", `${one.message} `), element("strong", one.question)) : one.message;
}

// Title, what it is sorted by, what is shown, and the cell's class.
const COLUMNS = [
  ["Release", (one) => `${one.namespace}/${one.deployment}`],
  ["Version", version, version],
  ["Phase", (one) => one.phase, phaseOf],
  ["Share", (one) => one.weight, (one) => `${one.weight} %`, "number"],
  ["Step", (one) => one.progress, (one) => one.progress],
  ["Canary errors", rate, errors, "number"],
  ["Began", (one) => one.startedAt || "", (one) => (one.startedAt ? time(one.startedAt) : ""), "time"],
  ["Why", (one) => one.message, why, "why"],
];

const only = new URLSearchParams(location.search).get("namespace") || "";
const asked = only ? `namespace=${encodeURIComponent(only)}` : "";
const known = new Map(); // key -> { one, text, row }
const view = { sort: null, down: false, page: 0 };
const body = document.querySelector("#releases tbody");

function take(one) {
  const key = `${one.namespace}/${one.name}`;
  const before = known.get(key);
  if (before && before.one.resourceVersion === one.resourceVersion) return;
  const images = [...one.stableImages, ...one.canaryImages];
  const text = [...SEARCHED.map((field) => one[field] || ""), ...images].join("\n").toLowerCase();
  known.set(key, { one, text, row: before && before.row, drawn: false });
}

function chosen() {
  const [sought, namespace, phase] = ["search", "namespace", "phase"].map((id) => byId(id).value);
  const words = sought.toLowerCase().split(/\s+/);
  return [...known.values()].filter(({ one, text }) => {
    if (namespace && one.namespace !== namespace) return false;
    if (phase === "active" ? ENDED.has(one.phase) : phase === "asking" ? !one.question : phase && one.phase !== phase)
      return false;
    return words.every((word) => text.includes(word));
  });
}

const compared = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const usual = ({ one: a }, { one: b }) =>
  ENDED.has(a.phase) - ENDED.has(b.phase) || compared(b.startedAt || "", a.startedAt || "");

function sorted(found) {
  if (view.sort === null) return found.sort(usual);
  const value = COLUMNS[view.sort][1];
  const sign = view.down ? -1 : 1;
  return found.sort((a, b) => sign * compared(value(a.one), value(b.one)) || usual(a, b));
}

// A row stays the same element, and its link too: whoever has the keyboard's focus on it keeps it.
function drawn(entry) {
  if (entry.drawn) return entry.row;
  const { one } = entry;
  if (!entry.row) {
    const link = element("a", `${one.namespace}/${one.deployment}`, {
      href: `/namespaces/${one.namespace}/releases/${one.name}`,
    });
    entry.row = within(element("tr"), within(element("th", undefined, { scope: "row" }), link));
  }
  while (entry.row.children.length > 1) entry.row.lastChild.remove();
  for (const [title, , shown, kind] of COLUMNS.slice(1))
    entry.row.append(within(element("td", undefined, { class: kind || "", "data-title": title }), shown(one)));
  entry.drawn = true;
  return entry.row;
}

function show() {
  const found = sorted(chosen());
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  view.page = Math.min(view.page, pages - 1);
  const rows = found.slice(view.page * PAGE, (view.page + 1) * PAGE).map(drawn);
  rows.forEach((row, at) => { if (body.children[at] !== row) body.insertBefore(row, body.children[at] || null); });
  while (body.children.length > rows.length) body.lastChild.remove();
  byId("page").textContent = `Page ${view.page + 1} of ${pages}`;
  byId("previous").disabled = view.page === 0;
  byId("next").disabled = view.page + 1 >= pages;
  say("state", `${count(found.length)} of ${count(known.size)} releases${only ? ` in ${only}` : ""}`);
  document.querySelectorAll("#releases thead th").forEach((head, column) => {
    head.setAttribute("aria-sort", column === view.sort ? (view.down ? "descending" : "ascending") : "none");
  });
}

function offerNamespaces() {
  const list = byId("namespace");
  const there = new Set([...list.options].map((option) => option.value));
  const all = new Set([...known.values()].map(({ one }) => one.namespace));
  for (const namespace of [...all].sort())
    if (!there.has(namespace)) list.append(element("option", namespace, { value: namespace }));
}

async function load() {
  const there = new Set();
  for (let offset = 0; offset !== null; ) {
    const page = await ask(`/api/v1/releases?limit=1000&offset=${offset}&${asked}`);
    for (const one of page.items) {
      there.add(`${one.namespace}/${one.name}`);
      take(one);
    }
    offset = page.next;
  }
  for (const key of known.keys()) if (!there.has(key)) known.delete(key);
  offerNamespaces();
  show();
}

function failed(problem) {
  say("state", problem.message);
  byId("narrow").hidden = false;
}

COLUMNS.forEach(([title, , , kind], column) => {
  const button = element("button", title, { type: "button" });
  button.addEventListener("click", () => {
    view.down = view.sort === column ? !view.down : false;
    view.sort = column;
    view.page = 0;
    show();
  });
  const head = element("th", undefined, { scope: "col", class: kind || "", "aria-sort": "none" });
  document.querySelector("#releases thead tr").append(within(head, button));
});
for (const id of ["search", "namespace", "phase"])
  byId(id).addEventListener("input", () => { view.page = 0; show(); });
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("previous").addEventListener("click", () => { view.page -= 1; show(); });
byId("next").addEventListener("click", () => { view.page += 1; show(); });
byId("everywhere").hidden = !only;
follow(`/api/v1/events?${asked}`, {
  ready: () => load().catch(failed), // after every connection: what was missed meanwhile is there again
  releases: (news) => {
    news.items.forEach(take);
    for (const gone of news.gone) known.delete(gone);
    offerNamespaces();
    show();
  },
}, () => load().catch(failed));
