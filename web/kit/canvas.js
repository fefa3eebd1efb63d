// Pixels: canvases that stay sharp, small pictures made from numbers, colours that mean something.

import { element } from "./dom.js";
import { typeSize } from "./theme.js";

/**
 * Give a canvas as many pixels as it is shown with and return its pen, with one unit a CSS pixel;
 * null where there is no room to draw.
 */
export function penOf(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (w < 1 || h < 1) return null;
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(w / width, 0, 0, h / height, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** The font of a drawing's letters. */
export const font = (size, weight = 400) => `${weight} ${typeSize(size)}px system-ui, sans-serif`;

/** A small canvas of `width` pixels a row, coloured by `colour(value, place) -> [r, g, b]`. */
export function sheet(values, width, colour) {
  const height = values.length / width, image = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    const [r, g, b] = colour(values[i], i);
    image.data[4 * i] = r;
    image.data[4 * i + 1] = g;
    image.data[4 * i + 2] = b;
    image.data[4 * i + 3] = 255;
  }
  const canvas = element("canvas", { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

const BLUE = [33, 102, 172], WHITE = [247, 247, 247], ORANGE = [217, 95, 14];

/** Blue below 0, white at 0, orange above; full colour at `reach`. Told apart by the colour-blind. */
export function signed(reach) {
  return (value) => {
    const share = Math.min(Math.abs(value) / (reach || 1), 1), end = value < 0 ? BLUE : ORANGE;
    return WHITE.map((w, c) => w + share * (end[c] - w));
  };
}

/** Grey from black at `low` to white at `high`; beyond them, cut. */
export function grey(low = 0, high = 255) {
  return (value) => {
    const g = 255 * Math.min(Math.max((value - low) / (high - low || 1), 0), 1);
    return [g, g, g];
  };
}

// Six stops of matplotlib's viridis (CC0), in equal steps of lightness.
const VIRIDIS = [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];

/** Dark violet at `low` to yellow at `high`: for maps that are 0 or more. */
export function viridis(low, high) {
  return (value) => {
    const at = 5 * Math.min(Math.max((value - low) / (high - low || 1), 0), 1), i = Math.min(Math.floor(at), 4);
    return VIRIDIS[i].map((c, k) => c + (at - i) * (VIRIDIS[i + 1][k] - c));
  };
}

/** What all but one in 200 values are below: one bright pixel would darken all of a layer's maps. */
export function bright(values) {
  const sorted = values.slice().sort();
  return sorted[Math.floor(0.995 * (sorted.length - 1))] || sorted.at(-1) || 1;
}

/** Draw a small canvas enlarged, each of its pixels a square. */
export function enlarge(pen, small, x, y, width, height) {
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, x, y, width, height);
}
