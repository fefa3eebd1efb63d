// The separable explorer: the same input through a standard convolution, and through a depthwise
// and a pointwise one. Every product of the marked pixel is on the table, and both are counted.

import definition from "../../mobilenet_lib/explorers/definitions/separable.json";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, tell, unique } from "../kit/dom.js";
import { comma, fixed, nice } from "../kit/format.js";
import { player } from "../kit/motion.js";
import { follow, onKeys } from "../kit/pointer.js";
import { explorer } from "../kit/shell.js";
import * as cost from "../maths/cost.js";
import * as maths from "../maths/separable.js";
import { outputSize, zerosBefore } from "../maths/convolution.js";
import { lane, palette } from "./separable/lane.js";
import style from "./separable.css";

export { cost, maths };

const WIDTHS = [1, 2, 3, 4, 5, 6, 8, 16, 32, 64, 128, 256, 512, 1024];
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 28, 56, 112];
const MOST = { channels: 8, size: 16, cells: 100 }; // of what is shown with its numbers
const SECONDS = 14; // of a whole race
const SLOW = 4; // products a second in slow motion
const FOLLOWS = { channel: null, row: null, column: null }; // the race, or the middle
const LAYERS = {
  "a small layer": [3, 3, 6, 5, 1],
  "Table 3: 512 to 512": [3, 512, 512, 14, 1],
  "first block: 32 to 64": [3, 32, 64, 112, 1],
  "second block: 64 to 128, stride 2": [3, 64, 128, 112, 2],
  "last block: 1024 to 1024": [3, 1024, 1024, 7, 1],
};
const YOURS = "your own";

function draw(context) {
  const { model, state, set, watch, body, say, hidden, colour } = context;
  const id = unique("separable");

  // -- the layer, computed anew when its shape changes

  let shape, numbers, places, total, most, known = "";
  const LAYER = ["kernel_size", "in_channels", "out_channels", "size", "stride", "groups", "depth_multiplier"];

  function readShape() {
    const s = state(), key = LAYER.map((name) => s[name]).join();
    if (known === key) return;
    known = key;
    const possible = cost.possibleGroups(s.in_channels, s.out_channels);
    shape = {
      kernelSize: s.kernel_size, inChannels: s.in_channels, outChannels: s.out_channels, size: s.size,
      stride: s.stride, groups: possible.findLast((g) => g <= s.groups), multiplier: s.depth_multiplier,
    };
    const { kernelSize: k, inChannels: m, outChannels: n, size, stride, groups, multiplier } = shape;
    shape.maps = m * multiplier;
    shape.outSize = outputSize("same", size, k, stride);
    shape.before = zerosBefore("same", size, k, stride);
    shape.detail = Math.max(m, n, shape.maps) <= MOST.channels && size <= MOST.size;
    shape.window = (k * k * m) / groups;
    numbers = shape.detail ? maths.layer(shape) : null;
    places = shape.outSize ** 2;
    total = {
      standard: cost.standardMultAdds(k, m, n, shape.outSize, groups),
      depthwise: cost.depthwiseMultAdds(k, m, shape.outSize, multiplier),
      pointwise: cost.pointwiseMultAdds(shape.maps, n, shape.outSize),
    };
    total.separable = total.depthwise + total.pointwise;
    most = Math.max(total.standard, total.separable);
  }

  // -- controls

  /** What a hand on a control of the layer does: groups go on dividing M and N, the race ends. */
  function change(changes) {
    const s = { ...state(), ...changes };
    const possible = cost.possibleGroups(s.in_channels, s.out_channels);
    stop();
    set({ ...changes, groups: possible.findLast((g) => g <= s.groups), done: null });
  }
  const own = { ...context, set: change };
  const divides = {
    places: (s) => cost.possibleGroups(s.in_channels, s.out_channels), after: ["in_channels", "out_channels"],
    value: (s) => cost.possibleGroups(s.in_channels, s.out_channels).findLast((g) => g <= s.groups),
  };
  const bar = controls(own, ["in_channels", "out_channels", ...LAYER.filter((name) => !name.endsWith("channels"))], {
    in_channels: { places: () => WIDTHS }, out_channels: { places: () => WIDTHS },
    size: { places: () => SIZES }, stride: { look: "select" }, groups: divides,
  });
  const preset = element("select", { ...KEYS, id: `${id}-layer`, class: "mnd-layer" },
    [...Object.keys(LAYERS), YOURS].map((name) => element("option", {}, name)));
  preset.addEventListener("change", () => {
    const layer = LAYERS[preset.value];
    if (!layer) return context.redraw();
    const [kernel_size, in_channels, out_channels, size, stride] = layer;
    return change({ kernel_size, in_channels, out_channels, size, stride, groups: 1, depth_multiplier: 1, ...FOLLOWS });
  });
  if (!hidden("layer")) bar.prepend(element("label", { class: "mn-field", for: preset.id }, "Layer ", preset));

  // -- the two lanes

  const parts = {};
  function buildLane(kind, title) {
    const canvas = element("canvas", {
      ...KEYS, class: "mnd-canvas", tabindex: 0, role: "application", "aria-roledescription": "output pixel",
      "aria-describedby": `${id}-help`, "data-lane": kind,
    });
    const part = {
      canvas, kind, lane: lane(kind, canvas, colour), grids: element("div", { class: "mnd-row" }), blocks: [],
      sum: element("p", { class: "mnd-total" }), place: element("p", { class: "mnd-place" }), key: "",
      name: element("span", {}, title), more: element("small", { "data-part": "weights" }),
    };
    parts[kind] = part;
    canvas.where = part.lane.where;
    return element("div", { class: "mnd-lane", hidden: hidden(kind) },
      element("p", { class: "mnd-title" }, part.name, " ", part.more),
      element("div", { "data-part": kind }, canvas),
      element("div", { class: "mnd-products", "data-part": `${kind}-products` }, part.grids, part.sum, part.place));
  }
  const lanes = element("div", { class: "mnd-lanes" },
    buildLane("standard", "Standard"),
    buildLane("separable", "Separable"));

  // -- the counters

  const counter = (kinds) => {
    const fills = kinds.map((kind) => element("span", { class: `mnd-fill mnd-${kind}` }));
    const frames = kinds.map((kind) => element("span", { class: `mnd-all mnd-${kind}` }));
    return { fills, frames, bar: element("div", { class: "mnd-bar", "aria-hidden": "true" }, ...frames, ...fills), strong: element("strong"), rest: element("span") };
  };
  const counted = { standard: counter(["standard"]), separable: counter(["depthwise", "pointwise"]) };
  const names = { standard: element("span"), separable: element("span", {}, "separable") };
  const ratio = element("div", { class: "mnd-ratio" }), formula = element("small"), share = element("span");
  ratio.append(share, formula);
  const counters = element("div", { class: "mnd-counters", "data-part": "counters", hidden: hidden("counters") },
    ...["standard", "separable"].flatMap((kind) => [names[kind], counted[kind].bar,
      element("span", { class: "mnd-number" }, counted[kind].strong, counted[kind].rest)]),
    ratio);

  // -- step, slow motion, play, scrub

  const scrub = element("input", {
    ...KEYS, type: "range", min: 0, step: 1, class: "mnd-scrub", "data-field": "done",
    "aria-label": definition.fields.done.label, oninput: () => { stop(); race(Number(scrub.value)); },
  });
  const play = button("Play", () => toggle(1), { class: "mnd-run" });
  const slow = button("Slow motion", () => toggle(0), { class: "mnd-slow" });
  const buttons = element("div", { class: "mnd-play" },
    button("Step back", () => { stop(); race(at() - 1); }, { class: "mnd-back" }),
    button("Step", () => { stop(); race(state().done === null ? 1 : at() + 1); }, { class: "mnd-step" }),
    slow, play, button("All", () => { stop(); set({ done: null, ...FOLLOWS }); }, { class: "mnd-whole" }),
    hidden("done") ? null : scrub);
  body.classList.add("mnd-sep");
  append(body, bar, hidden("help") ? null : element("p", { id: `${id}-help`, class: "mn-help" },
    "Point at a pixel to see what it is made of (tables: pixel × weight). Keys: arrows move the mark, Page " +
      "Up and Down change its sheet, Home and End: maps, output."),
  lanes, counters, ...(hidden("play") ? [] : [buttons]));

  const at = () => {
    readShape(); // a button may be pressed before the next drawing
    return Math.min(state().done ?? most, most);
  };
  const race = (done) => set({ done: clamp(done, 0, most), ...FOLLOWS });

  let wanted = 0, left = null, pace = 1; // what the race has come to, and what it left in the model
  const motion = player((seconds) => {
    if (left !== null && state().done !== left) return false; // another view or Python has moved it
    const speed = pace ? most / SECONDS : SLOW;
    wanted = Math.min(wanted + Math.max(seconds * speed, left === null ? 1 : 0), most);
    left = Math.floor(wanted);
    if (left !== state().done) race(left);
    return wanted < most;
  }, {
    finish: () => race(pace ? most : at() + 1),
    changed(playing) {
      left = null;
      tell(play, playing && pace ? "Stop" : "Play");
      tell(slow, playing && !pace ? "Stop" : "Slow motion");
    },
  });
  const stop = () => motion.stop();
  function toggle(fast) {
    const same = motion.playing && pace === fast;
    stop();
    if (same) return;
    pace = fast;
    if (state().done === null || at() >= most) race(0);
    else race(at()); // and no longer at a pixel that was marked by hand
    wanted = at();
    motion.start();
  }

  // -- the marked pixel: under the mouse, set, where the race is, or in the middle

  let hover = null;

  const limits = (stage) => (stage === "depthwise" ? shape.maps : shape.outChannels);
  function marked(kind) {
    const s = state(), n = shape.outSize, last = n - 1;
    const set_ = s.row !== null || s.column !== null || s.channel !== null;
    if (!hover && !set_ && s.done !== null) {
      const found = maths.progress(at(), shape, places)[kind];
      return { ...found, row: Math.floor(found.place / n), column: found.place % n, racing: true };
    }
    const { stage, channel, row, column } = hover ?? {
      stage: s.stage, channel: s.channel ?? 0, row: s.row ?? Math.floor(n / 2), column: s.column ?? Math.floor(n / 2),
    };
    const here = kind === "standard" ? "output" : stage;
    const products = kind === "standard" ? shape.window : here === "output" ? shape.maps : shape.kernelSize ** 2;
    return {
      stage: here, channel: Math.min(channel, limits(here) - 1), row: Math.min(row, last), column: Math.min(column, last),
      product: products, products, racing: false,
    };
  }

  function mark(place) {
    stop();
    hover = null;
    set(place);
  }

  for (const part of Object.values(parts)) {
    follow(part.canvas, ({ x, y, event }) => {
      const pressed = event.type === "pointerdown" || event.buttons > 0;
      if (motion.playing && !pressed) return;
      const place = part.lane.hit(x, y);
      if (place?.stage === "input") {
        const now = marked(part.kind);
        const to = (pixel) => Math.min(Math.floor(pixel / shape.stride), shape.outSize - 1);
        Object.assign(place, { stage: now.stage, channel: now.channel, row: to(place.row), column: to(place.column) });
      }
      if (place && pressed) return mark(place);
      hover = place;
      return context.redraw();
    }, { hover: true, grab: false });
    part.canvas.addEventListener("pointerleave", () => {
      if (!hover) return;
      hover = null;
      context.redraw();
    });
    const by = (down, right, map) => (shift) => {
      const now = marked(part.kind), jump = shift ? 5 : 1, last = shape.outSize - 1;
      mark({
        stage: now.stage, channel: clamp(now.channel + map * jump, 0, limits(now.stage) - 1),
        row: clamp(now.row + down * jump, 0, last), column: clamp(now.column + right * jump, 0, last),
      });
    };
    const to = (stage) => () => {
      const now = marked(part.kind);
      mark({ stage, channel: Math.min(now.channel, limits(stage) - 1), row: now.row, column: now.column });
    };
    onKeys(part.canvas, {
      ArrowLeft: by(0, -1, 0), ArrowRight: by(0, 1, 0), ArrowUp: by(-1, 0, 0), ArrowDown: by(1, 0, 0),
      PageUp: by(0, 0, -1), PageDown: by(0, 0, 1), Home: to("depthwise"), End: to("output"),
    });
  }

  // -- the products of the marked pixel

  /** What a pixel is made of: for each input channel its pixels, weights and products. */
  function windows(kind, mark_) {
    const { kernelSize: k, size, stride, groups, multiplier, before, inChannels: m, outChannels: n } = shape;
    const firsts = kind === "standard"
      ? Array.from({ length: m / groups }, (_, c) => [Math.floor(mark_.channel / (n / groups)) * (m / groups) + c, numbers.standard[mark_.channel][c]])
      : Array.from({ length: shape.maps }, (_, o) => [Math.floor(o / multiplier), numbers.depthwise[o][0]]);
    return firsts.map(([channel, kernel]) => {
      const cells = Array.from({ length: k * k }, (_, p) => {
        const y = mark_.row * stride + Math.floor(p / k) - before, x = mark_.column * stride + (p % k) - before;
        const inside = y >= 0 && y < size && x >= 0 && x < size;
        const pixel = inside ? numbers.input[channel][y * size + x] : 0, weight = kernel[Math.floor(p / k)][p % k];
        return { inside, pixel, weight, product: pixel * weight };
      });
      return { channel, cells, sum: cells.reduce((sum, cell) => sum + cell.product, 0) };
    });
  }

  function buildGrids(part, many, k) {
    const small = k > 3 || many > 4;
    part.blocks = Array.from({ length: many }, () => {
      const cells = Array.from({ length: k * k }, () => element("span", { class: "mnd-cell" }));
      const grid = element("div", { class: "mnd-grid" }, ...cells), sum = element("div", { class: "mnd-sum" });
      grid.style.setProperty("--k", k);
      return { cells, sum, small, block: element("div", { class: "mnd-block" }, grid, sum) };
    });
    part.grids.classList.toggle("mnd-small", small);
    part.grids.replaceChildren(...part.blocks.map(({ block }) => block));
  }

  const times = (pixel, weight) => `${pixel}×${nice(weight)}`;

  function fillProducts(part, mark_) {
    const { kernelSize: k, outChannels: n, maps, window, detail, multiplier, inChannels: m } = shape;
    const pointwise = part.kind === "separable", output = mark_.stage === "output";
    const once = pointwise ? k * k * maps : window;
    tell(part.place, pointwise
      ? `This place: ${comma(once)} depthwise products, once for ${n === 1 ? "the one output" : `all ${comma(n)} outputs`}, and ${comma(maps)} for ${n === 1 ? "it" : "each of them"}: ${comma(once)} + ${comma(maps)} · ${comma(n)} = ${comma(once + maps * n)}.`
      : `This place: ${comma(window)} products for ${n === 1 ? "the one output" : `each of ${comma(n)} outputs`}: ${comma(window)} · ${comma(n)} = ${comma(window * n)}.`);
    part.grids.hidden = !detail;
    part.grids.classList.toggle("mnd-sums", k * k * (pointwise ? maps : m / shape.groups) > MOST.cells);
    if (!detail) {
      tell(part.sum, pointwise && !output ? `${k * k} products, from one channel.`
        : pointwise ? `${comma(maps)} products, one from each depthwise map.` : `${comma(window)} = ${k}·${k}·${comma(m / shape.groups)} products.`);
      return part.sum.textContent;
    }
    const all = windows(part.kind, mark_), key = `${all.length} ${k}`;
    if (part.key !== key) buildGrids(part, all.length, k);
    part.key = key;
    // How many products of which block are done; in the output of the separable one, all sums are.
    const done = (b) => {
      if (!pointwise) return clamp(mark_.product - b * k * k, 0, k * k);
      if (output || b < mark_.channel) return k * k;
      return b > mark_.channel ? (mark_.racing ? 0 : k * k) : mark_.product;
    };
    const now = (b) => mark_.racing && mark_.product > 0 && (pointwise ? !output && b === mark_.channel : Math.floor((mark_.product - 1) / (k * k)) === b);
    const inks = palette();
    let sum = 0;
    all.forEach(({ channel, cells, sum: whole }, b) => {
      const block = part.blocks[b], ready = done(b);
      block.block.style.setProperty("--channel", inks[channel % 8]);
      block.block.classList.toggle("mnd-aside", pointwise && !output && !mark_.racing && b !== mark_.channel);
      let upTo = 0;
      cells.forEach(({ inside, pixel, weight, product }, p) => {
        const cell = block.cells[p];
        if (p < ready) upTo += product;
        tell(cell, block.small ? nice(product) : times(pixel, weight));
        cell.toggleAttribute("data-zero", !inside);
        cell.toggleAttribute("data-later", p >= ready);
        cell.toggleAttribute("data-now", now(b) && p === (pointwise ? mark_.product : ((mark_.product - 1) % (k * k)) + 1) - 1);
      });
      if (!pointwise) {
        sum += upTo;
        tell(block.sum, ready === 0 ? "\u00a0" : `sum ${nice(upTo)}`);
        return;
      }
      const weight = numbers.mixing[mark_.channel]?.[b];
      const counts = output && b < mark_.product;
      if (counts) sum += whole * weight;
      tell(block.sum, ready === 0 ? "\u00a0" : output ? (counts ? `${nice(whole)} × ${nice(weight)} = ${nice(whole * weight)}` : nice(whole)) : `sum ${nice(upTo)}`);
      block.sum.toggleAttribute("data-now", output && mark_.racing && b === mark_.product - 1);
      if (!output && b === mark_.channel) sum = upTo;
    });
    // The product that the race has come to, and what is added up with it.
    let newest = "";
    if (mark_.racing && mark_.product > 0) {
      const b = pointwise ? (output ? mark_.product - 1 : mark_.channel) : Math.floor((mark_.product - 1) / (k * k));
      const cell = all[b].cells[(pointwise ? mark_.product - 1 : (mark_.product - 1) % (k * k))];
      const [x, w] = pointwise && output ? [all[b].sum, numbers.mixing[mark_.channel][b]] : [cell.pixel, cell.weight];
      newest = `, ${nice(x)} × ${nice(w)} = ${nice(x * w)}`;
    }
    const name = output ? `output ${mark_.channel + 1}` : `depthwise map ${mark_.channel + 1}`;
    const row = mark_.row + 1, place = mark_.column + 1;
    const many = mark_.racing ? `product ${mark_.product} of ${mark_.products}${newest}` : mark_.products === 1 ? "1 product" : `${mark_.products} products`;
    const short = mark_.racing ? `${mark_.product} of ${mark_.products}${newest}` : many;
    tell(part.sum, `${name[0].toUpperCase()}${name.slice(1)} (row ${row}, column ${place}): ${short}, sum ${nice(sum)}`);
    part.canvas.dataset.value = String(sum);
    return `${name}, row ${row}, column ${place}: ${many}, sum ${nice(sum)}`;
  }

  // -- the counters

  function count() {
    const { kernelSize: k, inChannels: m, outChannels: n, outSize, groups, multiplier, maps } = shape;
    const done = at(), square = `${outSize}²`;
    const spent = { standard: Math.min(done, total.standard), separable: Math.min(done, total.separable) };
    const each = maths.progress(done, shape, places).separable;
    // Place by place: the depthwise products of a place come before its pointwise ones.
    const depthwise = each.finished * k * k * maps + Math.min(spent.separable - each.finished * each.each, k * k * maps);
    const fill = (part, pieces) => pieces.reduce((from, [all, ready], i) => {
      const of = (x) => `${(100 * x) / most}%`;
      Object.assign(part.frames[i].style, { left: of(from), width: of(all) });
      Object.assign(part.fills[i].style, { left: of(from), width: of(ready) });
      return from + all;
    }, 0);
    fill(counted.standard, [[total.standard, spent.standard]]);
    fill(counted.separable, [[total.depthwise, depthwise], [total.pointwise, spent.separable - depthwise]]);
    counters.style.setProperty("--digits", `${comma(most).length}ch`);
    tell(names.standard, groups === 1 ? "standard" : groups === m ? `depthwise (groups = M)` : `in ${groups} groups`);
    tell(counted.standard.strong, comma(spent.standard));
    tell(counted.standard.rest, ` of ${comma(total.standard)} = ${k}²·${comma(m)}·${comma(n)}·${square}${groups > 1 ? ` / ${groups}` : ""}`);
    tell(counted.separable.strong, comma(spent.separable));
    tell(counted.separable.rest, ` of ${comma(total.separable)} = ${k}²·${comma(maps)}·${square} + ${comma(maps)}·${comma(n)}·${square}`);
    const part = total.separable / total.standard;
    const also = `${multiplier > 1 ? ` · ${multiplier}` : ""}${groups > 1 ? ` · ${groups}` : ""}`;
    const written = also ? `(1/${comma(n)} + 1/${k}²)${also}` : `1/${comma(n)} + 1/${k}²`;
    tell(share, `separable / ${groups === 1 ? "standard" : "grouped"} = ${fixed(100 * part, 1)} %`);
    tell(formula, ` = ${written}${also ? `, with ${[multiplier > 1 ? `depth multiplier ${multiplier}` : "", groups > 1 ? `${groups} groups` : ""].filter(Boolean).join(" and ")}` : " (1/N + 1/D_K²)"}. Depthwise ${comma(total.depthwise)}, pointwise ${comma(total.pointwise)}.`);
    return spent;
  }

  // -- drawing

  function redraw() {
    readShape();
    const marks = { standard: marked("standard"), separable: marked("separable") };
    const racing = state().done !== null ? maths.progress(at(), shape, places) : null;
    const words = {};
    // Asked for before anything is written, so that the page is laid out once a frame.
    const wide = Object.fromEntries(Object.entries(parts).map(([kind, { canvas }]) => [kind, canvas.parentElement.clientWidth]));
    for (const [kind, part] of Object.entries(parts)) {
      part.lane.draw({ width: wide[kind], shape, numbers, mark: marks[kind], progress: racing?.[kind] ?? null });
      words[kind] = fillProducts(part, marks[kind]);
    }
    tell(parts.standard.name, shape.groups === 1 ? "Standard" : shape.groups === shape.inChannels ? "Depthwise, by groups = M" : `Standard in ${shape.groups} groups`);
    const weights = [cost.standardWeights(shape.kernelSize, shape.inChannels, shape.outChannels, shape.groups),
      cost.depthwiseWeights(shape.kernelSize, shape.inChannels, shape.multiplier), shape.maps * shape.outChannels];
    tell(parts.standard.more, `${comma(weights[0])} weights. ${shape.groups === shape.inChannels && shape.groups > 1 ? "Filters, and mixes nothing" : "Filters and mixes at once"}`);
    tell(parts.separable.more, `${comma(weights[1])} + ${comma(weights[2])} = ${comma(weights[1] + weights[2])} weights. Depthwise filters, then pointwise mixes`);
    const spent = count();
    scrub.max = most;
    scrub.value = at();
    scrub.setAttribute("aria-valuetext", `${comma(at())} of ${comma(most)}`);
    const { kernel_size, in_channels, out_channels, size, stride, depth_multiplier } = state();
    const usual = Object.keys(LAYERS).find((name) => String(LAYERS[name]) === String([kernel_size, in_channels, out_channels, size, stride]));
    preset.value = usual && shape.groups === 1 && depth_multiplier === 1 ? usual : YOURS;
    const told = `Standard: ${words.standard}. Separable: ${words.separable}. ` +
      `${comma(spent.standard)} of ${comma(total.standard)} and ${comma(spent.separable)} of ${comma(total.separable)} multiplications done.`;
    say(told);
    for (const [kind, part] of Object.entries(parts)) {
      part.canvas.setAttribute("aria-label", `${kind === "standard" ? "Standard" : "Separable"} convolution. ${words[kind]}`);
    }
    Object.assign(context.root.dataset, {
      standard: String(spent.standard), separable: String(spent.separable), total: String(most), groups: String(shape.groups),
    });
  }

  readShape();
  return { redraw, close: stop, start: () => { stop(); return {}; } };
}

export default explorer(definition, style, draw);
