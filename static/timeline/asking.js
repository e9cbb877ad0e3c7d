// What to ask for while a hand moves the picture.  Pure but for the asking.

// With a pause of once the time, one frame in twenty was late in two runs of three (10 million calls, two
// processors), with this in none of six.
const PAUSES = 3;
// Who is far from the server waits for its answers anyhow, and needn't much longer.
const LONGEST_MS = 300;

/**
 * Make the asking in turns: one request under way at a time, none that is given up, and after each a pause of a few
 * times what it took.
 *
 * A request that is aborted is answered all the same and thrown away; of those that a fast zoom gave up, several
 * worked at once beside the browser that was to draw.  One that is under way is almost always of use: it is drawn
 * stretched, and what is asked for next is the newest.
 */
export function turns() {
  const last = new WeakMap();
  let turn = 0;
  let asked = null;
  let pause = 0;

  return {
    /** Ask for the first thing wanted at a time, the longest unasked first; true while something is under way. */
    ask(wishes, now) {
      if (wishes.some(([store]) => store.busy)) return true;
      if (asked !== null) {
        pause = now + Math.min(PAUSES * (now - asked), LONGEST_MS);
        asked = null;
      }
      if (now < pause) return true;
      const inTurn = [...wishes].sort(([one], [other]) => (last.get(one) ?? 0) - (last.get(other) ?? 0));
      for (const [store, view, width] of inTurn) {
        if (!store.ask(view, width)) continue;
        turn += 1;
        last.set(store, turn);
        asked = now;
        return true;
      }
      return false;
    },
  };
}
