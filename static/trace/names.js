// Short forms of what PyPy prints, for a line that has to be read at a glance.  Pure; the full text goes to the title.

const VARIABLE = /^[a-z]\d+$/;

/** Tell whether an argument is a variable of the trace, such as p12, i5 or f3. */
export const isVariable = (text) => text !== null && VARIABLE.test(text);

/** Shorten an argument: a class by its last part, a null pointer as null. */
export function shortArgument(text) {
  const constant = /^Const(Class|Ptr|Int|Float)\((.*)\)$/s.exec(text);
  if (!constant) return text.length > 60 ? `${text.slice(0, 58)}…` : text;
  const [, kind, inner] = constant;
  if (inner === "null") return "null";
  if (kind === "Class") return clip(inner.replace(/^.*\./, "").replace(/__.*$/, "") || inner);
  return clip(inner);
}

const clip = (text) => (text.length > 40 ? `${text.slice(0, 38)}…` : text);

// PyPy's own word for a descr -> what it is called here.  Letters after Field and Array tell the type of what is
// read: P pointer, S signed, U unsigned, F float.
const FORMS = [
  [/^<Guard0x[0-9a-f]*?([0-9a-f]{1,5})>$/, (m) => `guard …${m[1]}`],
  [/^<(?:Interior)?Field(?:Descr <Field)?([A-Z]?) (\S+) (\d+)( pure)?>*$/, (m) => field(m[2])],
  [/^<Array([A-Z]) (\d+)>$/, (m) => `array of ${TYPES[m[1]] ?? m[1]}`],
  [
    /^<Call([a-z]) (\d+)(?: (\S*?))? EF=(\d+)(?: OS=(\d+))?>$/,
    (m) => `effect ${m[4]}${m[5] ? `, special ${m[5]}` : ""}`,
  ],
  [/^<SizeDescr (\d+)>$/, (m) => `${m[1]} bytes`],
  [/^TargetToken\(\d*?(\d{1,5})\)$/, (m) => `target …${m[1]}`],
  [/^<Loop(-?\d+)>$/, (m) => `loop ${m[1]}`],
  [/^<(\w+?)(?:Ref|Descr)* object at 0x[0-9a-f]+>$/, (m) => m[1].replace(/(?:DescrRef|Descr)$/, "")],
];
const TYPES = { P: "pointers", S: "signed", U: "unsigned", F: "floats" };

/** The last two parts of a field's dotted name, without the prefix the translator puts before it. */
function field(dotted) {
  const parts = dotted.split(".");
  const name = parts.at(-1).replace(/^inst_/, "");
  return parts.length > 1 ? `${parts.at(-2)}.${name}` : name;
}

/** Shorten a descr; null stays null. */
export function shortDescr(text) {
  if (text === null) return null;
  for (const [pattern, shorten] of FORMS) {
    const match = pattern.exec(text);
    if (match) return shorten(match);
  }
  return clip(text.replace(/^<(.*)>$/s, "$1"));
}

// The kinds of op, each with the mark that stands for it where colour can't.
export const KINDS = {
  guard: { mark: "◇", meaning: "guard: leaves the trace when what it checks doesn't hold" },
  call: { mark: "ƒ", meaning: "call: leaves the trace's code and comes back" },
  allocation: { mark: "+", meaning: "allocation: makes an object" },
  memory: { mark: "▤", meaning: "memory: reads or writes a field, an array or a string" },
  arithmetic: { mark: "×", meaning: "arithmetic: computes or compares" },
  control: { mark: "↻", meaning: "control: label, jump or finish" },
  other: { mark: "·", meaning: "other" },
};
