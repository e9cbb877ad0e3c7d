// Draw one row of a trace.  Text goes in as text nodes only.

import { traceUrl } from "../api.js";
import { element } from "../element.js";
import * as format from "../format.js";
import { pythonTokens } from "../python.js";
import { isVariable, KINDS, shortArgument, shortDescr } from "./names.js";
import { opText } from "./search.js";
import { INPUTS } from "./variables.js";

// A generated source line can be as long as a file; what is past this is on the line's title.
const LINE_LIMIT = 400;

/** Make the drawer of rows; `context` is {view, run, failShown(op), labelBefore(op), labelOf(jump)}. */
export function rowDrawer(context) {
  const draw = { inputs, part, call, line, point, op, code };
  return (row) => {
    const cells = draw[row.type](row, context);
    const made = element(
      "div",
      { class: `row row-${row.type}`, role: "row", "aria-level": row.level + 1 },
      cells,
    );
    if (row.folded !== undefined) made.setAttribute("aria-expanded", String(!row.folded));
    made.style.setProperty("--level", row.level);
    return made;
  };
}

const gutter = (text, title) => element("span", { class: "gutter", role: "rowheader", title }, text);
const body = (...children) => element("span", { class: "body", role: "gridcell" }, children);
const aside = (...children) => element("span", { class: "aside", role: "gridcell" }, children);

const fold = (folded, attributes) =>
  element(
    "button",
    { class: "fold plain", type: "button", tabindex: -1, "aria-expanded": String(!folded), ...attributes },
    folded ? "▸" : "▾",
  );

function inputs(row) {
  const names = row.inputs.flatMap((name, i) => [i > 0 && ", ", argument(name, INPUTS)]);
  return [gutter(""), body(element("span", { class: "soft" }, "inputs  "), "[", names, "]")];
}

const PARTS = { entry: "Code before the first op", recovery: "Recovery code of the guards" };

function part(row) {
  return [
    gutter(""),
    body(
      fold(row.folded, { "data-part": row.part, "aria-label": PARTS[row.part] }),
      element("span", { class: "soft" }, PARTS[row.part]),
    ),
    aside(format.counted(row.count, "instruction")),
  ];
}

function call(row, { view }) {
  const { title, path, line } = view.segments[row.segment];
  return [
    gutter(""),
    body(
      fold(row.folded, {
        "data-call": row.segment,
        "aria-label": `${row.folded ? "Unfold" : "Fold"} ${title}`,
      }),
      row.call.returned && element("span", { class: "soft" }, "back in "),
      element("span", { class: "function" }, title),
      element("span", { class: "place", title: path }, format.place(path, line)),
    ),
    aside(format.counted(row.call.ops, "op")),
  ];
}

function line(row) {
  const { line: number, source, text, title } = row.of;
  const missing =
    text ?? (title === null ? "before the first bytecode" : `${title}: the source was not kept`);
  const code = source === null ? element("span", { class: "soft" }, missing) : python(source);
  return [
    gutter(number ?? "", title === null ? null : `line ${number} of ${title}`),
    body(row.again && element("span", { class: "again", title: "back from the inlined call" }, "↩ "), code),
    aside(row.ops > 0 ? format.counted(row.ops, "op") : ""),
  ];
}

/** A source line, coloured, without the indentation that the path's own indentation replaces. */
export function python(source) {
  const text = source.trim();
  const shown = text.length > LINE_LIMIT ? `${text.slice(0, LINE_LIMIT)}…` : text;
  const tokens = pythonTokens(shown).map(({ kind, text: token }) =>
    COLOURED.has(kind) ? element("span", { class: `py-${kind}` }, token) : token,
  );
  return element(
    "span",
    { class: "source", title: shown === text ? null : text.slice(0, 4 * LINE_LIMIT) },
    tokens,
  );
}

const COLOURED = new Set(["keyword", "string", "number", "comment", "definition"]);

function point(row) {
  const { offset, name, argument: meaning } = row.point;
  return [
    gutter(offset, "offset in the bytecode"),
    body(
      name ?? element("span", { class: "unknown" }, "bytecode not known"),
      meaning !== null && element("span", { class: "soft" }, `  ${meaning}`),
    ),
  ];
}

function op(row, context) {
  const { op: shown } = row;
  const { result, args, descr } = shown;
  const kind = KINDS[shown.kind] ?? KINDS.other;
  const list = args.flatMap((arg, i) => [i > 0 && ", ", argument(arg, null)]);
  return [
    gutter(element("a", { href: `#op-${shown.op}`, tabindex: -1, title: "link to this op" }, shown.op)),
    body(
      element("span", { class: `mark kind-${shown.kind}`, title: kind.meaning }, kind.mark),
      result !== null && [argument(result, shown.op), " = "],
      element("span", { class: `name kind-${shown.kind}`, title: opText(shown) }, shown.name),
      "(",
      list,
      ")",
      descr !== null &&
        shown.kind !== "guard" &&
        element("span", { class: "descr", title: descr }, shortDescr(descr)),
      shown.fail !== null && failArguments(shown, context),
    ),
    aside(counts(shown, context)),
  ];
}

function argument(text, definedBy) {
  if (!isVariable(text)) return element("span", { class: "constant", title: text }, shortArgument(text));
  const type = { p: "pointer", i: "integer", f: "float" }[text[0]] ?? "variable";
  return element(
    "span",
    { class: "variable", "data-variable": text, "data-defined": definedBy, title: type },
    text,
  );
}

function failArguments({ op: number, fail }, context) {
  const shown = context.failShown(number);
  const toggle = element(
    "button",
    {
      class: "fail plain",
      type: "button",
      tabindex: -1,
      "data-fail": number,
      "aria-expanded": String(shown),
      title: "values the interpreter gets when this guard fails",
    },
    shown ? "[" : `[${fail.length}]`,
  );
  if (!shown) return toggle;
  const list = fail.flatMap((name, i) => [i > 0 && ", ", name === null ? "–" : argument(name, null)]);
  return [toggle, element("span", { class: "fail-list" }, list, "]")];
}

function counts(shown, context) {
  if (shown.name === "label") return runs(shown.runs, "passed");
  if (shown.bridge) return bridgeLink(shown, context);
  if (shown.target !== null) return targetLink(shown, context);
  return null;
}

const runs = (value, word) =>
  value === null
    ? element("span", { class: "unknown" }, `${word}: ${format.NOT_KNOWN}`)
    : element("span", { class: "runs" }, `${word} ${format.count(value)} ×`);

function bridgeLink(shown, { run, labelBefore }) {
  const { trace, runs: taken } = shown.bridge;
  const go = element(
    "a",
    { class: "jump", href: traceUrl(run, trace), "data-go": true },
    `bridge ${trace} →`,
  );
  if (taken === null) return [go, element("span", { class: "unknown" }, ` runs ${format.NOT_KNOWN}`)];
  const label = labelBefore(shown.op);
  const part = label?.runs ? `, ${format.share(taken / label.runs)} of label #${label.op}` : "";
  return [go, element("span", { class: "runs" }, ` ${format.count(taken)} ×${part}`)];
}

function targetLink(shown, context) {
  const label = context.labelOf(shown);
  if (label !== null)
    return element("a", { class: "jump", href: `#op-${label}`, "data-go": true }, `↑ label #${label}`);
  return element(
    "a",
    { class: "jump", href: traceUrl(context.run, shown.target), "data-go": true },
    `trace ${shown.target} →`,
  );
}

function code(row) {
  const [offset, bytes, mnemonic, operands] = row.code;
  return [
    gutter(`+${offset.toString(16)}`, `offset ${offset} in the machine code`),
    body(
      element("span", { class: "bytes" }, bytes),
      element("span", { class: "mnemonic" }, mnemonic),
      element("span", { class: "operands" }, operands),
    ),
  ];
}
