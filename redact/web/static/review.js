// The review page: one file at a time, the worst first if so filtered.

import { blob, element, get, paint, post, say, shape } from "/static/api.js";

const by = (id) => document.getElementById(id);
const player = by("player"), sides = ["left", "top", "right", "bottom"];
const STEP = 1 / 15; // seconds, where the clip does not say more
let outputs = [], problems = {}, at = -1, link = "", loading = new AbortController();
let drawing = null, peek = new AbortController(), busy = false;

async function start() {
  const told = await get("/api/outputs");
  ({ outputs, problems } = told);
  for (const [name, words] of Object.entries(problems)) by("filter").append(element("option", { value: name }, words));
  by("filter").append(element("option", { value: "open" }, "not decided yet"));
  by("export").disabled = !told.export;
  by("export").title = told.export ? `to ${told.export}` : "start with --export FOLDER";
  list();
  const first = shown()[0];
  if (first !== undefined) await open(first);
  document.body.dataset.ready = "true";
}

function shown() {
  const want = by("filter").value;
  return outputs.map((_, i) => i).filter((i) => !want || outputs[i].problems.includes(want)
    || (want === "open" && outputs[i].verdict === "open"));
}

const MARKS = { approved: "✓ approved", rejected: "✕ rejected", open: "○ open" };

function list() {
  const rows = shown().map((i) => {
    const one = outputs[i];
    const why = one.problems.map((p) => problems[p]).join(", ");
    const pick = element("button", { type: "button", class: "file", "data-at": i, "aria-current": String(i === at) },
      `${MARKS[one.verdict]}  ${one.name}`, element("br"), element("small", {}, why || "nothing to remark"));
    pick.addEventListener("click", () => open(i));
    return element("li", { class: one.problems.includes("failed") ? "hidden" : "" }, pick);
  });
  by("files").replaceChildren(...(rows.length ? rows : [element("li", {}, "No file is like that.")]));
}

async function open(i) {
  at = i;
  loading.abort();
  loading = new AbortController();
  const { signal } = loading, one = outputs[i];
  by("name").textContent = one.name;
  by("beside").hidden = !one.original;
  by("pair").classList.toggle("two", one.original);
  player.removeAttribute("src");
  if (link) URL.revokeObjectURL(link);
  link = "";
  facts();
  list();
  timeline();
  if (one.why && !Object.keys(one.frames).length) { say(`${one.name}: ${one.why}`, true); return; }
  try {
    link = URL.createObjectURL(await blob(`/api/outputs/${i}/video`, signal));
    player.src = link;
  } catch (error) { if (error.name !== "AbortError") say(error.message, true); }
}

function facts() {
  const one = outputs[at], lines = [];
  if (one.why) lines.push(one.why);
  if (one.people.hidden !== undefined) lines.push(`${one.people.hidden} people hidden, ${one.people.shown} shown`);
  if (one.frames.all) lines.push(`${one.frames.all} frames, ${one.frames.with_hiding} of them with something hidden`);
  if (one.by_hand) lines.push(`${one.by_hand} rectangles were hidden by hand`);
  const boxes = (count) => `${count} ${count === 1 ? "box" : "boxes"}`;
  for (const { name, words, count, hides } of one.reasons) {
    const spans = one.spans[name] ?? [], long = spans.reduce((sum, [a, b]) => sum + b - a, 0);
    const when = spans.length ? `${long.toFixed(1)} s, ` : "";
    lines.push(`${hides ? "✕ hidden" : "✓ shown"}, ${words}: ${when}${boxes(count)}`);
  }
  by("facts").replaceChildren(...lines.map((line) => element("li", {}, line)));
  by("verdict").textContent = MARKS[one.verdict];
}

// -- the timeline: one row for each kind of hiding ------------------------------------------------

const ROW = 26, WORDS = 16;
let shownTo = 0.1; // seconds at the right end of the timeline

function timeline() {
  const one = outputs[at], kinds = Object.keys(one.spans), length = player.duration || 0;
  const end = shownTo = Math.max(length, ...kinds.flatMap((kind) => one.spans[kind].map(([, b]) => b)), 0.1);
  const parts = [], WIDTH = by("timeline").clientWidth || 600; // words keep their size on a telephone
  kinds.forEach((kind, row) => {
    const y = row * (ROW + WORDS);
    parts.push(shape("text", { x: 4, y: y + 13 }, one.kinds[kind] ?? kind));
    for (const [a, b] of one.spans[kind]) {
      const x = (a / end) * WIDTH, width = Math.max(3, ((b - a) / end) * WIDTH);
      const box = shape("rect", { class: `span ${kind}`, x, y: y + WORDS, width, height: ROW - 6 });
      box.addEventListener("click", (event) => { event.stopPropagation(); seek(a); });
      parts.push(box);
    }
  });
  if (!kinds.length) parts.push(shape("text", { x: 4, y: 13 }, "Nothing is hidden, or the report says not when."));
  const height = Math.max(1, kinds.length) * (ROW + WORDS);
  const now = ((player.currentTime || 0) / end) * WIDTH;
  parts.push(shape("line", { class: "now", x1: now, x2: now, y1: 0, y2: height }));
  by("timeline").setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  by("timeline").setAttribute("height", height);
  by("timeline").replaceChildren(...parts);
  const spans = kinds.map((kind) => `${one.kinds[kind] ?? kind}: ${one.spans[kind].map(([a, b]) => `${a} to ${b} s`).join(", ")}`);
  by("timeline").setAttribute("aria-label", spans.join("; ") || "Nothing is hidden");
}

by("timeline").addEventListener("click", (event) => {
  const area = by("timeline").getBoundingClientRect();
  seek(((event.clientX - area.left) / area.width) * shownTo);
});
window.addEventListener("resize", () => { if (at >= 0) timeline(); });

function starts() {
  return [...new Set(Object.values(outputs[at].spans).flat().map(([a]) => a))].sort((a, b) => a - b);
}

function jump(direction) {
  const now = player.currentTime, all = starts();
  const next = direction > 0 ? all.find((a) => a > now + 0.01) : all.filter((a) => a < now - 0.01).at(-1);
  if (next !== undefined) seek(next);
}

function seek(time) { player.pause(); player.currentTime = Math.max(0, time); }

async function moved() {
  by("seek").value = player.currentTime;
  by("at").textContent = `${player.currentTime.toFixed(2)} s`;
  timeline();
  mark();
  if (!outputs[at].original || !player.paused) return;
  peek.abort();
  peek = new AbortController();
  try {
    await paint(`/api/outputs/${at}/original/${Math.round(1000 * player.currentTime)}`, by("original"), peek.signal);
    by("original").dataset.at = player.currentTime;
  } catch (error) { if (error.name !== "AbortError") say(error.message, true); }
}

player.addEventListener("loadedmetadata", () => {
  by("seek").max = player.duration;
  by("to").value = Math.min(player.duration, 2).toFixed(2);
  moved();
});
player.addEventListener("timeupdate", moved);
player.addEventListener("seeked", moved);
player.addEventListener("play", () => { by("play").textContent = "Pause"; });
player.addEventListener("pause", () => { by("play").textContent = "Play"; moved(); });

// -- hiding by hand -------------------------------------------------------------------------------

function rectangle() { return sides.map((side) => (by(side).value === "" ? NaN : Number(by(side).value))); }

function mark() {
  const [left, top, right, bottom] = rectangle();
  const whole = [left, top, right, bottom].every(Number.isFinite) && right > left && bottom > top;
  by("overlay").replaceChildren(...(whole
    ? [shape("rect", { class: "mark", x: left, y: top, width: right - left, height: bottom - top })] : []));
}

function place(event) {
  const area = by("overlay").getBoundingClientRect(), clamp = (v) => Math.min(1, Math.max(0, v));
  return [clamp((event.clientX - area.left) / area.width), clamp((event.clientY - area.top) / area.height)];
}

by("overlay").addEventListener("pointerdown", (event) => {
  if (event.button) return;
  player.pause();
  drawing = place(event);
  by("overlay").setPointerCapture(event.pointerId);
});
by("overlay").addEventListener("pointermove", (event) => {
  if (!drawing) return;
  const [x, y] = place(event), [a, b] = drawing;
  const box = [Math.min(a, x), Math.min(b, y), Math.max(a, x), Math.max(b, y)];
  sides.forEach((side, i) => { by(side).value = box[i].toFixed(3); });
  mark();
});
for (const end of ["pointerup", "pointercancel"]) by("overlay").addEventListener(end, () => { drawing = null; });
sides.forEach((side) => by(side).addEventListener("input", mark));
by("from-now").addEventListener("click", () => { by("from").value = player.currentTime.toFixed(2); });
by("to-now").addEventListener("click", () => { by("to").value = player.currentTime.toFixed(2); });

by("hide").addEventListener("click", async () => {
  const box = rectangle(), mine = at;
  if (busy) return;
  if (box.some((v) => !Number.isFinite(v))) { say("Draw a rectangle first, or type all four of its sides.", true); return; }
  busy = by("hide").disabled = true;
  say(`${outputs[mine].name}: hiding …`);
  try {
    const sent = { start: Number(by("from").value), end: Number(by("to").value), box };
    outputs[mine] = await post(`/api/outputs/${mine}/hide`, sent);
    sides.forEach((side) => { by(side).value = ""; });
    mark();
    if (at === mine) await open(mine);
    say(`${outputs[mine].name}: hidden from ${sent.start} to ${sent.end} s.`);
  } catch (error) { say(error.message, true); } finally { busy = by("hide").disabled = false; }
});

// -- verdicts -------------------------------------------------------------------------------------

async function verdict(word) {
  const mine = at;
  try {
    outputs[mine] = await post(`/api/outputs/${mine}/verdict`, { verdict: word });
    if (mine === at) facts();
    list();
    say(`${outputs[mine].name}: ${MARKS[outputs[mine].verdict]}.`);
  } catch (error) { say(error.message, true); }
}

function go(direction) {
  const all = shown(), place_ = all.indexOf(at), next = all[Math.min(all.length - 1, Math.max(0, place_ + direction))];
  if (next !== undefined && next !== at) open(next);
}

by("approve").addEventListener("click", () => verdict("approved"));
by("reject").addEventListener("click", () => verdict("rejected"));
by("reopen").addEventListener("click", () => verdict("open"));
by("filter").addEventListener("change", () => { list(); const all = shown(); if (all.length && !all.includes(at)) open(all[0]); });
by("play").addEventListener("click", toggle);
by("back").addEventListener("click", () => seek(player.currentTime - STEP));
by("forth").addEventListener("click", () => seek(player.currentTime + STEP));
by("seek").addEventListener("input", () => seek(Number(by("seek").value)));
by("export").addEventListener("click", async () => {
  try { say(`Exported: ${(await post("/api/export")).exported.join(", ")}.`); } catch (error) { say(error.message, true); }
});
by("done").addEventListener("click", async () => {
  await post("/api/done").catch(() => null);
  player.pause();
  document.querySelectorAll("header, main").forEach((part) => { part.hidden = true; });
  say("Done. This tab can be closed.");
});

function toggle() { if (player.paused) player.play(); else player.pause(); }

const KEYS = {
  " ": toggle, ArrowLeft: () => seek(player.currentTime - STEP), ArrowRight: () => seek(player.currentTime + STEP),
  n: () => go(1), p: () => go(-1), a: () => verdict("approved"), r: () => verdict("rejected"),
  ",": () => jump(-1), ".": () => jump(1),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button")) return;
  const work = KEYS[event.key];
  if (work) { event.preventDefault(); work(); }
});

start().catch((error) => say(error.message, true));
