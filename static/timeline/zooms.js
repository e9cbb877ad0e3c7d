// The zooms of the picture, and the ways back out of them.

/** The zooms of a page: a way in for each kind of time, since a second of merged time is none of the run. */
export class Zooms {
  constructor(page) {
    this.page = page;
    this.ways = { time: [], merged: [], sandwich: [] };
  }

  /** The zooms that led to what is in view. */
  get here() {
    return this.ways[this.page.views.kind];
  }

  /** Zoom to a range under a name; null is no range. */
  to(range, name, kind = this.page.views.kind) {
    const { page } = this;
    if (!range) return;
    this.ways[kind].push({ name, before: [...page.views.ranges[kind]], range });
    page.setRange(range, kind);
  }

  /** Go back to the zoom with a number. */
  backTo(i) {
    this.here.length = i + 1;
    this.page.setRange(this.here[i].range);
  }

  /** Undo the last zoom; false where there is none. */
  undo() {
    if (this.here.length === 0) return false;
    this.page.setRange(this.here.pop().before);
    return true;
  }

  /** Go back to all there is of the kind of time in view. */
  whole() {
    this.here.length = 0;
    this.page.setRange(this.page.domain);
  }

  /** Forget the ways into merged calls: what is merged has changed. */
  forgetMerged() {
    this.ways.merged = [];
    this.ways.sandwich = [];
  }

  /** Show the way to what is in view: the page asks for it whenever that has changed. */
  show() {
    const { crumbs, span, state, views } = this.page;
    crumbs.show(this.here, views.part, state.range, span);
  }
}
