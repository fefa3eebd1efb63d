// The network as a strip: a column for each layer, its output to scale above, a bar below.

import { font, penOf } from "../../kit/canvas.js";
import { evenly } from "../../kit/scale.js";
import { onWall, typeSize } from "../../kit/theme.js";

export const LEFT = 58, RIGHT = 6; // where the columns begin, and what is left behind them
const STRIP = onWall() ? 80 : 118, BARS = 94, FOOT = 18;
const ASIDE = 0.35, UP = 0.2; // how far, of its side, a map's far edge stands to the right and higher

/** The edges of column `i` of `count`, in pixels of a figure that is `width` wide. */
export function column(i, count, width) {
  const each = (width - LEFT - RIGHT) / count;
  return [LEFT + i * each, LEFT + (i + 1) * each];
}

/** The column at pixel `x`. */
export function columnAt(x, count, width) {
  const i = Math.floor(((x - LEFT) / (width - LEFT - RIGHT)) * count);
  return Math.min(Math.max(i, 0), count - 1);
}

/**
 * Outputs to scale: maps that stand one behind the other, seen from the side. `tallest` and `widest`
 * are what a whole figure's height and a whole column stand for; `input` is the photo that goes in,
 * {side, image}, if there is one.
 */
export function drawStrip(canvas, width, rows, at, { tallest, widest, input, colour }) {
  const pen = penOf(canvas, width, STRIP);
  if (!pen) return;
  const scale = (STRIP - 16) / (tallest * (1 + UP));
  band(pen, at, rows.length, width, STRIP, colour);
  if (input) {
    const side = input.side * scale;
    pen.save(); // the photo as a map seen from the side
    pen.transform(ASIDE, -UP, 0, 1, 8, STRIP - side);
    pen.fillStyle = colour("faint");
    pen.fillRect(0, 0, side, side);
    if (input.image) pen.drawImage(input.image, 0, 0, side, side);
    pen.restore();
    pen.font = font(12);
    pen.fillStyle = colour("quiet");
    pen.fillText(`${input.side} px`, 6, Math.max(typeSize(12), STRIP - (1 + UP) * side - 4));
  }
  rows.forEach((row, i) => {
    const [from, to] = column(i, rows.length, width), most = 0.94 * (to - from);
    const high = Math.max(1, row.height * scale), wide = Math.max(1, (row.channels / widest) * most);
    const aside = Math.min(ASIDE * high, Math.max(0, most - wide)), x = (from + to - wide - aside) / 2, y = STRIP - high;
    pen.fillStyle = colour(row.kind);
    pen.fillRect(x, y, wide, high);
    if (aside < 1.5) return;
    const slab = (opacity, ...points) => {
      pen.globalAlpha = opacity;
      pen.beginPath();
      for (const [dx, dy] of points) pen.lineTo(x + dx, y + dy);
      pen.fill();
    };
    slab(0.75, [0, 0], [aside, -UP * high], [aside + wide, -UP * high], [wide, 0]);
    slab(0.45, [wide, 0], [aside + wide, -UP * high], [aside + wide, high - UP * high], [wide, high]);
    pen.globalAlpha = 1;
  });
  const row = rows[at], [from, to] = column(at, rows.length, width);
  label(pen, row.words, (from + to) / 2, Math.max(typeSize(12), STRIP - (1 + UP) * row.height * scale - 5), width, colour);
}

/** Bars of one quantity; `write` makes words of a number. */
export function drawBars(canvas, width, rows, at, name, { write, marks, colour }) {
  const pen = penOf(canvas, width, BARS + FOOT);
  if (!pen) return;
  const values = rows.map((row) => row.values[name] ?? 0), most = Math.max(...values) || 1;
  const ticks = evenly(0, most * 1.15, 3), top = Math.max(most * 1.15, ticks.at(-1));
  const up = (BARS - 4) / top;
  band(pen, at, rows.length, width, BARS, colour);
  pen.font = font(12);
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const tick of ticks) {
    const y = Math.round(BARS - tick * up) + 0.5;
    pen.fillStyle = colour("faint");
    pen.fillRect(LEFT, y - 0.5, width - LEFT - RIGHT, 1);
    pen.fillStyle = colour("quiet");
    pen.fillText(tick ? write(tick) : "0", LEFT - 6, Math.max(7, y));
  }
  rows.forEach((row, i) => {
    const [from, to] = column(i, rows.length, width), gap = to - from > 4 ? 1 : 0;
    if (!values[i]) return;
    const high = Math.max(1, values[i] * up);
    pen.fillStyle = colour(row.kind);
    pen.fillRect(from + gap, BARS - high, to - from - 2 * gap, high);
  });
  pen.textAlign = "center";
  pen.fillStyle = colour("quiet");
  for (const { words, first, last } of marks) { // under its layers, the number of a block
    const middle = (column(first, rows.length, width)[0] + column(last, rows.length, width)[1]) / 2;
    pen.fillText(words, middle, BARS + FOOT / 2 + 2);
  }
  if (marks.length) pen.fillText("block", LEFT / 2, BARS + FOOT / 2 + 2);
  const [from, to] = column(at, rows.length, width), value = rows[at].values[name];
  pen.textBaseline = "alphabetic";
  label(pen, value === null ? "not measured" : write(value), (from + to) / 2, Math.max(typeSize(12), BARS - values[at] * up - 4), width, colour);
}

function band(pen, at, count, width, height, colour) {
  const [from, to] = column(at, count, width), wide = Math.max(to - from, 3);
  pen.fillStyle = colour("chosen");
  pen.fillRect((from + to - wide) / 2, 0, wide, height);
}

/** Words over what they belong to, kept within the figure, on a ground that keeps them readable. */
function label(pen, words, x, y, width, colour) {
  pen.font = font(12, 600);
  const wide = pen.measureText(words).width, left = Math.min(Math.max(x - wide / 2, LEFT), width - wide - 2);
  pen.textAlign = "left";
  pen.globalAlpha = 0.8;
  pen.fillStyle = colour("paper");
  pen.fillRect(left - 2, y - typeSize(12) + 1, wide + 4, typeSize(12) + 2);
  pen.globalAlpha = 1;
  pen.fillStyle = colour("ink");
  pen.fillText(words, left, y);
}
