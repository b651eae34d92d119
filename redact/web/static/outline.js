// The outline and its history: no page, no server.

const clamp = (value) => Math.min(1, Math.max(0, value));
const round = (value) => Math.round(clamp(value) * 1e5) / 1e5;

export class Outline {
  constructor(changed) {
    this.rings = []; // {hole, points: [[x, y], ...]} in shares of the picture
    this.draft = null; // the ring that is being drawn
    this.chosen = -1;
    this.changed = changed;
    this.past = [];
    this.future = [];
  }

  load(zone) {
    const ring = (hole) => (points) => ({ hole, points: points.map((p) => [...p]) });
    this.rings = [...zone.polygons.map(ring(false)), ...(zone.holes ?? []).map(ring(true))];
    this.chosen = this.rings.length ? 0 : -1;
    this.changed();
  }

  toZone() {
    const points = (hole) => this.rings.filter((r) => r.hole === hole).map((r) => r.points);
    return { polygons: points(false), holes: points(true) };
  }

  // Every change goes through here: it can be undone.
  change(work) {
    const before = this.#copy();
    work();
    this.past.push(before);
    this.future = [];
    this.changed();
  }

  #copy() { return JSON.stringify([this.rings, this.draft, this.chosen]); }
  #restore(text) { [this.rings, this.draft, this.chosen] = JSON.parse(text); this.changed(); }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.#copy());
    this.#restore(this.past.pop());
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.#copy());
    this.#restore(this.future.pop());
  }

  begin(hole) { this.change(() => { this.draft = { hole, points: [] }; this.chosen = -1; }); }
  cancel() { if (this.draft) this.change(() => { this.draft = null; }); }
  add(x, y) { this.change(() => { this.draft.points.push([round(x), round(y)]); }); }

  finish() {
    if (!this.draft || this.draft.points.length < 3) return false;
    this.change(() => {
      this.rings.push(this.draft);
      this.draft = null;
      this.chosen = this.rings.length - 1;
    });
    return true;
  }

  // While a corner is dragged only the last place is worth undoing to: `before` is kept once.
  drag(ring, corner, x, y) { this.rings[ring].points[corner] = [round(x), round(y)]; }
  remember() { return this.#copy(); }
  dragged(before) { this.past.push(before); this.future = []; this.changed(); }

  move(ring, corner, x, y) { this.change(() => this.drag(ring, corner, x, y)); }

  insert(ring, corner, x, y) {
    this.change(() => this.rings[ring].points.splice(corner + 1, 0, [round(x), round(y)]));
  }

  insertAfter(ring, corner) {
    const points = this.rings[ring].points;
    const [a, b] = [points[corner], points[(corner + 1) % points.length]];
    this.insert(ring, corner, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
  }

  removeCorner(ring, corner) {
    this.change(() => {
      this.rings[ring].points.splice(corner, 1);
      if (this.rings[ring].points.length < 3) this.#drop(ring);
    });
  }

  removeRing(ring) { this.change(() => this.#drop(ring)); }
  #drop(ring) { this.rings.splice(ring, 1); this.chosen = Math.min(this.chosen, this.rings.length - 1); }
  swap(ring) { this.change(() => { this.rings[ring].hole = !this.rings[ring].hole; }); }
  choose(ring) { this.chosen = ring; this.changed(); }

  nameOf(ring) {
    const hole = this.rings[ring].hole;
    const before = this.rings.slice(0, ring + 1).filter((r) => r.hole === hole).length;
    return `${hole ? "Hole" : "Property"} ${before}`;
  }
}
