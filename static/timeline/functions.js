// What is known of a function, made once for colours, filters and graying.  Pure.

const LOCALS = ".<locals>.";

/** The class a qualified name tells of, or null: "Body" of "Body.push", none of "f.<locals>.g". */
export function classOf(qualname) {
  const local = qualname.lastIndexOf(LOCALS);
  const inner = local < 0 ? qualname : qualname.slice(local + LOCALS.length);
  const dot = inner.lastIndexOf(".");
  if (dot <= 0) return null;
  const prefix = qualname.slice(0, qualname.length - inner.length);
  return prefix + inner.slice(0, dot);
}

// A file outside every package is grouped with what it came from.
const ORIGIN_GROUPS = {
  program: "the program",
  stdlib: "standard library",
  builtin: "built in",
  generated: "generated code",
  recorder: "tracebin itself",
};

/** What a function counts to in the colours by package: the outermost package, else where it comes from. */
function groupOf({ package: name, module, origin }) {
  if (origin === "site") return (name ?? module ?? "site-packages").split(".")[0];
  if (origin === "program" && name) return name.split(".")[0];
  return ORIGIN_GROUPS[origin] ?? origin ?? "not known";
}

/** Complete the functions of an answer: in the order of their ids, each with `owner` (its class) and `group`. */
export function completeFunctions(rows) {
  const functions = [];
  for (const row of rows) {
    functions[row.id] = { ...row, owner: classOf(row.qualname), group: groupOf(row) };
  }
  return functions;
}

// What the picture shows where no Python function is known: by the numbers that the server gives them.
const UNNAMED = { path: null, line: null, module: null, package: null, owner: null };
const OTHER_DRIVER = {
  ...UNNAMED,
  id: -1,
  qualname: "(another driver's loop)",
  origin: "generated",
  group: "another driver's loops",
};
const UNKNOWN = { ...UNNAMED, id: -2, qualname: "not known", origin: null, group: "not known" };

/** Give what is known of a number: -1 is machine code that no Python function stands in, as that of `re`. */
export const functionIn = (functions, id) => functions[id] ?? (id === -1 ? OTHER_DRIVER : UNKNOWN);
