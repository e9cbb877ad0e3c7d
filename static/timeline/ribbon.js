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
  let group = null;
  let tops = null;
  for (let x = left; x < right; x += 1) {
    const time = from + (x + 0.5) / perNs;
    const at = Math.min(samples.length - 1, Math.max(0, Math.floor((time - start) / resolution)));
    const mine = Math.floor((at + origin) / many);
    if (mine !== group) {
      group = mine;
      tops = edges(shares, mine * many - origin, many, height);
    }
    let bottom = height;
    for (let state = 0; state < tops.length; state += 1) {
      for (let y = tops[state]; y < bottom; y += 1) pixels[y * width + x] = colours[state];
      bottom = Math.min(bottom, tops[state]);
    }
  }
}

/** The upper edge of each state over some buckets, in pixels from the top. */
function edges(shares, first, many, height) {
  let sum = 0;
  return shares.map((column) => {
    const part = column.slice(Math.max(0, first), first + many);
    sum += part.reduce((all, share) => all + share, 0) / Math.max(1, part.length) / 1000;
    return Math.round(height - Math.min(1, sum) * height);
  });
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
