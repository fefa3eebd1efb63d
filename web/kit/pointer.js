// Hands on a figure: mouse, finger and keys do the same.

/** Where a pointer is within `target`, in its own pixels: a page that is enlarged (`zoom`, `transform`) has others. */
export function placeIn(target, event) {
  const box = target.getBoundingClientRect(), own = target.offsetWidth ?? target.clientWidth;
  const scale = own ? box.width / own : 1;
  return { x: (event.clientX - box.left) / scale, y: (event.clientY - box.top) / scale, width: box.width / scale, height: box.height / scale };
}

/**
 * Call `then({x, y, event})`, pixels within `target`, while it is pressed and, if `hover`, while a
 * mouse is above it. A finger that scrolls the page is left alone unless `grab` says that it drags.
 */
export function follow(target, then, { hover = false, grab = true } = {}) {
  const at = (event) => then({ ...placeIn(target, event), event });
  if (grab) target.style.touchAction = "none";
  target.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    if (grab) event.preventDefault(); // JupyterLab would start a drag of its own
    target.focus?.();
    if (grab) target.setPointerCapture(event.pointerId);
    at(event);
  });
  target.addEventListener("pointermove", (event) => {
    if (target.hasPointerCapture(event.pointerId) || (hover && event.pointerType === "mouse")) at(event);
  });
}

/** Call what belongs to a key, with whether Shift is down; keys with Ctrl, Alt or Meta are not ours. */
export function onKeys(target, keys) {
  target.addEventListener("keydown", (event) => {
    const then = keys[event.key];
    if (!then || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    then(event.shiftKey);
  });
}
