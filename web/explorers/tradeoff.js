// The trade-off explorer: sixteen MobileNets, what they cost and how often they are right.

import definition from "../../mobilenet_lib/explorers/definitions/tradeoff.json";
import { checkBoxes, controls } from "../kit/controls.js";
import { append, clamp, element, KEYS, svg, tell, unique } from "../kit/dom.js";
import { fixed, shortest } from "../kit/format.js";
import { onKeys, placeIn } from "../kit/pointer.js";
import { axis, linear, log } from "../kit/scale.js";
import { explorer } from "../kit/shell.js";
import { onWall, typeSize } from "../kit/theme.js";
import { bestWithin, pareto } from "../maths/pareto.js";
import style from "./tradeoff.css";

export { bestWithin, pareto };

const ALPHAS = definition.fields.alpha.choices; // from the left end of a slider to the right
const PIXELS = [[128, 32], [160, 40], [192, 48], [224, 56]]; // ImageNet, letters
const NAMES = definition.fields.shown.choices.filter((name) => name !== "front");
const PANELS = [
  { title: "ImageNet, 1000 classes", axis: "top-1 accuracy, %", names: ["the paper", "tf-slim"] },
  { title: "Letters in the wild, 26 classes", axis: "test accuracy, %", names: ["letters"] },
];
const AXES = {
  "mult-adds": { field: "mult_adds", unit: 1e6, suffix: "M", title: "mult-adds, millions" },
  parameters: { field: "parameters", unit: 1e6, suffix: "M", title: "parameters, millions" },
  latency: { field: "latency", unit: 1, suffix: "ms", label: "latency on this machine", title: "latency on this machine, ms" },
};
const MANTISSAS = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38,
  40, 42, 44, 46, 48, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95]; // the budget's stops in a decade
const NEAR = 26; // pixels from a mark within which the pointer means it

/** A cost with three digits: 569 M, 76.5 M, 0.47 M, 8.03 ms. */
export function cost(value, axis) {
  const { unit, suffix } = AXES[axis];
  const scaled = value / unit;
  return `${fixed(scaled, scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)} ${suffix}`;
}

/** A budget as the reader set it: 8 ms, 100 M. */
const limit = (value, axis) =>
  `${shortest(Number((value / AXES[axis].unit).toPrecision(4)))} ${AXES[axis].suffix}`;

const percent = (accuracy) => `${fixed(accuracy, 1)}\u00a0%`; // no line ends before the sign
const named = (record) =>
  `${record.alpha === 1 ? "1.0" : record.alpha} MobileNet-${record.resolution}`;

/** A mark around (0, 0): a circle, square, triangle or diamond of about the same area. */
function outline(alpha, r) {
  if (alpha === 1) return `M${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0Z`;
  if (alpha === 0.75) return `M${-0.9 * r},${-0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}Z`;
  if (alpha === 0.5) return `M0,${-1.25 * r}L${1.2 * r},${0.9 * r}H${-1.2 * r}Z`;
  return `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`;
}
const STAR = "M0,-9L2.5,-3.1L8.6,-2.8L3.9,1.3L5.4,7.4L0,4L-5.4,7.4L-3.9,1.3L-8.6,-2.8L-2.5,-3.1Z";

const overlap = ([a, b, c, d], [e, f, g, h]) => a < g && e < c && b < h && f < d;

function draw(context) {
  const { model, state, set, watch, root, body, say, hidden } = context;
  const id = unique("tradeoff");

  // -- what stands on the page

  const share = (own) => shortest(Number((own / 224).toFixed(3)));
  const letters = (own) => PIXELS.find((pair) => pair[0] === own)[1];
  const bar = controls({
    ...context,
    set: (changes) => set("axis" in changes ? { ...changes, budget: null } : changes), // another unit
  }, ["alpha", "resolution", "axis"], {
    axis: { words: (name) => (name === "latency" ? AXES.latency.label : name) },
    alpha: { spoken: (alpha) => `alpha ${alpha}` },
    resolution: {
      words: (own) => `${share(own)} · ${own} / ${letters(own)} px`,
      spoken: (own) => `rho ${share(own)}: ${own} pixels for ImageNet, ${letters(own)} for letters`,
    },
  });
  const budget = element("input", {
    ...KEYS, type: "range", min: 0, max: 1, step: 1, id: `${id}-budget`, "data-field": "budget",
    oninput: () => set({ budget: stops[Number(budget.value)] ?? null }),
  });
  const within = element("output", { for: budget.id });
  if (!hidden("budget")) {
    bar.append(element("div", { class: "mn-field mn-slider" }, element("label", { for: budget.id }, "Budget"), budget, within));
  }
  const words = (name) => [sample(name), name === "front" ? "Pareto front" : name];
  const legend = element("div", { class: "mnt-shown", role: "group", "aria-label": "What is drawn" }, checkBoxes(context, "shown", words));
  const shapes = element("div", { class: "mnt-shapes", "aria-hidden": "true" });
  for (const alpha of [...ALPHAS].reverse()) {
    const mark = svg("path", { d: outline(alpha, 6), class: "mnt-mark mnt-full" });
    mark.dataset.alpha = alpha;
    shapes.append(element("span", {}, picture(mark), `α ${alpha}`));
  }
  shapes.append(element("span", {}, "larger mark: more pixels"));
  const stage = element("div", {
    ...KEYS, class: "mnt-stage", tabindex: 0, role: "application",
    "aria-roledescription": "choice of a network", "aria-describedby": `${id}-help`,
    "aria-label": "Accuracy against cost. Arrow keys choose a network.",
  });
  const pictures = PANELS.map(() => svg("svg", { class: "mnt-panel", role: "img" }));
  const empty = element("p", { class: "mnt-empty" }, "Tick a source above to see its networks.");
  stage.append(...pictures, empty);
  const verdict = element("p", { class: "mnt-verdict" });
  const table = element("table", { class: "mnt-table", "data-part": "table" });
  const notes = element("p", { class: "mnt-notes" });
  append(body,
    bar,
    element("div", { class: "mnt-legend" }, hidden("shown") ? null : legend, shapes),
    stage, verdict, element("div", { class: "mnt-below" }, table, notes),
  );
  if (!hidden("help")) {
    append(body, element(
      "p", { id: `${id}-help`, class: "mn-help" },
      "Point at a mark or tap it; with the picture focused, ← and → change the width, ↑ and ↓ the " +
        "resolution. The bold line joins the chosen width, the dashed one the chosen resolution.",
    ));
  }

  function picture(...parts) {
    return svg("svg", { viewBox: "-11 -11 22 22", class: "mnt-sample" }, ...parts);
  }
  function sample(name) {
    if (name === "front") return picture(svg("path", { class: "mnt-front", d: "M-10,7H-2V-1H5V-8H10" }));
    const shape = name === "the paper" ? "mnt-mark mnt-hollow" : "mnt-mark mnt-full";
    const mark = svg("path", { class: shape, d: outline(1, 6) });
    return name === "letters"
      ? picture(svg("path", { class: "mnt-bar", d: "M0,-10V10M-4,-10H4M-4,10H4" }), mark)
      : picture(mark);
  }

  // -- the state

  let drawn = [], stops = [], offered = [];

  const field = () => AXES[state().axis].field;
  const isShown = (name) => state().shown.includes(name);
  const rank = (pixels) => PIXELS.findIndex((pair) => pair.includes(pixels));
  const place = () => [ALPHAS.indexOf(state().alpha), rank(state().resolution)];
  const chosen = (record) =>
    record.alpha === state().alpha && rank(record.resolution) === rank(state().resolution);
  /** Networks of a source that have a place in the picture. */
  const placed = (name) => model.get("sources")[name]
    .filter((r) => r.accuracy !== null && r[field()] !== null);
  const best = (name) => {
    const records = placed(name);
    const at = bestWithin(
      state().budget ?? Infinity, records.map((r) => r[field()]), records.map((r) => r.accuracy),
    );
    return at === null ? null : records[at];
  };
  function choose(alphaAt, rhoAt) {
    const alpha = ALPHAS[clamp(alphaAt, 0, 3)], resolution = PIXELS[clamp(rhoAt, 0, 3)][0];
    if (alpha !== state().alpha || resolution !== state().resolution) set({ alpha, resolution });
  }

  /** The axes that some network has, and the budget's stops along the current one. */
  function prepare() {
    const all = Object.values(model.get("sources")).flat();
    offered = Object.keys(AXES).filter((a) => all.some((r) => r[AXES[a].field] !== null));
    for (const option of bar.querySelectorAll("[data-field=axis] option")) {
      option.hidden = option.disabled = !offered.includes(option.value);
    }
    const costs = all.filter((r) => r.accuracy !== null && r[field()] !== null).map((r) => r[field()]);
    stops = [];
    const [low, high] = [0.9 * Math.min(...costs), Math.max(...costs)];
    budget.max = 0;
    if (!costs.length) return; // a cost that nobody has measured
    for (let e = Math.floor(Math.log10(low)) - 1; 10 ** e <= 10 * high; e++) {
      for (const m of MANTISSAS) stops.push(Number(`${m}e${e}`));
    }
    const last = stops.findIndex((s) => s >= high);
    stops = stops.slice(stops.findIndex((s) => s >= low), last + 1);
    budget.max = stops.length; // one beyond the last: no limit
  }

  // -- drawing

  function redraw() {
    const limited = state().budget, name = state().axis;
    const at = limited === null ? stops.length : stops.findLastIndex((s) => s <= limited * 1.0001);
    budget.value = Math.max(at, 0);
    tell(within, limited === null ? "no limit" : limit(limited, name));
    budget.setAttribute("aria-valuetext", within.textContent);

    const visible = PANELS.map((panel) => panel.names.some(isShown));
    const count = visible.filter(Boolean).length;
    empty.hidden = count > 0;
    const room = stage.clientWidth, beside = room >= 720;
    drawn = [];
    PANELS.forEach((panel, p) => {
      pictures[p].toggleAttribute("hidden", !visible[p]);
      if (!visible[p] || room < 50) return pictures[p].replaceChildren();
      const w = Math.floor(beside && count === 2 ? (room - 16) / 2 : room);
      drawPanel(panel, pictures[p], w, onWall() ? 228 : beside ? 300 : 290);
    });
    judge();
    fill();
  }

  function drawPanel(panel, target, w, h) {
    const frame = { left: 52, right: w - 20, top: 34, bottom: h - 46 };
    const name = state().axis, unit = AXES[name].unit, limited = state().budget;
    target.setAttribute("viewBox", `0 0 ${w} ${h}`);
    target.setAttribute("width", w);
    target.setAttribute("height", h);
    const text = (x, y, words, more = {}) => svg("text", { x, y, ...more }, words);
    const parts = [text(w < 340 ? 6 : frame.left, 18, panel.title, { class: "mnt-title" })];
    const everyone = panel.names.flatMap(placed); // hidden ones too: the axes then stay put
    if (!everyone.length) {
      parts.push(text((frame.left + frame.right) / 2, h / 2, "no network here has this cost", {
        class: "mnt-tick", "text-anchor": "middle",
      }));
      target.setAttribute("aria-label", `${panel.title}: no network has this cost.`);
      return target.replaceChildren(...parts);
    }

    const costs = everyone.map((r) => r[field()] / unit);
    const pad = Math.max((Math.max(...costs) / Math.min(...costs)) ** 0.06, 1.08);
    const [low, high] = [Math.min(...costs) / pad, Math.max(...costs) * pad];
    const inUnits = log([low, high], [frame.left, frame.right]);
    const toX = (c) => inUnits(c / unit);
    const bottom = Math.min(...everyone.map((r) => r.accuracy - (r.spread ?? 0)));
    const top = Math.max(...everyone.map((r) => r.accuracy + (r.spread ?? 0)));
    const margin = Math.max(0.09 * (top - bottom), 0.3);
    const [least, most] = [bottom - margin, Math.min(top + margin, Math.max(100.4, top))];
    const toY = linear([least, most], [frame.bottom, frame.top]);
    parts.push(
      axis("y", toY, frame, panel.axis),
      axis("x", inUnits, frame, AXES[name].title + (w < 340 ? "" : " (log scale)")),
    );

    const taken = []; // what names must not cover
    if (limited !== null) {
      const x = Math.min(Math.max(toX(limited), frame.left), frame.right);
      const hatch = `${id}-hatch-${PANELS.indexOf(panel)}`;
      parts.push(
        svg("defs", {}, svg(
          "pattern", {
            id: hatch, width: 8, height: 8, patternUnits: "userSpaceOnUse",
            patternTransform: "rotate(45)",
          },
          svg("path", { class: "mnt-hatch", d: "M0,0V8" }),
        )),
        svg("rect", {
          class: "mnt-over", x, y: frame.top, width: frame.right - x,
          height: frame.bottom - frame.top, fill: `url(#${hatch})`,
        }),
      );
      const here = x > frame.left && x < frame.right, left = x < (frame.left + frame.right) / 2;
      if (here) {
        parts.push(svg("path", { class: "mnt-limit", d: `M${x},${frame.top}V${frame.bottom}` }));
      }
      const words = limit(limited, name) + (here ? "" : left ? ": none fits" : ": all fit");
      const long = 0.572 * typeSize(14) * words.length + 6;
      const y = left ? frame.top + 12 : frame.bottom - 8; // away from the marks, which rise
      taken.push([left ? x : x - long, y - 12, left ? x + long : x, y + 4]);
      parts.push(text(x + (left ? 6 : -6), y, words, {
        class: "mnt-limited", "text-anchor": left ? "start" : "end",
      }));
    }

    const front = [], lines = [], bars = [], marks = [], rings = [], stars = [], labels = [];
    const ends = [], given = []; // of lines, where their names go, and those that have one
    if (limited !== null) taken.push([toX(limited) - 2, frame.top, toX(limited) + 2, frame.bottom]);
    for (const source of panel.names.filter(isShown)) {
      const records = placed(source);
      const point = (r) => [toX(r[field()]), toY(r.accuracy)];
      const path = (some) => `M${some.map((r) => point(r).join(",")).join("L")}`;
      const leader = source !== "the paper" || !isShown("tf-slim"); // lines once, not twice
      if (leader && isShown("front")) {
        const places = pareto(records.map((r) => r[field()]), records.map((r) => r.accuracy));
        const steps = places.map((i) => point(records[i]));
        let d = steps.length ? `M${steps[0][0]},${frame.bottom}V${steps[0][1]}` : "";
        for (const [x, y] of steps.slice(1)) d += `H${x}V${y}`;
        front.push(svg("path", {
          class: "mnt-front", d: `${d}H${frame.right}`, "data-source": source,
          "data-places": places.map((i) => named(records[i])).join("; "),
        }));
      }
      for (const alpha of ALPHAS) {
        const line = records.filter((r) => r.alpha === alpha);
        if (!line.length) continue;
        if (leader) {
          const thick = alpha === state().alpha ? " mnt-thick" : "";
          lines.push(svg("path", {
            class: `mnt-line${thick}`, d: path(line), "data-alpha": alpha, "data-source": source,
          }));
          ends.push({ alpha, end: point(line[0]) }); // the highest resolution
        }
      }
      if (leader) {
        const across = records.filter((r) => rank(r.resolution) === rhoOf());
        if (across.length > 1) lines.push(svg("path", { class: "mnt-across", d: path(across) }));
      }
      for (const record of records) {
        const [x, y] = point(record), r = 4 + 0.8 * rank(record.resolution);
        const hollow = source === "the paper";
        if (record.spread) {
          const [up, down] = [toY(record.accuracy + record.spread), toY(record.accuracy - record.spread)];
          bars.push(svg("path", {
            class: "mnt-bar", d: `M${x},${up}V${down}M${x - 4},${up}h8M${x - 4},${down}h8`,
            "data-alpha": record.alpha, "data-resolution": record.resolution,
          }));
        }
        marks.push(svg("path", {
          class: `mnt-mark ${hollow ? "mnt-hollow" : "mnt-full"}`, d: outline(record.alpha, r + (hollow ? 2 : 0)),
          transform: `translate(${x} ${y})`, "data-source": source, "data-alpha": record.alpha,
          "data-resolution": record.resolution,
        }));
        taken.push([x - r - 2, y - r - 2, x + r + 2, y + r + 2]);
        if (chosen(record)) {
          taken.push([x - 15, y - 15, x + 15, y + 15]);
          rings.push(svg("circle", { class: "mnt-ring", cx: x, cy: y, r: 14, "data-source": source }));
        }
        drawn.push({ target, x, y, record });
      }
      const winner = limited === null ? null : best(source);
      if (winner) {
        const [x, y] = point(winner);
        stars.push(svg("path", {
          class: "mnt-star", d: STAR, transform: `translate(${x} ${Math.max(y - 23, 12)})`,
          "data-source": source, "data-network": named(winner),
        }));
        taken.push([x - 9, y - 32, x + 9, y - 14]);
      }
    }
    for (const { alpha, end: [x, y] } of ends) {
      const words = `α ${alpha}`, [wide, high] = [0.577 * typeSize(13) * words.length, typeSize(13) + 1];
      const spots = [[11, 5], [11, -19], [-wide / 2, 12], [11, -7], [-wide - 11, -19],
        [-wide / 2, -26], [-wide - 11, 5], [18, 14], [-wide - 16, -30], [-wide / 2, 24],
        ...(onWall() ? [[-wide - 20, 20], [14, 32], [-wide / 2, 40], [-wide / 2, 56], [-wide / 2, -44], [-wide - 24, -50]] : [])]
        .map(([dx, dy]) => [x + dx, y + dy, x + dx + wide, y + dy + high])
        .map((box) => [box, taken.filter((other) => overlap(box, other)).length + 9 * given.filter((other) => overlap(box, other)).length +
          (box[2] > w || box[0] < frame.left || box[1] < frame.top || box[3] > frame.bottom ? 9 : 0)]);
      const [box] = spots.reduce((least, spot) => (spot[1] < least[1] ? spot : least));
      given.push(box);
      labels.push(text(box[0], box[3] - 3, words, { class: "mnt-label", "data-alpha": alpha }));
    }
    target.replaceChildren(...parts, ...front, ...lines, ...bars, ...marks, ...labels, ...rings, ...stars);
    target.setAttribute("aria-label", describe(panel));
  }

  const rhoOf = () => rank(state().resolution);

  function describe(panel) {
    const words = panel.names.filter(isShown).map((name) => {
      const records = placed(name);
      if (!records.length) return `${name}: no network has this cost`;
      const by = [...records].sort((a, b) => a.accuracy - b.accuracy);
      return `${name}: ${records.length} networks, from ${named(by[0])} with ${percent(by[0].accuracy)} ` +
        `to ${named(by.at(-1))} with ${percent(by.at(-1).accuracy)}`;
    });
    return `${panel.title}, ${panel.axis} against ${AXES[state().axis].title}. ${words.join(". ")}.`;
  }

  // -- in words and numbers

  function judge() {
    const limited = state().budget, names = NAMES.filter(isShown);
    if (!names.length) {
      verdict.replaceChildren("Choose at least one source above.");
    } else if (limited === null) {
      verdict.replaceChildren("Set a budget, and ★ marks the most accurate network within it.");
    } else {
      const parts = [element("strong", {}, `★ You have ${limit(limited, state().axis)}: `)];
      names.forEach((name, n) => {
        const winner = best(name);
        if (n) parts.push("; ");
        parts.push(`${name} `, winner
          ? element("strong", {}, `${named(winner)}, ${percent(winner.accuracy)}`)
          : "– nothing fits");
      });
      verdict.replaceChildren(...parts, ".");
    }
    const words = names.map((name) => {
      const record = model.get("sources")[name].find(chosen);
      return `${name} ${record.accuracy === null ? "no accuracy" : accuracyOf(record)}`;
    });
    const text = `Alpha ${state().alpha}, rho ${share(state().resolution)}: ` +
      `${words.join(", ") || "no source is shown"}.${limited === null ? "" : ` ${verdict.textContent.replace("★ ", "")}`}`;
    say(text);
  }

  function accuracyOf(record) {
    if (!record.seeds) return percent(record.accuracy);
    const seeds = `${record.seeds} seed${record.seeds > 1 ? "s" : ""}`;
    return record.seeds > 1
      ? `${fixed(record.accuracy, 1)} ±\u00a0${fixed(record.spread, 1)}\u00a0% (${seeds})`
      : `${percent(record.accuracy)} (${seeds})`;
  }

  function fill() {
    const records = NAMES.map((name) => model.get("sources")[name].find(chosen));
    const largest = NAMES.map((name) => model.get("sources")[name][0]);
    const missing = [];
    const note = (words) => { if (!missing.includes(words)) missing.push(words); return "–"; };
    const row = (head, cell) => element(
      "tr", {}, element("th", { scope: "row" }, head),
      ...records.map((record, i) => element("td", {}, ...[cell(record, i)].flat())),
    );
    const costRow = (name) => Object.assign(row(name, (record, i) => {
      const f = AXES[name].field;
      if (record[f] === null) {
        return note(name === "latency" ? "not timed on this machine." : "not trained yet.");
      }
      const whole = largest[i][f];
      return whole === null ? cost(record[f], name) : [
        `${cost(record[f], name)} `,
        element("small", {}, `${fixed((100 * record[f]) / whole)} %`),
      ];
    }), { hidden: onWall() && name !== state().axis });
    table.replaceChildren(
      element("caption", {}, `α = ${state().alpha}, ρ = ${share(state().resolution)}`),
      element("thead", {}, element(
        "tr", {}, element("td", {}, `α ${state().alpha}`),
        ...NAMES.map((name, i) => element(
          "th", { scope: "col" }, name, " ", element("small", {}, `${records[i].resolution} px`),
        )),
      )),
      element(
        "tbody", {},
        row("accuracy", (record, i) => {
          if (record.accuracy !== null) {
            const [value, seeds] = accuracyOf(record).split(" (");
            return seeds ? [`${value} `, element("small", {}, `(${seeds}`)] : value;
          }
          return note(i === 0
            ? "the paper prints eight of the sixteen accuracies; this one it only plots."
            : "not trained yet.");
        }),
        ...Object.keys(AXES).filter((name) => offered.includes(name)).map(costRow),
      ),
    );
    const eight = state().budget !== null && isShown("the paper");
    notes.textContent = [
      "In small print: the share of the largest network's cost.",
      ...missing.map((words) => `–: ${words}`),
      ...(eight ? ["★ for the paper is chosen among the eight accuracies that it prints."] : []),
    ].join(" ");
  }

  // -- the reader's hands

  function point(event) {
    const target = event.target.closest("svg");
    if (!target) return;
    const { x, y } = placeIn(target, event);
    let nearest = null, least = NEAR;
    for (const each of drawn) {
      const far = Math.hypot(each.x - x, each.y - y);
      if (each.target === target && far < least) [nearest, least] = [each, far];
    }
    if (nearest) choose(ALPHAS.indexOf(nearest.record.alpha), rank(nearest.record.resolution));
  }
  stage.addEventListener("click", point); // a tap too, but not a finger that scrolls the page
  stage.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") point(event);
  });
  const by = (alpha, rho) => () => {
    const [a, r] = place();
    choose(a + alpha, r + rho);
  };
  onKeys(stage, {
    ArrowLeft: by(-1, 0), ArrowRight: by(1, 0), ArrowDown: by(0, -1), ArrowUp: by(0, 1),
    Home: by(-9, 0), End: by(9, 0), PageDown: by(0, -9), PageUp: by(0, 9),
  });

  watch(["sources", "axis"], () => {
    prepare();
    context.redraw?.();
  });
  return { redraw };
}

export default explorer(definition, style, draw);
