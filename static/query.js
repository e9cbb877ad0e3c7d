// The filter of the list of traces: free words and field:value terms.  Pure.
//
// Words and terms of different fields must all hold; of several terms of one field one must.  A minus before a
// word or term turns it round.  The text itself is the state: the chips edit it, the URL carries it.

export const FIELDS = ["kind", "driver", "file", "function"];

const TERM = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;

/** Read a filter: a list of {field or null, value in lower case, not}. */
export function parseQuery(text) {
  const terms = [];
  for (const [whole, minus, name, quoted, plain] of text.matchAll(TERM)) {
    const field = name?.toLowerCase();
    const not = minus === "-";
    if (FIELDS.includes(field)) terms.push({ field, value: (quoted ?? plain).toLowerCase(), not });
    else terms.push({ field: null, value: bareWord(whole, not, quoted, name), not });
  }
  return terms;
}

function bareWord(whole, not, quoted, name) {
  if (quoted !== undefined && name === undefined) return quoted.toLowerCase();
  return (not ? whole.slice(1) : whole).toLowerCase();
}

/** Write terms as one would type them. */
export function queryText(terms) {
  return terms
    .map(({ field, value, not }) => (not ? "-" : "") + (field ? `${field}:` : "") + quote(value))
    .join(" ");
}

const quote = (value) => (/[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value);

/** Add a term to the filter's text, or take it out when it is there. */
export function toggleTerm(text, field, value) {
  const terms = parseQuery(text);
  const wanted = value.toLowerCase();
  const kept = terms.filter((term) => !(term.field === field && term.value === wanted && !term.not));
  if (kept.length === terms.length) kept.push({ field, value: wanted, not: false });
  return queryText(kept);
}

/** Tell whether the filter holds this term. */
export function hasTerm(text, field, value) {
  return parseQuery(text).some(
    (term) => term.field === field && term.value === value.toLowerCase() && !term.not,
  );
}

const lower = (text) => (text ?? "").toLowerCase();

const READ = {
  kind: (trace, value) => lower(trace.kind) === value,
  driver: (trace, value) => lower(trace.driver) === value,
  file: (trace, value) => lower(trace.path).includes(value),
  function: (trace, value) => lower(trace.title).includes(value),
};

function holds(term, trace) {
  if (term.field) return READ[term.field](trace, term.value);
  return lower(
    `${trace.title} ${trace.path ?? ""}:${trace.line ?? ""} ${trace.kind} ${trace.driver} ${trace.name}`,
  ).includes(term.value);
}

/** Make a predicate over traces of the filter's text, without the choices of the field `except`. */
export function matcher(text, except = null) {
  const terms = parseQuery(text);
  const required = terms.filter((term) => term.not || !term.field);
  const fields = FIELDS.filter((field) => field !== except).map((field) =>
    terms.filter((term) => term.field === field && !term.not),
  );
  const choices = fields.filter((choice) => choice.length > 0);
  return (trace) =>
    required.every((term) => holds(term, trace) !== term.not) &&
    choices.every((choice) => choice.some((term) => holds(term, trace)));
}

// Column -> the trace's value; null sorts last either way, since "not known" is neither much nor little.
const COLUMNS = {
  time: (trace) => trace.time_ns,
  runs: (trace) => trace.runs,
  ops: (trace) => trace.ops,
  guards: (trace) => trace.guards,
  bridges: (trace) => trace.bridges,
  size: (trace) => trace.size_bytes,
  compile: (trace) => trace.compile_ns,
  start: (trace) => trace.start_ns,
  id: (trace) => trace.id,
  title: (trace) => lower(trace.title),
  kind: (trace) => trace.kind,
};

/** Tell the order a column is wanted in at first: the most first, words and times as they come. */
export function firstOrder(column) {
  return ["id", "start", "title", "kind"].includes(column) ? "asc" : "desc";
}

function compare(one, other) {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

// Of traces without a sample the ones that ran more often come first, as among the hottest of the overview.
const tie = (column, one, other) =>
  (column === "time" && compare(other.runs ?? 0, one.runs ?? 0)) || compare(one.id, other.id);

/** Tell whether traces can be sorted by this column. */
export const isColumn = (column) => Object.hasOwn(COLUMNS, column);

/** Sort traces by a column, equal ones by their id. */
export function sortTraces(traces, column, order) {
  const read = COLUMNS[column];
  const sign = order === "asc" ? 1 : -1;
  return [...traces].sort((one, other) => {
    const a = read(one);
    const b = read(other);
    if (a === null || b === null) return compare(a === null, b === null) || tie(column, one, other);
    return sign * compare(a, b) || tie(column, one, other);
  });
}

/** Count the traces per value of a field, most first. */
export function countBy(traces, field) {
  const counts = new Map();
  for (const trace of traces) counts.set(trace[field], (counts.get(trace[field]) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1] || compare(one[0], other[0]));
}
