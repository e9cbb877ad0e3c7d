// The ribbon of VM states as stacked shares.  Pure.

/** The points of the memory line: {time, bytes} where it was measured. */
export function memoryPoints({ start_ns: start, resolution_ns: resolution, memory }) {
  return memory.flatMap((bytes, i) => (bytes < 0 ? [] : [{ time: start + (i + 0.5) * resolution, bytes }]));
}

/** The bucket at a time, or -1. */
export function bucketAt({ start_ns: start, resolution_ns: resolution, samples }, time) {
  const at = Math.floor((time - start) / resolution);
  return at >= 0 && at < samples.length ? at : -1;
}

/**
 * Paint the shares of an answer into an image: states stacked from the bottom, the time no sample tells of on top.
 *
 * `scale` is {from, perNs} in pixels, `colours` has a pixel per state.  As many buckets are taken together as make
 * `least` pixels: a share says nothing where there was one sample.
 */
export function paintStack(pixels, width, height, answer, { from, perNs }, colours, least = 1) {
  const { start_ns: start, resolution_ns: resolution, shares, samples } = answer;
  const many = Math.max(1, Math.ceil(least / (resolution * perNs)));
  const left = Math.max(0, Math.round((start - from) * perNs));
  const right = Math.min(width, Math.round((start + samples.length * resolution - from) * perNs));
  const origin = Math.round(start / resolution) % many;
  const tops = edgesOf(answer, many, origin, height);
  for (let x = left; x < right; x += 1) {
    const time = from + (x + 0.5) / perNs;
    const at = Math.min(samples.length - 1, Math.max(0, Math.floor((time - start) / resolution)));
    const group = Math.floor((at + origin) / many) * shares.length;
    let bottom = height;
    for (let state = 0; state < shares.length; state += 1) {
      const top = tops[group + state];
      for (let y = top; y < bottom; y += 1) pixels[y * width + x] = colours[state];
      if (top < bottom) bottom = top;
    }
  }
}

// Answer -> the edges made of it last, since one zoom draws them many times.
const edgesMade = new WeakMap();

/** The upper edge of each state in each group of buckets, in pixels from the top. */
function edgesOf(answer, many, origin, height) {
  const kept = edgesMade.get(answer);
  if (kept?.many === many && kept.height === height) return kept.tops;
  const { shares, samples } = answer;
  const groups = Math.floor((samples.length - 1 + origin) / many) + 1;
  const tops = new Int16Array(groups * shares.length);
  for (let group = 0; group < groups; group += 1) {
    const first = Math.max(0, group * many - origin);
    const last = Math.min(samples.length, (group + 1) * many - origin);
    let sum = 0;
    for (let state = 0; state < shares.length; state += 1) {
      for (let i = first; i < last; i += 1) sum += shares[state][i];
      const part = sum / 1000 / Math.max(1, last - first);
      tops[group * shares.length + state] = Math.round(height - Math.min(1, part) * height);
    }
  }
  edgesMade.set(answer, { many, height, tops });
  return tops;
}

/** The shares of the states in a range, 0 to 1 each. */
export function viewShares({ start_ns: start, resolution_ns: resolution, shares, samples }, [from, to]) {
  const first = Math.max(0, Math.floor((from - start) / resolution));
  const last = Math.min(samples.length, Math.max(first + 1, Math.ceil((to - start) / resolution)));
  return shares.map((column) => {
    const part = column.slice(first, last);
    return part.reduce((sum, share) => sum + share, 0) / 1000 / Math.max(1, part.length);
  });
}
