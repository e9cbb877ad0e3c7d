// Mark a variable's definition and uses while it is pointed at, or until it is let go.

import { INPUTS } from "./variables.js";

/**
 * Watch `pane` for variables; `changed(ops)` is told which ops define or use the marked one.
 *
 * Returns {pin(name or null), apply(), applyTo(row)}; rows drawn later are given to `applyTo`.
 */
export function highlighter(pane, variables, changed) {
  let hovered = null;
  let pinned = null;

  const opsOf = (name) => {
    const { definition, uses } = variables.get(name) ?? { definition: null, uses: [] };
    return definition === null || definition === INPUTS ? uses : [definition, ...uses];
  };

  function applyTo(place) {
    for (const mark of place.querySelectorAll("[data-variable]")) {
      const { variable, defined } = mark.dataset;
      const on = variable === pinned || variable === hovered;
      const isDefinition = on && (defined !== undefined || isLabel(mark, variable));
      mark.classList.toggle("is-definition", isDefinition);
      mark.classList.toggle("is-use", on && !isDefinition);
      mark.classList.toggle("is-pinned", variable === pinned);
    }
  }

  // A label defines those of its arguments that nothing before it does.
  const isLabel = (mark, name) =>
    variables.get(name)?.definition === Number(mark.closest(".row").dataset.op ?? Number.NaN);

  function apply() {
    applyTo(pane);
    const shown = hovered ?? pinned;
    changed(shown === null ? [] : opsOf(shown));
  }

  const hover = (name) => {
    if (name === hovered) return;
    hovered = name;
    apply();
  };
  pane.addEventListener("pointerover", (event) =>
    hover(event.target.closest("[data-variable]")?.dataset.variable ?? null),
  );
  pane.addEventListener("pointerleave", () => hover(null));

  return {
    pin(name) {
      pinned = name;
      apply();
    },
    apply,
    applyTo,
  };
}
