// From numbers to pixels, and axes with round numbers on them.

import { svg } from "./dom.js";
import { general } from "./format.js";
import { typeSize } from "./theme.js";

/** A linear scale: numbers from `low` to `high` onto pixels from `a` to `b`. */
export function linear([low, high], [a, b]) {
  const span = high - low || 1;
  const to = (x) => a + ((x - low) / span) * (b - a);
  return Object.assign(to, {
    back: (pixel) => low + ((pixel - a) / (b - a || 1)) * span,
    ticks: (most = 8) => evenly(low, high, most),
    range: [a, b], domain: [low, high],
  });
}

/** A logarithmic scale. */
export function log([low, high], [a, b]) {
  const start = Math.log(low), span = Math.log(high) - start || 1;
  const to = (x) => a + ((Math.log(x) - start) / span) * (b - a);
  return Object.assign(to, {
    back: (pixel) => Math.exp(start + ((pixel - a) / (b - a || 1)) * span),
    ticks: (most = 10) => rounds(low, high, most),
    range: [a, b], domain: [low, high],
  });
}

/** At most `most` even steps of 1, 2 or 5 times a power of ten. */
export function evenly(low, high, most) {
  if (!(high > low)) return [low];
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough * 0.999) * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12) + 1e-12; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** Numbers 1, 2, 5, 10 ... between two positive ones; where that is too many 1, 3, 10 ... or powers of ten. */
export function rounds(low, high, most) {
  for (const mantissas of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) {
      for (const m of mantissas) {
        const value = Number(`${m}e${e}`);
        if (value >= low && value <= high) found.push(value);
      }
    }
    if (found.length <= most || mantissas.length === 1) {
      return found.length > 2 ? found : evenly(low, high, most);
    }
  }
}

/** An axis below ("x") or left ("y") of a frame {left, right, top, bottom}: rules, numbers, a name. */
export function axis(side, scale, frame, name, write = (x) => general(x, 6)) {
  const parts = [], size = typeSize(12); // of the numbers
  const across = side === "x", most = size > 12 ? (frame.bottom - frame.top) / (1.6 * size) : 8;
  for (const value of scale.ticks(across ? Math.max(2, (frame.right - frame.left) / ((14 * size) / 3)) : most)) {
    const at = scale(value);
    parts.push(svg("path", {
      class: "mn-rule",
      d: across ? `M${at},${frame.top}V${frame.bottom}` : `M${frame.left},${at}H${frame.right}`,
    }));
    parts.push(svg("text", across
      ? { x: at, y: frame.bottom + 18, "text-anchor": "middle", class: "mn-tick" }
      : { x: frame.left - 8, y: at + 5, "text-anchor": "end", class: "mn-tick" }, write(value)));
  }
  const middle = (frame.top + frame.bottom) / 2;
  if (size > 12) name = name.replace(" (log scale)", ""); // the numbers tell
  parts.push(across
    ? svg("text", {
      x: (frame.left + frame.right) / 2, y: frame.bottom + 38, "text-anchor": "middle", class: "mn-name",
    }, name)
    : svg("text", {
      x: 14, y: middle, "text-anchor": "middle", class: "mn-name", transform: `rotate(-90 14 ${middle})`,
    }, name));
  return svg("g", { class: `mn-axis-${side}`, "aria-hidden": "true" }, ...parts);
}
