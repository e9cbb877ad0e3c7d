// Drawing: at most once a frame, from what is at hand; what is missing is asked for and drawn when it comes.

import { turns } from "./asking.js";
import { EVENT_KINDS } from "./filter.js";
import { pausesIn } from "./pauses.js";
import { SELECTS, ZOOMS } from "./ruler.js";
import { bandRows, RIBBON_PX } from "./tracks.js";

// At rest, new windows are asked for no more often than this; while a gesture goes on, they are in turn.
const ASK_MS = 90;
// While a gesture goes on, a quarter of the fineness is asked for, which comes and is taken in in a quarter of the
// time; this long after its last movement, all of it.
const REST_MS = 120;
const MOVING_PART = 0.25;
// Of so many threads the overview has room to show something, and of each, where there are several, so many depths.
const MOST_THREADS = 8;
const TOP_DEPTHS = 16;
const BAND_KINDS = { jit: ["tracing", "optimising", "backend"], gc: ["minor", "major step", "major"] };

const nameOf = ({ name, native_id: id, title }) => ({ name: name ?? `thread ${id}`, title });
const callsOf = ({ sources }) => sources[0].calls;

/** The drawing of a page. */
export class Drawing {
  constructor(page) {
    this.page = page;
    this.asked = false;
    this.lastAsk = Number.NEGATIVE_INFINITY;
    this.laterAsk = null;
    this.resting = null;
    this.turns = turns();
    this.range = null;
    this.lastChange = Number.NEGATIVE_INFINITY;
  }

  /** A gesture has moved the picture. */
  moved() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.resting = null;
      this.schedule();
    }, REST_MS);
  }

  schedule() {
    if (this.page.chart) this.page.chart.dataset.settled = "false";
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.asked = false;
    const before = this.page.stage.size.width;
    this.page.stage.measure();
    if (this.page.stage.size.width !== before) this.page.gestures.sync();
    this.noteMovement(this.page.range);
    const scene = this.scene();
    if (this.page.state.view !== "table") this.page.stage.draw(scene);
    this.drawAbove(scene);
    if (this.page.pointing.row === null) this.page.pointing.sayRange();
    this.askForMore();
  }

  /** See a key that is held, or the lens that is dragged, as the gesture it is; a single jump is none. */
  noteMovement(range) {
    if (this.range !== null && range[0] === this.range[0] && range[1] === this.range[1]) return;
    const now = performance.now();
    if (now - this.lastChange < REST_MS) this.moved();
    this.lastChange = now;
    this.range = [...range];
  }

  /** All that the drawing parts need to know of this moment. */
  scene() {
    const { range, palette, state } = this.page;
    const { paint, inside } = this.page.looks;
    inside.find();
    const isTime = this.page.views.kind === "time";
    return {
      range,
      palette,
      paint,
      bandsOf: this.bandsOf(isTime),
      pausesOf: this.pausesOf(isTime),
      font: this.page.font,
      nameOf: this.page.nameOf,
      ratio: this.page.stage.size.ratio,
      chosen: isTime ? state.range : null,
      selected: this.page.selection.drawn(),
      pointed: this.page.pointing.row,
      measured: this.page.measured,
    };
  }

  /** Give the bands of a block in view: what its own process did, found once for each. */
  bandsOf(isTime) {
    const known = new Map();
    return ({ thread }) => {
      const { id } = this.page.processOf(thread);
      if (!known.has(id)) known.set(id, isTime ? this.bandsIn(id) : []);
      return known.get(id);
    };
  }

  bandsIn(process) {
    const { range, state, stage, data } = this.page;
    return [...state.bands].flatMap((band) =>
      bandRows(data.events(process), range, stage.size.width, BAND_KINDS[band]).map((each) => ({
        ...each,
        rising: band === "jit",
      })),
    );
  }

  /** The processes whose events are drawn: of the tracks, and where there are bands, of the calls below. */
  processesInSight() {
    const { process, processOf, stage, state } = this.page;
    const below = state.bands.size > 0 ? stage.blocksInSight().map(({ thread }) => processOf(thread).id) : [];
    return new Set([process, ...below]);
  }

  /** Give what was paused of a block in view, found once for each process. */
  pausesOf(isTime) {
    const known = new Map();
    return ({ thread }) => {
      const { id, paused } = this.page.processOf(thread);
      if (!isTime || paused.length === 0) return [];
      if (!known.has(id)) known.set(id, pausesIn(paused, this.page.range, this.page.stage.size.width));
      return known.get(id);
    };
  }

  drawAbove(scene) {
    const { width, ratio } = this.page.stage.size;
    const { thread, state } = this.page;
    const isTime = this.page.views.kind === "time";
    this.page.ruler.draw(
      this.page.views.hasTime ? scene.range : null,
      width,
      isTime ? scene.chosen : this.page.dragged,
      isTime ? SELECTS : ZOOMS,
    );
    this.page.minimap.draw(
      {
        ...scene,
        bands: this.overview().map(({ store, ...band }) => ({ ...band, columns: store.widest() })),
        threads: this.page.called.length,
        span: this.page.data.domain,
        range: this.page.views.ranges.time,
        chosen: state.range,
      },
      width,
    );
    this.page.matchLane.draw(scene, width);
    if (!isTime) return;
    this.page.ribbon.element.hidden = state.hidden.has("ribbon");
    const states = thread && this.page.data.states(thread.id);
    if (!this.page.ribbon.element.hidden)
      this.page.ribbon.draw(
        {
          ...scene,
          ratio,
          store: states,
          paused: this.page.processOf(thread?.id).paused,
          whose: this.page.threads.length > 1 ? nameOf(thread) : null,
        },
        width,
      );
    const lit = (kind) =>
      !this.page.looks.matcher.events || this.page.looks.matcher.events(EVENT_KINDS[kind]);
    const events = this.page.data.events(this.page.process);
    this.page.tracks.draw(
      { ...scene, store: events, hidden: state.hidden, event: this.page.selection.event, lit, pid: this.pid },
      width,
    );
  }

  /** The number of the process that the tracks are of, where there are several. */
  get pid() {
    const { processes } = this.page.info;
    return processes.length > 1 ? processes[this.page.process].pid : null;
  }

  /** The threads that the overview shows, those with most calls where there are many: {store, block, paused}. */
  overview() {
    const { called, data, processOf, sourceOf } = this.page;
    const most = [...called].sort((one, other) => callsOf(other) - callsOf(one)).slice(0, MOST_THREADS);
    return called
      .filter((thread) => most.includes(thread))
      .map(({ id, sources }) => {
        const source = sourceOf(id);
        const { depths } = sources.find((each) => each.source === source);
        const shown = most.length > 1 ? Math.min(depths, TOP_DEPTHS) : depths;
        return {
          store: data.overview(id, source, shown),
          block: { thread: id, source, key: "overview", kind: "overview" },
          paused: processOf(id).paused,
        };
      });
  }

  askForMore() {
    const wait = this.lastAsk + ASK_MS - performance.now();
    if (wait > 0 && this.resting === null) {
      this.laterAsk ??= setTimeout(() => {
        this.laterAsk = null;
        this.schedule();
      }, wait);
      return;
    }
    const busy = this.ask();
    if (busy) this.lastAsk = performance.now();
    const { page } = this;
    this.showProgress(
      busy ||
        this.resting !== null ||
        page.views.loading ||
        page.selection.underWay > 0 ||
        Boolean(page.totalsAsked),
    );
  }

  /** Ask for what is missing: all of it at rest, one thing after the other while a gesture goes on. */
  ask() {
    const wishes = this.wishes();
    if (this.resting !== null) return this.turns.ask(wishes, performance.now());
    let busy = false;
    for (const [store, wanted, pixels] of wishes) busy = store.ask(wanted, pixels) || busy;
    return busy;
  }

  /** What the picture is drawn from, as [store, range, width]. */
  wishes() {
    const { thread, range, stage, state, views, data, looks } = this.page;
    const width = stage.size.width * (this.resting === null ? 1 : MOVING_PART);
    const calls = state.view === "table" ? [] : [...stage.storesInSight()];
    const wishes = calls.map((store) => [store, range, width]);
    for (const { store } of this.overview()) wishes.push([store, data.domain, width]);
    wishes.push(...looks.wishes());
    if (views.kind !== "time") return wishes;
    if (thread && !state.hidden.has("ribbon"))
      wishes.push([data.states(thread.id), range, width / RIBBON_PX]);
    for (const process of this.processesInSight()) wishes.push([data.events(process), range, width]);
    const matched = this.page.matchLane.find();
    if (matched) wishes.push([matched, range, width]);
    return wishes;
  }

  showProgress(busy) {
    this.page.progress.hidden = !busy;
    const settled = String(!busy && !this.asked);
    if (settled === "true" && this.page.chart.dataset.settled !== "true") this.page.looks.settled();
    this.page.chart.dataset.settled = settled;
  }
}
