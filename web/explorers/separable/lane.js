// One lane of the separable explorer: stacks of sheets, the filters between them drawn to scale (the
// paper's Figure 2), and lines from everything that the marked pixel is made of.

import { font, penOf, sheet } from "../../kit/canvas.js";
import { comma } from "../../kit/format.js";
import { isDark, onWall } from "../../kit/theme.js";
import { pixelsDone } from "../../maths/separable.js";

// A colour for each channel: it stays with the channel as long as nothing is mixed. None of them is
// that of a kind of convolution.
const CHANNELS = {
  light: ["#b0256f", "#8a6a00", "#5b4bc4", "#00727a", "#7a4a2b", "#8a3fa0", "#55701f", "#5f5f5f"],
  dark: ["#ff86bd", "#dcc04a", "#aaa2ff", "#4fd0d8", "#d9a07c", "#dd9df2", "#b5cf7c", "#c8c8c8"],
};
export const palette = () => CHANNELS[isDark() ? "dark" : "light"];
const NAMES = ["paper", "raised", "ink", "quiet", "mark", "orange", "blue", "green"];

const HEAD = onWall() ? 58 : 36, FOOT = 6, LOW = 0.13; // LOW: how much of its colour a sheet's smallest value shows
const MIXED = -1;

/** Which of `count` sheets are drawn: all, or some with a gap (null) and the one at `here`. */
function rows(count, here) {
  if (count <= 8) return Array.from({ length: count }, (_, i) => i);
  const fourth = here > 2 && here < count - 1 ? here : 3;
  return fourth === 3 ? [0, 1, 2, 3, null, count - 1]
    : fourth === count - 2 ? [0, 1, 2, null, fourth, count - 1] : [0, 1, null, fourth, null, count - 1];
}

const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
const mixed = (a, b, share) => a.map((x, i) => x + share * (b[i] - x));

/** Values as a small picture, from a hint of `ink` at the least to all of it at the most. */
function tinted(values, side, paper, ink) {
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const span = high - low || 1;
  return sheet(values, side, (v) => mixed(paper, ink, LOW + ((1 - LOW) * (v - low)) / span));
}

export function lane(kind, canvas, colour) {
  let plan = null, pictures = new Map(), drawnFor = null;
  // Colours of the theme, asked for once a frame: the browser takes its time over each.
  let colours, inks, tones;

  function readColours() {
    colours = Object.fromEntries(NAMES.map((name) => [name, colour(name)]));
    inks = palette();
    const paper = rgb(colours.paper);
    // Of each channel, for the weights -1 to 2.
    tones = inks.map((ink) => [0, 1, 2, 3].map((step) => `rgb(${mixed(paper, rgb(ink), LOW + ((1 - LOW) * step) / 3).join(" ")})`));
  }

  // -- where everything stands: columns of sheets and filters, all at one scale

  function layout(width, height, shape, marks) {
    const { inChannels: m, outChannels: n, maps, size, outSize, kernelSize: k, groups, multiplier } = shape;
    const { stage, channel } = marks;
    const reads = stage === "depthwise" ? Math.floor(channel / multiplier) : kind === "standard" ? Math.floor(channel / (n / groups)) * (m / groups) : 0;
    const lists = {
      input: rows(m, reads), filtered: rows(maps, stage === "depthwise" ? channel : 0),
      output: rows(n, stage === "output" ? channel : 0),
    };
    const room = height - HEAD - FOOT;
    const longest = Math.max(...Object.values(lists).map((list) => list.length));
    const pitch = Math.min(room / longest, 92), v = Math.min((0.86 * pitch) / size, 14), s = 0.5 * v;
    const factor = Math.min(1, (0.7 * pitch) / (k * v)); // of the filters: all of them alike
    // The separable lane, which has more, decides how wide a pixel is, for both lanes.
    const pixels = 3 * size + (k + 1) * factor, wide = kind === "standard" ? (width * 8) / 5 : width;
    const u = Math.max(0.5, Math.min(2.3 * v, (wide - 4 * 24 - 20 - s * pixels) / pixels));
    const unit = { u, v, s };
    const small = { u: u * factor, v: v * factor, s: s * factor };
    const columns = kind === "standard"
      ? [stack("input", m, size), filters("standard", n, k, m / groups), stack("output", n, outSize)]
      : [stack("input", m, size), filters("depthwise", maps, k, 1), stack("filtered", maps, outSize), filters("pointwise", n, 1, maps), stack("output", n, outSize)];
    const used = columns.reduce((sum, column) => sum + column.width, 0);
    const margin = Math.min(shape.before * u, 40); // for a window that begins left of its sheet
    const gap = Math.max(4, (width - used - margin - 4) / (columns.length - 1));
    let x = 2 + margin;
    for (const column of columns) {
      column.x = x;
      x += column.width + gap;
    }
    return { columns, unit, small, shape, width, height };

    function places(list, high) {
      const apart = Math.min(room / list.length, 1.7 * pitch), top = HEAD + (room - apart * list.length) / 2;
      return new Map(list.map((which, i) => [which ?? `gap ${i}`, top + (i + 0.5) * apart - high / 2]));
    }
    function stack(of, count, side) {
      return { type: "sheets", of, count, side, width: side * (u + s), list: lists[of], at: places(lists[of], side * v) };
    }
    function filters(of, count, side, depth) {
      const list = lists[of === "depthwise" ? "filtered" : "output"];
      const slabs = depth <= 8 ? depth : 6, high = side * small.v;
      const most = Math.min(room / list.length, 1.7 * pitch) * 0.94 - high;
      const step = slabs > 1 ? Math.max(1.2, Math.min(high * 0.55 + 3, most / (slabs - 1))) : 0;
      return { type: "filters", of, count, side, depth, slabs, step, width: side * (small.u + small.s), list, at: places(list, high + step * (slabs - 1)) };
    }
  }

  const column = (of) => plan.columns.find((each) => each.of === of);
  /** The point at row r, column c of a sheet whose corner is at (x, y). */
  const point = (x, y, side, { u, v, s }, r, c) => [x + c * u + (side - r) * s, y + r * v];
  const onSheet = (of, which, r, c) => {
    const { x, at, side } = column(of);
    return point(x, at.get(which), side, plan.unit, r, c);
  };
  const onFilter = (of, which, slab, r, c) => {
    const { x, at, side, step } = column(of);
    return point(x, at.get(which) + slab * step, side, plan.small, r, c);
  };

  function quad(pen, corner, r, c, h, w) {
    pen.beginPath();
    for (const [dr, dc] of [[0, 0], [0, w], [h, w], [h, 0]]) pen.lineTo(...corner(r + dr, c + dc));
    pen.closePath();
  }

  // -- what the sheets show

  function look(theme, shape, numbers) {
    const key = `${theme} ${JSON.stringify(shape)}`;
    if (drawnFor === key) return;
    drawnFor = key;
    pictures = new Map();
    if (!numbers) return;
    const paper = rgb(colours.paper), all = inks.map(rgb), ink = rgb(colours.ink);
    const add = (of, planes, side, tint) => planes.forEach((values, i) => {
      pictures.set(`${of} ${i}`, tinted(values, side, paper, tint(i) === MIXED ? ink : all[tint(i) % 8]));
    });
    add("input", numbers.input, shape.size, (i) => i);
    add("filtered", numbers.filtered, shape.outSize, (i) => Math.floor(i / shape.multiplier));
    add("output", kind === "standard" ? numbers.outputs : numbers.mixed, shape.outSize, (i) => tintOf(shape, "output", i));
  }

  /** The channel whose colour a sheet has: its own while nothing is mixed. */
  function tintOf(shape, of, i) {
    const { inChannels: m, outChannels: n, groups, multiplier } = shape;
    if (of === "input") return i;
    if (of === "filtered") return Math.floor(i / multiplier);
    return kind === "standard" && groups === m ? Math.floor(i / (n / groups)) : MIXED;
  }
  const inkOf = (shape, of, i) => {
    const tint = tintOf(shape, of, i);
    return tint === MIXED ? colours.quiet : inks[tint % 8];
  };

  function drawSheet(pen, { of, side, x, at }, which, progress) {
    const y = at.get(which), { u, v, s } = plan.unit, { shape } = plan;
    const corner = (r, c) => point(x, y, side, plan.unit, r, c);
    const picture = pictures.get(`${of} ${which}`), ink = inkOf(shape, of, which);
    const stage = of === "filtered" ? "depthwise" : of;
    const ready = progress && of !== "input" ? pixelsDone(progress, stage, which) : side * side;
    const whole = Math.floor(ready / side), part = ready % side;
    quad(pen, corner, 0, 0, side, side);
    pen.fillStyle = colours.raised;
    pen.fill();
    pen.save();
    pen.transform(u, 0, -s, v, x + side * s, y);
    pen.imageSmoothingEnabled = false;
    if (picture) {
      if (whole) pen.drawImage(picture, 0, 0, side, whole, 0, 0, side, whole);
      if (part) pen.drawImage(picture, 0, whole, part, 1, 0, whole, part, 1);
    } else {
      pen.fillStyle = ink;
      pen.globalAlpha = 0.45;
      pen.fillRect(0, 0, side, whole);
      pen.fillRect(0, whole, part, 1);
    }
    pen.restore();
    pen.strokeStyle = ink;
    pen.lineWidth = 1.2;
    quad(pen, corner, 0, 0, side, side);
    pen.stroke();
    if (v < 3) return;
    pen.globalAlpha = 0.35;
    pen.lineWidth = 0.6;
    pen.beginPath();
    for (let i = 1; i < side; i++) {
      pen.moveTo(...corner(i, 0));
      pen.lineTo(...corner(i, side));
      pen.moveTo(...corner(0, i));
      pen.lineTo(...corner(side, i));
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /** The channel, from 0, that a slab of a filter reads. */
  function channelOf(of, which, slab) {
    const { inChannels: m, outChannels: n, groups, multiplier } = plan.shape;
    if (of === "standard") return Math.floor(which / (n / groups)) * (m / groups) + slab;
    return of === "depthwise" ? Math.floor(which / multiplier) : Math.floor(slab / multiplier);
  }

  /** The slabs of a filter that are drawn: all, or those of the sheets that are. */
  function slabsOf(of, which) {
    const { depth } = column(of);
    if (depth <= 8) return Array.from({ length: depth }, (_, i) => i);
    const first = of === "standard" ? channelOf(of, which, 0) : 0;
    const sheets = column(of === "standard" ? "input" : "filtered").list;
    const drawn = sheets.filter((each) => each !== null && each >= first && each < first + depth);
    return drawn.length ? drawn.map((each) => each - first) : [0];
  }

  function drawFilter(pen, filter, which, strong, weights) {
    const { of, side } = filter, all = slabsOf(of, which), inner = plan.small.v >= 3;
    pen.globalAlpha = strong ? 1 : 0.4;
    for (let place = all.length - 1; place >= 0; place--) {
      const slab = all[place];
      const corner = (r, c) => onFilter(of, which, place, r, c), channel = channelOf(of, which, slab) % 8;
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) {
          quad(pen, corner, i, j, 1, 1);
          pen.fillStyle = tones[channel][weights ? weights(which, slab, i, j) + 1 : 2];
          pen.fill();
          if (inner) {
            pen.strokeStyle = colours.paper;
            pen.lineWidth = 0.7;
            pen.stroke();
          }
        }
      }
      quad(pen, corner, 0, 0, side, side);
      pen.strokeStyle = inks[channel];
      pen.lineWidth = strong ? 1.8 : 0.9;
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  // -- the lines to the marked pixel

  function line(pen, from, to, ink, width, alpha) {
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.globalAlpha = alpha;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /** From a window of an input sheet, pixel by pixel through a slab, to a pixel of a sheet. */
  function connect(pen, { of, which, slab, place, target, mark, ready, faint }) {
    const { kernelSize: k, stride, before, size } = plan.shape;
    const channel = channelOf(of, which, slab), ink = inks[channel % 8];
    if (!column("input").at.has(channel)) return;
    const top = mark.row * stride - before, left = mark.column * stride - before;
    const corner = (r, c) => onSheet("input", channel, r, c);
    pen.globalAlpha = faint ? 0.8 : 1;
    quad(pen, corner, top, left, k, k);
    pen.strokeStyle = colours.mark;
    pen.lineWidth = faint ? 1.4 : 2.2;
    pen.stroke();
    pen.globalAlpha = 1;
    const dense = k * k * plan.shape.inChannels > 60 ? 0.3 : 0.55;
    for (let p = 0; p < ready; p++) {
      const i = Math.floor(p / k), j = p % k;
      const newest = mark.racing && p === ready - 1 && ready < k * k;
      const inside = top + i >= 0 && top + i < size && left + j >= 0 && left + j < size;
      const from = corner(top + i + 0.5, left + j + 0.5), to = onFilter(of, which, place, i + 0.5, j + 0.5);
      line(pen, from, to, ink, newest ? 2.5 : 0.9, newest ? 1 : faint ? 0.3 : inside ? dense : 0.15);
    }
    if (!ready) return;
    const middle = onFilter(of, which, place, k / 2, k);
    line(pen, middle, target, ink, faint ? 1 : 2, faint ? 0.5 : 0.9);
  }

  function connections(pen, mark) {
    const { kernelSize: k, detail } = plan.shape, cells = k * k;
    if (kind === "standard") {
      if (!column("output").at.has(mark.channel)) return;
      const target = onSheet("output", mark.channel, mark.row + 0.5, mark.column + 0.5);
      slabsOf("standard", mark.channel).forEach((slab, place) => {
        const ready = mark.racing && detail ? Math.min(Math.max(mark.product - slab * cells, 0), cells) : cells;
        connect(pen, { of: "standard", which: mark.channel, slab, place, target, mark, ready });
      });
      return;
    }
    const drawn = column("filtered").list.filter((each) => each !== null);
    const output = mark.stage === "output";
    for (const map of drawn) {
      if (!output && map !== mark.channel && (!mark.racing || map > mark.channel)) continue;
      const ready = !output && map === mark.channel && mark.racing ? mark.product : cells;
      const target = onSheet("filtered", map, mark.row + 0.5, mark.column + 0.5);
      connect(pen, { of: "depthwise", which: map, slab: 0, place: 0, target, mark, ready, faint: output || map !== mark.channel });
      box(pen, "filtered", map, mark, output || map === mark.channel);
    }
    if (!output) {
      if (mark.racing || !column("filtered").at.has(mark.channel)) return;
      // Where it goes: to every output, which is what makes it cheap.
      pen.setLineDash([3, 4]);
      const from = onSheet("filtered", mark.channel, mark.row + 0.5, mark.column + 0.5);
      for (const o of column("output").list) {
        if (o !== null) line(pen, from, onSheet("output", o, mark.row + 0.5, mark.column + 0.5), inkOf(plan.shape, "filtered", mark.channel), 1, 0.55);
      }
      pen.setLineDash([]);
      return;
    }
    if (!column("output").at.has(mark.channel)) return;
    const target = onSheet("output", mark.channel, mark.row + 0.5, mark.column + 0.5);
    slabsOf("pointwise", mark.channel).forEach((map, place) => {
      if (mark.racing && detail && map >= mark.product) return;
      const ink = inkOf(plan.shape, "filtered", map), weight = onFilter("pointwise", mark.channel, place, 0.5, 0.5);
      const newest = mark.racing && map === mark.product - 1;
      line(pen, onSheet("filtered", map, mark.row + 0.5, mark.column + 0.5), weight, ink, newest ? 3 : 1.8, 0.9);
      line(pen, weight, target, ink, newest ? 3 : 1.8, 0.9);
    });
  }

  function box(pen, of, which, { row, column: c }, strong) {
    quad(pen, (r, q) => onSheet(of, which, r, q), row, c, 1, 1);
    pen.strokeStyle = colours.mark;
    pen.lineWidth = strong ? 2.6 : 1.2;
    pen.stroke();
  }

  // -- words

  function head(pen, each) {
    const { of, type, count, side, depth } = each;
    const named = { input: "input F", output: "output G", filtered: "maps", standard: "filters", depthwise: "depthwise", pointwise: "pointwise" }[of];
    const many = `${comma(count)} of`, size = `${side}×${side}${type === "sheets" ? "" : `×${comma(depth)}`}`;
    const middle = Math.min(Math.max(each.x + each.width / 2, 36), plan.width - 36);
    pen.textAlign = "center";
    pen.fillStyle = { standard: colours.orange, depthwise: colours.blue, pointwise: colours.green }[of] ?? colours.ink;
    const small = plan.width < 430;
    pen.font = font(small ? 11 : 13, 600);
    pen.fillText(onWall() ? named.split(" ")[0] : named, middle, onWall() ? 16 : 13);
    pen.fillStyle = colours.quiet;
    pen.font = font(small ? 10 : 12);
    const lines = onWall() ? [many, size] : [`${many} ${size}`]; // large ones would meet in one line
    lines.forEach((line, i) => pen.fillText(line, middle, HEAD - 8 - 18 * (lines.length - 1 - i)));
  }

  function gaps(pen, each) {
    each.list.forEach((which, i) => {
      if (which !== null) return;
      pen.fillStyle = colours.quiet;
      pen.font = font(18, 600);
      pen.textAlign = "center";
      const half = each.type === "sheets" ? (each.side * plan.unit.v) / 2 : (each.side * plan.small.v + each.step * (each.slabs - 1)) / 2;
      pen.fillText("\u22ee", each.x + each.width / 2, each.at.get(`gap ${i}`) + half + 6);
    });
  }

  // -- all of it

  function draw({ width, shape, numbers, mark, progress }) {
    const longest = Math.max(...[shape.inChannels, shape.outChannels, shape.maps].map((each) => (each > 8 ? 6 : each)));
    const height = HEAD + FOOT + (onWall() ? 138 : Math.min(Math.max(longest * 39, 200), 312));
    const pen = penOf(canvas, width, height);
    canvas.style.width = "100%";
    if (!pen) return;
    readColours();
    plan = layout(width, height, shape, mark);
    look(inks, shape, numbers);
    const strong = (of, which) => {
      if (of === "depthwise") return mark.stage === "output" || which === mark.channel;
      return mark.stage === "output" && which === mark.channel;
    };
    const weights = numbers && {
      standard: (which, slab, i, j) => numbers.standard[which][slab][i][j],
      depthwise: (which, _, i, j) => numbers.depthwise[which][0][i][j],
      pointwise: (which, slab) => numbers.mixing[which][slab],
    };
    for (const each of plan.columns) {
      head(pen, each);
      gaps(pen, each);
      const drawn = each.list.filter((which) => which !== null);
      for (const which of drawn) {
        if (each.type === "sheets") drawSheet(pen, each, which, progress);
        else if (!strong(each.of, which)) drawFilter(pen, each, which, false, weights?.[each.of]);
      }
      for (const which of drawn) {
        if (each.type === "filters" && strong(each.of, which)) drawFilter(pen, each, which, true, weights?.[each.of]);
      }
    }
    connections(pen, mark);
    if (mark.stage === "output" && column("output").at.has(mark.channel)) box(pen, "output", mark.channel, mark, true);
  }

  /** The pixel at a point of the canvas: {stage, channel, row, column}, or null. */
  function hit(px, py) {
    if (!plan) return null;
    const { u, v, s } = plan.unit;
    let best = null;
    for (const { type, of, x, at, side, list } of plan.columns) {
      if (type !== "sheets") continue;
      for (const which of list) {
        if (which === null) continue;
        const r = (py - at.get(which)) / v, c = (px - x - side * s + r * s) / u;
        // A finger may miss a small sheet by a few pixels.
        const off = Math.max(-r * v, (r - side) * v, -c * u, (c - side) * u, 0);
        if (off > 5 || (best && best.off <= off)) continue;
        const keep = (value) => Math.min(Math.max(Math.floor(value), 0), side - 1);
        best = { off, stage: of === "filtered" ? "depthwise" : of, channel: which, row: keep(r), column: keep(c) };
      }
    }
    if (!best) return null;
    const { stage, channel, row, column: c } = best;
    return { stage, channel, row, column: c };
  }

  /** Where a pixel's middle is on the canvas, for tests. */
  const where = (stage, which, r, c) => onSheet(stage === "depthwise" ? "filtered" : stage, which, r + 0.5, c + 0.5);

  return { draw, hit, where };
}
