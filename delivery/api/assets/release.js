// One Release as it goes on: where it stands, what is known of both versions, what a person may do.

import { ask, between, byId, count, element, follow, percent, phaseOf, say, time, within } from "./headgate.js";

const VERBS = {
  Paused: ["approve", "promote", "resume", "abort"],
  Shifting: ["pause", "promote", "abort"],
  Pending: ["abort"],
  Preparing: ["abort"],
  Stalled: ["retry", "abort"],
  RolledBack: ["retry"],
  Failed: ["retry"],
};
const SURE = {
  abort: "Abort: take all traffic from the canary and withdraw it?",
  promote: "Promote: give the new version all traffic without the rest of the evidence?",
};

const [, , namespace, , name] = location.pathname.split("/");
const base = `/api/v1/namespaces/${namespace}/releases/${name}`;
let phase = "";
let told = "";

function images(list) {
  const shown = element("span");
  list.forEach((image, at) => {
    const [named, digest] = image.split("@");
    if (at) shown.append(element("br"));
    shown.append(element("code", named));
    if (digest) shown.append(" ", element("code", `@${digest}`, { class: "digest", title: digest }));
  });
  return shown;
}

function facts(one) {
  const pairs = {
    Deployment: one.deployment,
    "App version": one.appVersion || "not given",
    "Release id": one.releaseId,
    Policy: one.policy,
    Mesh: one.mesh,
    "Stable image": images(one.stableImages),
    "Canary image": images(one.canaryImages),
    Step: one.progress,
    Began: one.startedAt && time(one.startedAt),
    Ended: one.finishedAt && time(one.finishedAt),
  };
  byId("facts").replaceChildren(
    ...Object.entries(pairs).filter(([, value]) => value)
      .map(([title, value]) => within(element("div"), element("dt", title), within(element("dd"), value))),
  );
}

function meter(title, value, full, shown, tone = "") {
  const share = Math.max(0, Math.min(1, value / full));
  const bar = element("meter", shown, { min: 0, max: 1, value: share, "aria-label": `${title}: ${shown}` });
  return within(element("p", undefined, { class: `meter ${tone}` }), element("span", title), bar, element("span", shown));
}

function arms(look) {
  const lines = [
    ["Requests", count(look.stableRequests), count(look.canaryRequests)],
    ["Errors", count(look.stableErrors), count(look.canaryErrors)],
    ["Error rate", percent(look.stableErrors, look.stableRequests), percent(look.canaryErrors, look.canaryRequests)],
    ...(look.latency || []).map((one) => [`Latency ${one.quantile}`, between(one.stable), between(one.canary)]),
  ];
  byId("arms").replaceChildren(...lines.map(([title, ...values]) =>
    within(element("tr"), element("th", title, { scope: "row" }), ...values.map((value) => element("td", value)))));
}

function evidence(one) {
  const look = one.evidence;
  byId("both").hidden = !look;
  const bars = [meter("Share of the traffic", one.weight, 100, `${one.weight} %`)];
  const held = (title, value, full, tone) =>
    bars.push(meter(title, value, full, `${value.toFixed(1)} of ${full.toFixed(1)}`, tone));
  if (look) {
    arms(look);
    held("Evidence for a rollback", look.rollback, look.rollbackAt, "bad");
    held("Evidence to advance", look.advance, look.advanceAt, "good");
  } else bars.push(element("p", "Nothing was judged yet."));
  byId("evidence").replaceChildren(...bars);
}

async function wish(verb) {
  if (SURE[verb] && !confirm(SURE[verb])) return;
  try {
    await ask(`${base}/${verb}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Headgate-Request": "1" },
      body: JSON.stringify({ reason: byId("reason").value }),
    });
    say("answer", `${verb}: asked for; the controller answers within seconds`);
    byId("reason").value = "";
  } catch (problem) {
    say("answer", `${verb}: ${problem.message}`);
  }
}

function act() {
  const verbs = VERBS[phase] || [];
  byId("act").hidden = !verbs.length;
  byId("verbs").replaceChildren(...verbs.map((verb) => {
    const button = element("button", verb, { type: "button", class: verb });
    button.addEventListener("click", () => wish(verb));
    return button;
  }));
}

function headline(one) {
  document.title = `${one.phase} ${one.namespace}/${one.deployment} - Headgate`;
  say("title", `${one.namespace}/${one.name}`);
  const shown = `${one.phase}: ${one.message}`;
  if (byId("headline").textContent !== shown)
    byId("headline").replaceChildren(phaseOf(one), `: ${one.message}`);
  say("question", one.question && `It waits for you: ${one.question}.`);
}

function show(one) {
  headline(one);
  facts(one);
  evidence(one);
  if (one.phase !== phase) {
    phase = one.phase;
    act();
  }
  if (told !== `${one.phase} ${one.progress}`) {
    told = `${one.phase} ${one.progress}`;
    draw();
  }
}

function draw() {
  say("drawn", "The report is being drawn …");
  byId("report").src = `${base}/report?format=html`;
}

// As high as the report is, so that the page scrolls and nothing within it; again when a part of it is opened.
byId("report").addEventListener("load", ({ target }) => {
  const page = target.contentDocument && target.contentDocument.body;
  if (target.src) say("drawn", "");
  if (page && target.src) new ResizeObserver(() => { target.style.height = `${page.scrollHeight + 8}px`; }).observe(page);
});
for (const form of ["html", "json", "markdown", "svg"])
  byId(`as-${form}`).href = `${base}/report?format=${form}`;
byId("again").addEventListener("click", draw);
follow(`${base}/events`, {
  release: (one, source) => { show(one); if (one.finishedAt) source.close(); },
  gone: (_, source) => { say("headline", "This Release was deleted."); byId("act").hidden = true; source.close(); },
}, () => ask(base).catch((problem) => say("headline", problem.message)));
