// Build elements.  Text goes in as text nodes only: names, sources and logs are a stranger's.

/**
 * Make an element: attributes by their name, `on…` functions as listeners, null and false left out.
 *
 * Children are nodes, texts or numbers; null and false are left out, lists are put in place.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(
    ...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return made;
}

/**
 * Fill a place with new children.
 *
 * Where the focus was on a child with a `data-key`, the one that has this key now gets it: a redraw takes nobody's place
 * on the page.  Is there none, the focus goes to what is around it.
 */
export function fill(place, ...children) {
  const key = focusedKey(place);
  place.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== false));
  if (key !== null) successor(place, key)?.focus({ preventScroll: true });
}

function focusedKey(place) {
  const { activeElement } = document;
  return place.contains(activeElement) ? (activeElement.dataset.key ?? null) : null;
}

const successor = (place, key) =>
  place.querySelector(`[data-key="${CSS.escape(key)}"]`) ??
  place.closest("[tabindex]") ??
  place.querySelector("[data-key]");
