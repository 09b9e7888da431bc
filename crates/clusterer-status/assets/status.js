"use strict";

// Everything that comes from the node is set as text or as an attribute, never as HTML: the server's policy
// (trusted types) makes the browser refuse the other ways.

const EVENTS = "/api/v1/events";
const STATES = ["up", "probing", "disabled", "down"];
const WORDS = { up: "Up", probing: "Probing", disabled: "Disabled", down: "Down" };
const MOST_EVENTS = 200;
/** The node says something every 2 seconds: silence for longer is a lost connection. */
const SILENCE_MS = 7000;
const RETRY_MS = 1000;

const $ = (id) => document.getElementById(id);
const key = (node) => `${node.cluster_id}/${node.machine_id}`;

const page = {
  node: null,          // the last snapshot, kept up to date
  nodes: new Map(),    // by cluster and machine
  rows: new Map(),
  skew: 0,             // this machine's clock minus the node's, in seconds
  shown: new Set(),    // states to show; all if empty
  sort: { by: "machine_id", down: false },
};

// ---- Building -------------------------------------------------------------------------------------------

/** An element with attributes and children; what is no element becomes text. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Foreign text whose direction must not turn its surroundings. */
const foreign = (text, name) => make("bdi", { class: name }, String(text));

/** When something was, or will be: told relative to now, each second anew. */
const ago = (seconds, name) => moment(seconds, name, "ago");

/** How long something has lasted that began then. */
const lasting = (seconds, name) => moment(seconds, name, "for");

function moment(seconds, name, form) {
  if (seconds === null || seconds === undefined) return null;
  const date = new Date((seconds + page.skew) * 1000);
  const time = make("time", { "datetime": date.toISOString(), "title": date.toLocaleString(), "data-at": seconds, "data-form": form, "class": name });
  tellTime(time);
  return time;
}

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const present = () => Date.now() / 1000 - page.skew;

function tellTime(time) {
  const from = present() - Number(time.dataset.at);
  if (time.dataset.form === "for") setText(time, `for ${span(from)}`);
  else setText(time, from < -0.5 ? `in ${span(-from)}` : from < 1 ? "now" : `${span(from)} ago`);
}

function scaled(value, step, units) {
  let unit = 0;
  while (value >= step && unit < units.length - 1) { value /= step; unit += 1; }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`.trim();
}

const bytes = (value) => scaled(value, 1000, ["B", "kB", "MB", "GB", "TB"]);
const count = (value) => value.toLocaleString("en");

function roundTrip(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds === 0) return "< 1 ms";
  return seconds < 0.1 ? `${(seconds * 1000).toPrecision(2)} ms` : `${Math.round(seconds * 1000)} ms`;
}

const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

// ---- Nodes ----------------------------------------------------------------------------------------------

const COLUMNS = [
  { label: "Node", by: "machine_id", value: (n) => n.machine_id },
  { label: "State", by: "state", value: (n) => -STATES.indexOf(n.state) },
  { label: "Failures", by: "no_tries", value: (n) => n.no_tries },
  { label: "Next attempt", by: "next", value: (n) => n.next_attempt_unix_seconds ?? Infinity },
  { label: "Last error", by: "error", value: (n) => -(n.last_error?.time_unix_seconds ?? n.last_attempt_unix_seconds ?? 0) },
  { label: "Round trip", by: "trip", value: (n) => n.round_trip_seconds ?? Infinity, number: true },
  { label: "Received", by: "in", value: (n) => n.traffic?.received_bytes ?? 0, number: true },
  { label: "Sent", by: "out", value: (n) => n.traffic?.sent_bytes ?? 0, number: true },
];

function cells(node) {
  const lines = (...parts) => make("div", { class: "cell" }, parts.filter(Boolean).map((part) => make("div", {}, part)));
  const small = (text) => make("span", { class: "small" }, text);
  const traffic = (packets, size) => size === undefined ? "" : lines(bytes(size), make("span", { class: "small", title: plural(packets, "packet") }, `${scaled(packets, 1000, ["", "k", "M", "G"])} packet${packets === 1 ? "" : "s"}`));
  const error = node.last_error;
  const failed = error?.time_unix_seconds ?? node.last_attempt_unix_seconds;
  const most = Math.max(1, node.failed_attempts);
  return [
    lines([make("span", { class: "id" }, String(node.machine_id)), foreign(node.description)], foreign(node.url, "small mono")),
    lines(stateOf(node), lasting(node.since_unix_seconds, "small")),
    node.no_tries > 0 ? lines(`${node.no_tries} of ${most}`) : "",
    node.state === "down" ? "" : ago(node.next_attempt_unix_seconds, node.state === "up" ? "quiet" : null) ?? "",
    failed ? lines(error?.kind?.replaceAll("_", " "), ago(failed, "small")) : "",
    node.state === "down" && !node.link ? "" : lines(roundTrip(node.round_trip_seconds), small(node.link ? `link ${node.link}` : "never dialled"), node.queued_bytes > 0 ? small(`${bytes(node.queued_bytes)} queued`) : null),
    traffic(node.traffic?.received_packets, node.traffic?.received_bytes),
    traffic(node.traffic?.sent_packets, node.traffic?.sent_bytes),
  ];
}

function stateOf(node) {
  return make("span", { "class": "state", "data-state": node.state },
    make("span", { "class": "mark", "data-state": node.state, "aria-hidden": "true" }), WORDS[node.state] ?? node.state);
}

function drawRow(node) {
  return make("tr", { "role": "row", "data-state": node.state, "data-node": key(node) }, rowCells(node));
}

/** Replaces what differs and nothing else: a button stays under the finger, and a selection where it is. */
function fillRow(row, node) {
  const focused = row.contains(document.activeElement);
  row.dataset.state = node.state;
  rowCells(node).forEach((cell, at) => {
    if (!cell.isEqualNode(row.cells[at])) row.cells[at].replaceWith(cell);
  });
  if (focused && !row.contains(document.activeElement)) row.querySelector("button")?.focus();
}

function rowCells(node) {
  const contents = cells(node);
  if (page.node.control) contents.push(control(node));
  return contents.map((content, at) => {
    if (at === 0) return make("th", { scope: "row", role: "rowheader" }, content);
    const column = COLUMNS[at];
    const blank = content === "" ? "" : null;
    return make("td", { "role": "cell", "data-label": column?.label ?? "", "class": column?.number ? "number" : null, "data-blank": blank }, content);
  });
}

function drawClusters() {
  page.rows.clear();
  $("clusters").replaceChildren(...page.node.clusters.map((cluster) => {
    const title = `cluster-${cluster.cluster_id}`;
    const head = COLUMNS.map((column) => {
      const button = make("button", { type: "button" }, column.label);
      button.addEventListener("click", () => sortBy(column.by));
      return make("th", { "scope": "col", "role": "columnheader", "data-by": column.by, "class": column.number ? "number" : null, "aria-sort": "none" }, button);
    });
    if (page.node.control) head.push(make("th", { scope: "col", role: "columnheader" }, make("span", { class: "hidden" }, "Action")));
    const body = make("tbody", { role: "rowgroup" }, cluster.nodes.map((node) => {
      const row = drawRow(node);
      page.rows.set(key(node), row);
      return row;
    }));
    return make("section", { "class": "cluster", "aria-labelledby": title },
      make("div", { class: "cluster-head" },
        make("h3", { id: title }, `Cluster ${cluster.cluster_id}`), make("span", { class: "small" }, plural(cluster.nodes.length, "other node"))),
      cluster.nodes.length === 0 ? null : make("div", { class: "sheet" },
        make("table", { "role": "table", "aria-labelledby": title },
          make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, head)), body)));
  }));
  arrange();
}

function sortBy(by) {
  page.sort = { by, down: page.sort.by === by && !page.sort.down };
  arrange();
}

/** Orders and filters the rows, and counts the states. */
function arrange() {
  const column = COLUMNS.find((it) => it.by === page.sort.by);
  const sign = page.sort.down ? -1 : 1;
  const order = (a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    return (x < y ? -sign : x > y ? sign : 0) || a.machine_id - b.machine_id;
  };
  for (const body of document.querySelectorAll("#clusters tbody")) {
    const rows = [...body.rows];
    const sorted = [...rows].sort((a, b) => order(page.nodes.get(a.dataset.node), page.nodes.get(b.dataset.node)));
    // Moving an element takes the focus from it.
    if (sorted.some((row, at) => row !== rows[at])) {
      const focused = document.activeElement;
      body.append(...sorted);
      if (body.contains(focused)) focused.focus();
    }
  }
  for (const head of document.querySelectorAll("#clusters th[data-by]")) {
    const sorted = head.dataset.by === page.sort.by;
    head.setAttribute("aria-sort", sorted ? (page.sort.down ? "descending" : "ascending") : "none");
  }
  const wanted = $("find").value.trim().toLowerCase();
  let visible = 0;
  for (const [id, row] of page.rows) {
    const node = page.nodes.get(id);
    const text = `${node.machine_id} ${node.url} ${node.description}`.toLowerCase();
    row.hidden = !((page.shown.size === 0 || page.shown.has(node.state)) && text.includes(wanted));
    if (!row.hidden) visible += 1;
  }
  $("none").hidden = visible > 0 || page.nodes.size === 0;
  tally();
}

function tally() {
  const numbers = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const node of page.nodes.values()) numbers[node.state] = (numbers[node.state] ?? 0) + 1;
  for (const state of STATES) {
    const button = $(`count-${state}`);
    setText(button.querySelector("b"), count(numbers[state]));
    button.toggleAttribute("data-empty", numbers[state] === 0);
    button.setAttribute("aria-pressed", String(page.shown.has(state)));
    const part = $(`share-${state}`);
    part.hidden = numbers[state] === 0;
    part.style.flexGrow = String(numbers[state]);
  }
  const off = page.nodes.size - numbers.up;
  document.title = `${off > 0 ? `${off} not up \u00b7 ` : ""}Machine ${page.node.machine_id}`;
}

function drawCounts() {
  $("counts").replaceChildren(...STATES.map((state) => {
    const button = make("button", { "type": "button", "id": `count-${state}`, "aria-pressed": "false" },
      make("span", { "class": "mark", "data-state": state, "aria-hidden": "true" }), make("b", {}, "0"), WORDS[state].toLowerCase());
    button.addEventListener("click", () => {
      if (!page.shown.delete(state)) page.shown.add(state);
      if (page.node) arrange();
    });
    return button;
  }));
  $("share").replaceChildren(...STATES.map((state) => make("span", { "id": `share-${state}`, "data-state": state, "hidden": true })));
}

// ---- The rest -------------------------------------------------------------------------------------------

const pair = (term, ...what) => make("div", {}, make("dt", {}, term), make("dd", {}, ...what));

function drawHead() {
  const node = page.node;
  setText($("program"), `${node.program} ${node.version}`);
  setText($("machine"), `Machine ${node.machine_id}`);
  $("about").replaceChildren(
    pair("Started", ago(node.started_unix_seconds)),
    pair("Listens on", node.listen.length > 0 ? make("span", { class: "mono" }, node.listen.join(" ")) : "nothing"),
    pair("Table read", ago(node.database.loaded_unix_seconds)),
    pair("Database", node.database.up ? "answers" : "does not answer"));
}

function drawNotices() {
  const { up, error, skipped_rows_total: total, skipped_rows: rows } = page.node.database;
  const notices = [];
  if (!up) notices.push(make("div", { class: "notice bad" }, make("strong", {}, "The database does not answer. "), "The cluster works on from memory. ", foreign(error)));
  if (total > 0) {
    notices.push(make("div", { class: "notice" }, make("strong", {}, `${plural(total, "row")} of the table ${total === 1 ? "is" : "are"} not used.`),
      make("ul", {}, rows.map((row) => make("li", {}, foreign(row))), total > rows.length ? make("li", {}, `and ${count(total - rows.length)} more`) : null)));
  }
  $("notices").replaceChildren(...notices);
}

function table(label, heads, rows) {
  const cell = (content, at) => at === 0
    ? make("th", { scope: "row", role: "rowheader" }, content)
    : make("td", { "role": "cell", "data-label": heads[at], "data-blank": content === "" ? "" : null, "class": typeof content === "number" ? "number" : null },
      typeof content === "number" ? count(content) : content);
  const numeric = (at) => rows.length > 0 && at > 0 && rows.every((row) => typeof row[at] === "number");
  return make("table", { "role": "table", "aria-label": label },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" },
      heads.map((head, at) => make("th", { scope: "col", role: "columnheader", class: numeric(at) ? "number" : null }, head)))),
    make("tbody", { role: "rowgroup" }, rows.map((row) => make("tr", { role: "row" }, row.map(cell)))));
}

function drawModules() {
  $("no-modules").hidden = page.node.modules.length > 0;
  const open = new Map([...$("modules").children].map((it) => [it.dataset.module, it.open]));
  $("modules").replaceChildren(...page.node.modules.map((module) => {
    const details = make("details", { "class": "sheet", "data-module": moduleKey(module), "open": open.get(moduleKey(module)) ?? module.nodes.length <= 12 },
      make("summary", {}, make("h3", {}, foreign(module.name)), make("span", { class: "small" })), make("div", {}));
    fillModule(details, module);
    return details;
  }));
}

const moduleKey = (module) => `${module.name}/${module.cluster_id}`;

/** Leaves the summary where it is, for it may have the focus. */
function fillModule(details, module) {
  const out = module.nodes.filter((node) => node.disabled_until_unix_seconds).length;
  const facts = [module.cluster_id === null ? "no cluster" : `cluster ${module.cluster_id}`, `timeout ${span(module.timeout_seconds)}`,
    `auth check ${module.auth_check ? "on" : "off"}`, plural(module.nodes.length, "node"), out > 0 ? `${count(out)} shut out` : null];
  setText(details.querySelector("summary .small"), facts.filter(Boolean).join(" \u00b7 "));
  const rows = module.nodes.map((node) => [String(node.machine_id), ago(node.last_seen_unix_seconds),
    node.disabled_until_unix_seconds ? make("span", { "class": "state", "data-state": "disabled" },
      make("span", { "class": "mark", "data-state": "disabled", "aria-hidden": "true" }), "Shut out, back ", ago(node.disabled_until_unix_seconds)) : "Taken"]);
  details.lastChild.replaceChildren(...rows.length > 0 ? [table(`Nodes of ${module.name}`, ["Machine", "Last heard", "Packets"], rows)] : []);
}

/** A word of the JSON as people write it. */
const title = (name) => { const text = name.replaceAll("_", " "); return text.charAt(0).toUpperCase() + text.slice(1); };
const isTable = (value) => Array.isArray(value) && value.every((row) => row !== null && typeof row === "object" && !Array.isArray(row));
const plain = (value) => typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");

function drawSections() {
  $("sections").replaceChildren(...Object.entries(page.node.sections).map(([name, value]) => {
    const entries = value !== null && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [["value", value]];
    const values = entries.filter(([, it]) => !isTable(it));
    const tables = entries.filter(([, it]) => isTable(it));
    return make("section", { class: "part" }, make("h3", {}, title(name)), make("div", { class: "sheet" },
      values.length > 0 ? make("dl", { class: "values" }, values.map(([term, it]) => pair(title(term), foreign(plain(it))))) : null,
      tables.map(([label, rows]) => rows.length === 0 ? make("p", { class: "values quiet" }, `No ${label.replaceAll("_", " ")}.`) : sectionTable(label, rows))));
  }));
}

function sectionTable(label, rows) {
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return table(title(label), heads.map(title), rows.map((row) => heads.map((head, at) => {
    const value = row[head];
    return typeof value === "number" && at > 0 ? value : foreign(plain(value));
  })));
}

const BAD = new Set(["module_timeout", "reload_failed", "missed"]);

function addEvents(events) {
  const list = $("events");
  const lines = events.map((event) => make("li", { "data-weight": BAD.has(event.kind) ? "bad" : null }, ago(event.time_unix_seconds), make("span", {}, foreign(event.text))));
  list.prepend(...lines.reverse());
  while (list.children.length > MOST_EVENTS) list.lastChild.remove();
  $("no-events").hidden = list.children.length > 0;
}

// ---- What the node tells --------------------------------------------------------------------------------

function takeSnapshot(snapshot) {
  const former = page.node ? page.nodes : null;
  page.skew = Date.now() / 1000 - snapshot.time_unix_seconds;
  page.node = snapshot;
  page.nodes = new Map(snapshot.clusters.flatMap((cluster) => cluster.nodes).map((node) => [key(node), node]));
  drawHead();
  drawNotices();
  drawClusters();
  drawModules();
  drawSections();
  $("events").replaceChildren();
  addEvents(snapshot.events);
  if (former) announce([...page.nodes.values()].flatMap((node) => { const was = former.get(key(node)); return was && was.state !== node.state ? [[was, node]] : []; }));
}

function takeChange(change) {
  page.skew = Date.now() / 1000 - change.time_unix_seconds;
  const news = [];
  for (const node of change.nodes) {
    const was = page.nodes.get(key(node));
    const row = page.rows.get(key(node));
    if (!was || !row) continue;
    page.nodes.set(key(node), node);
    fillRow(row, node);
    if (was.state !== node.state) {
      news.push([was, node]);
      mark(row);
    }
  }
  if (change.nodes.length > 0) arrange();
  if (JSON.stringify(page.node.database) !== JSON.stringify(change.database)) {
    page.node.database = change.database;
    drawHead();
    drawNotices();
  }
  for (const module of change.modules) {
    const details = [...$("modules").children].find((it) => it.dataset.module === moduleKey(module));
    if (details) fillModule(details, module);
  }
  if (change.sections) {
    page.node.sections = change.sections;
    drawSections();
  }
  addEvents(change.events);
  announce(news);
}

function mark(row) {
  row.classList.remove("changed");
  void row.offsetWidth;
  row.classList.add("changed");
}

/** Says which nodes changed, to who does not see it. */
function announce(news) {
  if (news.length === 0) return;
  const line = ([was, node]) => `Cluster ${node.cluster_id}, machine ${node.machine_id}: ${WORDS[node.state].toLowerCase()}, was ${WORDS[was.state].toLowerCase()}.`;
  say(news.length <= 3 ? news.map(line).join(" ") : `${news.length} nodes changed their state.`);
}

const say = (text) => { $("said").textContent = text; };

// ---- The stream -----------------------------------------------------------------------------------------

let heard = 0;
let lostAt = null;
let reading = null;

/** Not an EventSource: that cannot send a token. */
async function follow() {
  for (;;) {
    try {
      await read();
      lost();
    } catch (error) {
      if (error instanceof Refused) {
        lost();
        await askToken();
      } else {
        lost();
      }
    }
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}

class Refused extends Error {}

async function read() {
  reading = new AbortController();
  heard = performance.now();
  const response = await fetch(EVENTS, { headers: authorization(), signal: reading.signal, cache: "no-store" });
  if (response.status === 401) throw new Refused();
  if (!response.ok) throw new Error(`status ${response.status}`);
  const stream = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await stream.read();
    if (done) return;
    heard = performance.now();
    const frames = (rest + value).split("\n\n");
    rest = frames.pop();
    frames.forEach(takeFrame);
  }
}

function takeFrame(frame) {
  const field = (name) => frame.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = field("data");
  if (data === undefined) return;
  if (field("event") === "snapshot") {
    takeSnapshot(JSON.parse(data));
    live();
  } else if (field("event") === "change" && page.node) {
    takeChange(JSON.parse(data));
  }
}

function live() {
  if (lostAt !== null) say("Live again.");
  lostAt = null;
  $("live").dataset.live = document.body.dataset.live = "yes";
  setText($("live-text"), "Live");
}

function lost() {
  if (lostAt === null) {
    lostAt = Date.now();
    if (page.node) say("The connection to the node is lost. What is shown is not live.");
  }
  $("live").dataset.live = document.body.dataset.live = "no";
  tellLost();
}

function tellLost() {
  const since = new Date(lostAt);
  setText($("live-text"), `Not live since ${since.toLocaleTimeString()} (${span((Date.now() - lostAt) / 1000)}). Trying again.`);
}

function tick() {
  document.querySelectorAll("time[data-at]").forEach(tellTime);
  if (lostAt !== null) tellLost();
  // Also one that was never answered: else a network that swallows it would be waited for, not tried again.
  if (performance.now() - heard > SILENCE_MS) reading?.abort();
}

// ---- Setting a state ------------------------------------------------------------------------------------

const TOKEN = "clusterer-token";

function token() {
  try { return sessionStorage.getItem(TOKEN); } catch { return null; }
}

function keepToken(value) {
  try { value === null ? sessionStorage.removeItem(TOKEN) : sessionStorage.setItem(TOKEN, value); } catch { /* Asked for again. */ }
}

const authorization = (value = token()) => value ? { Authorization: `Bearer ${value}` } : {};

function control(node) {
  const down = node.state === "down";
  const button = make("button", { "type": "button", "aria-label": `${down ? "Bring up" : "Take down"} machine ${node.machine_id} of cluster ${node.cluster_id}` }, down ? "Bring up" : "Take down");
  button.addEventListener("click", () => askStatus(node, down ? 1 : 0));
  return button;
}

/** Asks, and again after an error, until `act` succeeds or the reader gives up. Resolves to whether it did. */
function ask({ title, text, yes, act }) {
  const [dialog, field] = [$("ask"), $("ask-token")];
  setText($("ask-title"), title);
  setText($("ask-text"), text);
  setText($("ask-yes"), yes);
  setText($("ask-error"), "");
  const wantToken = (want) => {
    field.value = "";
    field.required = want;
    $("ask-token-label").hidden = $("ask-token-note").hidden = !want;
  };
  wantToken(token() === null);
  return new Promise((done) => {
    const finish = (result) => {
      $("ask-form").onsubmit = $("ask-no").onclick = dialog.onclose = null;
      field.value = "";
      dialog.close();
      done(result);
    };
    $("ask-no").onclick = dialog.onclose = () => finish(false);
    $("ask-form").onsubmit = async (event) => {
      event.preventDefault();
      const value = field.required ? field.value.trim() : token();
      $("ask-yes").disabled = true;
      try {
        await act(value);
        keepToken(value);
        finish(true);
      } catch (error) {
        if (error instanceof Refused) { keepToken(null); wantToken(true); field.focus(); }
        setText($("ask-error"), error instanceof Refused ? "The node does not take this token." : error.message);
      } finally {
        $("ask-yes").disabled = false;
      }
    };
    if (!dialog.open) dialog.showModal();
  });
}

const askToken = () => ask({
  title: "A token is needed", text: "This node shows itself to who has its token.", yes: "Show",
  act: async (value) => {
    const response = await fetch("/api/v1/cluster", { headers: authorization(value), cache: "no-store" });
    if (response.status === 401) throw new Refused();
  },
});

async function askStatus(node, status) {
  const name = `machine ${node.machine_id} of cluster ${node.cluster_id}`;
  const done = await ask({
    title: status === 0 ? `Take ${name} down?` : `Bring ${name} up?`,
    text: status === 0 ? "This node sends nothing to it any more, until somebody brings it up again." : "This node dials it at once, and sends to it.",
    yes: status === 0 ? "Take down" : "Bring up",
    act: (value) => setStatus(node, status, value),
  });
  if (done) say(`${status === 0 ? "Taken down" : "Brought up"}: ${name}.`);
  page.rows.get(key(node))?.querySelector("button")?.focus();
}

async function setStatus({ cluster_id, machine_id, protocol }, status, value) {
  const call = { jsonrpc: "2.0", id: 1, method: "clusterer_set_status", params: { cluster_id, machine_id, status, protocol } };
  const response = await fetch(page.node.control.path, {
    method: "POST", headers: { "Content-Type": "application/json", ...authorization(value) }, body: JSON.stringify(call),
  });
  if (response.status === 401) throw new Refused();
  if (!response.ok) throw new Error(`The node answered ${response.status} ${response.statusText}.`);
  const { error } = await response.json();
  if (error) throw new Error(`The node answered: ${error.message} (${error.code})${error.data ? ` ${plain(error.data)}` : ""}`);
}

drawCounts();
$("find").addEventListener("input", () => { if (page.node) arrange(); });
setInterval(tick, 1000);
follow();
