"use strict";
// All text gets into the page by textContent. Rows are kept and changed in place, so that the focus, a
// press of the mouse and a reader's place survive what is new.
const $ = id => document.getElementById(id);
const el = (tag, text, cls) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
};
const say = (e, text) => { text = String(text); if (e.textContent !== text) e.textContent = text; };
const SVG = "http://www.w3.org/2000/svg";
const keep = 6000, rows = 120, span = 30e6; // entries, rows of the log, microseconds of the lanes

const num = n => n >= 1e6 ? (n / 1e6).toFixed(1) + "M" : n >= 1e4 ? (n / 1e3).toFixed(1) + "k" :
  n >= 100 || Number.isInteger(n) ? String(Math.round(n)) : n.toFixed(1);
const dur = ns => ns < 0 ? "running" : ns < 1e3 ? ns + " ns" : ns < 1e6 ? (ns / 1e3).toFixed(1) + " µs" :
  ns < 1e9 ? (ns / 1e6).toFixed(1) + " ms" : (ns / 1e9).toFixed(1) + " s";
const clock = us => {
  const d = new Date(us / 1e3);
  return d.toTimeString().slice(0, 8) + "." + String(d.getMilliseconds()).padStart(3, "0");
};
const place = s => s ? s.split("/").slice(-3).join("/") : "";
const some = n => n ? num(n) : "";
const plural = (n, one, many) => num(n) + " " + (n === 1 ? one : many);
const named = x => x.label ? x.label + " (" + x.receiver + ")" : x.receiver;

// grid shows a list in a table. A column is a title, a class and a function that fills its cell.
function grid(id, empty, columns) {
  const table = $(id), body = el("tbody"), head = el("thead"), titles = el("tr");
  for (const [title, cls] of columns) {
    const th = el("th", title, cls);
    th.scope = "col";
    th.setAttribute("role", "columnheader");
    titles.append(th);
  }
  head.append(titles);
  table.append(head, body);
  // A style that lays rows out as cards takes these roles away.
  for (const [e, role] of [[table, "table"], [head, "rowgroup"], [body, "rowgroup"], [titles, "row"]]) e.setAttribute("role", role);
  if (!table.closest("[role=region]")) {
    const title = table.closest("section").querySelector("h2");
    table.setAttribute("aria-labelledby", title.id);
  }
  const none = el("p", empty, "dim"), have = new Map();
  table.after(none);
  return (list, keyOf, each) => {
    none.hidden = list.length > 0;
    table.hidden = list.length === 0;
    const seen = new Set();
    let at = body.firstChild;
    for (const x of list) {
      let key = keyOf(x), row;
      while (seen.has(key)) key += "'";
      seen.add(key);
      row = have.get(key);
      if (!row) {
        row = el("tr");
        row.setAttribute("role", "row");
        for (const [title, cls] of columns) {
          const td = el("td", undefined, cls);
          td.setAttribute("role", "cell");
          if (title && td.cellIndex !== 0) td.dataset.l = title;
          row.append(td);
        }
        delete row.cells[0].dataset.l;
        have.set(key, row);
      }
      columns.forEach(([, cls, fill], i) => {
        const td = row.cells[i], v = fill(x, td, row);
        if (v !== undefined) {
          say(td, v);
          td.className = (cls || "") + (v === "" ? " e" : "") + (td.dataset.c ? " " + td.dataset.c : "");
        }
      });
      if (each) each(x, row);
      if (row === at) at = at.nextSibling; else body.insertBefore(row, at);
    }
    for (const [key, row] of have) if (!seen.has(key)) { row.remove(); have.delete(key); }
  };
}
const mark = (td, cls) => { td.dataset.c = cls; };
const trouble = n => (x, td) => { mark(td, x[n] > 0 ? "bad" : ""); return some(x[n]); };
const code = f => (x, td) => { if (!td.firstChild) td.append(el("code")); say(td.firstChild, f(x)); };
const site = (x, td) => {
  if (!td.firstChild) td.append(el("code"));
  say(td.firstChild, place(x.site) || "not known: made while nobody looked");
  td.firstChild.className = x.site ? "" : "dim";
  td.title = x.site || "";
};

let picture = null, chosen = null, detail = null, paused = false, missed = 0, held = 0, log = [], story = null;

const showTopics = grid("topics", "No topics yet.", [
  ["topic", "", (t, td) => {
    if (!td.firstChild) {
      const b = el("button", "", "link");
      b.type = "button";
      b.onclick = () => choose(b.dataset.id);
      td.append(b, el("span", "", "dim"));
    }
    const [b, more] = td.children;
    b.dataset.id = t.id;
    b.setAttribute("aria-pressed", t.id === chosen);
    b.title = t.package || "";
    say(b, t.name);
    say(more, t.retains ? " keeps its last event" : "");
  }],
  ["subscriptions", "n", t => num(t.live)],
  ["per second", "n", t => num(t.perSecond)],
  ["last minute", "s", (t, td) => spark(td, t.lastSeconds || [])],
  ["total", "n", t => num(t.published)],
  ["receivers per event", "n", t => t.timed ? t.receiversPerEvent.toFixed(1) : ""],
  ["mean time", "n", t => t.timed ? dur(t.mean) : ""],
  ["slowest", "n", t => t.timed ? dur(t.slowest) : ""],
  ["unheard", "n", (t, td) => { mark(td, t.unheard ? "warn" : ""); return some(t.unheard); }],
  ["dropped", "n", trouble("dropped")],
  ["panics", "n", trouble("panics")],
  ["errors", "n", trouble("errors")],
]);
const showSubs = grid("subs", "Nobody is subscribed.", [
  ["receiver", "", code(s => s.receiver)],
  ["label", "w", s => s.label || ""],
  ["priority", "n", s => String(s.priority)],
  ["state", "", (s, td) => { mark(td, s.state === "active" ? "" : "warn"); return s.state; }],
  ["heard", "", (s, td) => { mark(td, s.heard === "no" ? "warn" : ""); return { yes: "yes", no: "nothing yet", unknown: "not known" }[s.heard]; }],
  ["waiting", "n", s => some(s.waiting)],
  ["dropped", "n", trouble("dropped")],
  ["replaced", "n", s => some(s.replaced)],
  ["subscribed at", "", site],
]);
const showRunning = grid("running", "No handler is running.", [
  ["handler", "", code(named)], ["topic", "", code(r => r.topic)], ["for", "n", r => dur(r.for)], ["since", "n", r => clock(r.since)], ["subscribed at", "", site],
]);
const showWaiting = grid("waiting", "No queues, and nothing in a mailbox.", [
  ["queue or mailbox", "", code(q => q.name)],
  ["waiting", "n", q => num(q.waiting) + (q.capacity ? " of " + num(q.capacity) : "")],
  ["dropped", "n", trouble("dropped")], ["replaced", "n", q => some(q.replaced)],
]);
const showEarly = grid("early", "", [
  ["receiver", "", code(named)], ["topic", "", code(e => e.topic)], ["times", "n", e => num(e.times)], ["subscribed at", "", site],
]);
const symbol = { event: "▏", call: "▏", subscribed: "○", ended: "○", unheard: "△", early: "△", panic: "✕", error: "✕", drop: "✕" };
const word = { event: "event", call: "late call", subscribed: "subscribed", ended: "ended", unheard: "unheard", early: "collected unheard", panic: "panic", error: "error", drop: "dropped" };
const tone = { unheard: "warn", early: "warn", panic: "bad", error: "bad", drop: "bad" };
const showLog = grid("log", "Nothing has happened yet, or nothing that the filter lets through.", [
  ["time", "t", e => clock(e.at)],
  ["what", "k", (e, td) => { mark(td, tone[e.kind] || "dim"); return symbol[e.kind] + " " + word[e.kind]; }],
  ["topic", "", (e, td) => {
    if (td.firstChild) return;
    const event = e.kind === "event" ? e.id : e.kind === "call" ? e.parent : 0;
    if (!event) { td.append(el("code", e.topic)); return; }
    const b = el("button", e.topic, "link");
    b.type = "button";
    b.setAttribute("aria-label", "Story of " + e.topic + " at " + clock(e.at));
    b.onclick = () => tell(event, b);
    td.append(b);
  }],
  ["receivers", "n", e => e.kind === "event" ? String(e.ran || 0) : ""],
  ["took", "n", e => e.nanos ? dur(e.nanos) : ""],
  ["", "x", code(e => e.text || "")],
]);

function spark(td, v) {
  if (!td.firstChild) {
    const s = document.createElementNS(SVG, "svg");
    s.setAttribute("viewBox", "0 0 110 22");
    s.setAttribute("aria-hidden", "true");
    s.append(document.createElementNS(SVG, "polyline"));
    td.append(s);
  }
  const all = Array(60 - v.length).fill(0).concat(v), top = Math.max(1, ...all);
  td.firstChild.firstChild.setAttribute("points", all.map((y, i) => (i * 110 / 59).toFixed(1) + "," + (20.5 - 19 * y / top).toFixed(1)).join(" "));
  td.dataset.l = "";
}

const passes = (...texts) => {
  const f = $("filter").value.trim().toLowerCase();
  return !f || texts.some(t => t && t.toLowerCase().includes(f));
};

function figures(n) {
  const list = [["topics", n.topics], ["subscriptions", n.subscriptions], ["events per second", n.perSecond], ["waiting", n.waiting], ["unheard", n.unheard],
    ["dropped", n.dropped, 1], ["panics", n.panics, 1], ["errors", n.errors, 1], ["collected before they heard anything", n.collectedUnheard, 1]];
  const ul = $("figures");
  list.forEach(([name, v, bad], i) => {
    let li = ul.children[i];
    if (!li) { li = el("li"); li.append(el("b"), " " + name); li.dataset.name = name; ul.append(li); }
    say(li.firstChild, num(v));
    li.className = bad && v > 0 ? "bad" : "";
  });
}

function show() {
  const p = picture;
  if (!p) return;
  if (!chosen && p.topics.length) choose((p.topics.find(t => t.live) || p.topics[0]).id);
  figures(p.totals);
  showTopics(p.topics.filter(t => passes(t.name, t.package)), t => t.id, (t, row) => {
    row.className = (t.id === chosen ? "on" : "") + (t.keyed ? " in" : "");
  });
  say($("topics-left"), p.topicsLeftOut ? plural(p.topicsLeftOut, "more topic is", "more topics are") + " not shown; stats.json has all." : "");
  showRunning(p.running, r => r.since + r.receiver + r.site + r.topic);
  showWaiting(p.queues.map((q, i) => ({ ...q, name: q.label ? "queue " + q.label : "queue " + (i + 1) + " (no label)" }))
    .concat(p.mailboxes.map(m => ({ ...m, name: "mailbox of " + named(m) + " on " + m.topic }))), q => q.name);
  $("early-section").hidden = !p.collectedUnheard.length;
  showEarly(p.collectedUnheard, e => [e.topic, e.receiver, e.label, e.site].join());
  const left = p.topics.reduce((n, t) => n + (t.keyed ? 0 : t.notWrittenOut), 0);
  say($("unwritten"), left ? plural(left, "entry was", "entries were") + " counted only: at most 100 of a topic are written out in each second." : "");
}

function showDetail() {
  const t = detail;
  if (!t) return;
  say($("chosen"), "Subscriptions of " + t.name + ", in the order of delivery");
  const ended = Object.entries(t.ended).map(([cause, n]) => num(n) + " " + cause);
  if (t.collectedUnheard) ended.push(num(t.collectedUnheard) + " of the collected ones had heard nothing");
  say($("about"), (t.package ? "Package " + t.package + ". " : "") + (ended.length ? "Ended: " + ended.join(", ") + "." : "None has ended yet."));
  say($("type"), t.fields);
  showSubs(t.subscriptions.map((s, i) => ({ ...s, i })), s => s.i + s.receiver + s.label + s.site);
  say($("subs-left"), t.subscriptionsLeftOut ? plural(t.subscriptionsLeftOut, "more is", "more are") + " not shown; stats.json has all." : "");
}

function choose(id) {
  chosen = id;
  show();
  load();
}

async function load() {
  const id = chosen;
  if (!id) return;
  try {
    const r = await fetch("topic.json?id=" + encodeURIComponent(id));
    if (id !== chosen) return;
    if (r.ok) detail = await r.json();
    else if (r.status === 404 && detail && detail.id === id) detail = { ...detail, subscriptions: [] };
  } catch { return; } // the stream says that we are cut off
  if (id === chosen) showDetail();
}

function showEntries() {
  const found = [];
  for (let i = log.length - 1; i >= 0 && found.length < rows; i--) {
    const e = log[i];
    if (passes(e.topic, word[e.kind], e.text, ...(e.calls || []).map(c => c.who))) found.push(e);
  }
  showLog(found, e => String(e.seq));
}

// lanes draws one lane for each topic, with a shape for each kind: colour alone would not be seen by all.
const laneOf = new Map();
function lanes() {
  const now = picture ? Math.max(picture.at, log.length ? log[log.length - 1].at : 0) : 0, by = new Map();
  for (const e of log) if (now - e.at < span && passes(e.topic, word[e.kind], e.text)) {
    if (!by.has(e.topic)) by.set(e.topic, []);
    by.get(e.topic).push(e);
  }
  for (const [topic, lane] of laneOf) if (!by.has(topic)) { lane.remove(); laneOf.delete(topic); }
  for (const [topic, list] of [...by].slice(0, 16)) {
    let lane = laneOf.get(topic);
    if (!lane) {
      lane = el("div", undefined, "lane");
      const c = el("canvas");
      c.setAttribute("role", "img");
      lane.append(el("code", topic), c);
      laneOf.set(topic, lane);
      $("lanes").append(lane);
    }
    const count = {};
    for (const e of list) count[word[e.kind]] = (count[word[e.kind]] || 0) + 1;
    lane.lastChild.setAttribute("aria-label", topic + ", last 30 seconds: " + Object.entries(count).map(([k, n]) => n + " " + k).join(", "));
    draw(lane.lastChild, list, now);
  }
}

function draw(c, list, now) {
  const r = devicePixelRatio, w = c.width = c.clientWidth * r, h = c.height = c.clientHeight * r, x = c.getContext("2d"), s = getComputedStyle(c);
  const ink = n => s.getPropertyValue(n), colour = document.createElement("i");
  document.body.append(colour);
  const real = n => { colour.style.color = "var(" + n + ")"; return getComputedStyle(colour).color; };
  const blue = real("--blue"), amber = real("--amber"), red = real("--red"), dim = real("--dim");
  colour.remove();
  x.lineWidth = 1.6 * r;
  const at = e => w * (1 - (now - e.at) / span) - 5 * r, d = 4 * r;
  x.fillStyle = blue;
  x.globalAlpha = .6;
  for (const e of list) if (e.kind === "event" || e.kind === "call") x.fillRect(at(e), h * .3, 1.5 * r, h * .55);
  x.globalAlpha = 1;
  for (const e of list) {
    const X = at(e);
    x.beginPath();
    if (e.kind === "subscribed" || e.kind === "ended") { x.strokeStyle = dim; x.arc(X, h / 2, d, 0, 7); }
    else if (e.kind === "unheard" || e.kind === "early") { x.strokeStyle = amber; x.moveTo(X - d, h / 2 + d); x.lineTo(X, h / 2 - d); x.lineTo(X + d, h / 2 + d); x.closePath(); }
    else if (tone[e.kind] === "bad") { x.strokeStyle = red; x.moveTo(X - d, h / 2 - d); x.lineTo(X + d, h / 2 + d); x.moveTo(X + d, h / 2 - d); x.lineTo(X - d, h / 2 + d); }
    x.stroke();
  }
}

// tell shows the story of an event: from the publish that all began with.
function tell(id, from) {
  story = { id, from };
  showStory();
  $("story-title").focus();
}

function showStory() {
  if (!story) return;
  const events = new Map(), owner = new Map(), late = new Map(), within = new Map();
  for (const e of log) {
    if (e.kind === "event") {
      events.set(e.id, e);
      for (const c of e.calls || []) owner.set(c.id, e.id);
      if (e.parent) within.set(e.parent, (within.get(e.parent) || []).concat(e));
    } else if (e.kind === "call") {
      const c = e.calls[0];
      owner.set(c.id, e.parent);
      late.set(e.parent, (late.get(e.parent) || []).concat(c));
    }
  }
  let root = events.get(story.id);
  if (!root) { $("tree").replaceChildren(el("li", "It is too long ago: the log has let go of it.", "dim")); return; }
  for (let up = root; up; up = events.get(owner.get(root.parent) || root.parent)) root = up;
  const list = es => {
    const ul = el("ul");
    for (const e of es.sort((a, b) => a.id - b.id)) ul.append(item(e));
    return ul;
  };
  const item = e => {
    const li = el("li"), line = el("span", undefined, e.id === story.id ? "me" : ""), inside = el("ul");
    line.append(el("code", e.topic), " " + plural(e.ran || 0, "receiver", "receivers") + ", " + dur(e.nanos) + " ", el("code", e.text || "", "dim"));
    li.append(line);
    const calls = new Map();
    for (const c of (e.calls || []).concat(late.get(e.id) || [])) calls.set(c.id, c);
    for (const c of calls.values()) {
      const call = el("li");
      call.append("→ ", el("code", c.who), " " + dur(c.nanos) + " ", el("code", place(c.site), "dim"));
      if (c.err) call.append(el("span", " ✕ " + c.err, "bad"));
      if (within.has(c.id)) call.append(list(within.get(c.id)));
      inside.append(call);
    }
    if (e.more) inside.append(el("li", "→ " + plural(e.more, "more call", "more calls"), "dim"));
    if (within.has(e.id)) inside.append(...list(within.get(e.id)).children);
    if (inside.firstChild) li.append(inside);
    return li;
  };
  const tree = el("ul");
  tree.append(item(root));
  if (tree.textContent !== $("tree").textContent) $("tree").replaceChildren(...tree.children);
  say($("story-title"), "Story of " + root.topic + " at " + clock(root.at));
  $("story").hidden = false;
}

$("close").onclick = () => {
  $("story").hidden = true;
  const from = story && story.from;
  story = null;
  (from && from.isConnected ? from : $("filter")).focus();
};
$("story").onkeydown = e => { if (e.key === "Escape") $("close").click(); };

function state(text, cls) { say($("state"), text); $("state").className = cls; }
function all() { show(); showEntries(); lanes(); showStory(); }

$("pause").onclick = () => {
  paused = !paused;
  held = 0;
  $("pause").setAttribute("aria-pressed", paused);
  say($("pause"), paused ? "Go on" : "Pause");
  state(paused ? "paused" : "live", paused ? "held" : "");
  if (!paused) { log = log.concat(later).slice(-keep); later = []; picture = next || picture; all(); load(); }
};
$("filter").oninput = () => { show(); showEntries(); lanes(); };
addEventListener("resize", lanes);
matchMedia("(prefers-color-scheme:dark)").onchange = lanes;

let later = [], next = null;
const stream = new EventSource("events");
stream.onopen = () => state(paused ? "paused" : "live", paused ? "held" : "");
stream.onmessage = m => {
  const d = JSON.parse(m.data);
  if (d.log && log.length && d.log[0].seq <= log[log.length - 1].seq) { log = []; later = []; } // another process
  if (d.lost) {
    missed += d.lost;
    say($("lost"), plural(missed, "entry was", "entries were") + " lost: this page did not keep up.");
    $("lost").hidden = false;
  }
  if (paused) {
    next = d.picture || next;
    later = later.concat(d.log || []).slice(-keep);
    held += (d.log || []).length;
    return;
  }
  if (d.log) { log = log.concat(d.log).slice(-keep); showEntries(); showStory(); }
  if (d.picture) { picture = d.picture; show(); load(); }
  lanes();
};
stream.onerror = () => state("disconnected, trying again", "off");
