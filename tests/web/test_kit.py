"""What the explorers share in JavaScript, against Python: numbers as text, axes, bundles."""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from browsers import do_without

from mobilenet_lib.explorers.state import shortest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"


def in_node(module, code, given):
    """What `code` makes of each that is given, with all that a module exports at hand as `kit`."""
    if shutil.which("node") is None:
        do_without("node is not there: install Node.js")
    script = (
        f"import * as kit from {json.dumps((WEB / module).as_uri())};\n"
        "import { readFileSync } from 'node:fs';\n"
        "const given = JSON.parse(readFileSync(0, 'utf8'));\n"
        f"process.stdout.write(JSON.stringify(given.map({code})));\n"
    )
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers():
    draw = random.Random(0)
    some = [
        0.0,
        -0.0,
        0.5,
        1.5,
        2.5,
        -2.5,
        0.125,
        0.375,
        1 / 3,
        1e21,
        1e15,
        1e16,
        123456789.5,
        1e-5,
    ]
    some += [0.0001, 1.005, 2.675, 568_740_352.0, 4_231_976.0, 1e-7, 9.995, 99.95, 0.045, 5e-324]
    some += [round(draw.uniform(-100, 100), draw.randint(0, 3)) for _ in range(300)]
    some += [draw.uniform(-1, 1) * 10 ** draw.randint(-12, 18) for _ in range(300)]
    some += [draw.randint(-99, 99) / 2 ** draw.randint(0, 6) for _ in range(300)]  # many ties
    return some


@pytest.mark.parametrize("digits", range(5))
def test_fixed_and_comma_are_pythons(digits):
    given = numbers()
    ours = in_node(
        "kit/format.js", f"(x) => [kit.fixed(x, {digits}), kit.comma(x, {digits})]", given
    )
    assert ours == [[f"{x:.{digits}f}", f"{x:,.{digits}f}"] for x in given]


@pytest.mark.parametrize("digits", range(1, 8))
def test_general_is_pythons(digits):
    given = numbers()
    ours = in_node("kit/format.js", f"(x) => kit.general(x, {digits})", given)
    assert ours == [f"{x:.{digits}g}" for x in given]


def test_shortest_is_pythons_and_reads_as_the_same_number():
    given = numbers()
    ours = in_node("kit/format.js", "(x) => kit.shortest(x)", given)
    assert ours == [shortest(x) for x in given]
    assert [float(text) for text in ours] == given


def test_an_axis_has_round_numbers_inside_it_and_not_too_many():
    draw = random.Random(1)
    ends = []
    for _ in range(200):
        low = draw.uniform(0.001, 100) * 10 ** draw.randint(-3, 6)
        ends.append([low, low * draw.uniform(1.2, 5000)])
    code = "([a, b]) => [kit.evenly(a, b, 8), kit.rounds(a, b, 10)]"
    for (low, high), both in zip(ends, in_node("kit/scale.js", code, ends), strict=True):
        for ticks in both:
            assert 1 <= len(ticks) <= 11, (low, high, ticks)
            assert ticks == sorted(set(ticks))
            assert all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in ticks)
        assert all(re.match(r"[-0.]*\d{1,4}(?!\d*[1-9])", f"{tick:.10g}") for tick in both[0])


STEPS = """(steps) => {
    const waiting = new Map();
    let asked = 0, drawn = 0, ask;
    globalThis.requestAnimationFrame = (then) => (waiting.set(++asked, then), asked);
    globalThis.cancelAnimationFrame = (which) => waiting.delete(which);
    const frame = () => [...waiting].forEach(([which, then]) => (waiting.delete(which), then()));
    let fails = false, again = false;
    const draw = () => {
        drawn++;
        if (again) ask();
        again = false;
        if (fails) throw new Error("broken");
    };
    ask = kit.onFrame(draw);
    const all = {
        ask, frame, flush: ask.flush, cancel: ask.cancel,
        fail: () => { fails = true; try { ask.flush(); } catch { fails = false; } },
        again: () => { again = true; },
    };
    return steps.split(" ").map((step) => (all[step](), drawn));
}"""


@pytest.mark.parametrize(
    ("steps", "drawn"),
    [
        ("ask ask frame frame", [0, 0, 1, 1]),
        ("flush ask flush flush frame", [0, 0, 1, 1, 1]),  # once, and not again with the frame
        ("ask cancel flush frame", [0, 0, 0, 0]),
        ("ask fail frame ask frame", [0, 1, 1, 1, 2]),  # what failed waits no more
        ("ask again flush frame", [0, 0, 1, 2]),  # asked for by the drawing itself
    ],
)
def test_a_drawing_comes_once_with_the_next_frame_or_at_once(steps, drawn):
    assert in_node("kit/motion.js", STEPS, [steps]) == [drawn]


@pytest.mark.usefixtures("npm_packages")
def test_a_bundle_is_what_its_sources_give(tmp_path):
    """Built anew, each committed bundle is the same to the byte."""
    command = ["node", WEB / "build.mjs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    committed = ROOT / "mobilenet_lib/explorers/bundles"
    built = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.js")}
    kept = {path.name: path.read_text("utf-8") for path in committed.glob("*.js")}
    assert built.keys() == kept.keys()
    stale = [name for name in built if built[name] != kept[name]]
    assert stale == [], "run `node web/build.mjs`"
