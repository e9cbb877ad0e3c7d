// Upload a bundle: drop a file, or choose one.

import { fetchLimits, pageUrl, Refusal, uploadBundle } from "./api.js";
import { rememberToken } from "./delete-tokens.js";
import { element, fill } from "./element.js";
import { encodingOf } from "./encoding.js";
import * as format from "./format.js";

/** Make the place bundles are dropped on; `uploaded` is called after each that was stored. */
export function uploadPlace({ uploaded }) {
  const state = element("div", { class: "upload-state", "aria-live": "polite" });
  const chooser = element("input", {
    type: "file",
    class: "visually-hidden",
    id: "bundle",
    accept: ".json,.gz,.zst",
  });
  const send = async (file) => {
    await upload(file, state, uploaded);
    chooser.value = "";
  };
  chooser.addEventListener("change", () => chooser.files.length > 0 && send(chooser.files[0]));
  const place = element(
    "section",
    { class: "upload", "aria-label": "Upload" },
    chooser,
    element(
      "p",
      {},
      "Drop a bundle here, or ",
      element("label", { class: "button", for: "bundle" }, "choose a file"),
      ".",
      element("span", { class: "soft" }, "  ", element("code", {}, "tracebin run prog.py"), " records one."),
    ),
    state,
  );
  acceptDrops(place, send);
  return place;
}

function acceptDrops(place, send) {
  const mark = (on) => place.classList.toggle("dropping", on);
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  place.addEventListener("dragleave", () => mark(false));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    if (event.dataTransfer.files.length > 0) send(event.dataTransfer.files[0]);
  });
}

async function upload(file, state, uploaded) {
  const cancelling = new AbortController();
  try {
    await refuseTooLarge(file);
    const encoding = encodingOf(new Uint8Array(await file.slice(0, 4).arrayBuffer()));
    const answer = await uploadBundle(file, encoding, {
      progress: showProgress(file, state, cancelling),
      signal: cancelling.signal,
    });
    // Shown first: where the browser's storage is blocked, the token isn't lost.
    showStored(file, state, answer);
    rememberToken(answer.id, answer.delete_token);
    await uploaded();
  } catch (fault) {
    if (!(fault instanceof Refusal)) throw fault;
    fill(state, element("p", { class: "refusal", role: "alert" }, `${file.name}: ${fault.message}`));
  }
}

// A server that refuses a body while it is still being sent closes the connection, and the browser then shows a
// network error in place of the answer; so what is known to be too large isn't sent at all.
async function refuseTooLarge(file) {
  const limit = (await fetchLimits()).body_bytes ?? Number.POSITIVE_INFINITY;
  if (file.size <= limit) return;
  throw new Refusal(
    `This file has ${format.bytes(file.size)}; this server takes at most ${format.bytes(limit)}.`,
  );
}

function showProgress(file, state, cancelling) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
  const text = element("span", { class: "soft" }, `${file.name}: ${format.bytes(file.size)}`);
  fill(state, bar, text, element("button", { type: "button", onclick: () => cancelling.abort() }, "Cancel"));
  return (loaded, total) => {
    bar.value = total > 0 ? loaded / total : 0;
    text.textContent =
      loaded < total
        ? `${file.name}: ${format.bytes(loaded)} of ${format.bytes(total)}`
        : `${file.name}: sent; the server is reading it …`;
  };
}

function showStored(file, state, { id, delete_token: token }) {
  const open = element("a", { class: "button", href: pageUrl("runs", id) }, "Open the run");
  fill(
    state,
    element(
      "div",
      { class: "stored" },
      element("p", {}, `${file.name} is stored. `, open),
      element(
        "p",
        { class: "soft" },
        "Who has this token can delete the run; this browser remembers it: ",
        element("code", {}, token),
      ),
    ),
  );
  open.focus();
}
