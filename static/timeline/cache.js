// The windows kept: the least used goes first.  Pure.

/**
 * Make a cache of values that weigh something together; `limit` is the weight it may hold.
 *
 * What was put in as pinned stays.
 */
export function leastUsedCache(limit) {
  const kept = new Map();
  let weight = 0;

  function shrink() {
    for (const [key, entry] of kept) {
      if (weight <= limit) return;
      if (entry.pinned) continue;
      kept.delete(key);
      weight -= entry.weight;
    }
  }

  return {
    get(key) {
      const entry = kept.get(key);
      if (!entry) return undefined;
      kept.delete(key);
      kept.set(key, entry);
      return entry.value;
    },
    put(key, value, size = 1, pinned = false) {
      const old = kept.get(key);
      if (old) weight -= old.weight;
      kept.delete(key);
      kept.set(key, { value, weight: size, pinned });
      weight += size;
      shrink();
    },
    has: (key) => kept.has(key),
    values: () => [...kept.values()].map(({ value }) => value),
    get weight() {
      return weight;
    },
  };
}
