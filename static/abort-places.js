// Group aborts by the place tracing started at.  Pure.

/** Group aborts by their place, the groups that took most time first; in a group the order stays. */
export function byPlace(aborts) {
  const groups = new Map();
  for (const abort of aborts) {
    const place = JSON.stringify([
      abort.driver,
      abort.function,
      abort.path,
      abort.offset,
      abort.line,
      abort.title,
    ]);
    if (!groups.has(place)) groups.set(place, []);
    groups.get(place).push(abort);
  }
  const took = (group) => group.reduce((sum, abort) => sum + abort.duration_ns, 0);
  return [...groups.values()].sort((one, other) => took(other) - took(one));
}
