// Delete a run: a button that asks for the token where this browser doesn't remember it.

import { deleteRun, pageUrl, Refusal } from "./api.js";
import { forgetToken, rememberedToken } from "./delete-tokens.js";
import { element, fill } from "./element.js";

/** Make the button and the form behind it. */
export function deletion(run) {
  const place = element("div", { class: "deletion" });
  const ask = () =>
    fill(
      place,
      form(run, () => fill(place, button(ask))),
    );
  fill(place, button(ask));
  return place;
}

const button = (ask) => element("button", { type: "button", onclick: ask }, "Delete …");

function form(run, cancel) {
  const token = rememberedToken(run);
  const field = element("input", {
    type: "text",
    name: "token",
    required: true,
    autocomplete: "off",
    value: token ?? "",
  });
  const message = element("span", { role: "alert", class: "bad" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await deleteRun(run, field.value.trim());
      forgetToken(run);
      location.assign(pageUrl(""));
    } catch (fault) {
      if (!(fault instanceof Refusal)) throw fault;
      message.textContent = fault.message;
    }
  };
  return element(
    "form",
    { onsubmit: submit },
    element("label", {}, "Delete token ", field),
    element("button", { class: "danger" }, "Delete for good"),
    element("button", { type: "button", onclick: cancel }, "Keep"),
    message,
  );
}
