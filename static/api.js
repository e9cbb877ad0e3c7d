// Speak with the server: docs/api.md is the contract.

const root = () => document.body.dataset.root ?? "";

/** A refusal of the server, or no answer; `message` is its sentence, `reason` its slug. */
export class Refusal extends Error {
  constructor(message, { reason = null, status = null } = {}) {
    super(message);
    this.name = "Refusal";
    this.reason = reason;
    this.status = status;
  }
}

/** The address of a page. */
export const pageUrl = (...parts) => [root(), ...parts.map(encodeURIComponent)].join("/");
const apiUrl = (...parts) => `${root()}/api/v1/${parts.map(encodeURIComponent).join("/")}`;

/** The address of one trace's page; with an op, of that op in it. */
export function traceUrl(run, trace, op = null) {
  return `${pageUrl("runs", run, "traces", trace)}${op === null ? "" : `#op-${op}`}`;
}

/** The address of one abort in the list of them. */
export const abortUrl = (run, abort) => `${pageUrl("runs", run, "aborts")}#abort-${abort}`;

/** The address a run's bundle is downloaded from. */
export const bundleUrl = (run) => apiUrl("runs", run, "bundle");

function refusalOf(status, text) {
  try {
    const problem = JSON.parse(text);
    const sentence = problem.detail ?? problem.title;
    if (sentence) return new Refusal(sentence, { reason: problem.reason, status });
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw fault;
  }
  return new Refusal(`The server answered with status ${status}.`, { status });
}

async function request(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { headers: { Accept: "application/json" }, ...options });
  } catch (fault) {
    if (fault instanceof TypeError) throw new Refusal("The server can't be reached.");
    throw fault;
  }
  if (!answer.ok) throw refusalOf(answer.status, await answer.text());
  return answer.status === 204 ? null : answer.json();
}

function withParameters(url, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null));
  return query.size > 0 ? `${url}?${query}` : url;
}

export const fetchRuns = (limit, offset) => request(withParameters(apiUrl("runs"), { limit, offset }));
export const fetchOverview = (run) => request(apiUrl("runs", run));
export const fetchAborts = (run) => request(apiUrl("runs", run, "aborts"));
export const fetchLimits = () => request(apiUrl("limits"));
export const fetchTrace = (run, trace, stage = null) =>
  request(withParameters(apiUrl("runs", run, "traces", trace), { stage }));

/** Ask for a part of the time line: what docs/api.md lists under it, with its parameters; it can be aborted. */
export function fetchTimeline(run, parts, parameters = {}, signal = undefined) {
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
  return request(withParameters(apiUrl("runs", run, ...parts), given), signal ? { signal } : {});
}

/** Fetch every trace of a run, the recorder's own too, page by page. */
export async function fetchTraces(run, pageSize = 1000) {
  const traces = [];
  for (;;) {
    const parameters = { own: 1, sort: "id", order: "asc", limit: pageSize, offset: traces.length };
    const page = await request(withParameters(apiUrl("runs", run, "traces"), parameters));
    traces.push(...page.traces);
    if (traces.length >= page.total || page.traces.length === 0) return traces;
  }
}

/** Delete a run with its token. */
export function deleteRun(run, token) {
  return request(apiUrl("runs", run), { method: "DELETE", headers: { Authorization: `Bearer ${token}` } });
}

/**
 * Upload a bundle as the bytes it is.
 *
 * XMLHttpRequest and not fetch, which tells nothing of an upload's progress.
 */
export function uploadBundle(file, encoding, { progress, signal }) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", apiUrl("runs"));
    sending.setRequestHeader("Content-Type", "application/json");
    if (encoding) sending.setRequestHeader("Content-Encoding", encoding);
    sending.upload.addEventListener("progress", (event) => progress(event.loaded, event.total));
    sending.addEventListener("load", () => {
      if (sending.status === 201) resolve(JSON.parse(sending.responseText));
      else reject(refusalOf(sending.status, sending.responseText));
    });
    sending.addEventListener("error", () => {
      reject(new Refusal("The connection broke before the server had answered; nothing was stored."));
    });
    sending.addEventListener("abort", () =>
      reject(new Refusal("The upload was cancelled; nothing was stored.")),
    );
    signal.addEventListener("abort", () => sending.abort());
    sending.send(file);
  });
}
