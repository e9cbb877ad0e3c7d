// The filter box: what its text means, and which functions and events it matches.  Pure.
//
//   words  "two words"  /re/  /re/i  file.py:42  name:…  pkg:…  mod:…  file:…  cat:…   each with - before it
//
// name:"…" is the whole name, name:… a part of it; file:"….py:42" is a place, too, with blanks in its path.
// Terms of different fields must all hold, of several of one field one must; a term with a minus must not.

const FIELDS = ["name", "pkg", "mod", "file", "cat"];
const JIT = ["tracing", "optimising", "backend", "abort"];
const GC = ["minor", "major step", "major"];
const MARKS = ["mark", "span"];
export const EVENT_KINDS = [...JIT, ...GC, ...MARKS];
const ORIGINS = ["program", "site", "stdlib", "builtin", "generated", "recorder"];
const GROUPS = { jit: JIT, gc: GC, marks: MARKS };
const CATEGORIES = ["call", ...ORIGINS, ...Object.keys(GROUPS), ...EVENT_KINDS];
const FLAGS = "imsu";
const PLACE = /^(.+\.\w+):(\d+)$/;
const FIELD = /^([a-z]+):(.*)$/i;

/** A fault of the expression, as a sentence for the person who typed it. */
export class FilterFault extends Error {}

/** Read a filter: a list of {field, value, not}; raises a FilterFault. */
export function parseFilter(text) {
  const terms = [];
  let rest = text.trimStart();
  while (rest !== "") {
    const not = rest.startsWith("-") && rest.length > 1 && rest[1] !== " ";
    const [term, after] = readTerm(not ? rest.slice(1) : rest);
    terms.push({ ...term, not });
    rest = after.trimStart();
  }
  return terms;
}

function readTerm(text) {
  if (text.startsWith("/")) return readPattern(text);
  const field = /^([a-z]+):"/i.exec(text);
  if (text.startsWith('"') || field) return readQuoted(text, field);
  const end = text.search(/\s/);
  const word = end < 0 ? text : text.slice(0, end);
  return [wordTerm(word), end < 0 ? "" : text.slice(end)];
}

function readPattern(text) {
  const end = closingSlash(text);
  if (end < 0) {
    throw new FilterFault(
      `The expression ${text} has no closing “/”; quote a text that begins with one: "${text}".`,
    );
  }
  const flags = /^\w*/.exec(text.slice(end + 1))[0];
  // With g or y an expression would go on where its last match ended.
  const odd = [...flags].find((flag) => !FLAGS.includes(flag));
  if (odd) {
    throw new FilterFault(`After the closing “/” stands “${odd}”; there may be ${[...FLAGS].join(", ")}.`);
  }
  try {
    const value = new RegExp(text.slice(1, end), [...new Set(`${flags}u`)].join(""));
    return [{ field: "pattern", value }, text.slice(end + 1 + flags.length)];
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw fault;
    const why = fault.message.replace(/^Invalid regular expression: /, "");
    throw new FilterFault(`The browser can't read this regular expression: ${why}.`);
  }
}

function closingSlash(text) {
  for (let i = 1; i < text.length; i += 1) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === "/") return i;
  }
  return -1;
}

/** The filter that a function matches and no other does. */
export function onlyText({ id, qualname, path, line }, functions) {
  const name = `name:"${qualname}"`;
  const isAlone = functions.every(
    (each) => !each || each.id === id || lower(each.qualname) !== lower(qualname),
  );
  return isAlone || !path || !line ? name : `${name} file:"${path}:${line}"`;
}

function readQuoted(text, field) {
  const open = field ? field[0].length : 1;
  const end = text.indexOf('"', open);
  if (end < 0) throw new FilterFault("A quoted text has no closing quotation mark.");
  const value = text.slice(open, end);
  return [
    field ? wholeTerm(fieldTerm(field[1], value)) : { field: "word", value: value.toLowerCase() },
    text.slice(end + 1),
  ];
}

const wholeTerm = ({ field, value }) => ({ field, value: field === "name" ? { whole: value } : value });

function wordTerm(word) {
  const place = PLACE.exec(word);
  if (place) return { field: "place", value: { file: place[1].toLowerCase(), line: Number(place[2]) } };
  const field = FIELD.exec(word);
  return field ? fieldTerm(field[1], field[2]) : { field: "word", value: word.toLowerCase() };
}

function fieldTerm(name, text) {
  const field = name.toLowerCase();
  const value = text.toLowerCase();
  if (!FIELDS.includes(field)) {
    throw new FilterFault(
      `There is no field “${name}:”; there are ${FIELDS.map((each) => `${each}:`).join(", ")}.`,
    );
  }
  if (value === "") throw new FilterFault(`What should ${field}: be?`);
  const place = field === "file" && PLACE.exec(value);
  if (place) return { field: "place", value: { file: place[1], line: Number(place[2]) } };
  if (field === "cat" && !CATEGORIES.includes(value)) {
    throw new FilterFault(`There is no category “${text}”; there are ${CATEGORIES.join(", ")}.`);
  }
  return { field, value };
}

const lower = (text) => (text ?? "").toLowerCase();
const isUnder = (name, wanted) => lower(name) === wanted || lower(name).startsWith(`${wanted}.`);

const HOLDS = {
  word: (value, each) => lower(`${each.qualname} ${each.path ?? ""}`).includes(value),
  name: (value, each) =>
    value.whole === undefined ? lower(each.qualname).includes(value) : lower(each.qualname) === value.whole,
  file: (value, each) => lower(each.path).includes(value),
  pkg: (value, each) => isUnder(each.package, value) || lower(each.group) === value,
  mod: (value, each) => isUnder(each.module, value),
  cat: (value, each) => value === "call" || value === each.origin,
  pattern: (value, each) => value.test(each.qualname) || value.test(`${each.path ?? ""}:${each.line ?? ""}`),
  place: (value, each) => value.ids.has(each.id),
};

/** The functions at a line: of each file that ends so, those that begin last at or before it. */
function atPlace({ file, line }, functions) {
  const before = functions.filter((each) => each && isNamed(lower(each.path), file) && each.line <= line);
  const last = new Map();
  for (const each of before) last.set(each.path, Math.max(each.line, last.get(each.path) ?? 0));
  return { ids: new Set(before.filter((each) => each.line === last.get(each.path)).map(({ id }) => id)) };
}

const isNamed = (path, file) => path === file || path.endsWith(`/${file}`);

/**
 * Make the tests of a filter's terms: {functions, events}, each null where the filter says nothing about them.
 *
 * Events are matched by their category alone.
 */
export function makeMatcher(terms, functions) {
  const known = terms.map((term) =>
    term.field === "place" ? { ...term, value: atPlace(term.value, functions) } : term,
  );
  const about = known.filter((term) => term.field === "cat");
  return {
    functions: known.length > 0 ? combined(known, (term, each) => HOLDS[term.field](term.value, each)) : null,
    events: about.length > 0 ? combined(about, ({ value }, kind) => isOfCategory(kind, value)) : null,
  };
}

const isOfCategory = (kind, value) => kind === value || (GROUPS[value]?.includes(kind) ?? false);

function combined(terms, holds) {
  const denied = terms.filter((term) => term.not);
  const fields = [...new Set(terms.map(({ field }) => field))];
  const choices = fields
    .map((field) => terms.filter((term) => term.field === field && !term.not))
    .filter((choice) => choice.length > 0);
  return (each) =>
    denied.every((term) => !holds(term, each)) &&
    choices.every((choice) => choice.some((term) => holds(term, each)));
}
