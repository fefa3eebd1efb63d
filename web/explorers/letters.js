// Draw a letter, and see four widths of the same network read it, each in its own way.

import definition from "../../mobilenet_lib/explorers/definitions/letters.json";
import { Runner } from "../engine/runner.js";
import { assetsOf, inTurn } from "../kit/assets.js";
import { button, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, tell } from "../kit/dom.js";
import { fixed, general, short } from "../kit/format.js";
import { follow, onKeys } from "../kit/pointer.js";
import { explorer } from "../kit/shell.js";
import style from "./letters.css";

const SIDE = 280; // pixels of the pad; the networks see it at 56
const GRID = 35; // steps along a side that a drawing's points are kept in
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
const TOP = 3; // answers that each network shows
const MOST = 1500; // characters of a drawing
const APART = 1.6; // steps of the grid between two points of a stroke, at least

function draw(context) {
  const { model, state, set, watch, root, body, say, hidden, later } = context;
  const { session } = context;
  const assets = assetsOf(context, session);
  const runner = new Runner();
  const networks = model.get("networks"); // alpha, mult-adds, parameters, accuracy
  const keyOf = ({ alpha }) => `letters ${general(alpha)}`;

  const pad = element("canvas", {
    ...KEYS, class: "mna-pad", "data-part": "pad", width: SIDE, height: SIDE, tabindex: 0, role: "application",
    "aria-roledescription": "drawing pad",
    "aria-label": "Pad to draw a letter on. Arrow keys move the pen, Space sets it down or lifts it.",
  });
  const told = element("p", { class: "mna-told", role: "status" });
  const cards = networks.map(({ alpha, mult_adds: cost, parameters, accuracy }) => {
    const answers = Array.from({ length: TOP }, () => element("div", { class: "mna-answer" },
      element("span", { class: "mna-letter" }), element("span", { class: "mna-bar" }, element("span")), element("output")));
    const facts = element("p", { class: "mn-quiet" }), mark = element("p", { class: "mna-mark" });
    const whole = element("section", { class: "mna-card", "aria-label": `Network of width ${general(alpha)}` },
      element("h2", {}, `Width α = ${general(alpha)}`),
      element("p", { class: "mn-quiet" }, `${short(cost)} mult-adds, ${short(parameters)} weights${accuracy ? `, right on ${fixed(100 * accuracy, 1)} % of the test letters` : ""}`),
      mark, answers, facts);
    return { whole, mark, answers, facts };
  });
  const verdict = element("p", { class: "mna-verdict", "data-part": "networks" });
  const words = { sample: { words: (k) => (k === 0 ? "none" : String.fromCharCode(64 + k)) }, engine: { words: (name) => ({ simd: "WebAssembly, SIMD", plain: "plain JavaScript" })[name] } };
  append(body,
    told,
    element("div", { class: "mna-stage" },
      element("div", { class: "mna-left" }, pad,
        element("div", { class: "mna-buttons" },
          button("Clear", () => set({ drawing: "", sample: 0 }), { class: "mna-clear" }),
          button("Undo", undo, { class: "mna-undo" })),
        controls(context, ["pen", "sample", "engine"], words)),
      element("div", { class: "mna-right" }, verdict, element("div", { class: "mna-cards", "data-part": "networks" }, cards.map((card) => card.whole)))),
    hidden("help") ? null : element("p", { class: "mn-help" },
      "Draw with mouse or finger and fill the frame; Backspace takes a stroke back. With the pad focused, arrow " +
        "keys move the pen and Space sets it down or lifts it. A network of width α has α times as many channels " +
        "in every layer. It must choose one of 26 letters, and its per cent say how sure it is, not how often it " +
        "is right. The 26 letters of the test set are examples, one each; shares on the cards are of all of them. " +
        "Nothing leaves the page."),
  );

  // -- the drawing: points on a grid, so that it fits into a link

  const strokes = () => state().drawing.split(".").filter(Boolean)
    .map((text) => text.match(/../g).map(([x, y]) => [DIGITS.indexOf(x), DIGITS.indexOf(y)]));
  let down = false, cursor = null, samples = null; // the cursor of those who draw by keys

  function add([x, y], fresh) {
    const point = DIGITS[clamp(Math.round(x), 0, GRID)] + DIGITS[clamp(Math.round(y), 0, GRID)];
    const { drawing } = state();
    if (!fresh && drawing.endsWith(point)) return;
    const next = drawing + (fresh && drawing ? "." : "") + point;
    if (next.length > MOST) return tell(told, "The drawing is full; clear it, or undo a stroke.");
    set({ drawing: next, sample: 0 });
  }
  function undo() {
    if (state().sample) return set({ sample: 0 }); // back to the drawing
    set({ drawing: state().drawing.split(".").slice(0, -1).join("."), sample: 0 });
  }
  // A hand draws smoother lines than the grid has steps, so only points that lie apart are kept.
  let last = null, end = null;
  follow(pad, ({ x, y, width, height, event }) => {
    const point = [(x / width) * GRID, (y / height) * GRID], fresh = event.type === "pointerdown";
    cursor = null;
    end = point;
    if (!fresh && last && Math.hypot(point[0] - last[0], point[1] - last[1]) < APART) return;
    last = point;
    add(point, fresh);
  });
  const lift = () => {
    if (end && end !== last) add(end, false);
    [last, end] = [null, null];
  };
  pad.addEventListener("pointerup", lift);
  pad.addEventListener("pointercancel", lift);
  const by = (dx, dy) => () => {
    cursor ??= [17, 17];
    cursor = [clamp(cursor[0] + dx, 0, GRID), clamp(cursor[1] + dy, 0, GRID)];
    if (down) add(cursor, false);
    context.redraw();
  };
  onKeys(pad, {
    ArrowLeft: by(-1, 0), ArrowRight: by(1, 0), ArrowUp: by(0, -1), ArrowDown: by(0, 1),
    " ": () => { down = !down; cursor ??= [17, 17]; if (down) add(cursor, true); context.redraw(); },
    Escape: () => { down = false; context.redraw(); },
    Backspace: undo,
  });
  pad.addEventListener("focus", () => { if (pad.matches(":focus-visible")) cursor ??= [17, 17]; context.redraw(); });
  pad.addEventListener("blur", () => { [down, cursor] = [false, null]; context.redraw(); });

  /** The picture that the networks see: black on white. */
  function paint(pen) {
    const { sample, pen: width } = state();
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, SIDE, SIDE);
    if (sample > 0 && samples?.[sample - 1]) return pen.drawImage(samples[sample - 1], 0, 0, SIDE, SIDE);
    Object.assign(pen, { strokeStyle: "#111", lineWidth: (SIDE * width) / 100, lineCap: "round", lineJoin: "round" });
    const at = ([x, y]) => [(x / GRID) * SIDE, (y / GRID) * SIDE];
    for (const points of strokes()) {
      pen.beginPath();
      pen.moveTo(...at(points[0]));
      points.forEach((point, i) => { // through the middles, so that a stroke is smooth
        const [x, y] = at(point), [u, v] = at(points[Math.min(i + 1, points.length - 1)]);
        pen.quadraticCurveTo(x, y, (x + u) / 2, (y + v) / 2);
      });
      pen.lineTo(...at(points.at(-1)));
      pen.stroke();
      if (points.length > 1) continue;
      pen.beginPath(); // a dot
      pen.arc(...at(points[0]), pen.lineWidth / 2, 0, 2 * Math.PI);
      pen.fillStyle = pen.strokeStyle;
      pen.fill();
    }
    return undefined;
  }

  // -- the networks

  let results = [], read = "", asking = 0, applied = null;
  const engines = {};

  /** What is loaded and read follows the state. */
  const update = inTurn(async () => {
    await load();
    await ask();
  }, (error) => tell(told, error.message));

  async function load() {
    const { engine } = state();
    if (engine === applied) return;
    if (!samples) tell(told, "Loading the networks.");
    const found = await assets();
    samples ??= await Promise.all(Array.from({ length: 26 }, async (_, k) => {
      const data = found[`sample ${String.fromCharCode(65 + k)}`];
      return data ? createImageBitmap(new Blob([data], { type: "image/png" })) : null;
    }));
    for (const network of networks) {
      const options = { engine: engine === "plain" ? "plain" : "auto" };
      engines[keyOf(network)] = await runner.load(keyOf(network), found[keyOf(network)].slice().buffer, options);
    }
    applied = engine;
    tell(told, "");
  }

  async function ask() {
    const mine = ++asking, { drawing, sample } = state(), picture = sample ? letter(sample - 1) : drawing;
    if (!picture) {
      [results, read] = [[], ""];
      return context.redraw?.();
    }
    const canvas = element("canvas", { width: SIDE, height: SIDE }), pen = canvas.getContext("2d", { willReadFrequently: true });
    paint(pen);
    const pixels = pen.getImageData(0, 0, SIDE, SIDE), found = [];
    for (const network of networks) { // narrow ones too wait for their turn: one picture, four answers
      found.push(await runner.predict(keyOf(network), pixels, { latest: keyOf(network) }));
      if (mine !== asking) return;
    }
    [results, read] = [found, picture];
    context.redraw?.();
  }

  // -- drawing

  function redraw() {
    const pen = pad.getContext("2d");
    paint(pen);
    if (!state().drawing && !state().sample) { // as large as the letters that the networks know
      Object.assign(pen, { strokeStyle: "#8f8f8f", lineWidth: 1.5 });
      pen.setLineDash([6, 6]);
      pen.strokeRect(SIDE * 0.2, SIDE * 0.15, SIDE * 0.6, SIDE * 0.7);
      pen.setLineDash([]);
    }
    if (cursor) {
      const [x, y] = cursor.map((c) => (c / GRID) * SIDE);
      pen.strokeStyle = down ? "#d55e00" : "#2166ac";
      pen.lineWidth = 2;
      pen.strokeRect(x - 6, y - 6, 12, 12);
    }
    const best = results.map(({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)));
    const many = new Set(best).size;
    tell(verdict, !results.length ? "Draw a letter, or choose one of the test set."
      : many === 1 ? `All read ${letter(best[0])}.` : `They disagree: ${networks.map(({ alpha }, i) => `α ${general(alpha)} reads ${letter(best[i])}`).join(", ")}.`);
    cards.forEach(({ mark, answers, facts }, i) => {
      const result = results[i], truth = state().sample - 1;
      tell(mark, truth < 0 || !result ? "" : best[i] === truth ? "✓ right" : `✗ it is ${letter(truth)}`);
      if (!result) {
        tell(facts, "");
        return answers.forEach((row) => fill(row, "", 0, ""));
      }
      const order = Array.from(result.probabilities, (p, k) => [p, k]).sort((a, b) => b[0] - a[0]).slice(0, TOP);
      order.forEach(([p, k], place) => fill(answers[place], letter(k), p, p < 0.005 ? "< 1 %" : `${fixed(100 * p, 0)} %`));
      return tell(facts, `${fixed(result.milliseconds.typical, 1)} ms, ${engines[keyOf(networks[i])].engine === "simd" ? "SIMD" : "plain JavaScript"}`);
    });
    say(verdict.textContent);
    Object.assign(root.dataset, {
      picture: read, answers: best.map(letter).join(""),
      probabilities: JSON.stringify(results.map((result) => Array.from(result.probabilities))),
    });
  }

  const letter = (k) => model.get("classes")[k];
  function fill(row, name, share, text) {
    const [label, bar, output] = row.children;
    tell(label, name);
    bar.firstChild.style.width = `${100 * share}%`;
    tell(output, text);
  }

  watch(["drawing", "sample", "pen", "engine"], () => { asking++; update(); });
  later(() => { asking++; runner.close(); });
  return { redraw };
}

export default explorer(definition, style, draw);
