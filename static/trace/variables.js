// Where each variable of a trace is defined and used.  Pure.

import { isVariable } from "./names.js";

export const INPUTS = -1;

/**
 * Index the variables: name -> {definition: op, INPUTS or null, uses: ops in order, each once}.
 *
 * A label's arguments that nothing before it defines are defined by the label; fail arguments are uses, since they
 * keep a value alive.
 */
export function indexVariables(view) {
  const index = new Map();
  const entry = (name) => {
    if (!index.has(name)) index.set(name, { definition: null, uses: [] });
    return index.get(name);
  };
  for (const name of view.inputs) entry(name).definition = INPUTS;
  for (const segment of view.segments) {
    for (const point of segment.points) for (const op of point.ops) addOp(entry, op);
  }
  return index;
}

function addOp(entry, op) {
  if (isVariable(op.result)) entry(op.result).definition = op.op;
  for (const name of [...op.args, ...(op.fail ?? [])]) {
    if (!isVariable(name)) continue;
    const variable = entry(name);
    if (op.name === "label" && variable.definition === null) variable.definition = op.op;
    else if (variable.uses.at(-1) !== op.op) variable.uses.push(op.op);
  }
}
