// The SVG over the picture: rings, corners, people; pointer, touch and keys on it.

import { shape } from "/static/api.js";

const NEAR = 14; // screen pixels: a click this near to the first corner closes a ring
const STEP = 0.002, FAR = 0.02; // shares of the picture per key press

export class Drawing {
  constructor(stage, overlay, outline) {
    this.stage = stage;
    this.overlay = overlay;
    this.outline = outline;
    this.size = [1, 1];
    this.cross = [0.5, 0.5];
    this.told = null; // what the server decided for this frame
    this.drag = null;
    overlay.addEventListener("pointerdown", (event) => this.#down(event));
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    overlay.addEventListener("pointerup", (event) => this.#up(event));
    overlay.addEventListener("pointercancel", (event) => this.#up(event));
    stage.addEventListener("keydown", (event) => this.#key(event));
    stage.addEventListener("focus", () => this.draw());
    stage.addEventListener("blur", () => this.draw());
  }

  resize(width, height) {
    this.size = [width, height];
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.draw();
  }

  #unit() { return this.size[0] / (this.overlay.clientWidth || this.size[0]); }
  #pixel([x, y]) { return [x * this.size[0], y * this.size[1]]; }
  #list(points) { return points.map((p) => this.#pixel(p).join(",")).join(" "); }

  #place(event) {
    const area = this.overlay.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }

  draw() {
    const held = document.activeElement?.dataset?.corner;
    const parts = [];
    const { rings, draft, chosen } = this.outline;
    rings.forEach((ring, i) => {
      const kind = `ring${ring.hole ? " hole" : ""}${i === chosen ? " chosen" : ""}`;
      parts.push(shape("polygon", { class: kind, points: this.#list(ring.points), "data-ring": i }));
    });
    parts.push(...this.#people());
    rings.forEach((ring, i) => parts.push(...this.#handles(ring, i)));
    if (draft) parts.push(...this.#draft(draft));
    if (draft && document.activeElement === this.stage) parts.push(...this.#crosshair());
    this.overlay.replaceChildren(...parts);
    if (held) this.overlay.querySelector(`[data-corner="${held}"]`)?.focus();
  }

  #handles(ring, i) {
    const unit = this.#unit(), parts = [], n = ring.points.length;
    ring.points.forEach((point, k) => {
      const [x, y] = this.#pixel(point), next = this.#pixel(ring.points[(k + 1) % n]);
      if (i === this.outline.chosen) {
        const middle = { cx: (x + next[0]) / 2, cy: (y + next[1]) / 2, r: 6 * unit };
        parts.push(shape("circle", { class: "between", ...middle, "data-between": `${i},${k}` }));
      }
      const label = `${this.outline.nameOf(i)}, corner ${k + 1} of ${n}, ${point[0]}, ${point[1]}`;
      const about = { role: "button", tabindex: 0, "aria-label": label, "data-corner": `${i},${k}` };
      parts.push(shape("circle", { class: "corner", cx: x, cy: y, r: 9 * unit, ...about }));
    });
    return parts;
  }

  #draft(draft) {
    const unit = this.#unit();
    const dots = draft.points.map((point) => {
      const [cx, cy] = this.#pixel(point);
      return shape("circle", { class: "corner", cx, cy, r: 8 * unit });
    });
    return [shape("polyline", { class: "open", points: this.#list(draft.points) }), ...dots];
  }

  #crosshair() {
    const [x, y] = this.#pixel(this.cross), [w, h] = this.size;
    return [
      shape("line", { class: "cross", x1: 0, x2: w, y1: y, y2: y }),
      shape("line", { class: "cross", x1: x, x2: x, y1: 0, y2: h }),
    ];
  }

  // No colour alone: shown is a whole line, a disc and a tick; hidden is dashed, a square, a cross.
  // Motion and what was not found in this very frame are thin and without words: the list has them.
  #people() {
    const unit = this.#unit(), parts = [], words = [];
    for (const one of this.told?.subjects ?? []) {
      const faint = one.coasting || one.label === "motion";
      const kind = `${one.hidden ? "hidden" : "shown"}${faint ? " faint" : ""}`;
      const [x, y] = this.#pixel(one.box), [right, bottom] = this.#pixel(one.box.slice(2));
      parts.push(shape("rect", { class: `box ${kind}`, x, y, width: right - x, height: bottom - y }));
      if (one.label !== "person" || faint) continue;
      const [fx, fy] = this.#pixel(one.foot), r = 6 * unit;
      parts.push(one.hidden
        ? shape("rect", { class: "foot hidden", x: fx - r, y: fy - r, width: 2 * r, height: 2 * r })
        : shape("circle", { class: "foot shown", cx: fx, cy: fy, r }));
      words.push({ x, y, text: one.hidden ? "✕ hidden" : "✓ shown", first: !one.hidden });
    }
    return [...parts, ...this.#words(words)];
  }

  // Words that would lie on others are left out; those of people who are shown go first.
  #words(words) {
    const size = 15 * this.#unit(), [width, height] = this.size, taken = [], parts = [];
    words.sort((a, b) => b.first - a.first);
    for (const { x, y, text } of words) {
      const long = 0.62 * size * text.length;
      const left = Math.max(0, Math.min(x, width - long));
      const base = Math.min(height, Math.max(size, y - size / 4));
      if (taken.some(([l, b]) => Math.abs(l - left) < long && Math.abs(b - base) < size)) continue;
      taken.push([left, base]);
      parts.push(shape("text", { x: left, y: base, "font-size": size }, text));
    }
    return parts;
  }

  // -- pointer and touch ------------------------------------------------------------------

  #down(event) {
    if (event.button) return;
    const [x, y] = this.#place(event), { outline } = this;
    event.preventDefault();
    if (outline.draft) {
      this.#addOrClose(x, y);
      return;
    }
    const { corner, between, ring } = event.target.dataset;
    if (between) {
      const [i, k] = between.split(",").map(Number);
      outline.insert(i, k, x, y);
      this.#grab(event, i, k + 1);
    } else if (corner) {
      const [i, k] = corner.split(",").map(Number);
      this.#grab(event, i, k);
    } else if (ring) {
      outline.choose(Number(ring));
    }
  }

  #addOrClose(x, y) {
    const { outline } = this, first = outline.draft.points[0];
    if (first && outline.draft.points.length > 2) {
      const area = this.overlay.getBoundingClientRect();
      const away = Math.hypot((first[0] - x) * area.width, (first[1] - y) * area.height);
      if (away < NEAR && outline.finish()) return;
    }
    outline.add(...this.#snapped(x, y));
  }

  // The outline ends at the edge, or well before it: a hair's breadth is never meant.
  #snapped(x, y) {
    const near = 8 / (this.overlay.clientWidth || 1);
    const snap = (v) => (v < near ? 0 : v > 1 - near ? 1 : v);
    return [snap(x), snap(y)];
  }

  #grab(event, ring, corner) {
    this.drag = { ring, corner, before: this.outline.remember(), moved: false };
    this.overlay.setPointerCapture(event.pointerId);
    if (this.outline.chosen !== ring) this.outline.choose(ring);
    this.overlay.querySelector(`[data-corner="${ring},${corner}"]`)?.focus();
  }

  #move(event) {
    if (!this.drag) return;
    this.drag.moved = true;
    this.outline.drag(this.drag.ring, this.drag.corner, ...this.#snapped(...this.#place(event)));
    this.draw();
  }

  #up() {
    const drag = this.drag;
    this.drag = null;
    if (drag?.moved) this.outline.dragged(drag.before);
  }

  // -- keys ---------------------------------------------------------------------------------

  #key(event) {
    const step = event.shiftKey ? FAR : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const handled = event.target.dataset.corner
      ? this.#keyOnCorner(event, moves[event.key])
      : this.#keyOnStage(event, moves[event.key]);
    if (handled) event.preventDefault();
  }

  #keyOnCorner(event, by) {
    const { outline } = this, [i, k] = event.target.dataset.corner.split(",").map(Number);
    const [x, y] = outline.rings[i].points[k];
    if (by) outline.move(i, k, x + by[0], y + by[1]);
    else if (event.key === "Insert" || event.key === "i") outline.insertAfter(i, k);
    else if (event.key === "Delete" || event.key === "Backspace") outline.removeCorner(i, k);
    else return false;
    return true;
  }

  #keyOnStage(event, by) {
    const { outline } = this;
    if (!outline.draft) return false;
    if (by) {
      this.cross = this.cross.map((v, axis) => Math.min(1, Math.max(0, v + by[axis])));
      this.draw();
    } else if (event.key === "Enter" || event.key === " ") {
      const last = outline.draft.points.at(-1);
      const twice = last && Math.hypot(last[0] - this.cross[0], last[1] - this.cross[1]) < 1e-4;
      if (twice) outline.finish();
      else outline.add(...this.cross);
    } else if (event.key === "Escape") outline.cancel();
    else if (event.key === "Backspace" && outline.draft.points.length) outline.undo();
    else return false;
    return true;
  }
}
