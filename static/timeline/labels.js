// Texts in boxes.  Pure.

// What is left of a name that is cut to less tells nothing.
const LEAST = 6;

/** Cut a text in its middle to a number of characters; empty where too little of it would be left. */
export function cutMiddle(text, room) {
  if (text.length <= room) return text;
  if (room < LEAST) return "";
  const head = Math.ceil((room - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (room - 1 - head))}`;
}

/** Where a label stands in its box, as far as that is in sight: {x, room} in pixels, null where it is too narrow. */
export function labelPlace(left, right, width, least = 24, padding = 4) {
  const x = Math.max(left, 0) + padding;
  const room = Math.min(right, width) - padding - x;
  return room < least ? null : { x, room };
}
