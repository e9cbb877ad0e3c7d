// The delete tokens of the runs uploaded from this browser; the server keeps only their hashes.

const KEY = "tracebin.delete-tokens";

const all = () => JSON.parse(localStorage.getItem(KEY) ?? "{}");

/** Keep a run's token. */
export function rememberToken(run, token) {
  localStorage.setItem(KEY, JSON.stringify({ ...all(), [run]: token }));
}

/** The token of a run, or null. */
export const rememberedToken = (run) => all()[run] ?? null;

/** Drop the token of a run that is gone. */
export function forgetToken(run) {
  const { [run]: _, ...rest } = all();
  localStorage.setItem(KEY, JSON.stringify(rest));
}
