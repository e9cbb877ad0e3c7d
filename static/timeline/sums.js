// What the functions take in the selected time, of all threads and of each.

import { sumTotals } from "./data.js";

const NONE = new Map();

/** The totals of a page's functions, asked for anew with every selected time. */
export class Sums {
  constructor(page) {
    this.page = page;
    this.all = NONE;
    this.threads = new Map();
    this.asked = null;
  }

  /** The totals of one thread: function -> sums, as sumTotals makes them. */
  of(thread) {
    return this.threads.get(thread) ?? NONE;
  }

  /** Ask for them; whoever asks later is the one answered. */
  async load() {
    const { page } = this;
    this.asked?.abort();
    const control = new AbortController();
    this.asked = control;
    try {
      this.take(await this.fetch(control.signal));
    } catch (fault) {
      if (fault.name === "AbortError") return;
      page.pointing.refuse(fault);
    }
    if (this.asked === control) this.asked = null;
    page.totalsCame();
  }

  fetch(signal) {
    const { data, sourceOf, state, called } = this.page;
    return Promise.all(called.map(({ id }) => data.totals(id, sourceOf(id), state.range, signal)));
  }

  take(answers) {
    this.all = sumTotals(answers);
    this.threads = new Map(answers.map((answer) => [answer.thread, sumTotals([answer])]));
  }
}
