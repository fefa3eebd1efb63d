// The trade-off explorer: sixteen MobileNets, what they cost and how often they are right.
// All of it runs in the browser; Python sets the start and can read what the reader chose.

const ALPHAS = [0.25, 0.5, 0.75, 1]; // from the left end of a slider to the right
const PIXELS = [[128, 32], [160, 40], [192, 48], [224, 56]]; // ImageNet, letters
const NAMES = ["the paper", "tf-slim", "letters"];
const PANELS = [
  { title: "ImageNet, 1000 classes", axis: "top-1 accuracy, %", names: ["the paper", "tf-slim"] },
  { title: "Letters in the wild, 26 classes", axis: "test accuracy, %", names: ["letters"] },
];
const AXES = {
  "mult-adds": { field: "mult_adds", unit: 1e6, suffix: "M", title: "mult-adds, millions" },
  parameters: { field: "parameters", unit: 1e6, suffix: "M", title: "parameters, millions" },
  latency: { field: "latency", unit: 1, suffix: "ms", title: "latency on this machine, ms" },
};
const MANTISSAS = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38,
  40, 42, 44, 46, 48, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95]; // the budget's stops in a decade
const NEAR = 26; // pixels from a mark within which the pointer means it

// --- Choosing, held against mobilenet_lib.results by a test --------------------------------------

/** Places of the networks that no other beats, cheapest first. */
export function pareto(costs, accuracies) {
  const byCost = costs.map((_, i) => i);
  byCost.sort((a, b) => costs[a] - costs[b] || accuracies[b] - accuracies[a]);
  const front = [];
  for (const i of byCost) {
    if (!front.length || accuracies[i] > accuracies[front.at(-1)]) front.push(i);
  }
  return front;
}

/** Place of the most accurate network that costs at most `budget`; null if none does. */
export function bestWithin(budget, costs, accuracies) {
  return pareto(costs, accuracies).filter((i) => costs[i] <= budget).at(-1) ?? null;
}

// --- Small helpers -------------------------------------------------------------------------------

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A cost with three digits: 569 M, 76.5 M, 0.47 M, 8.03 ms. */
export function cost(value, axis) {
  const { unit, suffix } = AXES[axis];
  const scaled = value / unit;
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)} ${suffix}`;
}

/** A budget as the reader set it: 8 ms, 100 M. */
const limit = (value, axis) =>
  `${Number((value / AXES[axis].unit).toPrecision(4))} ${AXES[axis].suffix}`;

const percent = (accuracy) => `${accuracy.toFixed(1)}\u00a0%`; // no line ends before the sign
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

/** Round numbers 1, 2, 5, 10 ... between two costs. */
function roundNumbers(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) {
    for (const m of [1, 2, 5]) {
      const value = Number(`${m}e${e}`);
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

/** Even steps that make at most 9 ticks. */
function evenNumbers(low, high) {
  const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((s) => (high - low) / s <= 8) ?? 25;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) found.push(v);
  return found;
}

// --- The explorer --------------------------------------------------------------------------------

function render({ model, el }) {
  const id = `mnt-${Math.random().toString(36).slice(2)}`;
  const keys = { "data-lm-suppress-shortcuts": "true" }; // else JupyterLab takes the arrow keys

  // -- what stands on the page

  function slider(name, text, max) {
    const input = element("input", {
      ...keys, type: "range", min: 0, max, step: 1, id: `${id}-${name}`, class: `mnt-${name}`,
    });
    const output = element("output", { for: input.id });
    const label = element("label", { for: input.id }, text);
    return { input, output, whole: element("div", { class: "mnt-field" }, label, input, output) };
  }
  const width = slider("alpha", "Width α", 3);
  const rho = slider("rho", "Resolution ρ", 3);
  const budget = slider("budget", "Budget", 1);
  const axis = element("select", { ...keys, id: `${id}-axis`, class: "mnt-axis" });
  const boxes = {};
  const legend = element("div", { class: "mnt-shown", role: "group", "aria-label": "What is drawn" });
  for (const name of [...NAMES, "front"]) {
    boxes[name] = element("input", { ...keys, type: "checkbox", value: name });
    const text = name === "front" ? "Pareto front" : name;
    legend.append(element("label", {}, boxes[name], sample(name), text));
  }
  const shapes = element("div", { class: "mnt-shapes", "aria-hidden": "true" });
  for (const alpha of [...ALPHAS].reverse()) {
    const mark = svg("path", { d: outline(alpha, 6), class: "mnt-mark mnt-full" });
    mark.dataset.alpha = alpha;
    shapes.append(element("span", {}, picture(mark), `α ${alpha}`));
  }
  shapes.append(element("span", {}, "larger mark: more pixels"));
  const stage = element("div", {
    ...keys, class: "mnt-stage", tabindex: 0, role: "application",
    "aria-roledescription": "choice of a network", "aria-describedby": `${id}-said ${id}-help`,
    "aria-label": "Accuracy against cost. Arrow keys choose a network.",
  });
  const pictures = PANELS.map(() => svg("svg", { class: "mnt-panel", role: "img" }));
  const empty = element("p", { class: "mnt-empty" }, "Tick a source above to see its networks.");
  stage.append(...pictures, empty);
  const verdict = element("p", { class: "mnt-verdict" });
  const table = element("table", { class: "mnt-table" });
  const notes = element("p", { class: "mnt-notes" });
  const said = element("p", { id: `${id}-said`, class: "mnt-said", role: "status" });
  const root = element(
    "section", { class: "mnt-tradeoff", "aria-label": "Trade-off explorer" },
    element(
      "div", { class: "mnt-controls" }, width.whole, rho.whole,
      element(
        "div", { class: "mnt-field" }, element("label", { for: axis.id }, "Cost"), axis,
      ),
      budget.whole,
    ),
    element("div", { class: "mnt-legend" }, legend, shapes),
    stage, verdict, table, notes,
    element(
      "p", { id: `${id}-help`, class: "mnt-help" },
      "Point at a mark or tap it to choose that network. With the picture focused, ← and → change " +
        "the width, ↑ and ↓ the resolution. The bold line joins the chosen width, the dashed one " +
        "the chosen resolution.",
    ),
    said,
  );
  el.append(root);

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

  const session = pythonSession({ model, el }); // nothing here needs Python, so nothing is said
  let drawn = [], stops = [], queued = 0;

  const field = () => AXES[model.get("axis")].field;
  const isShown = (name) => model.get("shown").includes(name);
  const rank = (pixels) => PIXELS.findIndex((pair) => pair.includes(pixels));
  const place = () => [ALPHAS.indexOf(model.get("alpha")), rank(model.get("resolution"))];
  const chosen = (record) =>
    record.alpha === model.get("alpha") && rank(record.resolution) === rank(model.get("resolution"));
  /** Networks of a source that have a place in the picture. */
  const placed = (name) => model.get("sources")[name]
    .filter((r) => r.accuracy !== null && r[field()] !== null);
  const best = (name) => {
    const records = placed(name);
    const at = bestWithin(
      model.get("budget") ?? Infinity, records.map((r) => r[field()]), records.map((r) => r.accuracy),
    );
    return at === null ? null : records[at];
  };
  const push = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    redraw();
  };
  function choose(alphaAt, rhoAt) {
    const keep = (at) => Math.min(Math.max(at, 0), 3);
    const alpha = ALPHAS[keep(alphaAt)], resolution = PIXELS[keep(rhoAt)][0];
    if (alpha !== model.get("alpha") || resolution !== model.get("resolution")) {
      push({ alpha, resolution });
    }
  }

  /** The axes that some network has, and the budget's stops along the current one. */
  function prepare() {
    const all = Object.values(model.get("sources")).flat();
    const offered = Object.keys(AXES).filter((a) => all.some((r) => r[AXES[a].field] !== null));
    const titles = { latency: "latency on this machine" };
    axis.replaceChildren(
      ...offered.map((a) => element("option", { value: a }, titles[a] ?? a)),
    );
    const costs = all.filter((r) => r.accuracy !== null && r[field()] !== null).map((r) => r[field()]);
    const [low, high] = [0.9 * Math.min(...costs), Math.max(...costs)];
    stops = [];
    for (let e = Math.floor(Math.log10(low)) - 1; 10 ** e <= 10 * high; e++) {
      for (const m of MANTISSAS) stops.push(Number(`${m}e${e}`));
    }
    const last = stops.findIndex((s) => s >= high);
    stops = stops.slice(stops.findIndex((s) => s >= low), last + 1);
    budget.input.max = stops.length; // one beyond the last: no limit
  }

  // -- drawing

  function redraw() {
    if (!queued) queued = requestAnimationFrame(draw);
  }

  function draw() {
    queued = 0;
    const [alphaAt, rhoAt] = place(), limited = model.get("budget");
    width.input.value = alphaAt;
    width.output.textContent = ALPHAS[alphaAt];
    width.input.setAttribute("aria-valuetext", `alpha ${ALPHAS[alphaAt]}`);
    rho.input.value = rhoAt;
    const [own, letters] = PIXELS[rhoAt], share = Number((own / 224).toFixed(3));
    rho.output.textContent = `${share} · ${own} / ${letters} px`;
    rho.input.setAttribute(
      "aria-valuetext", `rho ${share}: ${own} pixels for ImageNet, ${letters} for letters`,
    );
    axis.value = model.get("axis");
    const at = limited === null ? stops.length : stops.findLastIndex((s) => s <= limited * 1.0001);
    budget.input.value = Math.max(at, 0);
    budget.output.textContent = limited === null ? "no limit" : limit(limited, axis.value);
    budget.input.setAttribute("aria-valuetext", budget.output.textContent);
    for (const [name, box] of Object.entries(boxes)) box.checked = isShown(name);

    const visible = PANELS.map((panel) => panel.names.some(isShown));
    const count = visible.filter(Boolean).length;
    empty.hidden = count > 0;
    const room = stage.clientWidth, beside = room >= 720;
    drawn = [];
    PANELS.forEach((panel, p) => {
      pictures[p].toggleAttribute("hidden", !visible[p]);
      if (!visible[p] || room < 50) return pictures[p].replaceChildren();
      const w = Math.floor(beside && count === 2 ? (room - 16) / 2 : room);
      drawPanel(panel, pictures[p], w, beside ? 320 : 300);
    });
    tell();
    fill();
    root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1;
  }

  function drawPanel(panel, target, w, h) {
    const frame = { left: 52, right: w - 20, top: 34, bottom: h - 46 };
    const name = model.get("axis"), unit = AXES[name].unit, limited = model.get("budget");
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
    const toX = (c) => frame.left +
      (Math.log(c / unit / low) / Math.log(high / low)) * (frame.right - frame.left);
    const bottom = Math.min(...everyone.map((r) => r.accuracy - (r.spread ?? 0)));
    const top = Math.max(...everyone.map((r) => r.accuracy + (r.spread ?? 0)));
    const margin = Math.max(0.09 * (top - bottom), 0.3);
    const [least, most] = [bottom - margin, Math.min(top + margin, Math.max(100.4, top))];
    const toY = (a) => frame.bottom - ((a - least) / (most - least)) * (frame.bottom - frame.top);

    for (const v of evenNumbers(least, most)) {
      parts.push(svg("path", { class: "mnt-rule", d: `M${frame.left},${toY(v)}H${frame.right}` }));
      parts.push(text(frame.left - 8, toY(v) + 5, String(Number(v.toFixed(2))), {
        class: "mnt-tick mnt-y", "text-anchor": "end",
      }));
    }
    const rounds = roundNumbers(low, high);
    for (const v of rounds.length > 2 ? rounds : evenNumbers(low, high)) {
      const x = toX(v * unit);
      parts.push(svg("path", { class: "mnt-rule", d: `M${x},${frame.top}V${frame.bottom}` }));
      parts.push(text(x, frame.bottom + 18, String(Number(v.toFixed(2))), {
        class: "mnt-tick mnt-x", "text-anchor": "middle",
      }));
    }
    const middle = (frame.top + frame.bottom) / 2;
    parts.push(
      text(w < 340 ? w / 2 : (frame.left + frame.right) / 2, h - 8, `${AXES[name].title} (log scale)`, {
        class: "mnt-name", "text-anchor": "middle",
      }),
      text(14, middle, panel.axis, {
        class: "mnt-name", "text-anchor": "middle", transform: `rotate(-90 14 ${middle})`,
      }),
    );

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
      const beyond = here ? "" : left ? ": none fits" : ": all fit";
      parts.push(text(x + (left ? 6 : -6), frame.top + 12, limit(limited, name) + beyond, {
        class: "mnt-limited", "text-anchor": left ? "start" : "end",
      }));
    }

    const front = [], lines = [], bars = [], marks = [], rings = [], stars = [], labels = [];
    const ends = [], taken = []; // where names of lines may go, and what they must not cover
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
          const thick = alpha === model.get("alpha") ? " mnt-thick" : "";
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
      const words = `α ${alpha}`, [wide, high] = [7.5 * words.length, 14];
      const spots = [[11, 5], [11, -19], [-wide / 2, 12], [11, -7], [-wide - 11, -19],
        [-wide / 2, -26], [-wide - 11, 5], [18, 14], [-wide - 16, -30], [-wide / 2, 24]]
        .map(([dx, dy]) => [x + dx, y + dy, x + dx + wide, y + dy + high])
        .map((box) => [box, taken.filter((other) => overlap(box, other)).length +
          (box[2] > w || box[0] < frame.left || box[1] < frame.top || box[3] > frame.bottom ? 9 : 0)]);
      const [box] = spots.reduce((least, spot) => (spot[1] < least[1] ? spot : least));
      taken.push(box);
      labels.push(text(box[0], box[3] - 3, words, { class: "mnt-label", "data-alpha": alpha }));
    }
    target.replaceChildren(...parts, ...front, ...lines, ...bars, ...marks, ...labels, ...rings, ...stars);
    target.setAttribute("aria-label", describe(panel));
  }

  const rhoOf = () => rank(model.get("resolution"));

  function describe(panel) {
    const words = panel.names.filter(isShown).map((name) => {
      const records = placed(name);
      if (!records.length) return `${name}: no network has this cost`;
      const by = [...records].sort((a, b) => a.accuracy - b.accuracy);
      return `${name}: ${records.length} networks, from ${named(by[0])} with ${percent(by[0].accuracy)} ` +
        `to ${named(by.at(-1))} with ${percent(by.at(-1).accuracy)}`;
    });
    return `${panel.title}, ${panel.axis} against ${AXES[model.get("axis")].title}. ${words.join(". ")}.`;
  }

  // -- in words and numbers

  function tell() {
    const limited = model.get("budget"), names = NAMES.filter(isShown);
    if (!names.length) {
      verdict.replaceChildren("Choose at least one source above.");
    } else if (limited === null) {
      verdict.replaceChildren("Set a budget, and ★ marks the most accurate network within it.");
    } else {
      const parts = [element("strong", {}, `★ You have ${limit(limited, model.get("axis"))}: `)];
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
    const text = `Alpha ${model.get("alpha")}, rho ${Number((model.get("resolution") / 224).toFixed(3))}: ` +
      `${words.join(", ") || "no source is shown"}.${limited === null ? "" : ` ${verdict.textContent.replace("★ ", "")}`}`;
    if (said.textContent !== text) said.textContent = text; // spoken only when it says something new
  }

  function accuracyOf(record) {
    if (!record.seeds) return percent(record.accuracy);
    const seeds = `${record.seeds} seed${record.seeds > 1 ? "s" : ""}`;
    return record.seeds > 1
      ? `${record.accuracy.toFixed(1)} ±\u00a0${record.spread.toFixed(1)}\u00a0% (${seeds})`
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
    const costRow = (name) => row(name, (record, i) => {
      const f = AXES[name].field;
      if (record[f] === null) {
        return note(name === "latency" ? "not timed on this machine." : "not trained yet.");
      }
      const whole = largest[i][f];
      return whole === null ? cost(record[f], name) : [
        `${cost(record[f], name)} `,
        element("small", {}, `${(100 * record[f] / whole).toFixed(0)} %`),
      ];
    });
    table.replaceChildren(
      element("caption", {}, `α = ${model.get("alpha")}, ρ = ${rho.output.textContent.split(" ")[0]}`),
      element("thead", {}, element(
        "tr", {}, element("td", {}, `α ${model.get("alpha")}`),
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
        ...[...axis.options].map((option) => costRow(option.value)),
      ),
    );
    const eight = model.get("budget") !== null && isShown("the paper");
    notes.textContent = [
      "In small print: the share of the largest network's cost.",
      ...missing.map((words) => `–: ${words}`),
      ...(eight ? ["★ for the paper is chosen among the eight accuracies that it prints."] : []),
    ].join(" ");
  }

  // -- the reader's hands

  width.input.addEventListener("input", () => choose(Number(width.input.value), place()[1]));
  rho.input.addEventListener("input", () => choose(place()[0], Number(rho.input.value)));
  axis.addEventListener("change", () => push({ axis: axis.value, budget: null }));
  budget.input.addEventListener("input", () => {
    push({ budget: stops[Number(budget.input.value)] ?? null });
  });
  for (const box of Object.values(boxes)) {
    box.addEventListener("change", () => {
      push({ shown: Object.keys(boxes).filter((name) => boxes[name].checked) });
    });
  }

  function point(event) {
    const target = event.target.closest("svg");
    if (!target) return;
    const frame = target.getBoundingClientRect();
    const x = event.clientX - frame.left, y = event.clientY - frame.top;
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
  stage.addEventListener("keydown", (event) => {
    const [a, r] = place();
    const to = {
      ArrowLeft: [a - 1, r], ArrowRight: [a + 1, r], ArrowDown: [a, r - 1], ArrowUp: [a, r + 1],
      Home: [0, r], End: [3, r], PageDown: [a, 0], PageUp: [a, 3],
    }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    choose(...to);
  });

  // -- the model

  const anew = () => { prepare(); redraw(); };
  const links = {
    "change:sources": anew, "change:axis": anew, "change:alpha": redraw,
    "change:resolution": redraw, "change:budget": redraw, "change:shown": redraw,
  };
  for (const [name, then] of Object.entries(links)) model.on(name, then);
  const watch = new ResizeObserver(redraw);
  watch.observe(stage);
  anew();
  return () => {
    session.close();
    watch.disconnect();
    cancelAnimationFrame(queued);
    for (const [name, then] of Object.entries(links)) model.off(name, then);
  };
}

export default { render };
