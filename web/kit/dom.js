// Making elements. Everything an explorer shows is made here, so nothing is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";
let made = 0;

function fill(target, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) target.addEventListener(name.slice(2), value);
    else target.setAttribute(name, value === true ? "" : value);
  }
  return append(target, ...children);
}

/** Add children, also in lists; null and undefined are none. */
export function append(target, ...children) {
  target.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return target;
}

/** An element of HTML: its attributes (`onclick` and the like take functions) and its children. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An element of SVG, in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A name that no other element of the page has. */
export const unique = (word) => `mn-${word}-${++made}-${Math.random().toString(36).slice(2, 7)}`;

/**
 * What a control needs in JupyterLab: without it, shortcuts of the notebook take its arrow keys. It
 * has to stand on the element that has the focus.
 */
export const KEYS = { "data-lm-suppress-shortcuts": "true" };

/** Replace an element's text only where it differs: screen readers speak each replacement. */
export function tell(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
