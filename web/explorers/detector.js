// A network in the page: a photo goes through it, and its maps, its answer and what that rests on
// are on the table. Nothing leaves the page.

import definition from "../../mobilenet_lib/explorers/definitions/detector.json";
import { engine as engineInside } from "../engine/inside.js";
import { readPhoto } from "../engine/photo.js";
import { Runner, Superseded } from "../engine/runner.js";
import { assetsOf, inTurn } from "../kit/assets.js";
import { ownPictures } from "../kit/camera.js";
import { bright, enlarge, penOf, sheet, signed, viridis } from "../kit/canvas.js";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, tell, unique } from "../kit/dom.js";
import { comma, fixed, nice } from "../kit/format.js";
import { follow, onKeys } from "../kit/pointer.js";
import { explorer } from "../kit/shell.js";
import { onWall } from "../kit/theme.js";
import { places, covered, activation } from "../maths/evidence.js";
import style from "./detector.css";

const { readNetwork } = engineInside();
const SHOWN = 5; // classes at most
const OWN = "your own";

function draw(context) {
  const { model, state, set, watch, root, body, say, warn, hidden, later } = context;
  const id = unique("detector");
  const { session } = context;
  const assets = assetsOf(context, session);
  const runner = new Runner();

  // -- what stands on the page

  const photoBox = element("select", { ...KEYS, id: `${id}-photo`, "data-field": "photo" });
  const ownOption = element("option", { disabled: true, value: "" }, OWN);
  const view = element("canvas", { class: "mnn-view", role: "img", "aria-label": "What the network sees; nothing yet" });
  const caption = element("figcaption", { class: "mn-quiet" });
  const evidence = element("p", { class: "mnn-evidence" });
  const answer = element("div", { class: "mnn-answer", "data-part": "answer" });
  const facts = element("p", { class: "mn-quiet mnn-facts" });
  const layerRange = element("input", { ...KEYS, type: "range", id: `${id}-layer`, "data-field": "layer", min: 0, step: 1 });
  const layerName = element("output", { for: layerRange.id });
  const maps = element("canvas", {
    ...KEYS, class: "mnn-maps", tabindex: 0, role: "application", "data-part": "maps",
    "aria-roledescription": "choice of a map", "aria-label": "The layer's maps. Arrow keys choose one.",
  });
  const chosen = element("p", { class: "mn-quiet mnn-chosen" });
  const told = element("p", { class: "mnn-told", role: "status" });
  const earlier = button("Earlier maps", () => turn(-1), { class: "mnn-turn", hidden: true });
  const further = button("More maps", () => turn(1), { class: "mnn-turn", hidden: true });
  const own = ownPictures({
    root,
    say: (text) => tell(told, text),
    closed: () => update(), // what the last frame's answer rests on
    take: (file, name) => showFile(file, name),
    film: async (video) => {
      if (state().photo !== "") set({ photo: "" });
      await ask(await readPhoto(video), "the camera's picture", true);
    },
  });
  const side = element("div", { class: "mnn-side" }, answer, facts,
    element("div", { class: "mn-field mnn-layers" },
      hidden("layer") ? null : [element("label", { for: layerRange.id }, "Layer "), layerRange], layerName),
    maps, element("div", { class: "mnn-turns" }, earlier, further), chosen);
  const words = {
    engine: { words: (name) => ({ simd: "WebAssembly, SIMD", plain: "plain JavaScript" })[name] },
    rests: { words: (name) => ({ "not asked": "(not asked)", covering: "cover a part, ask again", activation: "class activation of each place" })[name] },
    window: { look: "select", words: String },
  };
  append(body,
    element("div", { class: "mn-controls" },
      hidden("photo") ? null : element("label", { class: "mn-field", for: photoBox.id }, "Photo ", photoBox),
      hidden("own") ? null : own.buttons),
    controls(context, ["rests", "window", "engine"], words),
    told,
    element("div", { class: "mnn-stage" },
      element("figure", {}, view, caption, evidence),
      side),
    hidden("help") ? null : element("p", { class: "mn-help" },
      "Drop a photo on this figure, upload one, or use your camera: it stays in this page. Point at a " +
        "map, or tap it, to lay it over the photo; with the maps focused, arrow keys choose one."),
  );

  // -- the network and its photos

  let network = null, loaded = null, photos = {}, layers = [];
  let picture = null, brought = null; // { pixels, name }: what is shown, and the reader's own
  let input = null, result = null, pointed = null, rate = null, last = 0, asking = 0, heat = null;

  const times = {}; // milliseconds by engine, as last told
  const chosenMap = () => pointed ?? (state().map === null ? null : state().map - 1);
  const layer = () => Math.max(0, layers.findIndex((each) => each.name === state().layer));

  // What is loaded and shown follows the state, one step after the other; a change in the middle
  // of a step gives up what it was waiting for, and another step follows.
  const applied = { engine: null, photo: null };
  const update = inTurn(step, (error) => tell(told, error.message));

  async function step() {
    const { engine, photo } = state();
    if (!network) await fetchAll();
    if (engine !== applied.engine) {
      const { network: data } = await assets();
      loaded = await runner.load("net", data.slice().buffer, { engine: engine === "plain" ? "plain" : "auto" });
      layers = loaded.layers;
      layerRange.max = layers.length - 1;
      layerRange.value = layer();
      applied.engine = engine;
    }
    if (photo !== "" && photo !== applied.photo) {
      const name = Object.hasOwn(photos, photo) ? photo : Object.keys(photos)[0];
      if (name !== photo) warn(`There is no photo “${photo}” here; there are ${Object.keys(photos).join(", ")}.`);
      own.stop();
      picture = { pixels: await readPhoto(new Blob([photos[name]])), name };
    }
    else if (photo === "" && brought && !own.filming) picture = brought;
    applied.photo = photo;
    if (picture) await ask(picture.pixels, picture.name);
    else tell(told, "This link was made with a reader's own photo, which is not in it. Choose one.");
  }

  async function fetchAll() {
    tell(told, "Loading the network.");
    const { network: data, ...files } = await assets();
    network = readNetwork(data);
    photos = files;
    photoBox.replaceChildren(...Object.keys(photos).map((name) => element("option", {}, name)), ownOption);
    tell(told, "");
  }

  async function showFile(file, name) {
    tell(told, `Reading ${name} …`);
    try {
      const pixels = await readPhoto(file);
      brought = { pixels, name };
      ownOption.disabled = false;
      set({ photo: "" });
      const { width, height } = pixels, squeezed = width !== height && network?.preprocess.crop_mode === "squash";
      tell(told, `${name}, ${width}×${height} pixels${squeezed ? ", squeezed into a square as this network was trained" : ""}`);
      await ask(pixels, name);
    } catch (error) {
      tell(told, `${name} cannot be read as a picture here (${error.message}). Save it as JPEG or PNG and try again.`);
    }
  }

  /** Show the network a picture; what was asked before and is not answered is given up. */
  async function ask(pixels, name, film = false) {
    const mine = ++asking;
    picture = { pixels, name };
    try {
      const found = await runner.predict("net", pixels, { maps: [layers[layer()].name], latest: "show" });
      if (mine !== asking) return;
      result = { ...found, name };
      times[loaded.engine] = found.milliseconds.typical;
      ({ input } = found);
      const now = performance.now();
      rate = film && last ? 0.8 * (rate ?? 1000 / (now - last)) + 200 / (now - last) : null;
      last = film ? now : 0;
      heat = null;
      context.redraw?.();
      if (!film) await rests(mine);
    } catch (error) {
      if (!(error instanceof Superseded)) tell(told, `The network did not answer: ${error.message}`);
    }
  }

  /** What the answer rests on: the class that the network is surest of. */
  async function rests(mine) {
    const { rests: way, window } = state(), size = layers[0].in_size;
    if (way === "not asked" || !result.probabilities) return;
    const label = result.probabilities.indexOf(Math.max(...result.probabilities));
    if (way === "activation") {
      const deepest = layers.at(-2).name, found = await runner.featureMaps("net", input, [deepest]);
      if (mine !== asking) return;
      heat = { label, ...activation(found[deepest], network.layers.at(-1), network.head, label) };
      return context.redraw?.();
    }
    const whole = result.probabilities[label], all = places(size, window);
    heat = { label, whole, cells: Math.sqrt(all.length), values: new Float32Array(all.length), done: 0 };
    for (const [i, place] of all.entries()) {
      const logits = await runner.run("net", covered(input, size, place, window));
      if (mine !== asking) return;
      heat.values[i] = whole - shares(logits)[label];
      heat.done = i + 1;
      if (heat.done % 12 === 0) context.redraw?.();
    }
  }

  const shares = (logits) => {
    if (network.head === "sigmoid") return logits.map((x) => 1 / (1 + Math.exp(-x)));
    const most = Math.max(...logits), each = Array.from(logits, (x) => Math.exp(x - most));
    const sum = each.reduce((a, b) => a + b);
    return each.map((x) => x / sum);
  };

  // -- drawing

  function redraw() {
    const width = Math.floor(side.clientWidth);
    photoBox.value = state().photo;
    if (!network || !result || width < 60) return;
    drawView(Math.min(onWall() ? 216 : 320, Math.floor(body.clientWidth)));
    drawAnswer();
    drawMaps(width);
    report();
  }

  function drawView(side) {
    const pen = penOf(view, side, side), size = layers[0].in_size;
    const { mean, std, scale } = network.preprocess, channel = chosenMap();
    const shown = result.maps[layers[layer()].name];
    const laid = channel !== null && shown && channel < shown.channels && shown.size > 1;
    enlarge(pen, sheet(new Float32Array(size * size), size, (_, p) => {
      const rgb = [0, 1, 2].map((c) => Math.round((input[3 * p + c] * std[c] + mean[c]) / scale));
      return heat && !laid ? Array(3).fill((rgb[0] + rgb[1] + rgb[2]) / 3) : rgb; // grey, below colours that mean something
    }), 0, 0, side, side);
    view.setAttribute("aria-label", `${result.name}, as the network sees it: ${size} by ${size} pixels`);
    tell(caption, laid ? `Map ${channel + 1}, laid over what the network sees` : `What the network sees: ${size}×${size} pixels`);
    if (laid) {
      const { values, top } = mapOf(shown, channel);
      pen.globalAlpha = 0.75;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(sheet(values, shown.size, viridis(0, top)), 0, 0, side, side);
      pen.globalAlpha = 1;
    } else if (heat) {
      const reach = Math.max(0.02, ...heat.values.map(Math.abs)), cell = side / heat.cells, colour = signed(reach);
      pen.globalAlpha = 0.6;
      heat.values.forEach((value, i) => {
        if (heat.done !== undefined && i >= heat.done) return;
        pen.fillStyle = `rgb(${colour(value).map(Math.round).join(" ")})`;
        pen.fillRect((i % heat.cells) * cell, Math.floor(i / heat.cells) * cell, cell + 0.5, cell + 0.5);
      });
      pen.globalAlpha = 1;
      if (isWhole(heat)) {
        const at = most(heat.values);
        pen.strokeStyle = "#1a1a1a";
        pen.lineWidth = 2;
        pen.strokeRect((at % heat.cells) * cell + 1, Math.floor(at / heat.cells) * cell + 1, cell - 2, cell - 2);
      }
    }
    drawEvidence();
  }

  const isWhole = ({ done, values }) => done === undefined || done === values.length;
  const most = (values) => values.indexOf(Math.max(...values));

  /** What the colours over the photo mean, and where they are strongest. */
  function drawEvidence() {
    if (own.filming && state().rests !== "not asked") return tell(evidence, "Close the camera to see what the answer to its last picture rests on.");
    if (!heat) return tell(evidence, "");
    const name = network.classes?.[heat.label] ?? `class ${heat.label}`;
    if (!isWhole(heat)) return tell(evidence, `${heat.done} of ${heat.values.length} places covered.`);
    const at = most(heat.values), place = `row ${Math.floor(at / heat.cells) + 1}, column ${(at % heat.cells) + 1} of ${heat.cells}`;
    return tell(evidence, heat.whole === undefined
      ? `Orange speaks for ${name}, blue against it; most of all ${place}, outlined.`
      : `Orange: ${name} becomes less likely when a square around there takes the photo's mean colour; blue: more. ` +
        `Most at ${place}, outlined: from ${fixed(100 * heat.whole, 0)} % to ${fixed(100 * (heat.whole - heat.values[at]), 0)} %.`);
  }

  const mapOf = ({ size, channels, values }, c) => {
    const one = new Float32Array(size * size);
    let top = 0;
    for (let p = 0; p < one.length; p++) top = Math.max(top, (one[p] = values[p * channels + c]));
    return { values: one, top };
  };

  function drawAnswer() {
    const { probabilities } = result;
    if (!probabilities) return tell(answer, "This network has no classes; look at its maps.");
    const order = Array.from(probabilities, (p, k) => [p, k]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, SHOWN);
    if (probabilities.length <= SHOWN) order.sort((a, b) => a[1] - b[1]);
    const name = (k) => network.classes?.[k] ?? `class ${k}`;
    while (answer.children.length < order.length) {
      answer.append(element("div", { class: "mnn-class" }, element("span", { class: "mnn-name" }), element("span", { class: "mnn-bar" }, element("span")), element("output")));
    }
    while (answer.children.length > order.length) answer.lastChild.remove();
    order.forEach(([p, k], i) => {
      const [label, bar, output] = answer.children[i].children;
      tell(label, name(k));
      bar.firstChild.style.width = `${100 * p}%`;
      tell(output, `${fixed(100 * p, 1)} %`);
    });
    const { preprocess: before } = result.milliseconds, { simd, plain } = times;
    tell(facts, `${fixed(times[loaded.engine], 1)} ms for the network (median of its last runs), ${fixed(before, 1)} ms for resizing, by ` +
      `${loaded.engine === "simd" ? "WebAssembly with SIMD" : "plain JavaScript"}, ${runner.where === "worker" ? "off the page's thread" : "in the page"}` +
      `${rate ? `; ${fixed(rate, 0)} frames per second` : ""}.${loaded.refused ? ` SIMD: ${loaded.refused}.` : ""}` +
      `${simd && plain ? ` Measured here: plain JavaScript ${fixed(plain, 1)} ms, SIMD ${fixed(simd, 1)} ms, ${fixed(plain / simd, 1)} times as fast.` : ""}`);
    Object.assign(root.dataset, { probabilities: JSON.stringify(Array.from(probabilities)), engine: loaded.engine, picture: result.name });
    return undefined;
  }

  let grid = null, page = 0; // how the layer's maps stand; the first row, where none is chosen
  function turn(way) {
    if (!grid) return;
    page = Math.max(0, grid.first + way * grid.visible);
    pointed = null;
    set({ map: null });
    context.redraw();
  }

  function drawMaps(width) {
    const at = layer(), { name, kind } = layers[at], shown = result.maps[name], channel = chosenMap();
    layerRange.value = at;
    const square = root.querySelector("[data-field=window]");
    if (square) square.disabled = state().rests !== "covering";
    if (!shown) return;
    const { size, channels } = shown;
    const what = { standard: "standard convolution", depthwise: "depthwise", pointwise: "pointwise", fc: "classifier" }[kind];
    tell(layerName, `${name}, ${what}: ${channels} ${channels === 1 ? "map" : "maps"} of ${size}×${size}`);
    layerRange.setAttribute("aria-valuetext", layerName.textContent);
    const scores = kind === "fc", reach = Math.max(...shown.values.map(Math.abs));
    const top = scores ? reach : bright(shown.values), gap = 2;
    const columns = clamp(Math.floor(width / Math.max(36, Math.min(onWall() ? 72 : 92, 2 * size))), 1, channels);
    const rows = Math.ceil(channels / columns), tile = Math.min(96, Math.floor((width - gap * (columns - 1)) / columns));
    const visible = Math.min(rows, Math.max(1, Math.floor((onWall() ? 166 : 330) / (tile + gap))));
    grid = { columns, tile, gap, channels, visible };
    const pen = penOf(maps, columns * (tile + gap) - gap, visible * (tile + gap) - gap);
    const colour = scores ? signed(reach) : viridis(0, top), first = scrolled(rows, visible, columns);
    for (let c = first * columns; c < Math.min(channels, (first + visible) * columns); c++) {
      const { values } = mapOf(shown, c);
      const x = (c % columns) * (tile + gap), y = (Math.floor(c / columns) - first) * (tile + gap);
      enlarge(pen, sheet(values, size, colour), x, y, tile, tile);
      if (c === channel) {
        pen.strokeStyle = context.colour("mark");
        pen.lineWidth = 3;
        pen.strokeRect(x + 1.5, y + 1.5, tile - 3, tile - 3);
      }
    }
    grid.first = first;
    const last = Math.min(channels, (first + visible) * columns);
    earlier.hidden = further.hidden = visible >= rows;
    earlier.disabled = first === 0;
    further.disabled = last === channels;
    const range = visible < rows ? ` Maps ${first * columns + 1} to ${last} of ${channels} are shown.` : "";
    if (scores) return tell(chosen, `Scores: ${scoresOf(shown)}. Orange is above 0, blue below; the highest wins.`);
    return tell(chosen, channel === null || channel >= channels
      ? `Bright yellow is ${nice(fixed(top, 2))} or more, dark violet 0.${range}`
      : `Map ${channel + 1} of ${channels}, from 0 to ${nice(fixed(mapOf(shown, channel).top, 2))}, laid over the photo.${range}`);
  }
  const scoresOf = ({ values }) => Array.from(values.slice(0, SHOWN), (x, k) => `${network.classes?.[k] ?? k} ${nice(fixed(x, 2))}`).join(", ");

  /** The first row of maps that is seen, so that the chosen one is. */
  function scrolled(rows, visible, columns) {
    const channel = chosenMap();
    if (channel === null || rows <= visible) return clamp(page, 0, Math.max(0, rows - visible));
    return clamp(Math.floor(channel / columns) - Math.floor(visible / 2), 0, rows - visible);
  }

  function report() {
    const { probabilities } = result;
    let text = probabilities
      ? `${result.name}: ${Array.from(probabilities.slice(0, SHOWN), (p, k) => `${network.classes?.[k] ?? k} ${fixed(100 * p, 0)} %`).join(", ")}.`
      : `${result.name}.`;
    if (heat && isWhole(heat)) {
      const at = most(heat.values);
      text += ` It rests most on row ${Math.floor(at / heat.cells) + 1}, column ${(at % heat.cells) + 1} of ${heat.cells}.`;
      root.dataset.heat = JSON.stringify(Array.from(heat.values));
    } else delete root.dataset.heat;
    if (!own.filming) say(text);
    view.setAttribute("aria-label", `The photo as the network sees it, ${comma(layers[0].in_size)} pixels on a side. ${text}`);
  }

  // -- the reader's hands

  photoBox.addEventListener("change", () => set({ photo: photoBox.value }));
  layerRange.addEventListener("input", () => set({ layer: layers[Number(layerRange.value)]?.name ?? "conv_0" }));
  const within = (c) => clamp(c, 0, (grid?.channels ?? 1) - 1);
  const choose = (c) => {
    pointed = null;
    set({ map: c === null ? null : within(c) + 1 });
    context.redraw();
  };
  const point = (c) => {
    pointed = c;
    context.redraw();
  };
  follow(maps, ({ x, y, event }) => {
    if (!grid) return;
    const { columns, tile, gap, first } = grid, column = Math.floor(x / (tile + gap)), row = Math.floor(y / (tile + gap));
    const c = (row + first) * columns + column;
    if (column < 0 || column >= columns || row < 0 || c >= grid.channels) return;
    if (event.type !== "pointerdown") point(c);
    else choose(c === state().map - 1 ? null : c); // once more, and it is gone
  }, { hover: true, grab: false });
  maps.addEventListener("pointerleave", () => point(null));
  const by = (step, from = 0) => () => {
    if (grid) choose(chosenMap() === null ? from : chosenMap() + step());
  };
  onKeys(maps, {
    ArrowLeft: by(() => -1), ArrowRight: by(() => 1), ArrowUp: by(() => -grid.columns), ArrowDown: by(() => grid.columns),
    Home: by(() => -Infinity), End: by(() => Infinity, Infinity), Escape: () => choose(null),
  });

  // -- the state

  let of = state().layer;
  watch(["layer"], () => { // a link brings a map with its layer; a hand on the slider chooses none
    if (of !== state().layer) {
      grid = null; // until the network has answered, the maps in sight are another layer's
      set({ map: null });
    }
    of = state().layer;
    page = 0;
  });
  watch(["photo", "layer", "rests", "window", "engine"], () => { asking++; update(); });
  later(() => {
    asking++;
    own.close();
    runner.close();
  });
  return { redraw };
}

export default explorer(definition, style, draw);
