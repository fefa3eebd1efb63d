// The convolution explorer: a kernel slides over a photo, and every product is on the table.

import definition from "../../mobilenet_lib/explorers/definitions/convolution.json";
import { enlarge, grey, sheet, signed } from "../kit/canvas.js";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, tell, unique } from "../kit/dom.js";
import { comma, nice } from "../kit/format.js";
import { player } from "../kit/motion.js";
import { follow, onKeys, placeIn } from "../kit/pointer.js";
import { explorer, same } from "../kit/shell.js";
import { convolve as compute, reach } from "../maths/convolution.js";
import style from "./convolution.css";

const SIDE = 640; // canvas pixels on a side; CSS shows them at half that or less, so lines stay sharp
const INK = { kernel: "#d55e00", pad: "#8f8f8f", paper: "#ffffff" };
const PLANES = ["red", "green", "blue"];
const YOURS = "your own", MOST = 1000; // the largest weight
const SECONDS = 6; // in which Play visits the whole map

/** One input channel and one output channel. */
export function convolve(pixels, n, kernel, stride, padding, dilation = 1) {
  const { size, before, outputs } = compute([pixels], n, [[kernel]], { stride, padding, dilation });
  return { size, before, values: outputs[0] };
}

/** A number with as many decimals as fit a small cell, and a true minus sign. */
export function short(x) {
  const size = Math.abs(x);
  if (size > 0 && size < 0.05) return nice(String(Number(x.toPrecision(1)))); // never a 0 that is none
  return nice(String(Number(x.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2))));
}

function draw(context) {
  const { model, state, set, watch, root, body, say, hidden } = context;
  const id = unique("convolution");
  const photo = element("canvas", {
    ...KEYS, class: "mnx-photo", width: SIDE, height: SIDE, tabindex: 0, role: "application",
    "aria-roledescription": "kernel position", "aria-describedby": `${id}-help`,
    "aria-label": "Photo with the kernel on it. Arrow keys move the kernel.",
  });
  const map = element("canvas", { class: "mnx-map", "data-part": "map", width: SIDE, height: SIDE, role: "img" });
  const grids = element("div", { class: "mnx-grids", "data-part": "grids" });
  const wrong = element("p", { class: "mnx-wrong", role: "status" });
  const sum = element("output", { class: "mnx-sum", "data-part": "sum" });
  const counter = element("div", { class: "mnx-counter", "data-part": "counter" });
  const done = element("strong", { class: "mnx-done" }), total = element("span");
  counter.append("multiplications ", done, total);
  const legend = element("figcaption", { class: "mnx-legend", "data-part": "map" });
  const sizes = element("figcaption");
  const scrub = element("input", {
    ...KEYS, type: "range", min: 0, step: 1, class: "mnx-scrub", id: `${id}-scrub`,
    oninput: () => { stop(); toPlace(Number(scrub.value)); },
  });

  // -- controls: the state's own, and what moves the kernel

  const preset = element("select", { ...KEYS, id: `${id}-preset`, class: "mnx-preset", "data-field": "kernel" });
  const learned = model.get("learned") ?? [];
  const names = Object.keys(definition.fields.kernel.presets);
  for (const name of names) preset.append(element("option", {}, name));
  if (learned.length) {
    preset.append(element("optgroup", { label: "learned by the person detector" },
      learned.map((_, i) => element("option", { value: `filter ${i + 1}` }, `filter ${i + 1}`))));
  }
  preset.append(element("option", { value: YOURS }, YOURS));
  preset.addEventListener("change", () => {
    const filter = /^filter (\d)$/.exec(preset.value), known = definition.fields.kernel.presets[preset.value];
    if (filter) set({ filter: Number(filter[1]) });
    else if (known) set({ filter: 0, kernel: known });
    else { // the kernel as it is, to be edited
      set({ filter: 0 });
      redraw();
      cells[0].weights.cells[0].focus();
    }
  });
  const look = { stride: { look: "select" }, dilation: { look: "select" } };
  const bar = controls(context, ["channels", "stride", "dilation", "padding"], look);
  if (!hidden("kernel")) bar.prepend(element("label", { class: "mn-field", for: preset.id }, "Kernel ", preset));
  for (const name of ["stride", "padding"]) bar.querySelector(`[data-field=${name}]`)?.classList.add(`mnx-${name}`);
  const play = button("Play", () => motion.toggle(), { class: "mnx-sweep" });
  const buttons = element("span", { class: "mnx-buttons" },
    button("Step back", () => { stop(); toPlace(at() - 1); }, { class: "mnx-back" }),
    button("Step", () => { stop(); toPlace(at() + 1); }, { class: "mnx-step" }), play,
    button("Fill", () => { stop(); set({ filled: true }); }, { class: "mnx-fill" }),
    button("Clear", () => { stop(); count(none()); }, { class: "mnx-clear" }));
  append(body,
    bar,
    element("div", { class: "mnx-stage" },
      element("figure", {}, photo, sizes),
      element("div", { class: "mnx-middle" }, grids, wrong, sum, counter),
      element("figure", {}, map, legend)),
    hidden("play") ? null : element("div", { class: "mnx-play" }, buttons, element("label", { for: scrub.id }, "Place"), scrub),
    hidden("help") ? null : element("p", { id: `${id}-help`, class: "mn-help" },
      "Drag on the photo or on the map, or focus the photo and press the arrow keys. Home and End go to the ends of a " +
        "row, Page Up and Page Down to the ends of a column. Kernel weights can be edited."),
  );

  // -- what is shown: planes of the photo, slices of the kernel, the map

  let n, planes, slices, result, painted, cells, shown = "";

  function readPhoto() {
    n = model.get("size");
    const bytes = model.get("pixels"), colours = model.get("colours");
    const all = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    planes = { grey: all(bytes) };
    PLANES.forEach((name, c) => { planes[name] = all(colours).slice(c * n * n, (c + 1) * n * n); });
  }

  const inColour = () => state().channels === "colour" || state().filter > 0;
  const inputs = () => (inColour() ? PLANES : [state().channels]).map((name) => planes[name]);
  const kernels = () => {
    const { filter, kernel } = state();
    if (filter > 0 && learned[filter - 1]) return learned[filter - 1];
    return inputs().map(() => kernel);
  };

  function convolved() {
    const { stride, padding, dilation } = state();
    slices = kernels();
    const found = compute(inputs(), n, [slices], { stride, padding, dilation });
    result = { ...found, values: found.outputs[0] };
    painted = paint(result.values, result.size, slices);
    map.sheet = painted.image;
    photo.sheet = picture();
    scrub.max = Math.max(0, places() - 1);
  }

  function picture() {
    const { channels } = state();
    if (inColour()) return sheet(planes.red, n, (_, p) => PLANES.map((name) => planes[name][p]));
    const tint = PLANES.indexOf(channels);
    return sheet(planes[channels], n, (v) => (tint < 0 ? [v, v, v] : PLANES.map((_, c) => (c === tint ? v : 0))));
  }

  // -- the place of the kernel, and where it has been

  const places = () => result.size ** 2;
  const place = () => ["row", "column"].map((axis) =>
    clamp(state()[axis] ?? Math.floor(result.size / 2), 0, Math.max(0, result.size - 1)));
  const at = () => place()[0] * result.size + place()[1];
  // Where the kernel has been lies in the model, so that all views count the same.
  const visited = () => model.get("visited") ?? "";
  const visits = () => visited().replaceAll("0", "").length;
  const withHere = (marks) => marks.slice(0, at()) + "1" + marks.slice(at() + 1);
  const cost = () => slices.length * slices[0].length ** 2;
  const none = () => withHere("0".repeat(places()));
  const asFilled = () => (state().filled ? "1".repeat(places()) : none());
  const isWhole = (marks) => marks !== "" && !marks.includes("0");
  function count(marks) {
    model.set("visited", marks);
    set({ filled: isWhole(marks) });
  }

  /** Another map: what was visited stays visited only if the whole map was. */
  function restart() {
    const { row, column } = state();
    if ((row ?? 0) >= result.size || (column ?? 0) >= result.size) moveTo(...place()); // a larger stride leaves fewer
    count(asFilled());
  }

  function moveTo(row, column) {
    const keep = (x) => clamp(x, 0, Math.max(0, result.size - 1));
    set({ row: keep(row), column: keep(column) });
  }

  function toPlace(number) {
    const to = clamp(number, 0, places() - 1);
    moveTo(Math.floor(to / result.size), to % result.size);
  }

  // -- the grids of numbers: pixels times kernel is products, for each channel

  function buildGrids(k) {
    const table = (label, cell) => {
      const grid = element("div", { class: "mnx-grid", role: "group", "aria-label": label });
      const all = Array.from({ length: k * k }, (_, p) => cell(Math.floor(p / k), p % k));
      grid.append(...all);
      return { grid, cells: all };
    };
    const plain = () => element("span", { class: "mnx-cell" });
    const fixed = state().filter > 0;
    cells = slices.map((_, m) => {
      const of = slices.length > 1 ? `${PLANES[m]} ` : "";
      const weight = (i, j) => {
        if (fixed) return plain();
        const box = element("input", {
          ...KEYS, class: "mnx-cell", type: "text", inputmode: "decimal", autocomplete: "off",
          "aria-label": `${of}kernel row ${i + 1}, column ${j + 1}`,
          oninput: () => edit(box, i, j),
          onblur: () => { right(box); context.redraw(); },
        });
        return box;
      };
      return { pixels: table(`${of}pixels under the kernel`, plain), weights: table(`${of}kernel weights`, weight), products: table(`${of}products`, plain) };
    });
    const column = (title, { grid }) => element("div", { class: "mnx-column" }, title ? element("div", { class: "mnx-title" }, title) : null, grid);
    const sign = (text) => element("span", { class: "mnx-sign", "aria-hidden": "true" }, text);
    grids.replaceChildren(...cells.map((row, m) => element("div", { class: "mnx-row", "data-plane": slices.length > 1 ? PLANES[m] : "" },
      column(m === 0 && "pixels F", row.pixels), sign("×"), column(m === 0 && "kernel K", row.weights),
      element("div", { class: "mnx-term" }, sign("="), column(m === 0 && "products", row.products)))));
    grids.style.setProperty("--k", k);
    grids.classList.toggle("mnx-wide", k > 3);
    grids.classList.toggle("mnx-three", slices.length > 1);
  }

  function edit(box, i, j) {
    const text = box.value.trim().replace("\u2212", "-").replace(",", ".");
    const value = Number(text);
    if (text === "" || !Number.isFinite(value) || Math.abs(value) > MOST) {
      box.setAttribute("aria-invalid", "true"); // half-typed: keep the last good weight
      tell(wrong, `A weight is a number from ${nice(-MOST)} to ${MOST}, such as 0.5.`);
      return;
    }
    right(box);
    set({ kernel: state().kernel.map((r, y) => r.map((w, x) => (y === i && x === j ? value : w))) });
  }

  function right(box) {
    box.removeAttribute("aria-invalid");
    tell(wrong, "");
  }

  function fillGrids(top, left, dilation) {
    const k = slices[0].length, key = `${k} ${slices.length} ${state().filter > 0}`;
    if (shown !== key) buildGrids(k);
    shown = key;
    const focused = root.getRootNode().activeElement;
    inputs().forEach((plane, m) => {
      for (let p = 0; p < k * k; p++) {
        const y = top + Math.floor(p / k) * dilation, x = left + (p % k) * dilation;
        const inside = y >= 0 && y < n && x >= 0 && x < n, pixel = inside ? plane[y * n + x] : 0;
        const weight = slices[m][Math.floor(p / k)][p % k], product = weight * pixel;
        const { pixels, weights, products } = cells[m];
        tell(pixels.cells[p], String(pixel));
        pixels.cells[p].classList.toggle("mnx-zero", !inside);
        pixels.cells[p].style.setProperty("--grey", pixel);
        tell(products.cells[p], short(product));
        products.cells[p].dataset.sign = Math.sign(product);
        const box = weights.cells[p];
        if (box.tagName !== "INPUT") tell(box, short(weight));
        else if (box !== focused) box.value = short(weight);
      }
    });
  }

  // -- drawing

  function redraw() {
    const { stride, dilation, filter, padding } = state();
    const { before, size, values } = result, k = slices[0].length, wide = reach(k, dilation);
    const [row, column] = place();
    const top = row * stride - before, left = column * stride - before;
    // The canvas shows the photo and the zeros around it, at one scale for photo and map.
    const span = Math.max(n, (size - 1) * stride + wide - before) + before, cell = SIDE / span;

    let pen = photo.getContext("2d");
    hatch(pen);
    enlarge(pen, photo.sheet, before * cell, before * cell, n * cell, n * cell);
    if (dilation === 1) frame(pen, (left + before) * cell, (top + before) * cell, k * cell, cell);
    else for (let p = 0; p < k * k; p++) { // the weights lie apart
      const y = top + before + Math.floor(p / k) * dilation, x = left + before + (p % k) * dilation;
      frame(pen, x * cell, y * cell, cell, cell / 2);
    }

    const height = Math.max(1, Math.ceil(size * cell)); // a strided map is drawn smaller, at the photo's scale
    if (map.height !== height) map.height = height;
    pen = map.getContext("2d");
    pen.fillStyle = INK.paper; // white under the preview, whatever the page's theme
    pen.clearRect(0, 0, SIDE, SIDE);
    pen.fillRect(0, 0, size * cell, size * cell);
    if (size > 0) drawMap(pen, size, cell, row, column);
    fillGrids(top, left, dilation);

    const value = values[row * size + column] ?? 0, here = cost();
    const spent = visits() * here, all = places() * here;
    tell(sum, size > 0 ? `sum of the ${here} ${here === 1 ? "product" : "products"} = ${short(value)}` : "the kernel does not fit into the photo");
    tell(done, comma(spent));
    const depth = slices.length > 1 ? ` · ${slices.length}` : "";
    tell(total, ` of ${comma(all)} = ${k}²${depth} · ${size}²`);
    tell(sizes, `F: photo, ${n}×${n}${slices.length > 1 ? "×3" : ""}${before || span > n ? ", zeros hatched" : ""}`);
    tell(legend, `G: map, ${size}×${size}. ${painted.signed
      ? `Values ${short(painted.low)} to ${short(painted.high)}; the weights add up to ${short(painted.sum)}, so blue is below 0, orange above`
      : `The weights add up to ${short(painted.sum)}, so it is a picture: black 0 or less, white ${painted.white} or more`}`);
    const words = `Row ${row + 1}, column ${column + 1} of the ${size} by ${size} map: the ${here} products ` +
      `add up to ${short(value)}. ${comma(spent)} of ${comma(all)} multiplications done.`;
    say(words);
    map.setAttribute("aria-label", `Output map, ${size} by ${size} pixels. ${words}`);
    scrub.value = at();
    scrub.setAttribute("aria-valuetext", `row ${row + 1}, column ${column + 1}`);
    const known = names.find((name) => same(definition.fields.kernel.presets[name], state().kernel));
    preset.value = filter > 0 ? `filter ${filter}` : known ?? YOURS;
    Object.assign(root.dataset, { row, column, size, value: String(value), multiplications: String(spent), padding });
    if (model.get("multiplications") !== spent) {
      model.set("multiplications", spent);
      model.save_changes();
    }
  }

  function drawMap(pen, size, cell, row, column) {
    pen.globalAlpha = 0.22; // not yet computed: a pale preview
    enlarge(pen, map.sheet, 0, 0, size * cell, size * cell);
    pen.globalAlpha = 1;
    const marks = visited();
    if (!marks.includes("0")) enlarge(pen, map.sheet, 0, 0, size * cell, size * cell);
    else for (let p = 0; p < places(); p++) {
      if (marks[p] !== "1") continue;
      const x = p % size, y = Math.floor(p / size);
      pen.drawImage(map.sheet, x, y, 1, 1, x * cell, y * cell, cell, cell);
    }
    pen.strokeStyle = INK.pad;
    pen.lineWidth = 2;
    pen.strokeRect(1, 1, size * cell - 2, size * cell - 2);
    frame(pen, column * cell, row * cell, cell, cell);
  }

  function hatch(pen) {
    pen.fillStyle = INK.paper;
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.strokeStyle = INK.pad;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let d = -SIDE; d < SIDE; d += 10) { pen.moveTo(d, SIDE); pen.lineTo(d + SIDE, 0); }
    pen.stroke();
  }

  function frame(pen, x, y, side, cell) {
    const line = clamp(cell / 4, 3, 7);
    pen.lineWidth = line + 4;
    pen.strokeStyle = INK.paper; // a white rim keeps the frame visible on any photo
    pen.strokeRect(x, y, side, side);
    pen.lineWidth = line;
    pen.strokeStyle = INK.kernel;
    pen.strokeRect(x, y, side, side);
  }

  // -- the reader's hands

  follow(photo, ({ x, y, width, height }) => {
    const { stride, dilation } = state(), wide = reach(slices[0].length, dilation);
    const span = Math.max(n, (result.size - 1) * stride + wide - result.before) + result.before;
    const to = (offset, side) => Math.round(((offset / side) * span - wide / 2) / stride);
    stop();
    moveTo(to(y, height), to(x, width));
  });
  map.addEventListener("click", (event) => {
    const { x, y, width, height } = placeIn(map, event), to = (offset, side) => Math.floor((offset / side) * result.size);
    stop();
    moveTo(to(y, height), to(x, width));
  });
  const by = (down, right) => (shift) => {
    const [row, column] = place(), jump = shift ? 5 : 1;
    stop();
    moveTo(row + down * jump, column + right * jump);
  };
  onKeys(photo, {
    ArrowLeft: by(0, -1), ArrowRight: by(0, 1), ArrowUp: by(-1, 0), ArrowDown: by(1, 0),
    Home: by(0, -99), End: by(0, 99), PageUp: by(-99, 0), PageDown: by(99, 0),
  });

  // -- playing: the kernel visits every place

  let next = 0, left = null;
  const motion = player((seconds) => {
    if (left !== null && (visited() !== left || at() !== Math.ceil(next) - 1)) return false; // by another view
    next = Math.min(next + Math.max(seconds * places() / SECONDS, left === null ? 1 : 0), places());
    const reached = Math.ceil(next);
    left = "1".repeat(reached).padEnd(places(), "0");
    count(left);
    toPlace(reached - 1);
    return next < places();
  }, {
    finish: () => set({ filled: true }),
    changed(playing) {
      [next, left] = [0, null];
      tell(play, playing ? "Stop" : "Play");
    },
  });
  const stop = () => motion.stop();

  // -- the model

  readPhoto();
  convolved();
  let started = false;
  const channel = bar.querySelector("[data-field=channels]");
  if (channel) {
    watch(["filter", "channels"], () => { // a learned filter has a slice for each colour
      channel.disabled = state().filter > 0;
      channel.value = inColour() ? "colour" : state().channels;
    });
  }
  watch(["kernel", "filter", "channels", "stride", "dilation", "padding", "pixels", "size"], () => {
    if (!started) return; // watch calls once at the start
    stop();
    readPhoto();
    convolved();
    restart();
  });
  started = true;
  const visit = () => { // after row and column have both been set
    if (visited()[at()] === "0") count(withHere(visited()));
    context.redraw?.();
  };
  watch(["row", "column"], () => queueMicrotask(visit));
  const settle = () => { // after all of a link or a fresh start has been set
    if (visited().length !== places()) count(asFilled());
  };
  watch(["visited"], () => { queueMicrotask(settle); context.redraw?.(); });
  watch(["filled"], () => { if (state().filled !== isWhole(visited())) count(asFilled()); });
  if (visited().length !== places()) restart(); // else a view before this one has counted
  return { redraw, close: stop, start: () => { stop(); return { visited: "" }; } };
}

function paint(values, size, slices) {
  // Weights that add up to 0 or less find differences: blue, white, orange around 0. Any others
  // make a picture again: grey, cut at black 0 and white 255.
  const total = slices.flat(2).reduce((a, b) => a + b, 0), differences = total < 1e-9;
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const reaches = Math.max(Math.abs(low), Math.abs(high));
  const white = 255 * slices.length; // what a white part of all channels comes to
  const image = size > 0 ? sheet(values, size, differences ? signed(reaches) : grey(0, white)) : null;
  return { image, low, high, white, signed: differences, sum: Math.abs(total) < 1e-9 ? 0 : total };
}

export default explorer(definition, style, draw);
