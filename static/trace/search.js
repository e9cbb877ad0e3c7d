// Find text in a trace's rows.  Pure: the browser's own search can't see rows that aren't on the page.

/** What a row says, as one searches for it. */
export function rowText(row, view) {
  switch (row.type) {
    case "call":
    case "line":
      return lineText(view.segments[row.segment], row.type);
    case "point":
      return `${row.point.offset} ${row.point.name} ${row.point.argument ?? ""}`;
    case "op":
      return opText(row.op);
    case "code":
      return `${row.code[0].toString(16)} ${row.code[1]} ${row.code[2]} ${row.code[3]}`;
    case "inputs":
      return row.inputs.join(", ");
    default:
      return row.part;
  }
}

function lineText({ title, path, line, source, text }, type) {
  return type === "call" ? `${title} ${path}:${line}` : (source ?? text ?? "");
}

/** An op as PyPy writes it. */
export function opText({ op, result, name, args, descr, fail }) {
  const all = descr === null ? args : [...args, `descr=${descr}`];
  const failing = fail === null ? "" : ` [${fail.map((each) => each ?? "None").join(", ")}]`;
  return `#${op} ${result === null ? "" : `${result} = `}${name}(${all.join(", ")})${failing}`;
}

/** List the positions of the rows that hold the text, in any case of letters; none for an empty text. */
export function findRows(rows, view, text) {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const found = [];
  rows.forEach((row, i) => {
    if (rowText(row, view).toLowerCase().includes(wanted)) found.push(i);
  });
  return found;
}

/** Choose the hit to go to: the next after `from`, or before it, round the end. */
export function nextHit(hits, from, forward) {
  if (hits.length === 0) return null;
  if (forward) return hits.find((hit) => hit > from) ?? hits[0];
  return hits.findLast((hit) => hit < from) ?? hits.at(-1);
}
