// Which windows to ask for while a hand moves the picture.  Pure but for the asking.

/**
 * Make the asking in turns: one request under way at a time, and none that is given up.
 *
 * A request that is aborted is answered all the same and thrown away; of those that a fast zoom gave up, several
 * worked at once beside the browser that was to draw.  One that is under way is almost always of use: it is drawn
 * stretched, and what is asked for next is the newest.
 */
export function turns() {
  const last = new WeakMap();
  let turn = 0;

  return {
    /** Ask for the first thing wanted, the longest unasked first; true while something is under way. */
    ask(wishes) {
      if (wishes.some(([store]) => store.busy)) return true;
      const inTurn = [...wishes].sort(([one], [other]) => (last.get(one) ?? 0) - (last.get(other) ?? 0));
      for (const [store, view, width] of inTurn) {
        if (!store.ask(view, width)) continue;
        turn += 1;
        last.set(store, turn);
        return true;
      }
      return false;
    },
  };
}
