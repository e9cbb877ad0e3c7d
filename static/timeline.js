// Calls over time, with what the virtual machine did beside them.

import { fetchTimeline } from "./api.js";
import * as format from "./format.js";
import { completeFunctions } from "./timeline/functions.js";
import { TimelinePage } from "./timeline/page.js";

let page = null;

/** Show the time line of the run that the place names. */
export async function mount(place) {
  const { run } = place.dataset;
  const [info, names] = await Promise.all([fetchTimeline(run, ["threads"]), fetchTimeline(run, ["names"])]);
  const command = info.processes[0]?.command ?? [];
  document.title = `Time line of ${format.commandLine(command)} · tracebin`;
  document.body.classList.add("full-height");
  page = new TimelinePage(place, run, info, functionsOf(names));
  page.start();
}

/** What is drawn now, as data: for tests, which can't see a canvas. */
export const describe = () => page?.describe() ?? null;

function functionsOf({ functions, files }) {
  const rows = functions.name.map((name, id) => {
    const file = functions.file[id];
    return {
      id,
      name,
      qualname: functions.qualname[id],
      line: functions.line[id],
      path: files.path[file],
      origin: files.origin[file],
      module: files.module[file],
      package: files.package[file],
    };
  });
  return completeFunctions(rows);
}
