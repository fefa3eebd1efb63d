// The live training curve: the loss after every step, and the accuracy after every epoch.
// Python says what there is to draw and to say; this file draws it as wide as there is room, and
// lets the reader point at a step. It needs no Python session once the curve is there.

import definition from "../../mobilenet_lib/explorers/definitions/live.json";
import { controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, svg as shape, tell } from "../kit/dom.js";
import { fixed, general } from "../kit/format.js";
import { onKeys, placeIn } from "../kit/pointer.js";
import { evenly, linear, log } from "../kit/scale.js";
import { explorer } from "../kit/shell.js";
import { onWall, typeSize } from "../kit/theme.js";
import style from "./live.css";

const NARROW = 640; // pixels; below it, names stand above the panel instead of beside their lines
const LETTER = 0.57 * typeSize(13); // pixels, about, of a letter in a name
const HINT = "To stop early, interrupt the kernel: the square button at the top, or Esc and then "
  + "I twice. The current step is still finished, and nothing learned is lost.";
const DASHES = ["6 4", "2 3", "10 3 2 3", "1 4"];


/** A loss with three digits, as Python writes it. */
export function short(x) {
  if (x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e3)) {
    return x.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2");
  }
  return x === 0 ? "0.00" : x.toPrecision(3);
}

export const percent = (share) => `${fixed(100 * share, 1)} %`;

/** Round numbers from 0 on that cut 0 to `high` into at most `most` parts. */
export function ticks(high, most, least = 0) {
  const rough = Math.max(high / most, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const by = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough * (1 - 1e-9));
  const many = Math.floor(high / by + 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(by) + 1e-9));
  return Array.from({ length: many + 1 }, (_, i) => [i * by, (i * by).toFixed(decimals)]);
}

/** Where the item nearest to `step` is; the items begin with their steps, in order. */
export function nearest(items, step) {
  let low = 0, high = items.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle][0] < step) low = middle + 1; else high = middle;
  }
  return low > 0 && step - items[low - 1][0] < items[low][0] - step ? low - 1 : low;
}

/** The last of the items at or before `step`, or undefined. */
const until = (items, step) => items.findLast(([at]) => at <= step);

/** Heights of names of which each has its own place, with at least `gap` pixels between two. */
export function spread(heights, gap, low, high) {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
  const placed = [];
  for (const i of order) {
    placed.push({ sum: heights[i], many: 1, places: [i] });
    for (;;) { // names that are too close share one block, around the mean of their own heights
      for (const block of placed) {
        const half = (gap * (block.many - 1)) / 2;
        const middle = clamp(block.sum / block.many, low + half, Math.max(high - half, low + half));
        Object.assign(block, { first: middle - half, last: middle + half });
      }
      const [above, below] = placed.slice(-2);
      if (!below || below.first - above.last >= gap - 1e-9) break;
      placed.pop();
      above.sum += below.sum;
      above.many += below.many;
      above.places.push(...below.places);
    }
  }
  const result = [];
  for (const { first, places } of placed) places.forEach((i, k) => { result[i] = first + k * gap; });
  return result;
}

/** The mark of a run: its own is a full circle, those beside have other outlines. */
function mark(which, x, y, size = 1) {
  if (which < 0) return shape("circle", { class: "mnl-own-mark", cx: x, cy: y, r: 5 * size });
  const outlines = ["0,-6 6,0 0,6 -6,0", "0,-6 6,4 -6,4", "-4,-4 4,-4 4,4 -4,4", "0,6 6,-4 -6,-4"];
  const points = outlines[which % outlines.length];
  const place = { transform: `translate(${x} ${y}) scale(${size})` };
  return shape("polygon", { class: "mnl-beside-mark", points, ...place });
}

/** A line as the legend shows it. */
function key(name, kind, which) {
  const line = { class: kind, x1: 1, x2: 35, y1: 8, y2: 8 };
  if (which >= 0) line["stroke-dasharray"] = DASHES[which % DASHES.length];
  const sample = shape("svg", { width: 36, height: 16, "aria-hidden": "true" }, shape("line", line));
  if (which !== undefined) sample.append(mark(which, 18, 8));
  return element("span", { class: "mnl-key" }, sample, name);
}

function draw(context) {
  const { model, state, watch, body, session, say } = context;
  const figure = (kind, title, unit) => {
    const keys = element("span", { class: "mnl-keys" });
    const units = element("span", { class: "mnl-unit" }, unit);
    const named = element("span", {}, element("b", {}, title), units);
    const head = element("div", { class: "mnl-head" }, named, keys);
    const svg = shape("svg", { class: `mnl-${kind}` });
    return { all: element("div", { class: "mnl-panel" }, head, svg), svg, keys, unit: units };
  };
  const status = element("div", { class: "mnl-status" });
  const done = element("div", { class: "mnl-done" });
  const bar = element("div", { class: "mnl-bar", "aria-hidden": "true" }, done);
  const loss = figure("loss", "Training loss", "cross-entropy, nats");
  const accuracy = figure("accuracy", "Test accuracy", "% right, after each epoch");
  const note = element("span");
  const over = element("div", { class: "mnl-note" }, note);
  accuracy.all.append(over);
  const picture = element("div", { role: "img" }, loss.all, accuracy.all);
  const reader = element("div", {
    class: "mnl-reader", role: "slider", tabindex: 0, "aria-label": "read the curve at a step",
    ...KEYS,
  });
  const stage = element("div", { class: "mnl-stage" }, picture, reader);
  const told = element("div", { class: "mnl-told" });
  const hint = element("div", { class: "mnl-hint" });
  const bars = controls(context, ["scale", "skip", "shown"], {
    skip: { look: "select", words: (share) => (share ? `without the first ${100 * share} %` : "all steps") },
  });
  const root = element(
    "div", { class: "mnl-live", role: "group", "aria-label": "Training curve" },
    status, bar, stage, told, hint,
  );
  append(body, root, bars);
  let reading = null; // the step that is pointed at
  let scale = null; // how steps and values become pixels, as last drawn
  const gone = () => session?.gone() ?? true; // a page of its own has no session

  // -- drawing

  function axes(svg, box, across, up, last) {
    const { left, right, top, bottom } = box;
    for (const [value, text] of up.ticks) {
      const y = up.at(value);
      svg.append(
        shape("line", { class: value ? "mnl-grid" : "mnl-axis", x1: left, x2: right, y1: y, y2: y }),
        shape("text", { class: "mnl-up", x: left - 8, y: y + 4.5, "text-anchor": "end" }, text),
      );
    }
    for (const [value, text] of across.ticks) {
      const x = across.at(value);
      svg.append(shape("line", { class: "mnl-axis", x1: x, x2: x, y1: bottom, y2: bottom + 5 }));
      if (!last) continue;
      svg.append(shape("text", { class: "mnl-across", x, y: bottom + 20, "text-anchor": "middle" }, text));
    }
    if (!last) return;
    const middle = { x: (left + right) / 2, y: bottom + 39, "text-anchor": "middle" };
    svg.append(shape("text", { class: "mnl-title", ...middle }, "step"));
  }

  const line = (kind, places, more = {}) =>
    shape("polyline", { class: kind, points: places.map((p) => p.join(",")).join(" "), ...more });

  /** What is drawn begins after a share of the steps so far. */
  function begin() {
    const last = model.get("points").at(-1)?.[0] ?? 0;
    return Math.floor(state().skip * last);
  }
  const drawn = () => model.get("points").filter(([step]) => step >= begin());

  function redraw() {
    const width = Math.max(root.clientWidth - 4, 240), from = begin();
    const points = drawn(), beside = model.get("beside"), { shown } = state();
    const tested = model.get("tested");
    const steps = model.get("steps"), epochs = model.get("epochs");
    const names = beside.map(([name, values]) => `${name} ${percent(values.at(-1))}`);
    const ours = tested.length ? `this run ${percent(tested.at(-1)[1])}` : "this run";
    const longest = Math.max(ours.length, ...names.map((name) => name.length)) * LETTER;
    const direct = beside.length > 0 && width >= NARROW && longest <= width * 0.32;
    const left = 46, right = width - (direct ? longest + 20 : 18);
    const total = steps || 1;
    const places = linear([from, total], [left, right]);
    const across = {
      at: places, ticks: steps
        ? evenly(from, total, Math.max(2, Math.floor((right - left) / 70))).filter(Number.isInteger).map((step) => [step, String(step)])
        : [],
    };
    const high = onWall() ? [105, 94] : width >= NARROW ? [168, 132] : [170, 150];

    // The loss: from 0, so that half as high is half as much; or logarithmic.
    const lossBox = { left, right, top: 8, bottom: 8 + high[0] };
    const losses = points.flatMap(([, one, mean]) => [...(shown.includes("every step") ? [one] : []), mean]);
    const lossUp = state().scale === "log" ? factors(losses, lossBox) : fromZero(losses, lossBox, high[0]);
    loss.svg.replaceChildren();
    size(loss.svg, width, lossBox.bottom + 8);
    ends(loss.svg, lossBox, across, steps, epochs);
    axes(loss.svg, lossBox, across, lossUp, false);
    const place = (value) => ([step, ...values]) => [
      across.at(step).toFixed(2), lossUp.at(values[value]).toFixed(2),
    ];
    if (shown.includes("every step")) loss.svg.append(line("mnl-raw", points.map(place(0))));
    if (shown.includes("mean")) loss.svg.append(line("mnl-mean", points.map(place(1))));

    // The accuracy: from 0 to 100 %.
    const box = { left, right, top: 12, bottom: 12 + high[1] };
    const up = {
      at: (share) => box.bottom - share * high[1],
      ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share, String(100 * share)]),
    };
    accuracy.svg.replaceChildren();
    size(accuracy.svg, width, box.bottom + 46);
    ends(accuracy.svg, box, across, steps, epochs);
    axes(accuracy.svg, box, across, up, true);
    const spots = beside.map(([, values]) => values.map((value, i) => [(total * (i + 1)) / values.length, value])
      .filter(([step]) => step >= from).map(([step, value]) => [across.at(step), up.at(value)]));
    const many = Math.max(epochs * (1 - from / total), spots[0]?.length ?? 1);
    const big = clamp((right - left) / many / 14, 0.5, 1); // marks shrink before they touch
    spots.forEach((run, i) => accuracy.svg.append(
      line("mnl-beside", run, { "stroke-dasharray": DASHES[i % DASHES.length] }),
      ...run.map(([x, y]) => mark(i, x, y, big)),
    ));
    const own = tested.filter(([step]) => step >= from).map(([step, value]) => [across.at(step), up.at(value)]);
    accuracy.svg.append(line("mnl-own", own), ...own.map(([x, y]) => mark(-1, x, y, big)));
    const atEnd = own.length > 0 && tested.at(-1)[0] === steps;
    if (direct) { // names stand where their lines end
      const labels = names.map((name, i) => [name, "mnl-name", spots[i].at(-1)[1]]);
      if (atEnd) labels.push([ours, "mnl-last", own.at(-1)[1]]);
      const heights = spread(labels.map((label) => label[2]), typeSize(13) + 4, box.top, box.bottom);
      labels.forEach(([name, kind], i) => {
        const at = { class: kind, x: right + 14, y: heights[i] + 4.5 };
        accuracy.svg.append(shape("text", at, name));
      });
    }
    if (own.length && (direct ? !atEnd : !beside.length)) { // else its name tells the number
      const [x, y] = own.at(-1);
      const where = y - box.top < 26 ? y + 21 : y - 11;
      const anchor = x > right - 30 ? "end" : "middle";
      const at = { class: "mnl-last", x: anchor === "end" ? x + 6 : x, y: where, "text-anchor": anchor };
      accuracy.svg.append(shape("text", at, percent(tested.at(-1)[1])));
    }

    const window = model.get("window");
    loss.keys.replaceChildren();
    if (points.length && shown.includes("every step")) loss.keys.append(key("every step", "mnl-raw"));
    if (points.length && shown.includes("mean")) loss.keys.append(key(`mean of the last ${window} steps`, "mnl-mean"));
    loss.unit.textContent = `cross-entropy, nats${state().scale === "log" ? ", log scale" : ""}`;
    accuracy.keys.replaceChildren();
    if (beside.length) accuracy.keys.append(key(direct ? "this run" : ours, "mnl-own", -1));
    if (!direct) names.forEach((name, i) => accuracy.keys.append(key(name, "mnl-beside", i)));

    const cut = gone() && ["waiting", "running"].includes(model.get("phase"));
    const words = cut ? lastSeen() : model.get("status");
    const wait = !cut ? model.get("note") : tested.length ? "" : "No accuracy was measured.";
    status.textContent = words;
    root.toggleAttribute("data-cut", cut);
    root.dataset.state = cut ? "stopped" : model.get("phase");
    done.style.width = `${points.length ? (100 * points.at(-1)[0]) / steps : 0}%`;
    picture.setAttribute(
      "aria-label", model.get("alt").replace(model.get("status"), words).replace(model.get("note"), wait),
    );
    note.textContent = wait;
    over.style.left = `${left}px`;
    over.style.width = `${right - left}px`;
    over.style.bottom = `${46 + high[1] * (beside.length ? 0.2 : 0.5)}px`; // below other runs
    over.style.textAlign = beside.length ? "right" : "center";
    hint.textContent = cut ? session?.advice() ?? "" : model.get("phase") === "running" ? HINT : "";
    say(cut ? `${words}. ${hint.textContent}` : model.get("said"));
    scale = { across, lossUp, up, lossBox, box, places };
    read();
  }

  function fromZero(losses, { bottom }, high) {
    const top = Math.max(...losses, 0) || 1;
    const marks = ticks(top, 4), by = marks.length > 1 ? marks[1][0] : top;
    const ceiling = Math.ceil(top / by - 1e-9) * by;
    return {
      at: (value) => bottom - (value / ceiling) * high,
      ticks: losses.length ? ticks(ceiling, Math.round(ceiling / by)) : [[0, ""]],
    };
  }

  function factors(losses, { top, bottom }) {
    const most = Math.max(...losses, 0) || 1, least = Math.max(Math.min(...losses, most), most / 1e6);
    const at = log([least / 1.08, most * 1.08], [bottom, top]);
    return {
      at: (value) => clamp(at(value), top, bottom),
      ticks: losses.length ? at.ticks(6).map((value) => [value, general(value, 3)]) : [],
    };
  }

  /** A run goes no further than its session; how much time it needs is then no longer true. */
  function lastSeen() {
    if (!model.get("points").length) return "last seen before the first step";
    return `last seen at ${model.get("status").replace(/, about [^,]* left$/, "")}`;
  }

  function size(svg, width, height) {
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
  }

  /** A faint line at the end of every epoch, as soon as it is known where they end. */
  function ends(svg, { top, bottom }, across, steps, epochs) {
    const apart = epochs ? across.at(steps / epochs) - across.at(0) : 0;
    for (let i = 1; apart >= 14 && i <= epochs; i++) {
      const x = across.at((steps * i) / epochs);
      if ((steps * i) / epochs < begin()) continue;
      svg.append(shape("line", { class: "mnl-epoch", x1: x, x2: x, y1: top, y2: bottom }));
    }
  }

  // -- reading a step

  function read() {
    for (const svg of [loss.svg, accuracy.svg]) svg.querySelector(".mnl-cursor")?.remove();
    const points = drawn(), tested = model.get("tested");
    reader.hidden = !points.length;
    if (!points.length) { told.textContent = ""; return; }
    const here = points[reading === null ? points.length - 1 : nearest(points, reading)];
    const [step, value, mean] = here;
    const test = until(tested, step);
    const words = `Step ${step}: loss ${short(value)}, mean ${short(mean)}`
      + (test ? `; accuracy ${percent(test[1])}` + (test[0] === step ? "" : ` (step ${test[0]})`) : "");
    reader.setAttribute("aria-valuemin", points[0][0]);
    reader.setAttribute("aria-valuemax", points.at(-1)[0]);
    reader.setAttribute("aria-valuenow", step);
    reader.setAttribute("aria-valuetext", words);
    root.toggleAttribute("data-reading", reading !== null);
    tell(told, reading === null ? "Point at the curve, or use the arrow keys, to read it." : words);
    if (reading === null) return;
    const cursor = (svg, box, dots) => {
      const x = scale.across.at(step);
      const group = shape("g", { class: "mnl-cursor" });
      group.append(shape("line", { x1: x, x2: x, y1: box.top, y2: box.bottom }));
      for (const y of dots) group.append(shape("circle", { cx: x, cy: y, r: 4 }));
      svg.append(group);
    };
    cursor(loss.svg, scale.lossBox, [scale.lossUp.at(value), scale.lossUp.at(mean)]);
    cursor(accuracy.svg, scale.box, test?.[0] === step ? [scale.up.at(test[1])] : []);
  }

  function point(event) {
    if (!scale) return; // there, and not yet drawn
    const { x } = placeIn(reader, event);
    reading = scale.places.back(x);
    read();
  }
  reader.addEventListener("pointermove", point);
  reader.addEventListener("pointerdown", point);
  reader.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "mouse") return; // a finger that is lifted leaves the line standing
    reading = null;
    read();
  });
  reader.addEventListener("blur", () => { reading = null; read(); });
  const to = (go) => () => {
    const points = drawn(), far = Math.max(1, Math.round(points.length / 10));
    const now = reading === null ? points.length - 1 : nearest(points, reading);
    reading = points[clamp(go(now, far), 0, points.length - 1)][0];
    read();
  };
  const [back, on] = [to((now) => now - 1), to((now) => now + 1)];
  onKeys(reader, {
    ArrowLeft: back, ArrowDown: back, ArrowRight: on, ArrowUp: on, PageDown: to((now, far) => now - far),
    PageUp: to((now, far) => now + far), Home: to(() => 0), End: to(() => Infinity),
    Escape: () => { reading = null; read(); },
  });

  // Many changes, one drawing.
  watch(["points", "tested", "beside", "steps", "epochs", "window", "phase", "status", "said", "note", "alt"], () => context.redraw?.());
  return { redraw };
}

export default explorer(definition, style, draw);
