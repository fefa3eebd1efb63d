// The quantization explorer: a layer's weights in few bits, channel by channel.

import definition from "../../mobilenet_lib/explorers/definitions/quantization.json";
import { enlarge, font, penOf, sheet, signed } from "../kit/canvas.js";
import { controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, svg, tell, unique } from "../kit/dom.js";
import { comma, fixed, general, nice } from "../kit/format.js";
import { follow, onKeys } from "../kit/pointer.js";
import { axis, linear } from "../kit/scale.js";
import { explorer } from "../kit/shell.js";
import { onWall, typeSize } from "../kit/theme.js";
import { errors, halfEven, roundWeights } from "../maths/quantize.js";
import style from "./quantization.css";

export { errors, halfEven, roundWeights };

const HEIGHTS = { strip: onWall() ? 292 : 256, line: 132, histogram: 138 };
const LEFT = 44; // pixels for the numbers of an axis
const BINS = 75;
const LEAST = 3; // pixels between two levels that are still drawn
const THUMB = 40;
const STEPS = { tensor: "one for the layer", channel: "one for each channel" };

const number = (x, digits = 3) => nice(general(x, digits));
const percent = (share) => `${fixed(100 * share, share > 0 && share < 1 ? 1 : 0)} %`;

function draw(context) {
  const { model, state, set, watch, root, body, say, hidden, colour } = context;
  const id = unique("quantization"), layers = readLayers(model), names = [...layers.keys()];
  const measured = model.get("measured") ?? {}, rows = measured.rows ?? [];

  // -- controls

  const select = element("select", {
    ...KEYS, id: `${id}-layer`, class: "mnq-layer", "data-field": "layer",
    onchange: () => set({ layer: select.value, channel: null, weight: null }),
  });
  for (const kind of [...new Set([...layers.values()].map((each) => each.kind))]) {
    const own = [...layers.values()].filter((each) => each.kind === kind);
    const options = own.map(({ name, channels, width }) =>
      element("option", { value: name }, `${name}, ${channels} × ${width}`));
    select.append(...(kind ? [element("optgroup", { label: kind }, options)] : options));
  }
  const bar = controls(context, ["bits", "per", "zero_point"], { per: { words: (per) => STEPS[per] } });
  if (!hidden("layer")) bar.prepend(element("label", { class: "mn-field", for: select.id }, "Layer ", select));

  // -- the parts

  const strip = element("canvas", {
    ...KEYS, class: "mnq-strip", tabindex: 0, role: "slider", "aria-label": "Channel, from the widest range to the narrowest",
    "aria-valuemin": 1,
  });
  const filter = element("canvas", {
    ...KEYS, class: "mnq-filter", tabindex: 0, role: "slider", "aria-label": "Weight of the channel", "aria-valuemin": 0,
  });
  const after = element("canvas", { class: "mnq-after", role: "img" });
  const line = element("canvas", { class: "mnq-line", role: "img" });
  const histogram = element("canvas", { class: "mnq-histogram", role: "img" });
  const legend = element("p", { class: "mn-quiet mnq-legend" });
  const which = element("span"), arrow = element("output", { class: "mnq-arrow", "data-part": "arrow" });
  const facts = element("dl", { class: "mnq-facts", "data-part": "numbers" });
  const answers = element("div", { class: "mnq-answers", "data-part": "answers" });
  const heading = (text) => element("h2", { class: "mnq-heading" }, text);
  const stripHead = heading("Range of each channel’s weights, and the levels");
  const histHead = heading("");
  const key = (name, text) => element("span", { class: `mnq-key mnq-${name}` }, text);
  const idleKey = key("idle", "idle: same input from every photo");
  legend.append(key("used", "in use"), idleKey, key("lost", "lost: all 0"), key("zone", "rounded to 0"), element("span", { class: "mnq-off" }));
  const scope = controls(context, ["scope"], {
    scope: { words: (each) => (each === "all" ? "all layers rounded" : "this layer rounded") },
  });
  const chart = element("div", { class: "mnq-chart" }), photos = element("ul", { class: "mnq-photos" });
  const verdict = element("p", { class: "mnq-verdict" });
  const source = element("p", { class: "mn-quiet mnq-source" });
  answers.append(scope, verdict, element("div", { class: "mnq-both" }, chart, photos), source);
  append(body,
    bar,
    element("div", { class: "mnq-stage" },
      element("div", { class: "mnq-column" },
        element("div", { "data-part": "strip" }, stripHead, strip, legend),
        element("div", { "data-part": "channel" }, element("h2", { class: "mnq-heading" }, which),
          element("div", { class: "mnq-channel" },
            element("figure", {}, filter, element("figcaption", {}, "weights")),
            element("figure", { "data-part": "after" }, after, element("figcaption", {}, "rounded")),
            element("div", { class: "mnq-lineplace", "data-part": "after" }, line)), arrow)),
      element("div", { class: "mnq-column" },
        element("div", { "data-part": "histogram" }, histHead, histogram),
        facts, rows.length && !hidden("answers") ? answers : null)),
    hidden("help") ? null : element("p", { class: "mn-help" },
      "Each weight becomes the nearest level, a whole number of steps. Point at a channel, or focus the bars and press the arrow keys; then at one of its weights. Home and End go to the ends."),
  );
  const thumbs = rows.length ? thumbnails(model, measured, photos) : [];

  // -- what is shown

  let shown = null; // of the last layer, bits, ...
  const layer = () => layers.get(state().layer) ?? layers.get(names[0]);
  function rounded() {
    const { bits, per, zero_point: zero } = state(), own = layer(), name = `${own.name} ${bits} ${per} ${zero}`;
    if (shown?.name !== name) {
      const result = roundWeights(own.weights, own.width, bits, per, zero);
      shown = { name, own, ...result, ...errors(own.weights, result.values), ...perChannel(own, result) };
    }
    return shown;
  }
  /** The place among the live channels, widest first, of the one looked at. */
  function place() {
    const { order, used } = layer(), at = layer().live.indexOf(state().channel);
    return at < 0 ? order.indexOf(used[Math.floor(used.length / 2)] ?? order[0]) : order.indexOf(at);
  }
  const row = () => layer().order[place()] ?? 0;
  const weightAt = () => clamp(state().weight ?? layer().largest[row()] ?? 0, 0, layer().width - 1);
  const toPlace = (to) => {
    const { live, order } = layer();
    if (order.length) set({ channel: live[order[clamp(to, 0, order.length - 1)]], weight: null });
  };
  const toWeight = (to) => set({ weight: clamp(to, 0, layer().width - 1) });

  let complained = "";
  function redraw() {
    const { layer: wanted, bits, per, zero_point: zero } = state(), now = rounded(), own = now.own;
    const unknown = layers.has(wanted) ? "" : `There is no layer “${wanted.slice(0, 30)}” here; this is ${own.name}.`;
    if (unknown !== complained) context.warn((complained = unknown));
    select.value = own.name;
    const at = place(), mine = row(), name_ = own.live[mine] ?? 0;
    const ink = palette();
    drawStrip(now, at, ink);
    drawChannel(now, mine, ink);
    drawHistogram(now, mine, ink);
    const fine = per === "tensor" && own.live.length && !apart(now);
    tell(stripHead, `Range of each channel’s weights, and the levels${fine ? " (too close to draw)" : ""}`);
    tell(which, `Channel ${name_}${own.idle.has(name_) ? ", idle" : ""}: ${own.width} weights`);
    tell(histHead, per === "tensor" ? "All weights of the layer, and the levels" : `All weights of the layer; levels of channel ${name_}`);
    idleKey.hidden = own.idle.size === 0;
    tell(legend.lastChild, own.off ? `${own.off} of ${own.channels} channels are 0 in float32 already, not drawn` : "");

    const many = own.live.length, lostShare = `${comma(now.lost)} of ${comma(many)}`;
    const steps = per === "tensor" ? 1 : own.channels, packed = Math.ceil(own.channels * own.width * bits / 8);
    const extra = steps * (zero ? 5 : 4);
    const short = (x) => (x < 1e-3 ? "below 0.001" : number(x));
    fill(facts, [
      ["step", per === "tensor" ? number(now.steps[0]) : `${short(Math.min(...now.steps))} to ${number(Math.max(...now.steps))}`],
      ["levels used", per === "tensor" ? `${now.inUse} of ${now.ends[1] - now.ends[0] + 1}` : `up to ${now.inUse} of ${now.ends[1] - now.ends[0] + 1}`],
      ["error, RMS", number(now.rms)],
      ["signal to noise", Number.isFinite(now.decibels) ? `${nice(fixed(now.decibels, 1))} dB` : "–"],
      ["channels lost", lostShare],
      ["values a channel", `${now.different} of ${own.width}`],
      ["bytes", `${comma(packed)} + ${comma(extra)} for steps; float32 ${comma(own.channels * own.width * 4)}`],
    ]);
    const words = showAnswers();
    say(`${own.name} in ${bits} bits, ${STEPS[per]}: ${lostShare} channels lose all their weights, signal to noise ` +
      `${nice(fixed(now.decibels, 1))} decibels. ${words} ${arrow.textContent}`);
    Object.assign(root.dataset, {
      layer: own.name, channel: name_, lost: now.lost, rms: now.rms, decibels: now.decibels, different: now.different,
    });
  }

  const palette = () => Object.fromEntries(
    ["ink", "quiet", "line", "faint", "paper", "orange", "blue", "green", "mark"].map((name) => [name, colour(name)]));

  /** A pen on a canvas as wide as its place; null where there is no room. */
  function pen(canvas, height) {
    const width = canvas.parentElement.clientWidth;
    return width < LEFT + 40 ? null : Object.assign(penOf(canvas, width, height), { wide: width });
  }

  function drawStrip(now, at, ink) {
    const { own, steps, zeros, ends } = now, { per } = state(), p = pen(strip, HEIGHTS.strip);
    strip.bars = null;
    const many = own.order.length, chosen = own.order[at] ?? 0;
    strip.setAttribute("aria-valuemax", Math.max(many, 1));
    strip.setAttribute("aria-valuenow", at + 1);
    strip.setAttribute("aria-valuetext", many ? `channel ${own.live[chosen]}, ${number(now.low[chosen])} to ${number(now.high[chosen])}` +
      `${now.gone[chosen] ? ", all its weights become 0" : ""}` : "no channel");
    if (!p || !many) return;
    const right = p.wide - 4, [top, bottom] = [6, HEIGHTS.strip - 14];
    const y = linear([now.lowest, now.highest], [bottom, top]), each = (right - LEFT) / many, gap = each > 5 ? 1.5 : each > 2.5 ? 0.6 : 0;
    strip.bars = { each, many };
    numbersLeft(p, y, ink, right);
    const grid = (c, from, to) => {
      const size = Math.abs(y(steps[c]) - y(0));
      p.fillStyle = ink.orange;
      p.globalAlpha = 0.16;
      p.fillRect(from, y(0) - size / 2, to - from, size); // what is rounded to 0
      p.globalAlpha = 1;
    };
    const rules = (c, from, to) => {
      if (Math.abs(y(steps[c]) - y(0)) < LEAST) return;
      p.strokeStyle = ink.ink;
      p.lineWidth = 1;
      p.globalAlpha = per === "tensor" ? 0.5 : 0.85;
      p.beginPath();
      for (let level = ends[0]; level <= ends[1]; level++) {
        const at = Math.round(y((level - zeros[c]) * steps[c])) + 0.5;
        if (at < top - 2 || at > bottom + 2) continue;
        p.moveTo(from, at);
        p.lineTo(to, at);
      }
      p.stroke();
      p.globalAlpha = 1;
    };
    if (per === "tensor") grid(0, LEFT, right);
    own.order.forEach((c, i) => {
      const from = LEFT + i * each, wide = Math.max(each - gap, 0.7);
      if (per === "channel") grid(c, from, from + wide);
      p.fillStyle = now.gone[c] ? ink.orange : own.idle.has(own.live[c]) ? ink.line : ink.blue;
      const [a, b] = [y(now.high[c]), y(now.low[c])];
      p.fillRect(from, a, wide, Math.max(b - a, 1));
      if (per === "channel") rules(c, from, from + wide);
    });
    if (per === "tensor") rules(0, LEFT, right);
    const x = LEFT + (at + 0.5) * each; // the one looked at
    p.fillStyle = ink.mark;
    p.beginPath();
    p.moveTo(x, bottom + 2);
    p.lineTo(x - 6, bottom + 13);
    p.lineTo(x + 6, bottom + 13);
    p.fill();
    p.strokeStyle = ink.mark;
    p.lineWidth = 2;
    p.strokeRect(x - Math.max(each, 4) / 2 - 1, y(now.high[chosen]) - 2, Math.max(each, 4) + 2, y(now.low[chosen]) - y(now.high[chosen]) + 4);
  }

  /** Whether one step for all is wide enough to be drawn. */
  const apart = ({ steps, highest, lowest }) => steps[0] * (HEIGHTS.strip - 20) / (highest - lowest || 1) >= LEAST;

  function numbersLeft(p, y, ink, right) {
    p.font = font(12);
    p.textAlign = "right";
    p.textBaseline = "middle";
    for (const value of y.ticks(5)) {
      p.fillStyle = ink.quiet;
      p.fillText(nice(String(value)), LEFT - 7, y(value));
      p.fillStyle = ink.faint;
      p.fillRect(LEFT, Math.round(y(value)), right - LEFT, 1);
    }
  }

  function drawChannel(now, row, ink) {
    const { own, levels, values, steps, zeros, ends } = now, { width } = own, w = weightAt(), from = row * width;
    const mine = own.weights.subarray(from, from + width), theirs = values.subarray(from, from + width);
    const reach = Math.max(-now.low[row], now.high[row]), columns = Math.ceil(Math.sqrt(width));
    for (const [canvas, numbers] of [[filter, mine], [after, theirs]]) {
      const side = 117, cell = side / columns, lines = Math.ceil(width / columns), p = penOf(canvas, side, lines * cell);
      const padded = new Float32Array(columns * lines);
      padded.set(numbers);
      enlarge(p, sheet(padded, columns, signed(reach)), 0, 0, side, lines * cell);
      if (cell >= 24) labels(p, numbers, columns, cell, reach);
      p.strokeStyle = ink.mark;
      p.lineWidth = 2.5;
      p.strokeRect((w % columns) * cell + 1, Math.floor(w / columns) * cell + 1, Math.max(cell - 2, 3), Math.max(cell - 2, 3));
    }
    filter.columns = columns;
    const weight = mine[w] ?? 0, value = theirs[w] ?? 0, level = levels[from + w] ?? 0;
    const off = Math.abs(value - weight) < 1e-5 * steps[row] ? 0 : value - weight; // float32's last digit
    const spot = own.kind === "depthwise" ? `row ${Math.floor(w / columns) + 1}, column ${(w % columns) + 1}` : `weight ${w}`;
    const level_ = `level ${nice(String(level))}${zeros[row] ? ` (0 is level ${zeros[row]})` : ""}`;
    tell(arrow, `${spot}: ${number(weight, 4)} → ${level_} × step ${number(steps[row], 4)} = ${number(value, 4)}, off by ${number(off, 3)}`
      .replace(`${level_} ×`, zeros[row] ? `${level_}: ${nice(String(level - zeros[row]))} ×` : `${level_} ×`));
    filter.setAttribute("aria-valuemax", width - 1);
    filter.setAttribute("aria-valuenow", w);
    filter.setAttribute("aria-valuetext", arrow.textContent);
    after.setAttribute("aria-label", `The channel’s weights, rounded: ${new Set(theirs).size} different values`);
    line.setAttribute("aria-label", `The channel’s weights above, the levels below. ${arrow.textContent}`);
    drawLine(now, row, mine, theirs, w, ends, ink);
  }

  function labels(p, numbers, columns, cell, reach) {
    p.font = font(11);
    p.textAlign = "center";
    p.textBaseline = "middle";
    numbers.forEach((x, i) => {
      p.fillStyle = x < -0.55 * reach ? "#fff" : "#1a1a1a";
      p.fillText(nice(fixed(x, reach < 10 ? 2 : 1)), ((i % columns) + 0.5) * cell, (Math.floor(i / columns) + 0.5) * cell);
    });
  }

  /** The weights above, the levels below, and which goes to which. */
  function drawLine(now, row, mine, theirs, w, [first, last], ink) {
    const p = pen(line, HEIGHTS.line);
    if (!p) return;
    const step = now.steps[row], zero = now.zeros[row];
    const all = [...mine, ...theirs, ...(first < 0 ? [-0.6 * step] : []), 0.6 * step];
    let low = Math.min(...all), high = Math.max(...all);
    const room = 0.04 * (high - low);
    const x = linear([low - room, high + room], [14, p.wide - 10]), [above, below] = [30, 92];
    p.fillStyle = ink.orange;
    p.globalAlpha = 0.16;
    p.fillRect(x(Math.max(-step / 2, low - room)), 16, x(Math.min(step / 2, high + room)) - x(Math.max(-step / 2, low - room)), below - 16);
    p.globalAlpha = 1;
    p.font = font(12);
    p.textAlign = "center";
    p.textBaseline = "top";
    const apart = x(step) - x(0), every = [1, 2, 5, 10, 20, 50, 100].find((each) => each * apart >= 26) ?? 200;
    for (let level = first; level <= last; level++) {
      const at = x((level - zero) * step);
      if (at < 8 || at > p.wide - 4) continue;
      p.fillStyle = ink.line;
      if (apart >= LEAST) p.fillRect(at - 0.5, 16, 1, below - 12);
      p.fillStyle = ink.quiet;
      if ((level - zero) % every === 0) p.fillText(nice(String(level)), at, below + 8);
    }
    p.textAlign = "left";
    p.fillText("level", 4, below + 23);
    p.strokeStyle = ink.quiet;
    p.lineWidth = 1;
    p.beginPath();
    mine.forEach((each, i) => { p.moveTo(x(each), above); p.lineTo(x(theirs[i]), below); });
    p.globalAlpha = mine.length > 30 ? 0.35 : 0.8;
    p.stroke();
    p.globalAlpha = 1;
    const dot = (at, y, size, fill) => {
      p.fillStyle = fill;
      p.beginPath();
      p.arc(at, y, size, 0, 7);
      p.fill();
    };
    mine.forEach((each, i) => { dot(x(each), above, 3.5, ink.blue); dot(x(theirs[i]), below, 3.5, ink.ink); });
    if (mine.length) {
      p.strokeStyle = ink.mark;
      p.lineWidth = 3;
      p.beginPath();
      p.moveTo(x(mine[w]), above);
      p.lineTo(x(theirs[w]), below);
      p.stroke();
      dot(x(mine[w]), above, 5.5, ink.mark);
      dot(x(theirs[w]), below, 5.5, ink.mark);
    }
    line.across = x;
    p.fillStyle = ink.ink;
    p.textBaseline = "bottom";
    p.textAlign = "left";
    p.fillText("weights", 4, 14);
  }

  function drawHistogram(now, row, ink) {
    const p = pen(histogram, HEIGHTS.histogram);
    const { own, steps, zeros, ends } = now;
    histogram.setAttribute("aria-label", `Histogram of the ${comma(own.weights.length)} weights, ${number(now.lowest)} to ${number(now.highest)}, ` +
      `most of them near 0. A step is ${number(steps[row] ?? 0)}.`);
    if (!p) return;
    const [top, bottom] = [8, HEIGHTS.histogram - 34], right = p.wide - 8;
    const x = linear([now.lowest, now.highest], [LEFT, right]), counts = own.counts;
    const y = (count) => bottom - (Math.log10(count + 1) / Math.log10(own.highest + 1)) * (bottom - top);
    p.font = font(12);
    p.textAlign = "right";
    p.textBaseline = "middle";
    for (let power = 0; 10 ** power <= own.highest; power++) {
      p.fillStyle = ink.quiet;
      p.fillText(comma(10 ** power), LEFT - 7, y(10 ** power));
      p.fillStyle = ink.faint;
      p.fillRect(LEFT, Math.round(y(10 ** power)), right - LEFT, 1);
    }
    p.fillStyle = ink.blue;
    const wide = (right - LEFT) / BINS;
    counts.forEach((count, i) => p.fillRect(LEFT + i * wide, y(count), Math.max(wide - 1, 1), bottom - y(count)));
    const step = steps[row] ?? 1, zero = zeros[row] ?? 0, gap = x(step) - x(0);
    p.fillStyle = ink.mark;
    p.globalAlpha = gap >= LEAST ? 0.9 : 0.35;
    if (gap >= LEAST) {
      for (let level = ends[0]; level <= ends[1]; level++) {
        const at = x((level - zero) * step);
        if (at > LEFT - 2 && at < right + 2) p.fillRect(at - 0.6, top, 1.2, bottom - top + 5);
      }
    } else {
      const [a, b] = ends.map((level) => clamp(x((level - zero) * step), LEFT, right));
      p.fillRect(a, top, b - a, bottom - top + 5); // too fine to be drawn one by one
    }
    p.globalAlpha = 1;
    p.textAlign = "center";
    p.textBaseline = "top";
    p.fillStyle = ink.quiet;
    for (const value of x.ticks(7)) p.fillText(nice(String(value)), x(value), bottom + 7);
    p.fillText(gap < LEAST ? "weight (levels too close to draw)" : "weight", (LEFT + right) / 2, bottom + 20);
  }

  // -- the answers that were measured

  function rowOf(per = state().per) {
    const { scope: wide, zero_point: zero } = state(), name = wide === "all" ? "all" : layer().name;
    return rows.find((each) => each.layer === name && each.per === per && each.zero_point === zero);
  }

  function showAnswers() {
    const now = rows.length ? rowOf() : null;
    if (!now) return "";
    const { bits, scope: wide, zero_point: zero, per } = state(), at = measured.bits.indexOf(bits);
    const share = now.agreement[at];
    let same = 0;
    thumbs.forEach(({ item, mark, bar, text, name }, i) => {
      const before = measured.person_float32[i], after = now.person[i][at], kept = before > 0.5 === after > 0.5;
      same += kept;
      item.classList.toggle("mnq-changed", !kept);
      bar.style.width = `${100 * after}%`;
      mark.style.left = `${100 * before}%`;
      tell(text, `${fixed(100 * before)} → ${fixed(100 * after)}`);
      item.setAttribute("aria-label", `${name}: person ${fixed(100 * before)} %, rounded ${fixed(100 * after)} %${kept ? "" : ", another answer"}`);
    });
    const words = `Same answer for ${percent(share)} of ${comma(measured.crops)} crops, ${same} of ${thumbs.length} photos.`;
    tell(verdict, words);
    const { letters } = measured, read = letters?.rows.find((each) => each.per === per && each.zero_point === zero);
    tell(source, `Below the photos: person, in %, in float32 (mark) and rounded (bar). Only weights are rounded. Measured ${measured.date}.` + (wide === "all" && read
      ? ` The letters network, rounded so: ${percent(read.right[at])} of ${comma(letters.letters)} letters right, in float32 ${percent(letters.right_float32)}.` : ""));
    drawChart(at);
    return words;
  }

  function drawChart(at) {
    const size = typeSize(12), width = clamp(chart.clientWidth, 150, 330), height = 138, frame = { left: Math.round(3.92 * size), right: width - 8, top: size - 4, bottom: height - 26 };
    const x = linear([measured.bits[0], measured.bits.at(-1)], [frame.left + 6, frame.right - 6]), y = linear([0, 1], [frame.bottom, frame.top]);
    const { per } = state();
    const blind = measured.crops_with_person / measured.crops, alike = Math.max(blind, 1 - blind);
    const always = svg("g", {}, svg("path", { class: "mnq-always", d: `M${frame.left},${y(alike)}H${frame.right}` }),
      svg("text", { class: "mn-tick", x: frame.right - 4, y: frame.bottom - 8 - 2.67 * size, "text-anchor": "end" }, "- - always one answer"));
    const lines = Object.keys(STEPS).sort((a) => (a === per ? 1 : -1)).map((each) => {
      const found = rowOf(each), d = found.agreement.map((share, i) => `${i ? "L" : "M"}${x(measured.bits[i])},${y(share)}`).join("");
      return svg("g", { class: `mnq-by-${each}${each === per ? " mnq-now" : ""}` }, svg("path", { d }),
        found.agreement.map((share, i) => svg("circle", { cx: x(measured.bits[i]), cy: y(share), r: each === per && i === at ? 6 : 2.5 })));
    });
    const names = { tensor: "a step for the layer", channel: "a step for each channel" };
    const text = Object.entries(names).map(([each, name], i) => svg("text", {
      x: frame.right - 4, y: frame.bottom - 8 - 1.333 * size * (1 - i), "text-anchor": "end", class: `mnq-name mnq-by-${each}`,
    }, name));
    const ticks = [0, 0.5, 1].map((share) => [
      svg("path", { class: "mn-rule", d: `M${frame.left},${y(share)}H${frame.right}` }),
      svg("text", { class: "mn-tick", x: frame.left - 5, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`),
    ]).flat();
    const bits = measured.bits.map((each) => svg("text", { class: "mn-tick", x: x(each), y: frame.bottom + 16, "text-anchor": "middle" }, String(each)));
    chart.replaceChildren(svg("svg", {
      width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Crops that keep their answer, from ${measured.bits[0]} to ${measured.bits.at(-1)} bits. ` + Object.keys(names).map((each) =>
        `With ${names[each]}: ${rowOf(each).agreement.map(percent).join(", ")}.`).join(" "),
    }, ticks, always, bits, lines, text));
  }

  // -- the reader's hands

  follow(strip, ({ x }) => { if (strip.bars) toPlace(Math.floor((x - LEFT) / strip.bars.each)); });
  const move = (to, at) => (by, jump) => (shift) => to(at() + by * (shift ? jump : 1));
  const channelBy = move(toPlace, place), weightBy = move(toWeight, weightAt);
  onKeys(strip, {
    ArrowLeft: channelBy(-1, 10), ArrowDown: channelBy(-1, 10), ArrowRight: channelBy(1, 10), ArrowUp: channelBy(1, 10),
    PageDown: channelBy(-10, 10), PageUp: channelBy(10, 10), Home: () => toPlace(0), End: () => toPlace(Infinity),
  });
  follow(filter, ({ x, y, width }) => {
    const cell = width / filter.columns, column = clamp(Math.floor(x / cell), 0, filter.columns - 1);
    toWeight(Math.floor(y / cell) * filter.columns + column);
  });
  const rowBy = (sign) => () => toWeight(weightAt() + sign * filter.columns);
  onKeys(filter, {
    ArrowLeft: weightBy(-1, 10), ArrowRight: weightBy(1, 10), ArrowUp: rowBy(-1), ArrowDown: rowBy(1),
    Home: () => toWeight(0), End: () => toWeight(Infinity),
  });
  follow(line, ({ x }) => { // the nearest weight
    const { own } = rounded(), from = row() * own.width, mine = own.weights.subarray(from, from + own.width);
    if (!line.across || !mine.length) return;
    let best = 0;
    mine.forEach((each, i) => { if (Math.abs(line.across(each) - x) < Math.abs(line.across(mine[best]) - x)) best = i; });
    toWeight(best);
  });

  watch(["layer"], () => context.redraw?.());
  return { redraw, start: () => (layers.has(definition.fields.layer.default) ? {} : { layer: names[0] }) };
}

/** A list of terms and numbers; only what differs is replaced. */
function fill(list, pairs) {
  if (list.children.length !== pairs.length) {
    list.replaceChildren(...pairs.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
  }
  pairs.forEach(([, text], i) => tell(list.children[i].lastChild, text));
}

/** Thumbnails with a bar each: how sure the network is of a person, before (a mark) and now. */
function thumbnails(model, measured, list) {
  const view = model.get("pictures"), all = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return measured.photos.map((name, i) => {
    const from = i * THUMB * THUMB * 3;
    const picture = sheet(new Uint8Array(THUMB * THUMB), THUMB, (_, p) => all.subarray(from + 3 * p, from + 3 * p + 3));
    const bar = element("span", { class: "mnq-fill" }), mark = element("span", { class: "mnq-mark" }), text = element("span", { class: "mnq-said" });
    const item = element("div", { role: "img" }, picture, element("span", { class: "mnq-track" }, bar, mark), text);
    list.append(element("li", {}, item));
    return { item, bar, mark, text, name };
  });
}

/** Layers by name: their live channels' weights and what does not change with the bits. */
function readLayers(model) {
  const view = model.get("weights"), all = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  let from = 0;
  return new Map(model.get("layers").map(({ name, kind, channels, width, off, idle }) => {
    const gone = new Set(off), live = Array.from({ length: channels }, (_, c) => c).filter((c) => !gone.has(c));
    const weights = all.subarray(from, (from += live.length * width)), unfed = new Set(idle);
    const reach = live.map((_, i) => weights.subarray(i * width, (i + 1) * width).reduce((most, w) => Math.max(most, Math.abs(w)), 0));
    const largest = live.map((_, i) => {
      let best = 0;
      for (let w = 1; w < width; w++) if (Math.abs(weights[i * width + w]) > Math.abs(weights[i * width + best])) best = w;
      return best;
    });
    const order = live.map((_, i) => i).sort((a, b) => reach[b] - reach[a]);
    let low = 0, high = 0;
    for (const w of weights) { low = Math.min(low, w); high = Math.max(high, w); }
    const counts = new Array(BINS).fill(0);
    for (const w of weights) counts[Math.min(Math.floor(((w - low) / (high - low || 1)) * BINS), BINS - 1)]++;
    return [name, {
      name, kind, channels, width, largest, off: off.length, idle: unfed, live, weights, order, counts,
      lowest: low, highest: Math.max(...counts), top: high, used: order.filter((i) => !unfed.has(live[i])),
    }];
  }));
}

/** By channel: its range, and whether nothing of it is left. */
function perChannel(own, { values, levels }) {
  const { width, weights } = own, low = [], high = [], gone = [], many = [];
  for (let c = 0; c < own.live.length; c++) {
    const rows = values.subarray(c * width, (c + 1) * width);
    low.push(0);
    high.push(0);
    for (let i = c * width; i < (c + 1) * width; i++) {
      low[c] = Math.min(low[c], weights[i]);
      high[c] = Math.max(high[c], weights[i]);
    }
    const different = new Set(rows);
    gone.push(different.size === 1 && rows[0] === 0);
    many.push(different.size);
  }
  many.sort((a, b) => a - b);
  return {
    low, high, gone, lost: gone.filter(Boolean).length, lowest: own.lowest, highest: own.top,
    inUse: new Set(levels).size, different: many[Math.floor(many.length / 2)] ?? 0,
  };
}

export default explorer(definition, style, draw);
