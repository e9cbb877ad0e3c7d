// Words for numbers.  Pure: what isn't known is said so, and never becomes a 0.

export const NOT_KNOWN = "not known";
const NARROW_SPACE = "\u202f";

const isKnown = (value) => value !== null && value !== undefined;

/** Three significant digits, without an exponent and without trailing zeros after a whole number. */
function digits(value) {
  if (value >= 100) return String(Math.round(value));
  return value.toPrecision(3);
}

/** Group a whole number by thousands. */
export function count(value) {
  if (!isKnown(value)) return NOT_KNOWN;
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, NARROW_SPACE);
}

/** Count something by name: "1 guard", "2 guards". */
export function counted(value, noun, plural = `${noun}s`) {
  if (!isKnown(value)) return `${plural} ${NOT_KNOWN}`;
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A duration in the unit that leaves one to three digits before the point. */
export function duration(ns) {
  if (!isKnown(ns)) return NOT_KNOWN;
  if (ns === 0) return "0 s";
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 999.5e3) return `${digits(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${digits(ns / 1e6)} ms`;
  if (ns < 59.95e9) return `${digits(ns / 1e9)} s`;
  return minutes(Math.round(ns / 1e9));
}

function minutes(seconds) {
  const hours = Math.floor(seconds / 3600);
  const rest = `${Math.floor((seconds % 3600) / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  return hours > 0 ? `${hours} h ${rest}` : rest;
}

/** Bytes in binary units. */
export function bytes(value) {
  if (!isKnown(value)) return NOT_KNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let unit = 0;
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : digits(size)} ${units[unit]}`;
}

/** A part of one, as a percentage. */
export function share(value) {
  if (!isKnown(value)) return NOT_KNOWN;
  const percent = value * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.1) return "< 0.1 %";
  if (percent < 9.95) return `${percent.toFixed(1)} %`;
  return `${Math.round(percent)} %`;
}

/** A moment given as ISO 8601 in UTC, to the second. */
export function moment(iso) {
  if (!isKnown(iso)) return NOT_KNOWN;
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)/.exec(iso);
  return parts ? `${parts[1]} ${parts[2]} UTC` : iso;
}

const SAFE_WORD = /^[\w@%+=:,./-]+$/;

/** A command as one would type it. */
export function commandLine(words) {
  return words.map((word) => (SAFE_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

// The signals a recorded program dies of in practice; numbers as on Linux, x86-64 and arm64 alike.
const SIGNALS = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  6: "SIGABRT",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

/** How a process ended. */
export function exit(ended) {
  if (!ended) return NOT_KNOWN;
  if (isKnown(ended.signal)) {
    const name = SIGNALS[ended.signal];
    return name ? `killed by ${name} (${ended.signal})` : `killed by signal ${ended.signal}`;
  }
  return isKnown(ended.status) ? `status ${ended.status}` : NOT_KNOWN;
}

/** The last part of a path, which is what one recognises a file by. */
export function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

/** A place in a source file, as "prog.py:29"; empty when there is none. */
export function place(path, line) {
  return isKnown(path) ? longPlace(baseName(path), line) : "";
}

/** The same with the whole path, as an editor or a shell takes it. */
export function longPlace(path, line) {
  if (!isKnown(path)) return "";
  return isKnown(line) ? `${path}:${line}` : path;
}

/** An offset or an address in hexadecimal. */
export function hex(value) {
  return isKnown(value) ? `0x${value.toString(16)}` : NOT_KNOWN;
}
