// The seven calls that the picture was first sketched with: name, from, to in milliseconds.

export const SEVEN = [
  ["main", 0, 50, 0],
  ["foo", 1, 8, 1],
  ["bar", 10, 38, 1],
  ["baz", 11, 12, 2],
  ["baz", 13, 14, 2],
  ["fizz", 18, 32, 2],
  ["cleanup", 39, 45, 1],
];
const NAMES = [...new Set(SEVEN.map(([name]) => name))];

/** The seven calls as the columns of an answer, in nanoseconds. */
export function sevenRows() {
  const order = SEVEN.map((call, i) => [...call, i]).sort((a, b) => a[3] - b[3] || a[1] - b[1]);
  const starts = order.map(([, from, , depth], i) =>
    i > 0 && order[i - 1][3] === depth ? from - order[i - 1][1] : from,
  );
  return {
    depth: order.map(([, , , depth]) => depth),
    start: starts.map((ms) => ms * 1e6),
    duration: order.map(([, from, to]) => (to - from) * 1e6),
    function: order.map(([name]) => NAMES.indexOf(name)),
    count: order.map(() => 1),
    busy: order.map(([, from, to]) => (to - from) * 1e6),
    call: order.map((row) => row[4]),
    state: order.map(() => -1),
    trace: order.map(() => -1),
  };
}

/** Functions of one file by their qualified names. */
export function functionsOf(names) {
  return names.map((qualname, id) => ({
    id,
    qualname,
    name: qualname.split(".").at(-1),
    path: "/x/prog.py",
    line: id * 10,
    owner: qualname.includes(".") ? qualname.split(".")[0] : null,
    group: "the program",
    package: null,
  }));
}
