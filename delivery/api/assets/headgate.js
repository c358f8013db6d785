// The overview and the live page. Text goes into the page as text, never as markup.

const PAGE = 50;
const VERBS = {
  Paused: ["approve", "promote", "resume", "abort"],
  Shifting: ["pause", "promote", "abort"],
  Pending: ["abort"],
  Preparing: ["abort"],
  Stalled: ["retry", "abort"],
  RolledBack: ["retry"],
  Failed: ["retry"],
};

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

async function ask(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: "application/json", "Headgate-Request": "1" }, ...options });
  if (answer.status === 401) location.reload();
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || answer.statusText);
  return body;
}

function follow(path, on) {
  const source = new EventSource(path);
  for (const [event, handle] of Object.entries(on)) {
    source.addEventListener(event, (message) => handle(JSON.parse(message.data), source));
  }
  return source;
}

const rate = (errors, requests) =>
  requests ? `${((100 * errors) / requests).toFixed(2)} % (${errors} of ${requests})` : "no requests";
const when = (time) => (time ? new Date(time).toLocaleString() : "");

// -- overview --

const COLUMNS = [
  ["Release", (one) => `${one.namespace}/${one.deployment}`],
  ["Version", (one) => one.appVersion || one.canaryImages.map((image) => image.split("/").pop()).join(", ")],
  ["Phase", (one) => one.phase],
  ["Share", (one) => one.weight],
  ["Step", (one) => one.progress],
  ["Canary errors", (one) => (one.evidence && one.evidence.canaryRequests
    ? one.evidence.canaryErrors / one.evidence.canaryRequests : -1)],
  ["Began", (one) => one.startedAt || ""],
  ["Why", (one) => one.message],
];

function overview() {
  const known = new Map();
  const view = { sort: null, down: false, page: 0 };
  const key = (one) => `${one.namespace}/${one.name}`;
  const ended = new Set(["Succeeded", "RolledBack", "Superseded", "Bypassed", "Failed"]);

  COLUMNS.forEach(([title], column) => {
    const head = element("th", undefined, { scope: "col" });
    const button = element("button", title, { type: "button" });
    button.addEventListener("click", () => {
      view.down = view.sort === column ? !view.down : false;
      view.sort = column;
      show();
    });
    head.append(button);
    document.querySelector("#releases thead tr").append(head);
  });

  function chosen() {
    const sought = byId("search").value.toLowerCase();
    const namespace = byId("namespace").value;
    const phase = byId("phase").value;
    return [...known.values()].filter((one) => {
      if (namespace && one.namespace !== namespace) return false;
      if (phase === "active" ? ended.has(one.phase) : phase === "asking" ? !one.question : phase && one.phase !== phase)
        return false;
      return !sought || JSON.stringify(one).toLowerCase().includes(sought);
    });
  }

  function sorted(found) {
    const usual = (a, b) =>
      Number(ended.has(a.phase)) - Number(ended.has(b.phase)) || (b.startedAt || "").localeCompare(a.startedAt || "");
    if (view.sort === null) return found.sort(usual);
    const value = COLUMNS[view.sort][1];
    const order = (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0);
    return found.sort((a, b) => (view.down ? order(b, a) : order(a, b)));
  }

  function line(one) {
    const row = element("tr");
    const name = element("th", undefined, { scope: "row" });
    name.append(element("a", `${one.namespace}/${one.deployment}`, { href: `/namespaces/${one.namespace}/releases/${one.name}` }));
    const phase = element("td");
    phase.append(element("span", one.phase, { "data-phase": one.phase }));
    const errors = one.evidence ? rate(one.evidence.canaryErrors, one.evidence.canaryRequests) : "";
    row.append(
      name,
      element("td", COLUMNS[1][1](one)),
      phase,
      element("td", `${one.weight} %`, { class: "number" }),
      element("td", one.progress),
      element("td", errors),
      element("td", when(one.startedAt)),
      element("td", one.question ? `${one.message} - ${one.question}` : one.message),
    );
    return row;
  }

  function show() {
    const found = sorted(chosen());
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    view.page = Math.min(view.page, pages - 1);
    const shown = found.slice(view.page * PAGE, (view.page + 1) * PAGE);
    document.querySelector("#releases tbody").replaceChildren(...shown.map(line));
    byId("page").textContent = `${view.page + 1} of ${pages}`;
    byId("previous").disabled = view.page === 0;
    byId("next").disabled = view.page + 1 >= pages;
    byId("state").textContent = `${found.length} of ${known.size} releases`;
    document.querySelectorAll("#releases thead th").forEach((head, column) => {
      head.setAttribute("aria-sort", column === view.sort ? (view.down ? "descending" : "ascending") : "none");
    });
  }

  function choices() {
    const list = byId("namespace");
    const there = new Set([...list.options].map((option) => option.value));
    for (const namespace of new Set([...known.values()].map((one) => one.namespace)))
      if (!there.has(namespace)) list.append(element("option", namespace, { value: namespace }));
  }

  async function load() {
    for (let offset = 0; offset !== null; ) {
      const page = await ask(`/api/v1/releases?limit=1000&offset=${offset}`);
      for (const one of page.items) known.set(key(one), one);
      offset = page.next;
    }
    choices();
    show();
  }

  for (const id of ["search", "namespace", "phase"]) byId(id).addEventListener("input", () => { view.page = 0; show(); });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("previous").addEventListener("click", () => { view.page -= 1; show(); });
  byId("next").addEventListener("click", () => { view.page += 1; show(); });
  const failed = (problem) => { byId("state").textContent = problem.message; };
  follow("/api/v1/events", {
    ready: () => load().catch(failed), // after every connection: what was missed meanwhile is there again
    releases: (news) => {
      for (const one of news.items) known.set(key(one), one);
      for (const gone of news.gone) known.delete(gone);
      choices();
      show();
    },
  });
}

// -- one release --

function release() {
  const [, , namespace, , name] = location.pathname.split("/");
  const base = `/api/v1/namespaces/${namespace}/releases/${name}`;
  let phase = "";

  function facts(one) {
    const pairs = {
      Deployment: `${one.namespace}/${one.deployment}`,
      "Release id": one.releaseId,
      Version: one.appVersion || "not said",
      "Stable image": one.stableImages.join(", "),
      "Canary image": one.canaryImages.join(", "),
      "Share of the traffic": `${one.weight} %`,
      Step: one.progress,
      Began: when(one.startedAt),
      Ended: when(one.finishedAt),
    };
    byId("facts").replaceChildren(
      ...Object.entries(pairs).filter(([, value]) => value)
        .flatMap(([title, value]) => [element("dt", title), element("dd", value)]),
    );
  }

  function bar(title, value, threshold) {
    const label = element("label", `${title} `);
    const share = Math.max(0, Math.min(1, value / threshold));
    label.append(element("meter", `${Math.round(100 * share)} %`, { min: 0, max: 1, value: share }));
    const line = element("p");
    line.append(label, ` ${value.toFixed(1)} of ${threshold.toFixed(1)}`);
    return line;
  }

  function evidence(one) {
    const look = one.evidence;
    byId("evidence").replaceChildren(...(look ? [
      element("p", `Stable fails ${rate(look.stableErrors, look.stableRequests)}, canary ${rate(look.canaryErrors, look.canaryRequests)}.`),
      bar("Evidence for a rollback", look.rollback, look.rollbackAt),
      bar("Evidence to advance", look.advance, look.advanceAt),
    ] : [element("p", "Nothing was judged yet.")]));
  }

  async function say(verb) {
    try {
      const reason = byId("reason").value;
      await ask(`${base}/${verb}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Headgate-Request": "1" },
        body: JSON.stringify({ reason }),
      });
      byId("answer").textContent = `${verb}: asked; the controller answers`;
    } catch (problem) {
      byId("answer").textContent = problem.message;
    }
  }

  function show(one) {
    document.title = `${one.phase} ${one.namespace}/${one.deployment} - Headgate`;
    byId("title").textContent = `${one.namespace}/${one.name}`;
    byId("headline").replaceChildren(element("span", one.phase, { "data-phase": one.phase }), `: ${one.message}`);
    byId("question").textContent = one.question;
    facts(one);
    evidence(one);
    if (one.phase === phase) return;
    phase = one.phase;
    byId("verbs").replaceChildren(...(VERBS[phase] || []).flatMap((verb) => {
      const button = element("button", verb, { type: "button" });
      button.addEventListener("click", () => say(verb));
      return [button, " "];
    }));
    byId("report").src = `${base}/report?format=html`;
  }

  follow(`${base}/events`, {
    release: (one, source) => { show(one); if (one.finishedAt) source.close(); },
    gone: (_, source) => { byId("headline").textContent = "This Release was deleted."; source.close(); },
  });
}

({ overview, release })[document.body.dataset.page]();
