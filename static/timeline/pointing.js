// What is told of the picture: of what is pointed at, in the status line; of what is done, to those who listen.

import { Refusal } from "../api.js";
import * as format from "../format.js";
import { pauseAt, pauseWords } from "./pauses.js";
import { momentText } from "./ticks.js";
import { rowWords } from "./words.js";

/** The pointing on a page, and its words. */
export class Pointing {
  constructor(page) {
    this.page = page;
    this.row = null;
    this.at = null;
    this.spoken = null;
  }

  /** The time under the pointer, or null while it is not over the picture. */
  time() {
    if (this.at === null) return null;
    const [from, to] = this.page.range;
    return from + (this.at.x / this.page.stage.size.width) * (to - from);
  }

  point(place) {
    this.at = place;
    const row = place && this.page.stage.hit(place.x, place.y, this.page.range);
    if (!row || row.call !== this.row?.call || row.key !== this.row?.key) this.page.card.leave();
    const changed = row?.what !== this.row?.what;
    this.row = row;
    if (changed) this.page.looks.recolour();
    else this.page.drawing.schedule();
    if (row)
      this.say(rowWords(row, this.page.functionOf(row.what), this.page.totals.get(row.what), this.page.span));
    else this.say(place && this.pauseWordsAt(place));
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
    if (!row || row.call < 0 || (row !== null && this.row?.call !== row.call)) return;
    const call = await this.page.data.call(row.block.thread, row.block.source, row.call);
    if (this.row?.call !== row.call || this.row?.key !== row.key) return;
    const each = this.page.functionOf(row.what);
    this.page.card.show(
      { row, call, each, sum: this.page.totals.get(row.what), span: this.page.span, run: this.page.run },
      place,
    );
  }

  say(text) {
    this.page.status.classList.toggle("soft", text === null);
    if (text !== null) this.page.status.textContent = text;
    this.spoken = text;
    if (text === null) this.sayRange();
  }

  sayRange() {
    if (this.spoken) return;
    const [from, to] = this.page.range;
    const of = `${format.duration(Math.round(to - from))} of ${format.duration(this.page.domain[1] - this.page.domain[0])}`;
    const text = `${momentText(from, to - from)} to ${momentText(to, to - from)}, ${of}`;
    if (this.page.status.textContent !== text) this.page.status.textContent = text;
  }

  announce(text) {
    this.page.live.textContent = text;
    this.say(text);
  }

  /** Tell those who listen; those who look see it anyhow. */
  tell(text) {
    this.page.live.textContent = text;
    if (this.row === null) this.page.status.textContent = text;
  }

  refuse(fault) {
    if (!(fault instanceof Refusal)) throw fault;
    this.announce(fault.message);
  }
}
