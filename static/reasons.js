// What PyPy's reasons for giving up a tracing mean.  Pure.

const REASONS = {
  ABORT_TOO_LONG: [
    "Trace too long",
    "The path grew past the trace_limit. PyPy then stops inlining the function that took most of it and tries again.",
  ],
  ABORT_SEGMENTED_TRACE: [
    "Segmented",
    "The path grew past the trace_limit with nothing left that could be kept out, so it was cut: PyPy compiles the first part by itself.",
  ],
  ABORT_ESCAPE: [
    "Frame escaped",
    "A frame being traced became visible from outside, as sys._getframe, locals() or an exception's traceback do; its values can't be kept in registers then.",
  ],
  ABORT_BRIDGE: ["Bridge failed", "The bridge could not be joined to any compiled loop."],
  ABORT_BAD_LOOP: [
    "Bad loop",
    "The optimiser found the traced loop contradicts itself, such as a guard that can never hold.",
  ],
  ABORT_FORCE_QUASIIMMUT: [
    "Quasi-immutable changed",
    "The traced code changes a value that compiled code takes for constant, such as a module's global or a class's attribute.",
  ],
};

/** A reason in short; PyPy's own name where it isn't known here. */
export const reasonTitle = (reason) => REASONS[reason]?.[0] ?? reason;

/** A sentence on a reason, or null. */
export const reasonMeaning = (reason) => REASONS[reason]?.[1] ?? null;
