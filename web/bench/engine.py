"""Milliseconds for a picture in the page: plain JavaScript, WebAssembly SIMD, ONNX Runtime Web.

    (cd web && npm ci)
    python web/bench/engine.py [--record]

In headless Chromium, in one run, interleaved: a reading of each engine in turn, after a warm-up. A
reading is a run of the network alone, on input that lies ready, repeated for at least 20 ms. ONNX
Runtime runs the same network, exported with its batch normalization folded, on one thread. Beside
the times stand the answers: how many of 1,000 letters each engine reads as PyTorch does, and how
far its probabilities are from PyTorch's on the book's photos.

The product of a 1x1 layer is measured alone, too, and a third time in WebAssembly without SIMD
(`scalar.ts`): what is gained by leaving JavaScript, and what by SIMD.

Exits with 1 where a goal is missed, or an answer is another one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from mobilenet_lib import data, load_published
from mobilenet_lib.engines.onnx_model import INPUT, OUTPUT, to_onnx
from mobilenet_lib.files import record_result
from mobilenet_lib.machine import find_chromium
from mobilenet_lib.photos import credits, load_photo
from mobilenet_lib.text import format_table
from mobilenet_lib.timing import Timing, significant

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "web")]
from browsers import launch  # noqa: E402 - of the tests' folder
from engine_page import EnginePage, serving  # noqa: E402

RUNTIME = ROOT / "web" / "node_modules" / "onnxruntime-web"
ENGINES = {"plain": "plain JavaScript", "simd": "WebAssembly SIMD", "ort": "ONNX Runtime Web"}
NETWORKS = ("person_detector", *(f"letters_{alpha}_56" for alpha in (25, 50, 75, 100)))
GOALS_MS = {
    "person_detector": {"plain": 16, "simd": 4},
    "letters_100_56": {"plain": 80, "simd": 20},
}
LETTERS, ROUNDS, WARM_UP_MS, READING_MS = 1000, 31, 300, 20
PROBABILITY_GOAL = 1e-3

# run[engine](input) gives logits; ONNX Runtime takes channels first, which is prepared before.
SET_UP = """async ([name, side, images, logits]) => {
  const network = readNetwork(await (await fetch(`/data/web/${name}.mnet`)).arrayBuffer());
  const engines = { plain: new MobileNet(network), simd: new SimdMobileNet(network) };
  const dist = "/web/node_modules/onnxruntime-web/dist/";
  const ort = window.ort ??= await import(`${dist}ort.wasm.min.mjs`);
  Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: new URL(dist, location.href).href });
  const session = await ort.InferenceSession.create(
    new Uint8Array(await given("onnx")), { executionProviders: ["wasm"] });
  const first = (input) => {
    const planes = new Float32Array(input.length);
    for (let i = 0; i < input.length; i++)
      planes[(i % 3) * side * side + Math.floor(i / 3)] = input[i];
    return new ort.Tensor("float32", planes, [1, 3, side, side]);
  };
  window.prepared = { plain: (x) => x, simd: (x) => x, ort: first };
  window.run = {
    plain: (input) => engines.plain.run(input),
    simd: (input) => engines.simd.run(input),
    ort: async (tensor) => (await session.run({ [images]: tensor }))[logits].data,
  };
}"""
MEASURE = """async ([rounds, warmUp, reading]) => {
  const size = (await floats("one")).length;
  const inputs = Object.fromEntries(await Promise.all(Object.keys(run).map(
    async (name) => [name, prepared[name](await floats("one"))])));
  const times = {}, repeats = {};
  for (const name in run) {
    let count = 0;
    const begun = performance.now();
    for (; performance.now() - begun < warmUp || count < 5; count++)
      await run[name](inputs[name]);
    repeats[name] = Math.max(1, Math.round(count * reading / (performance.now() - begun)));
    times[name] = [];
  }
  for (let round = 0; round < rounds; round++)
    for (const name in run) {
      const begun = performance.now();
      for (let i = 0; i < repeats[name]; i++) await run[name](inputs[name]);
      times[name].push((performance.now() - begun) / repeats[name]);
    }
  return times;
}"""
# A 1x1 layer of 14 x 14 pixels, 128 to 128 channels, as `run` for MEASURE; {name: largest output}.
PRODUCT = """async () => {
  const [size, channels] = [14, 128];
  const numbers = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i));
  const layer = {
    name: "pw", kind: "pointwise", kernel_size: 1, stride: 1, in_channels: channels,
    out_channels: channels, weights: numbers(channels ** 2), bias: numbers(channels),
  };
  const network = {
    architecture: { resolution: size }, convention: { padding: "same", activation: "relu" },
    head: "features", layers: [layer],
  };
  class Scalar extends SimdMobileNet {
    get block() { return [2, 4]; }
    allocate(lengths) {
      const arrays = super.allocate(lengths);
      const { memory } = this.kernels;
      this.kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
      return arrays;
    }
  }
  const module = await WebAssembly.compile(await given("scalar"));
  const engines = {
    plain: new MobileNet(network), scalar: new Scalar(network), simd: new SimdMobileNet(network),
  };
  window.run = {};
  window.prepared = {};
  const sums = {};
  for (const [name, engine] of Object.entries(engines)) {
    const [plan] = engine.layers;
    const [from, to] = engine.maps;
    from.set(numbers(size * size * channels));
    prepared[name] = (input) => input;
    run[name] = () => engine.multiply(plan, from, to);
    run[name]();
    sums[name] = to.slice(0, size * size * channels).reduce((a, b) => a + b);
  }
  return { mult_adds: size * size * channels * channels, sums };
}"""
READ = """async ([engine, size]) => {
  const images = await floats("letters");
  const found = [];
  for (let at = 0; at < images.length; at += size)
    found.push(Float32Array.from(await run[engine](prepared[engine](images.slice(at, at + size)))));
  await take(found);
}"""
LOOK = """async ([engine, photos]) => {
  const { readPhoto } = await import("/web/engine/photo.js");
  const network = readNetwork(await (await fetch("/data/web/person_detector.mnet")).arrayBuffer());
  const found = [];
  for (const name of photos) {
    const photo = await readPhoto(await (await fetch(`/data/photos/${name}.jpg`)).blob());
    const input = preprocess(network.preprocess, photo.data, photo.width, photo.height);
    const logits = await run[engine](prepared[engine](input));
    found.push(probabilities(network, Float32Array.from(logits)));
  }
  await take(found);
}"""


def main() -> None:
    """Measure, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="MobileNet in the page, three engines")
    parser.add_argument("--record", action="store_true", help="write data/results/web_engine.json")
    record = parser.parse_args().record
    begun = time.perf_counter()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium found: install it, or point CHROMIUM to its program")
    if not RUNTIME.is_dir():
        raise SystemExit("web/node_modules is missing: run `npm ci` in web/")
    torch.set_num_threads(1)
    with serving() as server, launch(chromium) as (page, log):
        engines = EnginePage(page, server, log)
        results = {name: measured(engines, name) for name in NETWORKS}
        product = product_alone(engines)
        browser = page.context.browser.version
    told = summary(results)
    print(*told["lines"], sep="\n")
    for name, found in product["loops"].items():
        print(f"1x1 layer alone, {name}: {found['g_mult_adds_per_s']:g} G mult-adds a second")
    runtime = json.loads((RUNTIME / "package.json").read_text("utf-8"))["version"]
    if record:
        content = {
            "results": results | {"product": product},
            "goals_kept": told["kept"],
            "goals_ms": GOALS_MS,
            "browser": browser,
            "onnxruntime_web": runtime,
            "wall_time_s": round(time.perf_counter() - begun, 1),
        }
        path = record_result("web_engine", content, 0, ("numpy", "torch", "onnx", "playwright"))
        print(f"recorded in data/results/{path.name}")
    raise SystemExit(0 if told["kept"] else 1)


def measured(engines: EnginePage, name: str) -> dict[str, Any]:
    """Times and answers of the three engines for one network."""
    net = load_published(name)
    side = net.arch.resolution
    example = net.preprocess(load_photo("cat"))
    engines.give(
        onnx=to_onnx(net, example).SerializeToString(), one=example[0].permute(1, 2, 0).numpy()
    )
    engines.open()
    engines(SET_UP, [name, side, INPUT, OUTPUT])
    times = engines(MEASURE, [ROUNDS, WARM_UP_MS, READING_MS])
    found = {engine: timed(times[engine]) for engine in ENGINES}
    compare = with_photos if name == "person_detector" else with_letters
    for engine, answers in compare(engines, net).items():
        found[engine] |= answers
    return {"mult_adds": net.arch.mult_adds, "engines": found}


def product_alone(engines: EnginePage) -> dict[str, Any]:
    """The product of one 1x1 layer by three loops."""
    with tempfile.TemporaryDirectory(prefix="mobilenet-bench-") as folder:
        target = Path(folder) / "scalar.wasm"
        compiler = ROOT / "web" / "node_modules" / "assemblyscript" / "bin" / "asc.js"
        options = ["--runtime", "stub", "--noAssert", "-O3", "--importMemory"]
        source = Path(__file__).with_name("scalar.ts").name
        subprocess.run(
            ["node", compiler, source, *options, "--outFile", target],
            cwd=Path(__file__).parent,
            check=True,
        )
        engines.give(scalar=target.read_bytes())
    engines.open()
    made = engines(PRODUCT)
    sums = list(made["sums"].values())
    if max(sums) - min(sums) > 1e-4 * max(sums):
        raise SystemExit(f"the loops do not compute the same: {made['sums']}")
    times = engines(MEASURE, [ROUNDS, WARM_UP_MS, READING_MS])
    loops = {}
    for name, milliseconds in times.items():
        found = timed(milliseconds)
        rate = made["mult_adds"] / found["median_ms"] / 1e6
        loops[name] = found | {"g_mult_adds_per_s": significant(rate, 3)}
    return {"mult_adds": made["mult_adds"], "loops": loops}


def timed(milliseconds: list[float]) -> dict[str, Any]:
    """Median, quartiles and the least of some readings."""
    timing = Timing.of([reading / 1e3 for reading in milliseconds])
    return {
        "readings": timing.readings,
        "median_ms": timing.median_ms,
        "quartiles_ms": list(timing.quartiles_ms),
        "least_ms": significant(min(milliseconds)),
    }


def with_photos(engines: EnginePage, net: Any) -> dict[str, dict[str, Any]]:
    """How far each engine's probabilities are from PyTorch's, from the same files."""
    names = list(credits())
    with torch.inference_mode():
        inputs = torch.cat([net.preprocess(load_photo(name)) for name in names])
        expected = net.probabilities(net(inputs)).numpy()
    found = {}
    for engine in ENGINES:
        engines(LOOK, [engine, names])
        off = abs(engines.taken().reshape(expected.shape) - expected).max()
        found[engine] = {"photos": len(names), "probability_off_by": significant(float(off), 2)}
    return found


def with_letters(engines: EnginePage, net: Any) -> dict[str, dict[str, Any]]:
    """How many letters each engine reads as PyTorch does."""
    test = data.load("glyphs", split="test", batch_size=LETTERS, preprocess=net.preprocess)
    images, _ = next(iter(test))
    with torch.inference_mode():
        expected = net(images).argmax(1).numpy()
    engines.give(letters=images.permute(0, 2, 3, 1).numpy())
    found = {}
    for engine in ENGINES:
        engines(READ, [engine, images[0].numel()])
        answers = engines.taken().reshape(LETTERS, -1).argmax(1)
        found[engine] = {"letters": LETTERS, "same_answers": int((answers == expected).sum())}
    return found


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """Lines of a table, and whether every goal was kept."""
    columns = {
        "network": "",
        "engine": "",
        "median ms": ".2f",
        "quartiles": "",
        "least": ".2f",
        "goal": "",
        "answers": "",
    }
    rows, kept = [], True
    for name, result in results.items():
        for engine, found in result["engines"].items():
            goal = GOALS_MS.get(name, {}).get(engine)
            low, high = found["quartiles_ms"]
            if "letters" in found:
                same = found["same_answers"] == found["letters"]
                answers = f"{found['same_answers']} of {found['letters']} the same"
            else:
                same = found["probability_off_by"] <= PROBABILITY_GOAL
                answers = f"within {found['probability_off_by']:g}"
            kept &= same and (goal is None or found["median_ms"] <= goal)
            times = (found["median_ms"], f"{low:.2f} to {high:.2f}", found["least_ms"])
            rows.append((name, ENGINES[engine], *times, str(goal or "-"), answers))
    return {"lines": format_table(columns, rows), "kept": kept}


if __name__ == "__main__":
    main()
