// The lane of the filter's matches above the calls: of the chosen thread, in the order of time.

import { element } from "../element.js";
import * as format from "../format.js";
import { pointer } from "../vendor/d3.js";
import { matchesAt, paintMatches, wantedOf } from "./matches.js";
import { resize } from "./stage.js";

const HEIGHT = 14;
const REACH_PX = 3;
// As many as the lines of functions are: two requests.
const MOST_FUNCTIONS = 400;

/** What the filter leaves of the chosen thread's calls, and the lane that shows it. */
export class MatchLane {
  constructor(page, gutter) {
    this.page = page;
    this.known = null;
    this.store = null;
    this.wanted = { ids: [], all: 0 };
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.canvas.style.left = `${gutter}px`;
    this.label = element("span", { class: "label" }, "matches");
    this.element = element(
      "div",
      { class: "track", "data-track": "matches", hidden: true },
      this.label,
      this.canvas,
    );
    this.canvas.addEventListener("pointermove", (event) => this.point(this.at(event)));
    this.canvas.addEventListener("pointerleave", () => this.point([]));
    this.canvas.addEventListener("click", (event) => this.choose(this.at(event)));
  }

  /** Find what to show: a store of the matches' rows, or null; made anew where the filter or the thread is another. */
  find() {
    const { page } = this;
    const { looks, state, thread } = page;
    const isShown = state.view === "time" && !state.hidden.has("matches");
    const test = isShown && thread?.sources.length > 0 && looks.matcher.functions;
    const source = test && page.sourceOf(thread.id);
    const known = test && `${looks.version} ${thread.id} ${source}`;
    if (known === this.known) return this.store;
    this.known = known;
    const passes = (id) => test(page.functionOf(id));
    const wanted = test ? wantedOf(page.sums.of(thread.id), passes, MOST_FUNCTIONS) : { ids: [], all: 0 };
    this.take(wanted, thread?.id, source);
    return this.store;
  }

  take(wanted, thread, source) {
    const name = `${thread} ${source} ${wanted.ids}`;
    this.wanted = wanted;
    if (name === this.name) return;
    this.name = name;
    this.store?.stop();
    this.of = { thread, source };
    this.store = wanted.ids.length > 0 ? this.page.data.matched(thread, source, wanted.ids) : null;
  }

  draw({ range, palette, ratio }, width) {
    const store = this.find();
    this.element.hidden = store === null;
    if (store === null) return;
    this.tell();
    const { canvas } = this;
    if (canvas.width !== Math.round(width * ratio)) resize(canvas, width, HEIGHT, ratio);
    this.scale = { from: range[0], perNs: canvas.width / (range[1] - range[0]) };
    this.layers = store.layers(range, width);
    this.ratio = ratio;
    const line = new Uint32Array(canvas.width);
    paintMatches(line, this.layers, this.scale, palette.ink, palette.paper);
    const image = new ImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer).fill(palette.paper);
    const edge = Math.round(3 * ratio);
    for (let y = edge; y < canvas.height - edge; y += 1) pixels.set(line, y * canvas.width);
    canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
  }

  /** Say on the label whose matches these are, and how many of the functions. */
  tell() {
    const { ids, all } = this.wanted;
    const some = ids.length < all ? `the ${ids.length} with most time of ` : "";
    const title = `calls in ${this.page.thread.title} of ${some}${format.counted(all, "function")} that the filter matches`;
    if (this.label.title !== title) this.label.title = title;
  }

  at(event) {
    const [x] = pointer(event, this.canvas);
    const { layers = [], scale, ratio } = this;
    return matchesAt(layers, scale, x * ratio, this.canvas.width, REACH_PX * ratio);
  }

  point(rows) {
    this.canvas.classList.toggle("on", rows.length > 0);
    this.page.pointing.pointMatches(rows);
  }

  /** Select the longest of the calls at a place. */
  choose([row]) {
    if (!row) return;
    const { selection } = this.page;
    selection.run(selection.selectCall({ ...this.of, call: row.call }).then(() => selection.reveal()));
  }

  /** Tell tests what is shown. */
  describe() {
    const window = this.store?.layers(this.page.range, this.page.stage.size.width).at(-1);
    const columns = window?.parts ?? [];
    const calls = columns.reduce((sum, { count }) => sum + count.reduce((all, each) => all + each, 0), 0);
    return { shown: !this.element.hidden, functions: this.wanted.ids.length, calls };
  }
}
