// The card that comes when the pointer rests on a call.

import { traceUrl } from "../api.js";
import { element, fill } from "../element.js";
import * as format from "../format.js";
import { momentText } from "./ticks.js";
import { callNoun, countedCalls } from "./words.js";

const STATES = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native"];
const GAP = 12;
const LEAVE_MS = 200;

/** Make the card: {element, show(facts, place), hide()}. */
export function card() {
  const root = element("div", { class: "card", role: "tooltip", hidden: true });
  let leaving = null;
  const stay = () => {
    clearTimeout(leaving);
    leaving = null;
  };
  const hide = () => {
    stay();
    root.hidden = true;
  };
  root.addEventListener("pointerenter", stay);
  root.addEventListener("pointerleave", hide);
  return {
    element: root,
    get shown() {
      return !root.hidden;
    },
    hide,
    /** Hide it unless the pointer is on its way into it, to the link there. */
    leave() {
      if (!root.hidden) leaving ??= setTimeout(hide, LEAVE_MS);
    },
    /**
     * Show a row with its call's own facts at a place of the window.
     *
     * `merged` says of merged calls how many there are and what they take; the facts are those of the longest, if `call`
     * is that one.
     */
    show({ row, call, each, sum, span, run, source, merged = null }, { clientX, clientY }) {
      const fact = (name, ...value) => [element("dt", {}, name), element("dd", {}, ...value)];
      const many = row.count > 1;
      stay();
      fill(
        root,
        element("strong", { class: "code" }, each.qualname),
        element("p", { class: "soft code" }, format.place(each.path, each.line)),
        merged && element("p", {}, call ? `${merged}; of the longest:` : merged),
        many &&
          !merged &&
          element(
            "p",
            {},
            `${countedCalls(row.count, row.block.source)} too short to tell apart here; of the longest:`,
          ),
        element(
          "dl",
          { class: "facts" },
          call && [
            fact(
              "takes",
              format.duration(call.duration_ns),
              element("span", { class: "soft" }, ` ${format.share(call.duration_ns / span)} of the run`),
            ),
            fact("itself", format.duration(call.self_ns)),
            fact("begins", momentText(call.start_ns, call.duration_ns)),
            fact("calls", countedCalls(call.children, row.block.source)),
            call.state !== null && fact("VM state", STATES[call.state]),
            call.trace !== null &&
              fact("trace", element("a", { href: traceUrl(run, call.trace) }, `trace ${call.trace}`)),
          ],
          sum &&
            fact(
              `all its ${callNoun(source)}`,
              `${format.count(sum.calls)}, ${format.duration(Math.round(sum.total))}`,
            ),
        ),
      );
      root.hidden = false;
      const { width, height } = root.getBoundingClientRect();
      const x = clientX + GAP + width > innerWidth ? clientX - GAP - width : clientX + GAP;
      const y = clientY + GAP + height > innerHeight ? clientY - GAP - height : clientY + GAP;
      root.style.left = `${Math.max(4, x)}px`;
      root.style.top = `${Math.max(4, y)}px`;
    },
  };
}
