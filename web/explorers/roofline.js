// The roofline explorer: every layer of a MobileNet under the roof that arithmetic and memory make.

import definition from "../../mobilenet_lib/explorers/definitions/roofline.json";
import { button, checkBoxes, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, svg, tell, unique } from "../kit/dom.js";
import { comma, fixed, general, nice } from "../kit/format.js";
import { follow, onKeys, placeIn } from "../kit/pointer.js";
import { axis, log } from "../kit/scale.js";
import { explorer } from "../kit/shell.js";
import { onWall } from "../kit/theme.js";
import { mobilenetV1, padding, receptiveField } from "../maths/architecture.js";
import { bytesMoved, intensity, multAdds, NUMBER_BYTES, numbers, parameters, pieces, underRoof, whole } from "../maths/layer_cost.js";
import style from "./roofline.css";

// For the tests that hold them against Python.
export { bytesMoved, intensity, mobilenetV1, multAdds, padding, parameters, pieces, receptiveField, underRoof, whole };

const KINDS = { // in the order of the legend: shape and what a reader calls it
  standard: { label: "standard 3×3", equation: "2" },
  depthwise: { label: "depthwise 3×3", equation: "4" },
  pointwise: { label: "pointwise 1×1", equation: "5" },
  fc: { label: "fully connected" },
  pool: { label: "average pool" },
};
const WORDS = { fp32: "float32, 4 bytes", bf16: "16-bit float, 2 bytes", int8: "int8, 1 byte" };
const SHOWN = definition.fields.shown.choices;
const NEAR = 24; // pixels from a mark within which the pointer means it
const DECADE = [1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1];
const CEILINGS = {
  peak: { unit: "GFLOP/s", decades: [0, 5], name: "Arithmetic: 10⁹ operations per second" },
  bandwidth: { unit: "GB/s", decades: [-1, 3], name: "Memory: 10⁹ bytes per second" },
};
for (const each of Object.values(CEILINGS)) {
  const [from, to] = each.decades;
  each.stops = [];
  for (let e = from; e <= to; e++) for (const m of DECADE) each.stops.push(Number(`${m}e${e}`));
  each.stops.push(10 ** (to + 1));
}

/** Three digits without an exponent: 2.2, 69.3, 1,234. */
const three = (x) => (x >= 100 ? comma(x) : nice(general(x, 3)));
/** Milliseconds with three digits; microseconds where they are few. */
const time = (seconds) => (seconds < 1e-4 ? `${three(1e6 * seconds)} µs` : `${three(1e3 * seconds)} ms`);
const shape = (layer, side) => side === "in"
  ? `${layer.inSize}×${layer.inSize}×${layer.inChannels}`
  : `${layer.outSize}×${layer.outSize}×${layer.outChannels}`;

function outline(kind, r) { // the shapes of plots.roofline
  if (kind === "depthwise") return `M${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0Z`;
  if (kind === "pointwise") return `M${-0.9 * r},${-0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}Z`;
  if (kind === "standard") return `M0,${-1.25 * r}L${1.2 * r},${0.9 * r}H${-1.2 * r}Z`;
  return `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`;
}

function draw(context) {
  const { model, state, set, watch, root, body, say, hidden } = context;
  const id = unique("roofline");
  const machines = () => model.get("machines");
  const machine = () => machines().find((each) => each.whose === state().machine) ?? machines().at(-1);
  const measuredPeak = () => machine().peaks[state().precision] ?? Math.max(...Object.values(machine().peaks));
  const own = { peak: measuredPeak, bandwidth: () => machine().bandwidths.memory };
  const ceiling = (name) => state()[name] ?? own[name]();

  // -- controls

  const bar = controls(context, ["alpha", "resolution", "body", "batch", "precision"], {
    body: { look: "select" }, precision: { words: (value) => WORDS[value] },
  });
  if (!hidden("machine") && machines().length > 1) {
    bar.append(...controls(context, ["machine"], {
      machine: { words: (value) => (value === "yours" ? "yours" : "the book's") },
    }).childNodes);
  }
  const roofBar = element("div", { class: "mn-controls mnr-roof", "data-part": "ceilings" });
  const sliders = {};
  for (const [name, { stops, unit }] of Object.entries(CEILINGS)) {
    const input = element("input", {
      ...KEYS, type: "range", min: 0, max: stops.length - 1, step: 1, id: `${id}-${name}`, "data-field": name,
      oninput: () => set({ [name]: stops[Number(input.value)] }),
    });
    const output = element("output", { for: input.id });
    sliders[name] = { input, output, unit };
    if (!hidden(name)) {
      roofBar.append(element("div", { class: "mn-field mn-slider" },
        element("label", { for: input.id }, definition.fields[name].label), input, output));
    }
  }
  const back = button("As measured", () => set({ peak: null, bandwidth: null }), { class: "mnr-back" });
  if (!hidden("peak") || !hidden("bandwidth")) roofBar.append(back);
  const boxes = checkBoxes(context, "shown");
  if (!hidden("shown")) roofBar.append(...boxes);

  // -- the picture: what is redrawn, and the two handles, which stay

  const picture = svg("svg", { class: "mnr-picture", role: "group", "aria-label": "Speed against operations for each byte" });
  const behind = svg("g", { "aria-hidden": "true" }), front = svg("g", { class: "mnr-front", "aria-hidden": "true" });
  const handles = Object.fromEntries(Object.keys(CEILINGS).map((name) => [name, handle(name)]));
  picture.append(behind, handles.bandwidth.group, handles.peak.group, front);
  const stage = element("div", {
    ...KEYS, class: "mnr-stage", tabindex: 0, role: "application", "data-part": "layers",
    "aria-roledescription": "choice of a layer", "aria-describedby": `${id}-help`,
    "aria-label": "Layers under the roof. Left and right arrow keys go through the layers.",
  }, picture);
  const strip = element("div", { class: "mnr-strip", role: "img" });
  const legend = element("div", { class: "mnr-legend", "aria-hidden": "true" });
  const brief = element("p", { class: "mnr-brief", "aria-hidden": "true", "data-part": "speed" }); // on phones
  const network = element("p", { class: "mnr-network", "data-part": "network" });
  const others = element("div", { class: "mnr-others", hidden: true });

  function handle(name) {
    const reach = svg("circle", { class: "mnr-reach", r: 17 }), knob = svg("circle", { class: "mnr-knob", r: 9 });
    const grip = svg("path", { class: "mnr-grip" });
    const group = svg("g", {
      ...KEYS, class: `mnr-handle mnr-${name}`, tabindex: 0, role: "slider", "aria-orientation": "vertical",
      "aria-label": CEILINGS[name].name,
    }, reach, knob, grip);
    if (hidden(name)) group.setAttribute("hidden", "");
    return { group, reach, knob, grip };
  }

  // -- the chosen layer, in numbers

  const chooser = element("select", {
    ...KEYS, id: `${id}-layer`, "data-part": "layer", onchange: () => set({ layer: chooser.value }),
  });
  const rows = {};
  const row = (name, label) => {
    rows[name] = { formula: element("span", { class: "mnr-formula" }), value: element("strong") };
    return element("div", { class: "mnr-line", "data-part": name },
      element("dt", {}, label), element("dd", {}, rows[name].formula, " ", rows[name].value));
  };
  const shapes = element("p", { class: "mnr-shape" });
  const verdict = element("p", { class: "mnr-verdict", "data-part": "speed" });
  const really = element("p", { class: "mnr-really mn-quiet", "data-part": "speed" });
  const card = element("div", { class: "mnr-card" },
    hidden("layer") ? null : element("label", { class: "mn-field", for: chooser.id }, "Layer ", chooser),
    shapes,
    element("dl", {}, row("work", "mult-adds"), row("bytes", "bytes"), row("intensity", "operations per byte"),
      row("speed", "10⁹ operations per second, at most"), row("time", "time, at least")),
    verdict, really);
  append(body,
    bar, roofBar,
    element("div", { class: "mnr-main" },
      element("div", { class: "mnr-left" }, stage, brief, legend, strip, network, others), card),
  );
  if (!hidden("help")) {
    append(body, element("p", { id: `${id}-help`, class: "mn-help" },
      "Drag the two knobs, or focus them and press ↑ and ↓. Point at a mark or tap it to choose its layer, or press ← " +
        "and →. GFLOP/s: 10⁹ operations per second; a mult-add is two."));
  }

  // -- what is counted

  let layers, all, under, total, frame, toX, toY, drawn = [];

  function count() {
    const { alpha, resolution, body: kind, batch, precision } = state();
    layers = mobilenetV1({ alpha, resolution, body: kind });
    all = pieces(layers, batch, precision);
    const [peak, bandwidth] = [1e9 * ceiling("peak"), 1e9 * ceiling("bandwidth")];
    under = all.map((each) => underRoof(each, peak, bandwidth));
    total = whole(all, peak, bandwidth);
  }

  /** The chosen layer; in the other body, the one of the same number. */
  function chosen() {
    const name = state().layer, number = name.split("_")[1];
    const at = layers.findIndex((each) => each.name === name);
    if (at >= 0) return at;
    return layers.findIndex((each) => each.name === `conv_${number}` || each.name === `pw_${number}`);
  }
  const pieceOf = (name) => all.findIndex((each) => each.name === name);
  const choose = (name) => { if (name !== state().layer) set({ layer: name }); };

  /** What was measured of these very layers, if anything was. */
  function measurements() {
    const found = machine().measured, now = state();
    const same = found && ["alpha", "resolution", "body", "batch", "precision"].every((each) => found[each] === now[each]);
    return same ? found.gflops : null;
  }
  function devices() {
    const { alpha, resolution, body: kind, batch, precision } = state();
    if (kind !== "separable" || batch !== 1) return [];
    return model.get("published").filter((each) =>
      each.alpha === alpha && each.resolution === resolution && each.precision === precision);
  }

  /** 10⁹ operations per second of the whole network, from the milliseconds of one image. */
  const speedOf = ({ ms }) => (2 * total.multAdds) / ms / 1e6;

  // -- drawing

  const half = (x, up) => 10 ** (Math[up ? "ceil" : "floor"](2 * Math.log10(x) + (up ? -1e-9 : 1e-9)) / 2);

  function scales(w, h) {
    frame = { left: onWall() ? 76 : 64, right: w - 14, top: 12, bottom: h - 44 };
    const most = Math.max(...under.map((each) => each.intensity));
    toX = log([0.3, half(Math.max(3 * most, 200), true)], [frame.left, frame.right]);
    const peaks = machines().flatMap((each) => Object.values(each.peaks));
    const low = Math.min(...machines().map((each) => each.bandwidths.memory), ceiling("bandwidth")) * 0.3;
    const slow = isShown("published devices") ? devices().map((each) => 0.4 * speedOf(each)) : [];
    const measured = isShown("measured layers") ? Object.values(measurements() ?? {}) : [];
    const bottom = half(Math.min(0.5 * low, ...slow, ...measured), false);
    toY = log([bottom, half(Math.max(2 * Math.max(...peaks), ceiling("peak")), true)], [frame.bottom, frame.top]);
  }
  const isShown = (name) => state().shown.includes(name);
  const keepY = (y) => clamp(y, frame.top, frame.bottom);
  const text = (x, y, words, more = {}) => svg("text", { x, y, ...more }, words);

  /** The roof as a path, cut at the frame. */
  function roofPath(peak, bandwidth) {
    const ridge = peak / bandwidth, [left, right] = toX.domain, points = [];
    const start = Math.max(left, toY.domain[0] / bandwidth);
    if (ridge > start) points.push([start, bandwidth * start]);
    if (ridge < right) points.push([Math.max(ridge, left), peak], [right, peak]);
    else points.push([right, bandwidth * right]);
    return `M${points.map(([x, y]) => `${toX(x)},${keepY(toY(y))}`).join("L")}`;
  }

  function redraw() {
    count();
    const w = Math.floor(stage.clientWidth), h = onWall() ? 264 : w < 560 ? 320 : 372;
    const at = chosen(), here = pieceOf(layers[at].name);
    fillControls(at);
    fillCard(here);
    fillStrip(here);
    fillOthers();
    speak(here);
    if (w < 60) return;
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${w} ${h}`, width: w, height: h })) picture.setAttribute(name, value);
    scales(w, h);
    drawBehind();
    drawHandles();
    drawFront(here);
  }

  function drawBehind() {
    const peak = ceiling("peak"), bandwidth = ceiling("bandwidth"), parts = [];
    const write = (x) => (x >= 1 ? comma(x) : general(x, 3));
    parts.push(axis("x", toX, frame, "operations for each byte (log scale)", write),
      axis("y", toY, frame, "10⁹ operations per second (log scale)", write));
    const [left, right] = toX.domain;
    for (const other of machines()) { // of the machine not chosen, the whole roof
      if (other === machine()) continue;
      parts.push(svg("path", { class: "mnr-other", d: roofPath(other.peaks[state().precision] ?? Math.max(...Object.values(other.peaks)), other.bandwidths.memory) }));
    }
    let drawnRate = machine().bandwidths.memory;
    for (const [name, rate] of Object.entries(machine().bandwidths).reverse()) { // caches bring bytes faster
      if (rate < 1.3 * drawnRate || state().bandwidth !== null) continue; // too near to tell apart; or moved
      drawnRate = rate;
      const from = Math.max(left, toY.domain[0] / rate), to = peak / rate;
      if (to <= from || to > right) continue;
      const [x, y] = [toX(from), toY(rate * from)], [x2, y2] = [toX(to), toY(peak)];
      parts.push(svg("path", { class: "mnr-cache", d: `M${x},${y}L${x2},${y2}` }));
      const tilt = (Math.atan2(y2 - y, x2 - x) * 180) / Math.PI, place = 0.42;
      const [mx, my] = [x + place * (x2 - x), y + place * (y2 - y) - 4];
      if (onWall() && x2 - x < 170) continue; // no room for its name
      parts.push(text(mx, my, `cache ${name}: ${three(rate)} GB/s`, {
        class: "mn-tick", "text-anchor": "middle", transform: `rotate(${tilt} ${mx} ${my})`,
      }));
    }
    const ridge = peak / bandwidth, x = toX(ridge);
    if (ridge > left && ridge < right) {
      parts.push(svg("path", { class: "mnr-ridge", d: `M${x},${keepY(toY(peak))}V${frame.bottom}` }));
      const end = x > (frame.left + frame.right) * 0.62;
      parts.push(text(x + (end ? -6 : 6), frame.bottom - 22, `ridge: ${three(ridge)}`, { class: "mn-tick", "text-anchor": end ? "end" : "start" }));
      if (x - frame.left > 130) parts.push(text(x - 8, frame.bottom - 7, "← waits for memory", { class: "mn-tick", "text-anchor": "end" }));
      if (frame.right - x > 150) parts.push(text(x + 8, frame.bottom - 7, "limited by arithmetic →", { class: "mn-tick" }));
    }
    parts.push(svg("path", { class: "mnr-line-roof", d: roofPath(peak, bandwidth) }));
    const { device, threads, whose } = machine(), moved = state().peak !== null || state().bandwidth !== null;
    const named = `${whose === "yours" ? "your" : "the book's"} machine`;
    parts.push(text(frame.right - 4, frame.top + 10, moved
      ? `moved by hand: ${three(peak)} GFLOP/s, ${three(bandwidth)} GB/s`
      : `${named}: ${device}, ${threads} thread${threads === 1 ? "" : "s"}`, { class: "mn-tick mnr-whose", "text-anchor": "end" }));
    behind.replaceChildren(...parts);
  }

  /** Where the knob of the slope stands: at the left, at the same place whatever the bandwidth. */
  const anchor = () => toX.domain[0] * 1.22;

  function drawHandles() {
    const places = {
      peak: [frame.right - 34, keepY(toY(ceiling("peak")))],
      bandwidth: [toX(anchor()), keepY(toY(ceiling("bandwidth") * anchor()))],
    };
    for (const [name, [x, y]] of Object.entries(places)) {
      const { group, reach, knob, grip } = handles[name];
      for (const circle of [reach, knob]) {
        circle.setAttribute("cx", x);
        circle.setAttribute("cy", y);
      }
      grip.setAttribute("d", `M${x - 3},${y - 2}L${x},${y - 6}L${x + 3},${y - 2}M${x - 3},${y + 2}L${x},${y + 6}L${x + 3},${y + 2}`);
      const { stops, unit } = CEILINGS[name], value = ceiling(name);
      group.setAttribute("aria-valuemin", stops[0]);
      group.setAttribute("aria-valuemax", stops.at(-1));
      group.setAttribute("aria-valuenow", value);
      group.setAttribute("aria-valuetext", `${three(value)} ${unit}`);
    }
  }

  function drawFront(here) {
    const peak = ceiling("peak"), bandwidth = ceiling("bandwidth"), parts = [], marks = [], chosenOnes = [];
    drawn = [];
    const measured = isShown("measured layers") ? measurements() : null;
    all.forEach((piece, i) => {
      if (!piece.multAdds) return; // the pool has no place on this axis
      const x = toX(under[i].intensity), y = keepY(toY(under[i].attained / 1e9)), isChosen = i === here;
      const mark = svg("path", {
        class: "mnr-mark", d: outline(piece.kind, 6), transform: `translate(${x} ${y})`, "data-kind": piece.kind, "data-layer": piece.name,
      });
      if (measured?.[piece.name]) {
        const lower = keepY(toY(measured[piece.name]));
        parts.push(svg("path", { class: "mnr-gap", d: `M${x},${y}V${lower}`, "data-kind": piece.kind }));
        marks.push(svg("path", {
          class: "mnr-mark mnr-hollow", d: outline(piece.kind, 5), transform: `translate(${x} ${lower})`,
          "data-kind": piece.kind, "data-measured": piece.name,
        }));
        if (isChosen) chosenOnes.push(svg("circle", { class: "mnr-ring", cx: x, cy: lower, r: 11 }));
        drawn.push({ x, y: lower, name: piece.name });
      }
      drawn.push({ x, y, name: piece.name });
      if (isChosen) {
        parts.push(svg("path", { class: "mnr-across", d: `M${x},${frame.bottom}V${y}H${frame.left}` }));
        chosenOnes.push(mark, svg("circle", { class: "mnr-ring", cx: x, cy: y, r: 13 }), name(piece, x, y));
      } else marks.push(mark);
    });
    parts.push(...marks, ...network_());
    front.replaceChildren(...parts, ...chosenOnes);

    function name(piece, x, y) {
      const flat = under[here].bound === "compute", end = x > frame.right - 70;
      return text(end ? x - 14 : x + (flat ? 0 : 16), flat ? y - 18 : y + 18, piece.name, {
        class: "mnr-name", "text-anchor": end ? "end" : flat ? "middle" : "start", "data-kind": piece.kind,
      });
    }

    /** The whole network, and what was published of it. */
    function network_() {
      const x = toX(total.intensity), y = toY(total.attained / 1e9), found = [];
      found.push(svg("path", { class: "mnr-whole", d: "M-7,0H7M0,-7V7M-5,-5L5,5M-5,5L5,-5", transform: `translate(${x} ${keepY(y)})` }));
      if (!isShown("published devices")) return found;
      let last = -Infinity;
      for (const each of devices().sort((a, b) => a.ms - b.ms)) {
        const at = toY(speedOf(each));
        found.push(svg("path", { class: "mnr-device", d: `M${x - 7},${at}H${x + 7}`, "data-device": each.device, "data-speed": speedOf(each) }));
        if (at - last < 13 || Math.abs(at - y) < 9) continue; // all have their names in the list
        last = at;
        found.push(text(x - 11, at + 4, `${each.device}, ${each.ms} ms`, { class: "mnr-device-name", "text-anchor": "end" }));
      }
      return found;
    }
  }

  // -- in words and numbers

  function fillControls(at) {
    const names = layers.map((each) => each.name);
    if (chooser.options.length !== names.length || chooser.options[1].value !== names[1]) {
      chooser.replaceChildren(...names.map((each) => element("option", { value: each }, each)));
    }
    chooser.value = names[at];
    for (const [name, { input, output, unit }] of Object.entries(sliders)) {
      const value = ceiling(name), { stops } = CEILINGS[name];
      const after = stops.findIndex((stop) => stop >= value * 0.999);
      input.value = after < 0 ? stops.length - 1 : after;
      tell(output, `${three(value)} ${unit}`);
      input.setAttribute("aria-valuetext", output.textContent);
    }
    const moved = state().peak !== null || state().bandwidth !== null;
    back.disabled = !moved;
    [measurements(), devices().length].forEach((any, i) => {
      boxes[i].control.disabled = !any && !isShown(SHOWN[i]);
    });
    if (legend.dataset.of !== state().body) legend.replaceChildren(...Object.entries(KINDS).filter(([kind]) => all.some((each) => each.kind === kind && each.multAdds)).map(([kind, { label }]) =>
      element("span", {}, svg("svg", { viewBox: "-9 -9 18 18" }, svg("path", { class: "mnr-mark", d: outline(kind, 6), "data-kind": kind })), label)),
      element("span", {}, svg("svg", { viewBox: "-9 -9 18 18" }, svg("path", { class: "mnr-whole", d: "M-7,0H7M0,-7V7M-5,-5L5,5M-5,5L5,-5" })), "whole network"));
    legend.dataset.of = state().body;
  }

  function formula(layer) {
    const { kind, kernelSize: k, inChannels: m, outChannels: n, outSize: f } = layer, { batch } = state();
    const times = batch > 1 ? `${batch} · ` : "";
    if (kind === "fc") return `${times}M · N = ${times}${m} · ${n} =`;
    if (kind === "depthwise") return `${times}D_K² · M · D_F² = ${times}${k}² · ${m} · ${f}² =`;
    if (kind === "pointwise") return `${times}M · N · D_F² = ${times}${m} · ${n} · ${f}² =`;
    return `${times}D_K² · M · N · D_F² = ${times}${k}² · ${m} · ${n} · ${f}² =`;
  }

  function fillCard(here) {
    const { layer, kind, multAdds: work, bytes } = all[here], roof = under[here];
    const { batch, precision } = state(), size = NUMBER_BYTES[precision], each = numbers(layer, batch);
    const peak = ceiling("peak"), bandwidth = ceiling("bandwidth");
    tell(shapes, `${KINDS[kind].label}${layer.stride > 1 ? `, stride ${layer.stride}` : ""}: ${shape(layer, "in")} → ${shape(layer, "out")}`);
    const fill = (name, words, value) => { tell(rows[name].formula, words); tell(rows[name].value, value); };
    fill("work", formula(layer), comma(work));
    fill("bytes", `${size} · (${comma(each.inputs)} in + ${comma(each.weights)} weights + ${comma(each.outputs)} out) =`, comma(bytes));
    fill("intensity", `2 · ${comma(work)} / ${comma(bytes)} =`, three(roof.intensity));
    fill("speed", `the lower of ${three(peak)} and ${three(bandwidth)} · ${three(roof.intensity)} =`, three(roof.attained / 1e9));
    fill("time", `the longer of ${time(roof.compute)} of arithmetic and ${time(roof.memory)} of bytes =`, time(roof.seconds));
    const memory = roof.bound === "memory";
    verdict.dataset.bound = roof.bound;
    tell(brief, `${all[here].name}: ${three(roof.intensity)} operations per byte, at most ${three(roof.attained / 1e9)} GFLOP/s, bound by ${memory ? "memory" : "arithmetic"}`);
    tell(verdict, memory
      ? `Bound by memory: it can use ${fixed((100 * roof.attained) / 1e9 / peak)} % of the arithmetic.`
      : `Bound by arithmetic: it needs ${fixed(100 * roof.memory / roof.compute)} % of the memory's speed.`);
    const found = measurements()?.[all[here].name];
    const of = machine().whose === "yours" ? "your" : "the book's", was = machine().measured;
    const moved = state().peak !== null || state().bandwidth !== null;
    tell(really, found
      ? `Measured on ${of} machine: ${three(found)} GFLOP/s${moved ? "" : `, ${fixed((100 * found) / (roof.attained / 1e9))} % of its roof`}.`
      : was ? `Not measured: ${of} profile is of ${was.alpha === 1 ? "1.0" : was.alpha} MobileNet-${was.resolution}, ${was.body} body, batch ${was.batch}, ${WORDS[was.precision]}.` : "");
  }

  /** What others have measured of the whole network, with its sources. */
  function fillOthers() {
    const found = devices().sort((a, b) => a.ms - b.ms);
    others.hidden = !isShown(SHOWN[1]);
    const key = found.map((each) => each.device + each.ms).join();
    if (others.hidden || others.dataset.of === key) return;
    others.dataset.of = key;
    if (!found.length) return others.replaceChildren(element("p", { class: "mn-quiet" }, "Nothing has been published about this network: devices have run the separable body, one image, float32 or int8."));
    const sources = [...new Set(found.map((each) => each.source))];
    others.replaceChildren(
      element("p", {}, "The whole network as published, in 10⁹ operations per second:"),
      element("ul", {}, found.map((each) => element("li", {}, `${each.device} `, element("span", { class: "mn-quiet" }, `${each.how}, ${each.ms} ms `), element("strong", {}, three(speedOf(each)))))),
      element("p", { class: "mn-quiet" }, `Sources: ${sources.join("; ")}.`));
  }

  function fillStrip(here) {
    strip.replaceChildren(...all.map((piece, i) => {
      const share = under[i].seconds / total.seconds;
      const part = element("span", {
        "data-kind": piece.kind, "data-bound": under[i].bound, "data-layer": piece.name, title: `${piece.name}: ${time(under[i].seconds)}`,
        ...(i === here && { class: "mnr-here" }),
      });
      part.style.flexGrow = share;
      return part;
    }));
    const words = `${layers.length} layers and the pool, one after the other: at least ${time(total.seconds)}`;
    const waits = `${fixed(100 * total.waiting)} % of it waits for memory`;
    tell(network, `Whole network${state().batch > 1 ? `, ${state().batch} images` : ""}: ${comma(total.multAdds / 1e6, 1)} M mult-adds, ${three(total.intensity)} operations per byte; ${words}; ${waits} (hatched).`);
    strip.setAttribute("aria-label", `Time of each layer at its roof. ${words}; ${waits}.`);
  }

  function speak(here) {
    const roof = under[here], { name, kind } = all[here];
    const bound = roof.bound === "memory" ? "memory" : "arithmetic";
    const words = `${name}, ${KINDS[kind].label}: ${three(roof.intensity)} operations for each byte, at most ` +
      `${three(roof.attained / 1e9)} of ${three(ceiling("peak"))} billion operations per second, bound by ${bound}. ` +
      `The whole network takes at least ${time(total.seconds)}.`;
    say(words);
    Object.assign(root.dataset, {
      layer: name, intensity: roof.intensity, attained: roof.attained, bound: roof.bound,
      seconds: roof.seconds, total: total.seconds, waiting: total.waiting,
    });
  }

  // -- the reader's hands

  const rounded = (x) => Number(x.toPrecision(3));
  function move(name, value) {
    const { min, max } = definition.fields[name];
    set({ [name]: clamp(rounded(value), min, max) });
  }
  for (const [name, { group }] of Object.entries(handles)) {
    follow(group, ({ event }) => {
      const y = keepY(placeIn(picture, event).y), speed = toY.back(y);
      move(name, name === "peak" ? speed : speed / anchor());
    });
    const { stops } = CEILINGS[name];
    const step = (by) => (shift) => {
      const now = ceiling(name), many = shift ? 5 : 1;
      const at = by > 0 ? stops.findIndex((stop) => stop > now * 1.001) : stops.findLastIndex((stop) => stop < now * 0.999);
      move(name, stops[clamp(at < 0 ? (by > 0 ? stops.length - 1 : 0) : at + by * (many - 1), 0, stops.length - 1)]);
    };
    onKeys(group, {
      ArrowUp: step(1), ArrowRight: step(1), ArrowDown: step(-1), ArrowLeft: step(-1),
      PageUp: () => step(1)(true), PageDown: () => step(-1)(true),
      Home: () => move(name, stops[0]), End: () => move(name, stops.at(-1)),
      Delete: () => set({ [name]: null }), Backspace: () => set({ [name]: null }),
    });
  }

  function nearest(event, next) {
    if (event.target.closest?.(".mnr-handle")) return;
    const { x, y } = placeIn(picture, event);
    const far = (each) => Math.hypot(each.x - x, each.y - y);
    const close = drawn.filter((each) => far(each) < NEAR).sort((a, b) => far(a) - far(b));
    if (!close.length) return;
    // Several layers may have one place: a pointer above it keeps the chosen one, each click takes the next.
    const same = close.filter((each) => far(each) < far(close[0]) + 1), at = same.findIndex((each) => each.name === all[pieceOf(layers[chosen()].name)].name);
    if (at < 0) choose(same[0].name);
    else if (next) choose(same[(at + 1) % same.length].name);
  }
  let pressed = null;
  stage.addEventListener("pointerdown", () => { pressed = state().layer; });
  stage.addEventListener("click", (event) => { // a tap too, but not a finger that scrolls the page
    if (event.detail) nearest(event, pressed === state().layer);
  });
  stage.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch" && !event.buttons) nearest(event, false);
  });
  for (const kind of ["click", "pointermove"]) {
    strip.addEventListener(kind, (event) => {
      const name = event.target.dataset?.layer;
      if (name && name !== "pool" && !(kind === "pointermove" && event.pointerType === "touch")) choose(name);
    });
  }
  const by = (many) => () => choose(layers[clamp(chosen() + many, 0, layers.length - 1)].name);
  onKeys(stage, {
    ArrowLeft: by(-1), ArrowRight: by(1), ArrowUp: by(1), ArrowDown: by(-1), Home: by(-99), End: by(99), PageUp: by(7), PageDown: by(-7),
  });

  watch(["machines", "published"], () => context.redraw?.());
  return { redraw };
}

export default explorer(definition, style, draw);
