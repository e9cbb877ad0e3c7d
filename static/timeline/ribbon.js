// The ribbon of VM states as stacked shares.  Pure.

/**
 * Stack the shares of an answer: per bucket the upper edges of the states, 0 to 1, from the bottom; null where
 * no sample tells.
 */
export function stackShares({ shares, samples }) {
  return samples.map((count, i) => {
    if (count <= 0) return null;
    let sum = 0;
    return shares.map((column) => {
      sum += column[i] / 1000;
      return Math.min(1, sum);
    });
  });
}

/** The points of the memory line: {time, bytes} where it was measured. */
export function memoryPoints({ start_ns: start, resolution_ns: resolution, memory }) {
  return memory.flatMap((bytes, i) => (bytes < 0 ? [] : [{ time: start + (i + 0.5) * resolution, bytes }]));
}

/** The bucket at a time, or -1. */
export function bucketAt({ start_ns: start, resolution_ns: resolution, samples }, time) {
  const at = Math.floor((time - start) / resolution);
  return at >= 0 && at < samples.length ? at : -1;
}
