// The convolution explorer: a kernel slides over a photo, and every product is on the table.
// All of it runs in the browser; Python sets the start and can read where the reader is.

const SIDE = 640; // canvas pixels a side; CSS shows them at half that or less, so lines stay sharp
const INK = { kernel: "#d55e00", pad: "#8f8f8f", paper: "#ffffff" };
const FLOOR = { blue: [33, 102, 172], white: [247, 247, 247], orange: [217, 95, 14] };

// --- The maths, held against NumPy by a test -----------------------------------------------------

/** Zeros before a row of n pixels: TensorFlow's SAME, or none. An odd zero goes after. */
export function zerosBefore(mode, n, k, stride) {
  if (mode === "valid") return 0;
  const out = Math.ceil(n / stride);
  return Math.floor(Math.max((out - 1) * stride + k - n, 0) / 2);
}

/** Pixels along one side of the output. */
export function outputSize(mode, n, k, stride) {
  return mode === "valid" ? Math.floor((n - k) / stride) + 1 : Math.ceil(n / stride);
}

/** Equation 1 with one input and one output channel; `pixels` holds n x n numbers row by row. */
export function convolve(pixels, n, kernel, stride, mode) {
  const k = kernel.length;
  const before = zerosBefore(mode, n, k, stride);
  const size = outputSize(mode, n, k, stride);
  const values = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let sum = 0;
      for (let i = 0; i < k; i++) {
        const y = row * stride + i - before;
        if (y < 0 || y >= n) continue; // a padded zero adds nothing
        for (let j = 0; j < k; j++) {
          const x = column * stride + j - before;
          if (x >= 0 && x < n) sum += kernel[i][j] * pixels[y * n + x];
        }
      }
      values[row * size + column] = sum;
    }
  }
  return { size, before, values };
}

// --- Small helpers -------------------------------------------------------------------------------

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const count = (x) => x.toLocaleString("en-US");

/** A number with as many decimals as fit a small cell, and a true minus sign. */
export function short(x) {
  const size = Math.abs(x);
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(x.toFixed(decimals))).replace("-", "\u2212");
}

/**
 * Colours of a map. A kernel whose weights add up to 0 or less finds differences: blue, white, orange
 * around 0. Any other makes a picture again: grey, cut at black 0 and white 255.
 */
function paint(values, size, kernel) {
  const signed = kernel.flat().reduce((a, b) => a + b, 0) < 1e-9;
  const image = new ImageData(size, size);
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
  for (let p = 0; p < values.length; p++) {
    let rgb;
    if (signed) {
      const share = Math.abs(values[p]) / reach;
      const end = values[p] < 0 ? FLOOR.blue : FLOOR.orange;
      rgb = FLOOR.white.map((w, c) => w + share * (end[c] - w));
    } else {
      const grey = clamp(values[p], 0, 255);
      rgb = [grey, grey, grey];
    }
    image.data.set([...rgb, 255], 4 * p);
  }
  return { image, low, high, signed };
}

/** An image as a canvas, so that drawImage can enlarge it without smoothing. */
function sheet(image) {
  const canvas = element("canvas", { width: image.width, height: image.height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function table(k, label, cell) {
  const grid = element("div", { class: "mnx-grid", role: "group", "aria-label": label });
  grid.style.setProperty("--k", k);
  const cells = [];
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) cells.push(cell(i, j));
  grid.append(...cells);
  return { grid, cells };
}

// --- The explorer --------------------------------------------------------------------------------

function render({ model, el }) {
  const id = `mnx-${Math.random().toString(36).slice(2)}`;
  const keys = { "data-lm-suppress-shortcuts": "true" }; // else JupyterLab takes the arrow keys
  const photo = element("canvas", {
    ...keys, class: "mnx-photo", width: SIDE, height: SIDE, tabindex: 0, role: "application",
    "aria-roledescription": "kernel position", "aria-describedby": `${id}-said ${id}-help`,
    "aria-label": "Photo with the kernel on it. Arrow keys move the kernel.",
  });
  const map = element("canvas", { class: "mnx-map", width: SIDE, height: SIDE, role: "img" });
  const preset = element("select", { ...keys, id: `${id}-preset`, class: "mnx-preset" });
  const stride = element("select", { ...keys, id: `${id}-stride`, class: "mnx-stride" });
  for (const s of [1, 2, 3]) stride.append(element("option", { value: s }, String(s)));
  const padding = element("select", { ...keys, id: `${id}-padding`, class: "mnx-padding" });
  for (const mode of ["same", "valid"]) padding.append(element("option", { value: mode }, mode));
  const sweep = element("button", { ...keys, type: "button", class: "mnx-sweep" }, "Sweep");
  const fill = element("button", { ...keys, type: "button", class: "mnx-fill" }, "Fill");
  const clear = element("button", { ...keys, type: "button", class: "mnx-clear" }, "Clear");
  const grids = element("div", { class: "mnx-grids" });
  const sum = element("output", { class: "mnx-sum" });
  const counter = element("div", { class: "mnx-counter" });
  const legend = element("figcaption", { class: "mnx-legend" });
  const sizes = element("figcaption", {});
  const said = element("p", { id: `${id}-said`, class: "mnx-said", role: "status" });
  const field = (text, control) =>
    element("label", { for: control.id }, `${text} `, control);
  const root = element(
    "section",
    { class: "mnx-convolution", "aria-label": "Convolution explorer" },
    element(
      "div", { class: "mnx-controls" },
      field("Kernel", preset), field("Stride", stride), field("Padding", padding),
      element("span", { class: "mnx-buttons" }, sweep, fill, clear),
    ),
    element(
      "div", { class: "mnx-stage" },
      element("figure", {}, photo, sizes),
      element("div", { class: "mnx-middle" }, grids, sum, counter),
      element("figure", {}, map, legend),
    ),
    element(
      "p", { id: `${id}-help`, class: "mnx-help" },
      "Drag on the photo or focus it and press the arrow keys. Home and End go to the ends of a " +
        "row, Page Up and Page Down to the ends of a column. Kernel weights can be edited.",
    ),
    said,
  );
  el.append(root);

  const session = pythonSession({ model, el }); // nothing here needs Python, so nothing is said
  let input, result, painted, cells, sweeping = 0, queued = 0, shown = "";

  const kernel = () => model.get("kernel");
  const total = () => result.size ** 2;
  const place = () => [
    clamp(model.get("row"), 0, result.size - 1),
    clamp(model.get("column"), 0, result.size - 1),
  ];
  const at = () => place()[0] * result.size + place()[1];
  // Where the kernel has been lies in the model, so that all views count the same.
  const visited = () => model.get("visited");
  const visitedCount = () => visited().replaceAll("0", "").length;
  const withHere = (places) => places.slice(0, at()) + "1" + places.slice(at() + 1);
  const push = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };

  function readPhoto() {
    const bytes = model.get("pixels"); // arrives as a DataView
    input = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const grey = new ImageData(model.get("size"), model.get("size"));
    input.forEach((v, p) => grey.data.set([v, v, v, 255], 4 * p));
    photo.sheet = sheet(grey);
  }

  function compute() {
    result = convolve(input, model.get("size"), kernel(), model.get("stride"), model.get("padding"));
    painted = paint(result.values, result.size, kernel());
    map.sheet = sheet(painted.image);
    redraw();
  }

  /** Another map: what was visited stays visited only if the whole map was. */
  function restart() {
    const whole = visited() !== "" && !visited().includes("0");
    moveTo(model.get("row"), model.get("column")); // a larger stride leaves fewer places
    push({ visited: withHere((whole ? "1" : "0").repeat(total())) });
  }

  function visit() {
    if (visited()[at()] === "0") push({ visited: withHere(visited()) });
    redraw();
  }

  function moveTo(row, column) {
    push({
      row: clamp(row, 0, result.size - 1),
      column: clamp(column, 0, result.size - 1),
    });
  }

  // -- the three grids of numbers

  function buildGrids() {
    const k = kernel().length;
    shown = String(k);
    const plain = () => element("span", { class: "mnx-cell" });
    const weight = (i, j) => {
      const box = element("input", {
        ...keys, class: "mnx-cell", type: "text", inputmode: "decimal", autocomplete: "off",
        "aria-label": `kernel row ${i + 1}, column ${j + 1}`,
      });
      box.addEventListener("input", () => edit(box, i, j));
      box.addEventListener("blur", () => { box.removeAttribute("aria-invalid"); redraw(); });
      return box;
    };
    const pixels = table(k, "pixels under the kernel", plain);
    const weights = table(k, "kernel weights", weight);
    const products = table(k, "products", plain);
    cells = { pixels: pixels.cells, weights: weights.cells, products: products.cells };
    const column = (title, t) =>
      element("div", { class: "mnx-column" }, element("div", { class: "mnx-title" }, title), t.grid);
    grids.replaceChildren(
      column("pixels F", pixels), element("span", { class: "mnx-sign" }, "×"),
      column("kernel K", weights), element("span", { class: "mnx-sign" }, "="),
      column("products", products),
    );
    grids.classList.toggle("mnx-wide", k > 3);
  }

  function edit(box, i, j) {
    const text = box.value.trim().replace("\u2212", "-").replace(",", ".");
    const value = Number(text);
    if (text === "" || !Number.isFinite(value) || Math.abs(value) > 1000) {
      box.setAttribute("aria-invalid", "true"); // half-typed: keep the last good weight
      return;
    }
    box.removeAttribute("aria-invalid");
    push({ kernel: kernel().map((r, y) => r.map((w, x) => (y === i && x === j ? value : w))) });
  }

  // -- drawing

  function redraw() {
    if (!queued) queued = requestAnimationFrame(draw);
  }

  function draw() {
    queued = 0;
    const k = kernel().length, n = model.get("size"), step = model.get("stride");
    const { before, size, values } = result;
    const [row, column] = place();
    const top = row * step - before, left = column * step - before;
    // The canvas shows the photo and the zeros around it, at one scale for photo and map.
    const span = Math.max(n, (size - 1) * step + k - before) + before;
    const cell = SIDE / span;

    let pen = photo.getContext("2d");
    hatch(pen);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(photo.sheet, before * cell, before * cell, n * cell, n * cell);
    frame(pen, (left + before) * cell, (top + before) * cell, k * cell, cell);

    const height = Math.ceil(size * cell); // a strided map is drawn smaller, at the photo's scale
    if (map.height !== height) map.height = height;
    pen = map.getContext("2d");
    pen.fillStyle = INK.paper; // white under the preview, whatever the page's theme
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.imageSmoothingEnabled = false;
    pen.globalAlpha = 0.22; // not yet computed: a pale preview
    pen.drawImage(map.sheet, 0, 0, size * cell, size * cell);
    pen.globalAlpha = 1;
    const whole = visitedCount() === total();
    if (whole) pen.drawImage(map.sheet, 0, 0, size * cell, size * cell);
    else for (let p = 0; p < total(); p++) {
      if (visited()[p] !== "1") continue;
      const x = p % size, y = Math.floor(p / size);
      pen.drawImage(map.sheet, x, y, 1, 1, x * cell, y * cell, cell, cell);
    }
    pen.strokeStyle = INK.pad;
    pen.lineWidth = 2;
    pen.strokeRect(1, 1, size * cell - 2, size * cell - 2);
    frame(pen, column * cell, row * cell, cell, cell);

    if (shown !== String(k)) buildGrids();
    let at = 0;
    for (let i = 0; i < k; i++) for (let j = 0; j < k; j++, at++) {
      const y = top + i, x = left + j;
      const inside = y >= 0 && y < n && x >= 0 && x < n;
      const pixel = inside ? input[y * n + x] : 0;
      cells.pixels[at].textContent = pixel;
      cells.pixels[at].classList.toggle("mnx-zero", !inside);
      cells.pixels[at].style.setProperty("--grey", pixel);
      const product = kernel()[i][j] * pixel;
      cells.products[at].textContent = short(product);
      cells.products[at].dataset.sign = Math.sign(product);
      const box = cells.weights[at];
      if (box !== document.activeElement && box !== box.getRootNode().activeElement) {
        box.value = short(kernel()[i][j]);
      }
    }
    const value = values[row * size + column];
    const here = k * k, done = visitedCount() * here, all = total() * here;
    sum.textContent = `sum of the ${here} products = ${short(value)}`;
    counter.replaceChildren(
      element("span", {}, "multiplications "),
      element("strong", { class: "mnx-done" }, count(done)),
      element("span", {}, ` of ${count(all)} = ${k}² · ${size}²`),
    );
    sizes.textContent = `F: photo, ${n}×${n}` + (before || span > n ? ", zeros hatched" : "");
    legend.textContent = `G: map, ${size}×${size}. ` + (painted.signed
      ? `values ${short(painted.low)} to ${short(painted.high)}; blue below 0, orange above`
      : "black 0 or less, white 255 or more");
    said.textContent =
      `Row ${row + 1}, column ${column + 1} of the ${size} by ${size} map: the ${here} products ` +
      `add up to ${short(value)}. ${count(done)} of ${count(all)} multiplications done.`;
    map.setAttribute("aria-label", `Output map, ${size} by ${size} pixels. ${said.textContent}`);
    preset.value = nameOf(kernel());
    stride.value = step;
    padding.value = model.get("padding");
    Object.assign(root.dataset, {
      row, column, size, value: String(value), multiplications: String(done),
    });
    if (model.get("multiplications") !== done) push({ multiplications: done });
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

  function nameOf(weights) {
    const text = JSON.stringify(weights);
    const found = Object.entries(model.get("presets")).find(([, k]) => JSON.stringify(k) === text);
    return found ? found[0] : "your own";
  }

  // -- the reader's hands

  function point(event) {
    const box = photo.getBoundingClientRect();
    const k = kernel().length, step = model.get("stride"), n = model.get("size");
    const span = Math.max(n, (result.size - 1) * step + k - result.before) + result.before;
    const to = (offset, side) =>
      Math.round(((offset / side) * span - k / 2) / step);
    stop();
    moveTo(to(event.clientY - box.top, box.height), to(event.clientX - box.left, box.width));
  }
  photo.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // keep JupyterLab from starting a drag of its own
    photo.focus();
    photo.setPointerCapture(event.pointerId);
    point(event);
  });
  photo.addEventListener("pointermove", (event) => {
    if (photo.hasPointerCapture(event.pointerId)) point(event);
  });
  photo.addEventListener("keydown", (event) => {
    const [row, column] = place(), last = result.size - 1, jump = event.shiftKey ? 5 : 1;
    const to = {
      ArrowLeft: [row, column - jump], ArrowRight: [row, column + jump],
      ArrowUp: [row - jump, column], ArrowDown: [row + jump, column],
      Home: [row, 0], End: [row, last], PageUp: [0, column], PageDown: [last, column],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    stop();
    moveTo(...to);
  });
  for (const name of Object.keys(model.get("presets"))) {
    preset.append(element("option", { value: name }, name));
  }
  preset.append(element("option", { value: "your own" }, "your own"));
  preset.addEventListener("change", () => {
    const chosen = model.get("presets")[preset.value];
    if (chosen) push({ kernel: chosen });
    else redraw();
  });
  stride.addEventListener("change", () => push({ stride: Number(stride.value) }));
  padding.addEventListener("change", () => push({ padding: padding.value }));
  fill.addEventListener("click", () => { stop(); push({ visited: "1".repeat(total()) }); });
  clear.addEventListener("click", () => { stop(); push({ visited: withHere("0".repeat(total())) }); });
  sweep.addEventListener("click", () => (sweeping ? stop() : start()));

  // -- the sweep: the kernel visits every position, in about six seconds

  function start() {
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return fill.click();
    sweep.textContent = "Stop";
    let next = 0, left = null;
    const perFrame = Math.max(1, Math.round(total() / 360));
    const tick = () => {
      if (left !== null && (visited() !== left || at() !== next - 1)) return stop(); // by another view
      next = Math.min(next + perFrame, total());
      left = "1".repeat(next).padEnd(total(), "0");
      const row = Math.floor((next - 1) / result.size), column = (next - 1) % result.size;
      push({ visited: left, row, column });
      if (next < total()) sweeping = requestAnimationFrame(tick);
      else stop();
    };
    sweeping = requestAnimationFrame(tick);
  }

  function stop() {
    cancelAnimationFrame(sweeping);
    sweeping = 0;
    sweep.textContent = "Sweep";
  }

  // -- the model

  const changed = () => { stop(); compute(); restart(); };
  const moved = () => queueMicrotask(visit); // after row and column have both been set
  const photoChanged = () => { readPhoto(); changed(); };
  const links = {
    "change:pixels": photoChanged, "change:size": photoChanged, "change:kernel": changed,
    "change:stride": changed, "change:padding": changed, "change:row": moved, "change:column": moved,
    "change:visited": redraw,
  };
  for (const [name, then] of Object.entries(links)) model.on(name, then);
  readPhoto();
  compute();
  if (visited().length !== total()) restart(); // else a view before this one has counted
  return () => {
    stop();
    session.close();
    cancelAnimationFrame(queued);
    for (const [name, then] of Object.entries(links)) model.off(name, then);
  };
}

export default { render };
