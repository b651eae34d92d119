// The page: what is drawn goes to the server, what it would do comes back.

import { element, get, paint, post, say } from "/static/api.js";
import { Drawing } from "/static/drawing.js";
import { Outline } from "/static/outline.js";

const by = (id) => document.getElementById(id);
const outline = new Outline(changed);
const drawing = new Drawing(by("stage"), by("overlay"), outline);
let clip = null, frame = 0, revision = 0, saved = "", sending = 0, zoom = 1;
let looking = new AbortController(), asking = null, replace = false;

// -- the clip -----------------------------------------------------------------------------------

async function start() {
  clip = await get("/api/clip");
  by("name").textContent = `${clip.name}, ${clip.width} × ${clip.height}`;
  by("policy").textContent = clip.models
    ? "Decided by the same models and the same code as a run."
    : `Without a model, motion alone: the whole outside is hidden for the first ${clip.warmup} s, ` +
      "and people are not told apart. Pass --model to see people judged one by one.";
  drawing.resize(clip.width, clip.height);
  if (clip.zone) outline.load(clip.zone);
  else changed();
  saved = JSON.stringify(outline.toZone());
  await look();
  document.body.dataset.ready = "true";
  await follow();
}

async function follow() {
  while (true) {
    by("scrub").max = clip.frames - 1;
    if (clip.complete) break;
    await new Promise((wake) => setTimeout(wake, 300));
    clip = await get("/api/clip");
  }
  if (clip.error) say(clip.error, true);
  else if (clip.cut) say(`Only the first ${clip.frames} frames are held here (--seconds changes that).`);
}

async function look() {
  looking.abort();
  looking = new AbortController();
  const { signal } = looking, at = frame, now = revision;
  by("at").textContent = `${at + 1} of ${clip.frames}`;
  by("scrub").value = at;
  try {
    const safe = by("hidden-view").checked && now;
    if (!safe) await paint(`/api/frame/${at}`, by("picture"), signal);
    if (!now) return;
    const told = await waitFor(`/api/preview/${now}/${at}`, signal);
    if (safe) await paint(`/api/preview/${now}/${at}/picture`, by("picture"), signal);
    if (signal.aborted || now !== revision) return;
    drawing.told = told;
    drawing.draw();
    people(told);
    by("people").dataset.of = `${now}/${at}`;
  } catch (error) {
    if (error.name !== "AbortError" && error.status !== 404) say(error.message, true);
  }
}

async function waitFor(path, signal) {
  while (true) {
    try { return await get(path, signal); } catch (error) {
      if (error.status !== 404) throw error;
      await new Promise((wake) => setTimeout(wake, 200));
      if (signal.aborted) throw new DOMException("", "AbortError");
    }
  }
}

// One line for all who are judged alike: a street full of people would fill the page.
function people(told) {
  const alike = new Map();
  for (const one of told.subjects) {
    const lost = one.coasting && one.reason !== "lost_on_property" ? ", not found in this very frame" : "";
    const key = `${one.hidden ? 1 : 0}${one.label === "motion" ? 1 : 0}|${one.label}: ${one.words}${lost}`;
    alike.set(key, (alike.get(key) ?? 0) + 1);
  }
  const whole = told.whole_frame ? "the whole frame: it is damaged"
    : told.whole_outside ? "everything beyond the property: the background is not known yet" : "";
  const rows = whole ? [judged(true, whole, 1)] : [];
  for (const [key, count] of [...alike].sort()) rows.push(judged(key[0] === "1", key.slice(3), count));
  by("people").replaceChildren(...(rows.length ? rows : [element("li", {}, "Nobody is found in this frame.")]));
}

function judged(hidden, words, count) {
  const kind = hidden ? "hidden" : "shown";
  const mark = element("strong", { class: kind }, hidden ? "✕ hidden" : "✓ shown");
  return element("li", { class: kind }, mark, ` ${count > 1 ? `${count} × ` : ""}${words}`);
}

// -- the outline --------------------------------------------------------------------------------

function changed() {
  drawing.draw();
  by("undo").disabled = !outline.past.length;
  by("redo").disabled = !outline.future.length;
  by("finish").disabled = !outline.draft || outline.draft.points.length < 3;
  document.body.classList.toggle("drawing", Boolean(outline.draft));
  by("draw-polygon").setAttribute("aria-pressed", String(Boolean(outline.draft && !outline.draft.hole)));
  by("draw-hole").setAttribute("aria-pressed", String(Boolean(outline.draft?.hole)));
  rings();
  corners();
  clearTimeout(asking);
  asking = setTimeout(check, 200);
}

let checked = "";
async function check() {
  const zone = outline.toZone(), text = JSON.stringify(zone);
  if (text === checked || !clip || drawing.drag) return;
  checked = text;
  const mine = ++sending;
  if (!zone.polygons.length) {
    revision = 0;
    drawing.told = null;
    drawing.draw();
    remarks(["Nothing is drawn yet."]);
    by("people").replaceChildren();
    by("progress").textContent = "";
    look();
    return;
  }
  try {
    const answer = await post("/api/zone", zone);
    if (mine !== sending) return;
    if (answer.error) {
      revision = 0;
      drawing.told = null;
      remarks([answer.error], "bad");
      drawing.draw();
      look();
      return;
    }
    revision = answer.revision;
    look();
    await watch(answer);
  } catch (error) { say(error.message, true); }
}

async function watch(answer) {
  const mine = answer.revision;
  const edges = answer.edges.length
    ? [`reaches the ${answer.edges.join(", ")} of the picture; people cut off there may stand on it`] : [];
  const covers = `covers ${(100 * answer.area).toFixed(1)} % of the picture`;
  remarks([...answer.warnings, ...edges, covers]);
  while (mine === revision) {
    let now;
    try { now = await get(`/api/preview/${mine}`); } catch (error) {
      if (error.status === 404) return;
      throw error;
    }
    if (mine !== revision) return;
    if (now.error) { by("progress").textContent = ""; say(now.error, true); return; }
    const counts = `${now.shown} people shown, ${now.hidden} hidden`;
    by("progress").textContent = now.done ? `Whole clip: ${counts}.` : `${now.frames} frames judged: ${counts} …`;
    by("progress").dataset.done = now.done ? mine : "";
    if (now.done) { remarks([...now.warnings, ...answer.warnings, ...edges, covers]); return; }
    await new Promise((wake) => setTimeout(wake, 300));
  }
}

function remarks(lines, kind = "warn") {
  by("warnings").replaceChildren(...lines.map((line) => element("li", { class: kind }, line)));
}

function rings() {
  const rows = outline.rings.map((ring, i) => {
    const name = outline.nameOf(i);
    const pick = element("button", { type: "button", "aria-pressed": String(i === outline.chosen) }, name);
    pick.addEventListener("click", () => outline.choose(i));
    const swap = element("button", { type: "button" }, ring.hole ? "make property" : "make hole");
    swap.setAttribute("aria-label", `${name}: ${swap.textContent}`);
    swap.addEventListener("click", () => outline.swap(i));
    const drop = element("button", { type: "button", "aria-label": `Delete ${name}` }, "delete");
    drop.addEventListener("click", () => outline.removeRing(i));
    return element("div", { class: "row" }, pick, swap, drop);
  });
  by("rings").replaceChildren(...(rows.length ? rows : [element("p", { class: "hint" }, "None yet.")]));
}

function corners() {
  const body = by("corners").tBodies[0], i = outline.chosen, ring = outline.rings[i];
  if (body.contains(document.activeElement) && body.rows.length === ring?.points.length) return;
  const rows = (ring?.points ?? []).map((point, k) => {
    const fields = ["x", "y"].map((axis, a) => {
      const label = `${outline.nameOf(i)}, corner ${k + 1}, ${axis}`;
      const about = { type: "number", min: 0, max: 1, step: 0.001, value: point[a], "aria-label": label };
      const field = element("input", about);
      field.addEventListener("change", () => {
        const now = [...outline.rings[i].points[k]];
        const typed = Number(field.value);
        if (field.value === "" || !(typed >= 0 && typed <= 1)) {
          say(`${label}: a number from 0 to 1 is needed`, true);
          field.value = now[a];
          return;
        }
        now[a] = typed;
        outline.move(i, k, ...now);
      });
      return element("td", {}, field);
    });
    const drop = element("button", { type: "button", "aria-label": `Delete corner ${k + 1}` }, "✕");
    drop.addEventListener("click", () => outline.removeCorner(i, k));
    return element("tr", {}, element("th", { scope: "row" }, String(k + 1)), ...fields, element("td", {}, drop));
  });
  body.replaceChildren(...rows);
}

// -- buttons and keys -----------------------------------------------------------------------------

async function save() {
  if (outline.draft) { say("Finish the outline that is being drawn first.", true); return; }
  try {
    const answer = await post("/api/save", { ...outline.toZone(), replace });
    replace = false;
    saved = JSON.stringify(outline.toZone());
    say(`Saved ${answer.saved}.`);
  } catch (error) {
    replace = error.message.includes("save again");
    say(error.message, true);
  }
}

async function done() {
  if (saved !== JSON.stringify(outline.toZone()) && by("done").dataset.sure !== "yes") {
    by("done").dataset.sure = "yes";
    say("There are changes that are not saved. Save, or press Close again.", true);
    return;
  }
  await post("/api/done").catch(() => null);
  looking.abort();
  revision = 0;
  document.querySelectorAll("header, main").forEach((part) => { part.hidden = true; });
  say("Done. This tab can be closed.");
}

function step(by_) {
  frame = Math.min(clip.frames - 1, Math.max(0, frame + by_));
  look();
}

function setZoom(value) {
  zoom = Math.min(8, Math.max(1, value));
  by("stage").style.width = `${100 * zoom}%`;
  by("zoom").textContent = `${Math.round(100 * zoom)} %`;
  drawing.draw();
}

by("draw-polygon").addEventListener("click", () => { outline.begin(false); by("stage").focus(); });
by("draw-hole").addEventListener("click", () => { outline.begin(true); by("stage").focus(); });
by("finish").addEventListener("click", () => outline.finish());
by("undo").addEventListener("click", () => outline.undo());
by("redo").addEventListener("click", () => outline.redo());
by("zoom-in").addEventListener("click", () => setZoom(zoom * 1.5));
by("zoom-out").addEventListener("click", () => setZoom(zoom / 1.5));
by("hidden-view").addEventListener("change", look);
by("scrub").addEventListener("input", () => { frame = Number(by("scrub").value); look(); });
by("back").addEventListener("click", () => step(-1));
by("forth").addEventListener("click", () => step(1));
by("save").addEventListener("click", save);
by("done").addEventListener("click", done);
by("scroll").addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  setZoom(zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2));
}, { passive: false });
window.addEventListener("resize", () => drawing.draw());
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) outline.undo();
  else if (key === "y" || key === "z") outline.redo();
  else if (key === "s") save();
  else return;
  event.preventDefault();
});

start().catch((error) => say(error.message, true));
