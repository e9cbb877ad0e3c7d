// What is told of the picture: of what is pointed at, in the status line; of what is done, to those who listen.

import { Refusal } from "../api.js";
import * as format from "../format.js";
import { pauseAt, pauseWords } from "./pauses.js";
import { momentText } from "./ticks.js";
import { countedCalls, eventWords, mergedWords, rowWords } from "./words.js";

const NAMED = ["mark", "span"];

/** The pointing on a page, and its words. */
export class Pointing {
  constructor(page) {
    this.page = page;
    this.row = null;
    this.at = null;
    // How far from the left the pointer is, over the calls or what stands above them on the same scale.
    this.x = null;
    this.spoken = null;
    // What was last told of an act, until the next.
    this.told = null;
    this.event = null;
    this.names = new Map();
    this.refreshing = false;
  }

  /** The time under the pointer, or null while it is not over the picture. */
  time() {
    if (this.x === null) return null;
    const [from, to] = this.page.range;
    return from + (this.x / this.page.stage.size.width) * (to - from);
  }

  /** Note where the pointer is over the picture, the ruler or a track; null outside. */
  over(x) {
    this.x = x;
  }

  /** Point anew where the pointer rests, since the picture moves below it. */
  again() {
    if (this.at === null || this.refreshing) return;
    this.refreshing = true;
    requestAnimationFrame(() => {
      this.refreshing = false;
      if (this.at !== null) this.point(this.at);
    });
  }

  point(place) {
    if (place !== null && (place.x !== this.at?.x || place.y !== this.at?.y)) this.quiet();
    this.at = place;
    const row = place && this.page.stage.hit(place.x, place.y, this.page.range);
    if (!isSame(row, this.row)) this.page.card.leave();
    const changed = row?.what !== this.row?.what;
    this.row = row;
    if (changed) this.page.looks.recolour();
    else this.page.drawing.schedule();
    if (row) this.say(this.wordsOf(row));
    else this.say(place && this.pauseWordsAt(place));
  }

  /** Point at no call any more, since others will stand there; the pointer may then rest on one of them. */
  leaveRow() {
    if (this.row === null) return;
    this.row = null;
    this.page.looks.recolour();
    this.again();
  }

  wordsOf(row) {
    const { page } = this;
    const [each, sum] = [page.functionOf(row.what), page.sums.all.get(row.what)];
    if (page.views.kind === "time") return rowWords(row, each, sum, page.span, page.source);
    return mergedWords(row, each, sum, page.domain[1], page.source);
  }

  /** Point at an event of the tracks, or at none. */
  pointEvent(event) {
    this.event = event;
    this.say(event && eventWords(event, this.names.get(event.id)));
    if (event && NAMED.includes(event.kind) && event.count === 1 && !this.names.has(event.id))
      this.name(event).catch((fault) => this.refuse(fault));
  }

  /** Point at calls that the filter matches, the longest first, or at none. */
  pointMatches([row, ...others]) {
    if (!row) return this.say(null);
    const more = others.length > 0 ? [`and ${format.counted(others.length, "more function")}`] : [];
    this.say([this.wordsOf(row), ...more].join("  ·  "));
  }

  async name(event) {
    const mark = await this.page.data.mark(event.id);
    this.names.set(event.id, mark?.name ?? null);
    if (this.event?.id === event.id && this.event.kind === event.kind) this.pointEvent(this.event);
  }

  pauseWordsAt({ x, y }) {
    const { page } = this;
    const block = page.views.kind === "time" ? page.stage.blockAt(y) : null;
    const { paused } = page.processOf(block?.thread);
    const pause = pauseAt(paused, page.range, page.stage.size.width, x);
    return pause && pauseWords(pause);
  }

  async rest(place) {
    const row = this.page.stage.hit(place.x, place.y, this.page.range);
    if (!isSame(row, this.row)) return;
    // What a sandwich merges isn't told apart: it knows no longest call.
    const { thread, source: from } = row.block;
    const call = row.call < 0 ? null : await this.page.data.call(thread, from, row.call);
    if (!isSame(row, this.row)) return;
    const { page } = this;
    const [each, sum] = [page.functionOf(row.what), page.sums.all.get(row.what)];
    const merged =
      page.views.kind === "time"
        ? null
        : `${countedCalls(row.count, row.block.source)} this way, ${format.duration(Math.round(row.duration))} together`;
    const { span, run, source } = page;
    page.card.show({ row, call, each, sum, span, run, merged, source }, place);
  }

  say(text) {
    this.page.status.classList.toggle("soft", text === null);
    if (text !== null) this.page.status.textContent = text;
    this.spoken = text;
    if (text === null) this.sayRange();
  }

  sayRange() {
    if (this.spoken) return;
    const text = this.told ?? this.rangeWords();
    if (this.page.status.textContent !== text) this.page.status.textContent = text;
  }

  rangeWords() {
    if (!this.page.views.hasTime) return "";
    const [from, to] = this.page.range;
    const [first, last] = this.page.domain;
    const of = `${format.duration(Math.round(to - from))} of ${format.duration(last - first)}`;
    return `${momentText(from, to - from)} to ${momentText(to, to - from)}, ${of}`;
  }

  announce(text) {
    this.page.live.textContent = text;
    this.say(text);
  }

  /** Tell those who listen, and those who look while they point at nothing; it stays until the next act. */
  tell(text) {
    this.page.live.textContent = text;
    this.told = text;
    if (this.row === null) this.page.status.textContent = text;
  }

  /** End what was told of the last act. */
  quiet() {
    this.told = null;
  }

  refuse(fault) {
    if (!(fault instanceof Refusal)) throw fault;
    this.announce(fault.message);
  }
}

/** Whether two rows are one; those of a sandwich have no calls. */
const isSame = (one, other) =>
  one !== null &&
  other !== null &&
  ["key", "call", "depth", "start"].every((name) => one[name] === other[name]);
