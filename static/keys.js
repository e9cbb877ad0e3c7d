// Keys of a page.

/**
 * Make a keydown listener of a map from keys to actions; "Control+f" and "Meta+f" name keys held with others.
 *
 * While one types into a field or a dialog is open, only the keys with Control or Meta count.
 */
export function keyMap(actions) {
  return (event) => {
    const name =
      (event.ctrlKey ? "Control+" : "") +
      (event.metaKey ? "Meta+" : "") +
      (event.altKey ? "Alt+" : "") +
      event.key;
    const action = actions[name];
    if (!action || event.defaultPrevented) return;
    const held = event.ctrlKey || event.metaKey;
    if (!held && (isTyping(event.target) || document.querySelector("dialog[open]"))) return;
    if (isPressed(event)) return;
    event.preventDefault();
    action();
  };
}

const isTyping = (target) => target instanceof Element && target.closest("input, textarea, select") !== null;

/** Enter on a button or link that has the focus is its own. */
const isPressed = ({ key, target }) =>
  key === "Enter" && target instanceof Element && target.closest("a, button, summary") !== null;
