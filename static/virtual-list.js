// A list that keeps only the rows in sight in the document.

// Rows drawn above and below the visible ones, so that a small scroll shows no gap before the next frame.
const MARGIN = 12;

/**
 * Make a virtual list in `pane`, an element that scrolls.
 *
 * Every row has the same height, so a position is a multiplication.  `render(i)` makes the element of row i;
 * `seen(first, last)` is told which rows are visible after each change.
 */
export function virtualList(pane, { rowHeight, render, seen }) {
  const sizer = document.createElement("div");
  sizer.className = "list-sizer";
  sizer.setAttribute("role", "presentation");
  pane.replaceChildren(sizer);
  let length = 0;
  let made = new Map();
  let asked = false;

  function visible() {
    const first = Math.min(length, Math.floor(pane.scrollTop / rowHeight));
    return [
      Math.max(0, first),
      Math.min(length - 1, Math.ceil((pane.scrollTop + pane.clientHeight) / rowHeight) - 1),
    ];
  }

  function draw() {
    asked = false;
    const [first, last] = visible();
    const from = Math.max(0, first - MARGIN);
    const to = Math.min(length - 1, last + MARGIN);
    for (const [i, row] of made) {
      if (i >= from && i <= to) continue;
      row.remove();
      made.delete(i);
    }
    const fresh = document.createDocumentFragment();
    for (let i = from; i <= to; i += 1) {
      if (made.has(i)) continue;
      const row = render(i);
      row.style.top = `${i * rowHeight}px`;
      made.set(i, row);
      fresh.append(row);
    }
    sizer.append(fresh);
    seen(first, last);
  }

  function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(draw);
  }

  pane.addEventListener("scroll", ask, { passive: true });
  const resized = new ResizeObserver(ask);
  resized.observe(pane);

  return {
    /** Show `count` rows, all made anew. */
    reset(count) {
      length = count;
      sizer.style.height = `${count * rowHeight}px`;
      for (const row of made.values()) row.remove();
      made = new Map();
      draw();
    },
    /** Bring a row into sight: where it is out of it, to `at` of the pane's height. */
    reveal(i, at = 0.3, always = false) {
      const top = i * rowHeight;
      const inSight = top >= pane.scrollTop && top + rowHeight <= pane.scrollTop + pane.clientHeight;
      if (!inSight || always) pane.scrollTop = Math.max(0, top - pane.clientHeight * at);
      draw();
    },
    /** The element of a row that is drawn, else undefined. */
    row: (i) => made.get(i),
    visible,
    redraw: ask,
  };
}
