// The sparsity explorer: a layer's smallest weights disappear, and what that saves.

import definition from "../../mobilenet_lib/explorers/definitions/sparsity.json";
import { enlarge, penOf, sheet } from "../kit/canvas.js";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, svg, tell, unique } from "../kit/dom.js";
import { comma, fixed, general, nice } from "../kit/format.js";
import { player } from "../kit/motion.js";
import { follow, onKeys } from "../kit/pointer.js";
import { axis, linear, log } from "../kit/scale.js";
import { explorer } from "../kit/shell.js";
import { onWall, typeSize } from "../kit/theme.js";
import { BLOCK, between, bytesOf, crossing, kept } from "../maths/sparse.js";
import style from "./sparsity.css";

export { between, bytesOf, crossing, kept };

const CORNER = 128, SECONDS = 8, MOST = definition.fields.zeros.max;
const PATTERNS = { weights: "single weights", blocks: "blocks of 4 × 4", channels: "whole channels" };
const NAMES = Object.keys(PATTERNS);
const BLUE = [33, 102, 172], ORANGE = [217, 95, 14];
const STYLES = 4; // of lines, by kernel
const TALL = onWall() ? 180 : 204;

const share = (x, digits = 1) => `${fixed(100 * x, digits)} %`;
const time = (ms) => `${nice(general(ms, 3))} ms`;
const ratio = (x) => `${fixed(x, x < 10 ? 2 : 0)} × dense`;

function draw(context) {
  const { model, state, set, root, body, say, hidden } = context;
  const id = unique("sparsity"), [rows, columns] = model.get("shape"), data = read(model, rows, columns);
  const kernels = model.get("milliseconds").map(([name, all]) => ({ name, all })), shares = model.get("sparsities");
  const dense = kernels[0];
  for (const each of kernels.slice(1)) each.pays = crossing(shares, dense.all, each.all);

  const bar = controls(context, ["zeros", "pattern"], {
    zeros: { words: (x) => share(x) }, pattern: { words: (each) => PATTERNS[each] },
  });
  const play = button("Play", () => motion.toggle(), { class: "mnz-play" });
  if (!hidden("play")) bar.append(play);
  const matrix = element("canvas", {
    ...KEYS, class: "mnz-matrix", tabindex: 0, role: "application", "aria-roledescription": "matrix of weights",
    "aria-label": "Weights: a row is an output channel, a column an input. Arrow keys point at another weight.",
    "aria-describedby": `${id}-help`,
  });
  const caption = element("figcaption", {
    class: "mn-quiet" }, `${model.get("label")}: ${rows} outputs × ${columns} inputs` +
    (rows > data.high || columns > data.wide ? `, of which ${data.high} × ${data.wide} are drawn and all are counted` : ""));
  const key = (name, text) => element("span", { class: `mnz-key mnz-${name}` }, text);
  const pointed = element("output", { class: "mnz-pointed" });
  const facts = element("div", { class: "mnz-facts" });
  const left = element("strong"), work = element("span"), squares = element("p", { "data-part": "squares" });
  facts.append(element("p", {}, left, work), squares);
  const full = 4 * rows * columns;
  const bars = element("div", { class: "mnz-bytes", "data-part": "bytes" });
  const row = (name, ...parts) => {
    const text = element("span", { class: "mnz-number" });
    bars.append(element("div", { class: "mnz-row" }, element("span", {}, name), element("span", { class: "mnz-track" }, parts), text));
    return text;
  };
  const part = (name) => element("span", { class: `mnz-part mnz-${name}` });
  const [whole, values, places] = [part("whole"), part("values"), part("places")];
  const wholeText = row("dense", whole), keptText = row("what is left", values, places);
  const bytesKey = element("p", { class: "mn-quiet mnz-legend" }, key("values", "values, 4 bytes each"), key("places", "where they belong"), element("span"));
  bars.append(bytesKey);
  const chart = element("div", { class: "mnz-chart", "data-part": "times" });
  const verdict = element("p", { class: "mnz-verdict", "data-part": "times" }), list = element("table", { class: "mnz-list", "data-part": "times" });
  const note = element("p", { class: "mn-quiet mnz-note" });
  const cells = kernels.map(({ name }, k) => {
    const own = [0, 1, 2].map(() => element("td"));
    list.append(element("tr", { class: `mnz-line-${k % STYLES}` }, element("th", { scope: "row" }, name), own));
    return own;
  });
  const head = ["kernel", "time", "against dense", "pays from"].map((name) => element("th", { scope: "col" }, name));
  list.prepend(element("tr", {}, head));
  const heading = (text) => element("h2", { class: "mnz-heading" }, text);
  append(body,
    bar,
    element("div", { class: "mnz-stage" },
      element("figure", {}, matrix, element("p", { class: "mn-quiet mnz-legend" }, key("below", "below 0"), key("above", "above 0"), key("gone", "removed")), caption, pointed),
      element("div", { class: "mnz-column" },
        heading("What is left"), facts, bars,
        heading("Time of the layer, measured"), verdict, chart, list, note)),
    hidden("help") ? null : element("p", { id: `${id}-help`, class: "mn-help" },
      "Drag the slider, or press on the chart. Point at a weight, or focus the matrix and press the arrow keys."),
  );

  const at = () => [clamp(state().row, 0, data.high - 1), clamp(state().column, 0, data.wide - 1)];
  const thousandth = (zeros) => Math.round(zeros * 1000);
  const goesAt = (pattern, y, x) => {
    const { goes, across, side } = data[pattern];
    return goes[Math.floor(y / side) * across + (pattern === "channels" ? 0 : Math.floor(x / side))];
  };

  function redraw() {
    const { zeros, pattern } = state(), many = kept(pattern, zeros, rows, columns), now = thousandth(zeros);
    drawMatrix(pattern, zeros);
    tell(left, `${comma(many)} of ${comma(rows * columns)} weights`);
    tell(work, `, ${share(many / (rows * columns))}; as many mult-adds for each pixel.`);
    const [low, high] = [data[pattern].squares[Math.floor(zeros * 1000 + 1e-6)], data[pattern].squares[Math.ceil(zeros * 1000 - 1e-6)]];
    const energy = low + (high - low) * (zeros * 1000 - Math.floor(zeros * 1000 + 1e-6));
    tell(squares, `Strength left, the sum of their squares: ${share(energy)}.`);
    const [own, where] = bytesOf(pattern, many, rows, columns), most = Math.max(full, ...bytesOf("weights", rows * columns, rows, columns).map((_, i, all) => all[0] + all[1]));
    for (const [target, bytes] of [[whole, full], [values, own], [places, where]]) target.style.width = `${100 * bytes / most}%`;
    tell(wholeText, `${comma(full)} bytes`);
    tell(keptText, `${comma(own + where)} bytes, ${ratio((own + where) / full)}`);
    tell(bytesKey.lastChild, { weights: "CSR: a column for each weight, a start for each row", blocks: "one column for each block of 16", channels: "one number for each channel" }[pattern]);

    const found = kernels.map(({ name, all, pays }) => ({ name, pays, ms: between(shares, all, zeros) }));
    const fastest = found.filter(({ ms }) => ms !== null).sort((a, b) => a.ms - b.ms)[0];
    found.forEach(({ ms, pays }, k) => {
      tell(cells[k][0], ms === null ? "not measured" : `${shares.includes(zeros) ? "" : "≈ "}${time(ms)}`);
      tell(cells[k][1], ms === null || found[0].ms === null ? "–" : ratio(ms / found[0].ms).replace(" dense", ""));
      tell(cells[k][2], k === 0 ? "–" : pays === null ? "nowhere measured" : share(pays, 0));
    });
    const scattered = pattern === "weights";
    tell(head[1], scattered ? "time" : "single weights");
    tell(verdict, !scattered ? { blocks: "One place for 16 weights. These kernels were not timed with blocks.", channels: `What is left is a dense matrix, ${comma(many / columns)} × ${columns}: an ordinary product.` }[pattern]
      : !fastest ? "Not measured at this share." : `At ${share(zeros)} zeros the fastest is ${fastest.name}` + (fastest.name === dense.name ? ", which multiplies all the zeros too." : `, ${ratio(fastest.ms / found[0].ms)}.`));
    tell(note, `${model.get("whose").replace(/^./, (first) => first.toUpperCase())}${scattered ? "" : "; with single weights removed"}.`);
    drawChart(zeros, scattered);
    const [y, x] = at(), goes = goesAt(pattern, y, x), weight = data.corner[y * data.wide + x];
    tell(pointed, `Output ${y}, input ${x}: ${nice(general(weight, 3))}` + (goes <= now ? ", removed" : `, goes at ${share(goes / 1000)} zeros`));
    say(`${left.textContent} left, ${keptText.textContent}. ${verdict.textContent} ${pointed.textContent}.`);
    Object.assign(root.dataset, { kept: many, bytes: own + where, squares: energy, gone: String(goes <= now) });
  }

  function drawMatrix(pattern, zeros) {
    const size = Math.min(matrix.parentElement.clientWidth, 3 * CORNER), cell = size / Math.max(data.wide, data.high);
    const pen = penOf(matrix, data.wide * cell, data.high * cell);
    if (!pen) return;
    const empty = root.dataset.mnTheme === "dark" ? [34, 37, 41] : [252, 252, 252], now = zeros * 1000 + 1e-6;
    const { goes, across, side } = data[pattern], { wide, corner, reach } = data, rowsOnly = pattern === "channels";
    const colour = (weight, p) => {
      const y = Math.floor(p / wide), x = p % wide;
      if (goes[Math.floor(y / side) * across + (rowsOnly ? 0 : Math.floor(x / side))] <= now) return empty;
      const end = weight < 0 ? BLUE : ORANGE, strength = 0.25 + 0.75 * Math.min(Math.abs(weight) / reach, 1);
      return [247 + strength * (end[0] - 247), 247 + strength * (end[1] - 247), 247 + strength * (end[2] - 247)];
    };
    enlarge(pen, sheet(corner, wide, colour), 0, 0, data.wide * cell, data.high * cell);
    const [y, x] = at(), part = pattern === "blocks" ? BLOCK : 1;
    const box = rowsOnly ? [0, y, wide, 1] : [Math.floor(x / part) * part, Math.floor(y / part) * part, part, part];
    pen.lineWidth = 2;
    pen.strokeStyle = context.colour("mark");
    pen.strokeRect(box[0] * cell - 2, box[1] * cell - 2, box[2] * cell + 4, box[3] * cell + 4);
    pen.strokeStyle = context.colour("line");
    pen.lineWidth = 1;
    pen.strokeRect(0.5, 0.5, data.wide * cell - 1, data.high * cell - 1);
    matrix.cell = cell;
  }

  function drawChart(zeros, scattered) {
    const width = chart.clientWidth;
    if (width < 120) return;
    const frame = { left: 54, right: width - 18, top: 8, bottom: TALL - 42 }, all = kernels.flatMap((each) => each.all);
    const x = linear([0, 100], [frame.left, frame.right]), y = log([Math.min(...all) / 1.3, Math.max(...all) * (onWall() ? 3 : 1.9)], [frame.bottom, frame.top]);
    chart.scale = x;
    const slowest = kernels.reduce((best, each) => (each.all[0] > best.all[0] ? each : best)).name;
    const lower = kernels.filter(({ name }) => name !== slowest).sort((a, b) => b.all[0] - a.all[0]);
    const names = { [slowest]: y(Math.max(...kernels.map((each) => each.all[0]))) - 6 };
    lower.reduce((above, { name, all: [ms] }) => (names[name] = Math.max(y(ms) + 17, above + typeSize(13) + 1)), 0); // none on another
    const lines = kernels.map(({ name, all: own, pays }, k) => {
      const points = own.map((ms, i) => [x(100 * shares[i]), y(ms)]), look = `mnz-kernel mnz-line-${k % STYLES}`;
      return svg("g", { class: look },
        svg("path", { d: points.map(([a, b], i) => `${i ? "L" : "M"}${a},${b}`).join("") }),
        points.map(([a, b]) => svg("circle", { cx: a, cy: b, r: 3 })),
        pays === undefined || pays === null ? [] : svg("path", { class: "mnz-pays", d: `M${x(100 * pays)},${frame.bottom}V${y(between(shares, own, pays) ?? own[0])}` }),
        svg("text", { x: Math.min(points[0][0] + 6, frame.right - 60), y: names[name] }, name));
    });
    const cursor = x(100 * zeros), found = kernels.map(({ all: own }) => between(shares, own, zeros));
    chart.replaceChildren(svg("svg", {
      width, height: TALL, viewBox: `0 0 ${width} ${TALL}`, role: "img", class: scattered ? null : "mnz-other",
      "aria-label": `Milliseconds against the share of zeros. ${kernels.map(({ name, all: own }) => `${name}: ${time(own[0])} at ${share(shares[0])}, ${time(own.at(-1))} at ${share(shares.at(-1))}`).join("; ")}.`,
    }, axis("x", x, frame, "zeros, %"), axis("y", y, frame, "ms"), lines,
    svg("path", { class: "mnz-cursor", d: `M${cursor},${frame.top}V${frame.bottom}` }),
    found.map((ms, k) => (ms === null ? null : svg("circle", { cx: cursor, cy: y(ms), r: 6, class: `mnz-here mnz-line-${k % STYLES}` })))));
  }

  // -- the reader's hands

  follow(chart, ({ x }) => {
    if (!chart.scale) return;
    const wanted = clamp(chart.scale.back(x) / 100, 0, MOST), near = shares.find((each) => Math.abs(chart.scale(100 * each) - x) < 5);
    motion.stop();
    set({ zeros: near !== undefined && near <= MOST ? near : Number(wanted.toFixed(3)) });
  });
  follow(matrix, ({ x, y }) => point(Math.floor(y / matrix.cell), Math.floor(x / matrix.cell)));
  function point(y, x) {
    set({ row: clamp(y, 0, data.high - 1), column: clamp(x, 0, data.wide - 1) });
  }
  const by = (down, right) => (shift) => point(at()[0] + down * (shift ? 10 : 1), at()[1] + right * (shift ? 10 : 1));
  onKeys(matrix, {
    ArrowLeft: by(0, -1), ArrowRight: by(0, 1), ArrowUp: by(-1, 0), ArrowDown: by(1, 0),
    Home: by(0, -CORNER), End: by(0, CORNER), PageUp: by(-CORNER, 0), PageDown: by(CORNER, 0),
  });

  let playing = 0, last = null;
  const motion = player((seconds) => {
    if (last !== null && state().zeros !== last) return false; // another hand
    if (last === null) playing = state().zeros >= 0.99 ? 0 : state().zeros;
    playing = Math.min(playing + seconds / SECONDS, MOST);
    last = Number(playing.toFixed(3));
    set({ zeros: last });
    return playing < MOST;
  }, {
    finish: () => set({ zeros: MOST }),
    changed(now) {
      last = null;
      tell(play, now ? "Stop" : "Play");
    },
  });
  return { redraw, close: () => motion.stop(), start: () => { motion.stop(); } };
}

/** The corner that is drawn; by pattern, when each part of it goes, and the squares left. */
function read(model, rows, columns) {
  const copy = (name) => {
    const view = model.get(name);
    return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  };
  const high = Math.min(rows, CORNER), wide = Math.min(columns, CORNER);
  const corner = new Float32Array(copy("corner")), goes = new Uint16Array(copy("goes")), squares = new Float32Array(copy("squares"));
  const sizes = { weights: [high, wide, 1], blocks: [high / BLOCK, wide / BLOCK, BLOCK], channels: [high, 1, 1] };
  const found = { high, wide, corner, reach: corner.reduce((most, w) => Math.max(most, Math.abs(w)), 0) * 0.6 || 1 };
  let from = 0;
  NAMES.forEach((name, k) => {
    const [down, across, side] = sizes[name];
    found[name] = { goes: goes.subarray(from, from + down * across), across, side, squares: squares.subarray(1001 * k, 1001 * (k + 1)) };
    from += down * across;
  });
  return found;
}

export default explorer(definition, style, draw);
