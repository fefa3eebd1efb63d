// A network's layers as a strip to scale: choose one, and its shape, its costs, what it sees of a
// photo and what it makes of it are on the table. MobileNet's are counted here, by formulas; any
// other network's were measured in Python.

import definition from "../../mobilenet_lib/explorers/definitions/architecture.json";
import { assetsOf } from "../kit/assets.js";
import { enlarge, penOf } from "../kit/canvas.js";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, tell } from "../kit/dom.js";
import { comma, fixed, general, shortest, short } from "../kit/format.js";
import { follow, onKeys } from "../kit/pointer.js";
import { explorer } from "../kit/shell.js";
import { onWall } from "../kit/theme.js";
import { placeAt, seen, share } from "../maths/field.js";
import { DETECTOR, detector, pictures } from "./architecture/detector.js";
import { facts, measured, pair, WHAT } from "./architecture/facts.js";
import { choose, KINDS, ofMobileNet, ofNetwork, percent, QUANTITIES, totals } from "./architecture/rows.js";
import { columnAt, drawBars, drawStrip } from "./architecture/strip.js";
import style from "./architecture.css";

const PAPER = { body: "separable", alpha: 1, resolution: 224 };
const UNITS = { "mult-adds": "mult-adds", parameters: "parameters", bytes: "bytes moved", milliseconds: "measured" };
const FIGURE = onWall() ? 132 : 168; // CSS pixels on a side of the photo and the maps

function draw(context) {
  const { model, state, set, watch, root, body, say, warn, hidden, later, colour } = context;
  const described = model.get("described") ?? [], ours = described.length === 0;
  const { session } = context;
  const network = detector(assetsOf(context, session));

  // -- what stands on the page

  const strip = element("canvas", {
    ...KEYS, class: "mnh-strip", tabindex: 0, role: "slider", "data-part": "strip", "aria-valuemin": 1,
    "aria-label": "Layer. Arrow keys choose another.",
  });
  const bars = element("canvas", { class: "mnh-bars", role: "img", "data-part": "bars" });
  const legend = element("span", { class: "mnh-legend", "data-part": "shares" });
  const tabs = QUANTITIES.map((name) => {
    const tab = button("", () => set({ bars: name }), { class: "mnh-total", "data-quantity": name });
    tab.append(element("span", {}, element("strong"), " ", element("span")), element("span", { class: "mnh-gauge" }, element("span")), element("span", { class: "mn-quiet" }, element("span"), element("span", { class: "mnh-of" })));
    tab.disabled = hidden("bars");
    return tab;
  });
  const note = element("p", { class: "mnh-note", hidden: true });
  const pick = element("select", { ...KEYS, "aria-label": "Layer", "data-field": "layer" });
  const what = element("span", { class: "mnh-what" });
  const list = element("dl", { class: "mnh-facts", "data-part": "facts" });
  const both = element("p", { class: "mn-quiet mnh-pair", "data-part": "facts" });
  const photo = element("canvas", {
    ...KEYS, class: "mnh-photo", tabindex: 0, role: "application", "aria-roledescription": "choice of a pixel of the layer's output",
    "aria-label": "What one pixel of the layer's output sees of the photo. Arrow keys choose another.", "data-part": "sees",
  });
  const sees = element("figcaption", { "data-part": "sees" });
  const map = element("canvas", { class: "mnh-map", role: "img" });
  const mapWords = element("figcaption");
  const tiles = element("canvas", {
    ...KEYS, class: "mnh-tiles", tabindex: 0, role: "application", "aria-roledescription": "choice of a map",
    "aria-label": "All maps of the layer. Arrow keys choose one.",
  });
  const tilesWords = element("figcaption");
  const photoBox = element("select", { ...KEYS, "data-field": "photo" });
  const asDetector = button("As the person detector is", () => set(DETECTOR), { class: "mnh-detector" });
  const words = {
    alpha: { words: (x) => shortest(x) },
    resolution: { label: "resolution", words: (x) => `${x} px, ρ ${general(x / 224, 3)}` },
  };
  const top = element("ol", { class: "mnh-top" }), topWords = element("p", { class: "mn-quiet" });
  const told = element("p", { class: "mnh-told mn-quiet", role: "status" });
  append(body,
    ours
      ? withPhoto(controls(context, ["body", "alpha", "resolution"], words))
      : element("p", { class: "mnh-title" }, element("strong", {}, model.get("title")), `: ${comma(described.length)} ${described.length === 1 ? "call" : "calls"} of its layers, in order`),
    element("div", { class: "mnh-caption mn-quiet" },
      element("span", {}, `Outputs to scale: height in pixels${ours ? "" : " or steps"}, thickness in channels${ours ? "" : " or features"}`), legend),
    strip,
    element("div", { class: "mnh-totals", role: "group", "aria-label": "Totals; press one to see it for each layer", "data-part": "totals" }, tabs),
    note, bars,
    element("div", { class: "mnh-card" },
      element("div", { class: "mnh-told-of" },
        element("div", { class: "mnh-head" }, hidden("layer") ? null : [
          button("‹", () => go(place() - 1), { "aria-label": "Previous layer", class: "mnh-before" }), pick,
          button("›", () => go(place() + 1), { "aria-label": "Next layer", class: "mnh-after" })], what),
        list, both),
      ours ? element("div", { class: "mnh-figures" },
        element("figure", {}, photo, sees),
        element("figure", { "data-part": "maps" }, map, mapWords),
        element("figure", { "data-part": "maps" }, tiles, tilesWords, hidden("detector") ? null : asDetector))
        : element("div", { "data-part": "facts" }, topWords, top)),
    told,
    hidden("help") ? null : element("p", { class: "mn-help" },
      `Point at a layer, or focus the strip and press the arrow keys.${ours ? " Point at the photo to see what another pixel " +
        "of the output sees. D_K is the kernel's side, M and N are the channels in and out, D_F is the output's side."
        : " Mult-adds are half of the operations that torch.utils.flop_counter counts; biases, norms and activations count as nothing."}`),
  );

  function withPhoto(bar) {
    if (!hidden("photo")) bar.append(element("label", { class: "mn-field" }, "Photo ", photoBox));
    return bar;
  }

  // -- the rows

  let rows = [], all = {}, marks = [], keys = null;
  const paper = ours ? totals(ofMobileNet(PAPER.body, PAPER.alpha, PAPER.resolution, null)) : {};
  const times = model.get("times") ?? null; // { network: {body, alpha, resolution} or null, device, milliseconds }
  const same = (a, b) => Object.keys(b).every((name) => a[name] === b[name]);
  const isDetector = () => ours && same(state(), DETECTOR);
  const timed = () => (times && (!times.network || same(state(), times.network)) ? times.milliseconds : null);

  function count() {
    const { body: kind, alpha, resolution } = state();
    rows = ours ? ofMobileNet(kind, alpha, resolution, timed()) : ofNetwork(described, timed());
    all = totals(rows);
    if (keys === (keys = rows.map((row) => row.key).join())) return;
    marks = [];
    for (const [i, row] of ours ? rows.entries() : []) {
      const block = row.name.split("_").at(-1), last = marks.at(-1);
      if (last?.words === block) last.last = i;
      else marks.push({ words: block, first: i, last: i });
    }
    pick.replaceChildren(...rows.map((row) => element("option", { value: row.key }, row.key)));
    strip.setAttribute("aria-valuemax", rows.length);
    const kinds = [...new Set(rows.map((row) => row.kind))];
    legend.replaceChildren(element("span"), ...kinds.map((kind) => element("span", { class: "mnh-kind", "data-kind": kind })));
  }

  const place = () => choose(rows, state().layer);
  const go = (i) => set({ layer: rows[clamp(i, 0, rows.length - 1)].key });
  const pixel = (row) => ["down", "across"].map((axis) =>
    clamp(Math.floor((state()[axis] / 100) * row.height), 0, row.height - 1));
  const write = (name, x) => ({
    bytes: () => `${short(x)}${x < 1e3 ? " B" : "B"}`,
    milliseconds: () => `${general(x, 3)} ms`,
  }[name] ?? (() => short(x)))();

  // -- the photo, and the detector's maps

  let pixels = null, maps = null, channel = null, asking = 0, shown = null;
  const ready = new WeakMap(); // pictures of maps that were shown

  async function update() {
    if (!ours) return;
    const mine = ++asking;
    try {
      const names = await network.names();
      if (mine !== asking) return;
      if (!names.length) throw new Error("The book's photos are not here.");
      if (photoBox.options.length !== names.length) photoBox.replaceChildren(...names.map((name) => element("option", {}, name)));
      let { photo: name } = state();
      if (!names.includes(name)) {
        warn(`There is no photo “${name}” here; there are ${names.join(", ")}.`);
        [name] = names;
      }
      photoBox.value = name;
      const found = await network.photo(name);
      if (mine !== asking) return;
      pixels = found;
      context.redraw?.();
      if (isDetector()) {
        const made = await network.maps(name);
        if (mine !== asking) return;
        maps = made;
      } else maps = null;
      root.dataset.photo = name;
      tell(told, "");
    } catch (error) {
      if (mine === asking) tell(told, error.message);
    }
    context.redraw?.();
  }

  // -- drawing

  function redraw() {
    const width = Math.floor(body.clientWidth);
    if (width < 120) return;
    const at = place(), row = rows[at], name = state().bars, lost = name === "milliseconds" && all.milliseconds === null;
    const tallest = Math.max(ours ? Math.max(224, state().resolution) : 1, ...rows.map((each) => each.height));
    const widest = Math.max(ours ? 1024 : 1, ...rows.map((each) => each.channels));
    const side = state().resolution, input = ours && { side, image: pixels && shrink(pixels, side) };
    drawStrip(strip, width, rows, at, { tallest, widest, input, colour });
    note.hidden = !lost;
    bars.hidden = lost || hidden("bars");
    if (!lost) drawBars(bars, width, rows, at, name, { write: (x) => write(name, x), marks, colour });
    drawTotals();
    drawShares(name);
    pick.value = row.key;
    tell(what, row.layer ? WHAT[row.kind] : "");
    fill(row.layer ? facts(row, all) : measured(row, all), row);
    tell(both, row.layer ? pair(rows, at) : "");
    if (ours) drawFigures(row);
    else drawTop(name);
    report(row, at);
  }

  function drawTotals() {
    QUANTITIES.forEach((name, i) => {
      const [words, gauge, quiet] = tabs[i].children, sum = all[name];
      tabs[i].setAttribute("aria-pressed", String(state().bars === name));
      const large = sum >= 1e8 && sum < 1e9 && name !== "bytes"; // 568.7 M, as everyone writes it
      tell(words.firstChild, sum === null ? "no times" : large ? `${fixed(sum / 1e6, 1)} M` : write(name, sum));
      tell(words.lastChild, sum === null ? "measured" : UNITS[name]);
      const part = sum === null || !paper[name] ? null : sum / paper[name];
      gauge.hidden = part === null;
      gauge.firstChild.style.width = `${100 * Math.min(part ?? 0, 1)}%`;
      tell(quiet.firstChild, name === "milliseconds" ? (times && sum !== null ? times.device : "for this network")
        : part === null ? comma(sum) : part > 1 ? `${general(part, 3)} times` : `${general(100 * part, 3)} %`);
      tell(quiet.lastChild, part === null || name === "milliseconds" ? "" : `${part > 1 ? "" : " of"} 1.0 MobileNet-224`);
    });
  }

  /** What share each kind of layer has: Table 2. */
  function drawShares(name) {
    const [first, ...kinds] = legend.children;
    tell(first, all[name] ? `${name}:` : "");
    for (const each of kinds) {
      const { kind } = each.dataset, own = rows.filter((row) => row.kind === kind);
      const sum = own.reduce((total, { values }) => total + values[name], 0);
      tell(each, KINDS[kind] + (all[name] ? ` ${general((100 * sum) / all[name], 3)} %` : ""));
    }
  }

  function fill(lines, row) {
    if (row.values.milliseconds !== null) lines.push(["time", "", `${general(row.values.milliseconds, 3)} ms`, `${percent(row.values.milliseconds / all.milliseconds)} of all`]);
    while (list.children.length > 2 * lines.length) list.lastChild.remove();
    while (list.children.length < 2 * lines.length) list.append(element("dt"), element("dd", {}, element("span"), element("strong"), element("span", { class: "mn-quiet" })));
    lines.forEach(([name, words, result, more], i) => {
      tell(list.children[2 * i], name);
      const [before, strong, behind] = list.children[2 * i + 1].children;
      tell(before, result && words ? `${words} = ` : words);
      tell(strong, result ?? "");
      tell(behind, more ? ` ${more}` : "");
    });
  }

  /** Where most of it is: the five costliest layers, each a button that chooses it. */
  function drawTop(name) {
    const order = [...rows.keys()].sort((a, b) => rows[b].values[name] - rows[a].values[name] || a - b);
    const most = order.slice(0, 5).filter((i) => rows[i].values[name]);
    tell(topWords, most.length ? `Most ${name}` : "");
    const words = most.map((i) => `${rows[i].key}: ${percent(rows[i].values[name] / all[name])}`);
    if (words.join() === topShown) return;
    topShown = words.join();
    top.replaceChildren(...most.map((i, n) => element("li", {}, button(words[n], () => go(i)))));
  }
  let topShown = "";

  function drawFigures(row) {
    const { resolution } = state(), fc = row.kind === "fc", size = fc ? 1 : row.height, [r, c] = fc ? [0, 0] : pixel(row);
    drawPhoto(row, resolution, r, c);
    const made = isDetector() && !fc ? maps?.[row.name] : null;
    if (made && !ready.has(made)) ready.set(made, pictures(made));
    shown = made ? ready.get(made) : null;
    const chosen = made ? clamp(channel ?? shown.best, 0, made.channels - 1) : 0;
    drawMap(shown?.one(chosen), size, r, c);
    const count = row.channels;
    tell(mapWords, fc ? `Its ${comma(count)} outputs are no map` : `${made ? `Map ${chosen + 1}` : "A map"} of its output, ${size}×${size}: pixel in row ${r + 1}, column ${c + 1}`);
    tiles.hidden = !made;
    if (made) drawTiles(chosen);
    tell(tilesWords, made ? `Its ${made.channels} maps of the photo, by the person detector; bright is large`
      : fc && isDetector() ? "The person detector's own fc has 2 outputs, person and non_person."
        : isDetector() ? "Running the person detector …"
          : "Real maps are shown of one network: α 0.25 at 96 pixels, separable, trained to tell whether a photo shows a person.");
    asDetector.hidden = isDetector();
  }

  function drawPhoto(row, resolution, r, c) {
    const pen = penOf(photo, FIGURE, FIGURE), { field } = row;
    if (!pen) return;
    const rim = 0.1 * FIGURE, side = FIGURE - 2 * rim, cell = side / resolution;
    hatch(pen);
    pen.fillStyle = colour("faint");
    pen.fillRect(rim, rim, side, side);
    if (pixels) {
      const small = shrink(pixels, resolution);
      if (cell > 1) enlarge(pen, small, rim, rim, side, side);
      else { pen.imageSmoothingEnabled = true; pen.drawImage(small, rim, rim, side, side); }
    }
    const [top, bottom] = seen(field, r), [left, right] = seen(field, c);
    const to = (x) => clamp(rim + x * cell, -4, FIGURE + 4), box = [to(left), to(top), to(right) - to(left), to(bottom) - to(top)];
    pen.fillStyle = "rgb(0 0 0 / 0.5)"; // what is outside is darker
    pen.beginPath();
    pen.rect(0, 0, FIGURE, FIGURE);
    pen.rect(...box);
    pen.fill("evenodd");
    frame(pen, ...box);
    const inside = share(field, resolution, r, c), beyond = top < 0 || left < 0 || bottom > resolution || right > resolution;
    tell(sees, row.kind === "fc" ? "Sees the whole photo, through the average of all pixels"
      : `One pixel sees ${field.size}×${field.size} pixels: ${percent(inside)} of the photo${beyond ? ", and zeros beyond its edge" : ""}`);
  }

  /** The photo as the network gets it: squashed to a square of so many pixels. */
  let small = null, whole = null;
  function shrink(source, side) {
    if (small?.source === source && small.side === side) return small.canvas;
    if (small?.source !== source) {
      whole = element("canvas", { width: source.width, height: source.height });
      whole.getContext("2d").putImageData(source, 0, 0);
    }
    const canvas = element("canvas", { width: side, height: side }), pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(whole, 0, 0, side, side);
    small = { source, side, canvas };
    return canvas;
  }

  function hatch(pen) {
    pen.strokeStyle = colour("line");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let d = -FIGURE; d < FIGURE; d += 6) { pen.moveTo(d, FIGURE); pen.lineTo(d + FIGURE, 0); }
    pen.stroke();
  }

  function frame(pen, x, y, wide, high) {
    for (const [line, ink] of [[5, "#ffffff"], [2.5, "#d55e00"]]) { // a white rim keeps it visible on any photo
      pen.lineWidth = line;
      pen.strokeStyle = ink;
      pen.strokeRect(x, y, wide, high);
    }
  }

  function drawMap(image, size, r, c) {
    const pen = penOf(map, FIGURE, FIGURE), cell = FIGURE / size;
    if (!pen) return;
    pen.fillStyle = colour("faint");
    pen.fillRect(0, 0, FIGURE, FIGURE);
    if (image) enlarge(pen, image, 0, 0, FIGURE, FIGURE);
    else if (cell >= 4) { // the grid of its pixels
      pen.fillStyle = colour("line");
      for (let i = 1; i < size; i++) { pen.fillRect(i * cell, 0, 1, FIGURE); pen.fillRect(0, i * cell, FIGURE, 1); }
    }
    const side = Math.max(cell, 5);
    frame(pen, (c + 0.5) * cell - side / 2, (r + 0.5) * cell - side / 2, side, side);
  }

  function drawTiles(chosen) {
    const pen = penOf(tiles, FIGURE, FIGURE), { canvas, columns, step } = shown, scale = FIGURE / canvas.width;
    if (!pen) return;
    enlarge(pen, canvas, 0, 0, FIGURE, canvas.height * scale);
    const x = (chosen % columns) * step * scale, y = Math.floor(chosen / columns) * step * scale;
    frame(pen, x, y, (step - 1) * scale, (step - 1) * scale);
  }

  function report(row, at) {
    const { values } = row, mine = (name) => `${comma(values[name])} of ${comma(all[name])}`;
    const kind = row.layer ? WHAT[row.kind] : row.type;
    const text = `${row.key}, ${kind}, output ${row.words}: ${mine("mult-adds")} mult-adds, ` +
      `${mine("parameters")} parameters, ${mine("bytes")} bytes.` +
      (row.field && row.kind !== "fc" ? ` One pixel sees ${row.field.size} by ${row.field.size} pixels.` : "");
    strip.setAttribute("aria-valuenow", at + 1);
    strip.setAttribute("aria-valuetext", `${row.key}, ${kind}, ${at + 1} of ${rows.length}`);
    const name = state().bars, most = rows.reduce((a, b) => ((b.values[name] ?? 0) > (a.values[name] ?? 0) ? b : a));
    bars.setAttribute("aria-label", `Bars of ${name} for ${rows.length} layers; most in ${most.key}.`);
    map.setAttribute("aria-label", mapWords.textContent);
    say(text);
    Object.assign(root.dataset, {
      layer: row.key, totals: JSON.stringify(all), values: JSON.stringify(values), maps: shown ? "shown" : "none",
      sees: JSON.stringify(row.field ? [row.field.size, row.field.stride, row.field.padding, ...(row.kind === "fc" ? [0, 0] : pixel(row))] : null),
    });
  }

  // -- the reader's hands

  for (const canvas of [strip, bars]) {
    follow(canvas, ({ x, width }) => go(columnAt(x, rows.length, width)));
    canvas.style.touchAction = "pan-y"; // a finger still scrolls the page
  }
  const by = (step) => (shift) => go(place() + step * (shift ? 5 : 1));
  onKeys(strip, {
    ArrowLeft: by(-1), ArrowRight: by(1), ArrowUp: by(1), ArrowDown: by(-1), PageUp: by(5), PageDown: by(-5),
    Home: () => go(0), End: () => go(rows.length - 1),
  });
  pick.addEventListener("change", () => set({ layer: pick.value }));
  photoBox.addEventListener("change", () => set({ photo: photoBox.value }));
  const look = (row, column) => {
    const size = rows[place()].height, share = (i) => Number(((100 * (clamp(i, 0, size - 1) + 0.5)) / size).toFixed(2));
    set({ down: share(row), across: share(column) });
  };
  follow(photo, ({ x, y, width, height }) => {
    const { field, height: size, kind } = rows[place()];
    if (kind === "fc") return;
    const to = (offset, side) => placeAt(field, size, ((offset / side - 0.1) / 0.8) * state().resolution);
    look(to(y, height), to(x, width));
  });
  follow(map, ({ x, y, width, height }) => {
    const { height: size, kind } = rows[place()];
    if (kind !== "fc") look(Math.floor((y / height) * size), Math.floor((x / width) * size));
  });
  const step = (down, right) => (shift) => {
    const [r, c] = pixel(rows[place()]), jump = shift ? 5 : 1;
    look(r + down * jump, c + right * jump);
  };
  onKeys(photo, {
    ArrowLeft: step(0, -1), ArrowRight: step(0, 1), ArrowUp: step(-1, 0), ArrowDown: step(1, 0),
    Home: step(0, -999), End: step(0, 999), PageUp: step(-999, 0), PageDown: step(999, 0),
  });
  const take = (number) => {
    if (!shown) return;
    channel = clamp(number, 0, shown.made.channels - 1);
    context.redraw();
  };
  follow(tiles, ({ x, y, width }) => {
    if (!shown) return;
    const scale = width / shown.canvas.width, to = (offset) => Math.floor(offset / (shown.step * scale));
    take(to(y) * shown.columns + clamp(to(x), 0, shown.columns - 1));
  });
  const next = (many) => () => take((channel ?? shown?.best ?? 0) + many());
  onKeys(tiles, {
    ArrowLeft: next(() => -1), ArrowRight: next(() => 1), ArrowUp: next(() => -(shown?.columns ?? 0)), ArrowDown: next(() => shown?.columns ?? 0),
    Home: () => take(0), End: () => take(Infinity),
  });

  // -- the state

  if (times?.network) {
    const { body: kind, alpha, resolution } = times.network;
    note.append(`Times were measured for ${Number.isInteger(alpha) ? fixed(alpha, 1) : shortest(alpha)} MobileNet-${resolution}, ${kind} body, on ${times.device}. `,
      button("Show that network", () => set(times.network)));
  } else note.append("No times were handed in: ArchitectureExplorer(…, milliseconds=…) takes them.");
  watch(["body", "alpha", "resolution"], count);
  watch(["layer"], () => { channel = null; });
  watch(["photo", "body", "alpha", "resolution"], () => { update(); });
  later(() => {
    asking++;
  });
  if (ours) return { redraw };
  return { redraw, start: () => ({ layer: rows[0].key }), given: ["net", "example"], tour: false };
}

export default explorer(definition, style, draw);
