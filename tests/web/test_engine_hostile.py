"""Surroundings that refuse, data that is damaged, and workers that are lost: each says so."""

import base64
import re

import numpy as np
import pytest
import torch
from damage import DAMAGES
from modules import page_with

from mobilenet_lib import MobileNet, mobilenet_v1
from mobilenet_lib.engines.compact import compact
from mobilenet_lib.preprocess import RAW_255

pytestmark = pytest.mark.browser
# What a strict page allows; tests add to it, or leave out.
STRICT = "default-src 'self'; img-src data:; script-src 'self'"
SIDE = 64


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(4)
    net = MobileNet(mobilenet_v1(0.25, SIDE, 3)).eval()
    net.preprocess, net.classes, net.source = RAW_255.at(SIDE), ("a", "b", "c"), {}
    return net


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(2).integers(0, 256, (50, 80, 3), np.uint8)


@pytest.fixture
def page(engine_page, net, photo):
    """A page with a network, a photo `rgba` of 80 x 50, and the Runner."""
    rgba = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    engine_page.give(network=compact(net, "float32"), rgba=rgba.tobytes())
    engine_page.open()
    engine_page(SET_UP)
    return engine_page


SET_UP = """async () => {
  window.bytes = await given("network");
  window.photo = { rgba: new Uint8ClampedArray(await given("rgba")), width: 80, height: 50 };
  const silence = () => new Promise((_, refuse) =>
    setTimeout(refuse, 60_000, new Error("nobody answered for a minute")));
  window.told = (promise) => Promise.race([promise, silence()]).then(
    (value) => ({ value }), ({ name, message }) => ({ name, message }));
}"""


def expected(net, photo):
    with torch.inference_mode():
        return net.probabilities(net(net.preprocess(photo)))[0].numpy()


def forgive(engine_page, what):
    """Take the policy's refusals, which Chromium writes to the console, off the log."""
    found = [text for text in engine_page.log.console_errors if re.search(what, text)]
    assert found
    for text in found:
        engine_page.log.console_errors.remove(text)


# --- Data and inputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_file_is_refused_with_what_is_wrong(page, net, damage):
    make, message = DAMAGES[damage]
    page.give(bad=make(compact(net)))
    for where in ("true", "false"):
        found = page(
            f"""async () => {{
                const runner = new Runner({{ worker: {where} }});
                const answer = await told(runner.load("it", await given("bad")));
                runner.close();
                return answer;
            }}"""
        )
        assert found["name"] == "DataError"
        assert re.search(message, found["message"]), found["message"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("engine.run(new Float32Array(3))", "64 x 64 x 3 = 12288 numbers, got Float32Array of 3"),
        ("engine.run(new Float64Array(12288))", "got Float64Array of 12288"),
        ("engine.run()", "got undefined of undefined"),
        (
            "preprocess(network.preprocess, photo.rgba, 81, 50)",
            "81 x 50 pixels are not 16000 bytes of RGBA",
        ),
        ("preprocess(network.preprocess, new Uint8Array(0), 0, 0)", "0 x 0 pixels are not 0 bytes"),
        ("engine.featureMaps(input, ['pw_1', 'pw_99'])", "no layer is called pw_99"),
        ("probabilities({ head: 'features' }, input)", "without classifier has no probabilities"),
        ("choose(network, { engine: 'gpu' })", 'engine is "auto", "simd" or "plain"; got gpu'),
    ],
)
def test_wrong_input_is_refused(page, code, message):
    for engine in ("plain", "simd"):
        found = page(
            f"""() => {{
                const network = readNetwork(bytes);
                const engine = new ENGINES["{engine}"](network);
                const input = new Float32Array(12288);
                try {{ {code}; }} catch (error) {{ return [error.name, error.message]; }}
            }}"""
        )
        assert found[0] == "RangeError"
        assert message in found[1]


def test_what_is_not_a_number_stays_so(page):
    for engine in ("plain", "simd"):
        logits = page(
            f"""() => Array.from(new ENGINES["{engine}"](readNetwork(bytes))
                .run(new Float32Array(12288).fill(NaN))).map(String)"""
        )
        assert logits == ["NaN"] * 3


# --- WebAssembly and workers refused -------------------------------------------------------------

PREDICT = """async (options) => {
  const runner = new Runner(options ?? {});
  const { engine, refused, layers } = await runner.load("it", bytes);
  const found = await runner.predict("it", photo, { maps: ["pw_1"] });
  const { maps, milliseconds } = found;
  runner.close();
  return {
    says: Array.from(found.probabilities), where: runner.where, why: runner.why, engine, refused,
    layers: layers.length, map: [maps.pw_1.size, maps.pw_1.channels, maps.pw_1.values.length],
    timed: milliseconds.run > 0,
  };
}"""


def check(answer, net, photo, where, engine):
    np.testing.assert_allclose(answer["says"], expected(net, photo), rtol=0, atol=1e-5)
    assert (answer["where"], answer["engine"]) == (where, engine)
    assert (answer["layers"], answer["map"]) == (28, [32, 16, 32 * 32 * 16])
    assert answer["timed"]


def test_a_worker_answers(page, net, photo):
    answer = page(PREDICT)
    check(answer, net, photo, "worker", "simd")
    assert (answer["why"], answer["refused"]) == (None, None)


def test_the_page_answers_where_it_is_asked_to(page, net, photo):
    answer = page(PREDICT, {"worker": False})
    check(answer, net, photo, "page", "simd")
    assert answer["why"] == "no worker: the caller asked for it"


def test_a_policy_without_webassembly(page, net, photo):
    page.open(f"{STRICT}; worker-src blob:")
    page(SET_UP)
    check(answer := page(PREDICT), net, photo, "worker", "plain")
    assert "Content-Security-Policy refuses WebAssembly" in answer["refused"]
    refused = page(
        """() => {
            try { choose(readNetwork(bytes), { engine: "simd" }); }
            catch (error) { return [error.name, error.message]; }
        }"""
    )
    assert refused[0] == "SimdRefused"
    assert "wasm-unsafe-eval" in refused[1]
    assert "the plain engine runs without" in refused[1]


def test_a_policy_without_workers(page, net, photo):
    page.open(f"{STRICT} 'wasm-unsafe-eval'; worker-src 'none'")
    page(SET_UP)
    check(answer := page(PREDICT), net, photo, "page", "simd")
    assert answer["why"].startswith("no worker: ")
    assert len(answer["why"]) > len("no worker: ") + 10
    forgive(page, "worker-src")


def test_a_policy_without_either(page, net, photo):
    page.open(f"{STRICT}; worker-src 'none'")
    page(SET_UP)
    check(page(PREDICT), net, photo, "page", "plain")
    forgive(page, "worker-src")


def test_no_webassembly_at_all(page, net, photo):
    page("() => { window.WebAssembly = undefined; }")
    check(answer := page(PREDICT, {"worker": False}), net, photo, "page", "plain")
    assert answer["refused"].startswith("there is no WebAssembly here")


def test_a_page_from_a_file_and_a_module_from_a_blob(engine_page, net, photo, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page_with("runner"), encoding="utf-8")
    page = engine_page.page
    page.goto(path.as_uri())
    page.wait_for_function("window.ready")
    content = base64.b64encode(compact(net, "float32")).decode()
    rgba = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    page.evaluate(
        """([network, rgba]) => {
            const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            window.bytes = bytes(network);
            window.photo = { rgba: new Uint8ClampedArray(bytes(rgba)), width: 80, height: 50 };
        }""",
        [content, base64.b64encode(rgba.tobytes()).decode()],
    )
    check(page.evaluate(PREDICT), net, photo, "worker", "simd")


# --- Workers that are lost, requests that are dropped --------------------------------------------

# Requests that the worker answers, and a way to end it behind the Runner's back.
WATCHED = """async (patience) => {
  const Original = Worker;
  window.workers = [];
  window.Worker = class extends Original {
    constructor(...args) { super(...args); workers.push(this); }
  };
  window.runner = new Runner({ patience });
  await runner.load("it", bytes);
}"""


def test_a_worker_that_is_killed_is_replaced(page, net, photo):
    page(WATCHED, 700)
    lost, waiting = page(
        """async () => {
            workers[0].terminate();
            const asked = [runner.predict("it", photo), runner.predict("it", photo)];
            return Promise.all(asked.map(told));
        }"""
    )
    assert lost == {
        "name": "WorkerLost",
        "message": "the worker was lost: it did not answer for 0.7 seconds",
    }
    found = waiting["value"]["probabilities"]
    np.testing.assert_allclose(found, expected(net, photo), rtol=0, atol=1e-5)
    assert page("() => [workers.length, runner.where]") == [2, "worker"]


def test_an_error_that_nothing_caught_in_the_worker_is_told(page):
    page(WATCHED, 30_000)
    lost = page(
        """async () => {
            const asked = told(runner.predict("it", photo));
            workers[0].onerror({ message: "out of memory" });
            return asked;
        }"""
    )
    assert lost == {"name": "WorkerLost", "message": "the worker was lost: out of memory"}
    assert "value" in page("() => told(runner.predict('it', photo))")


def test_a_newer_request_takes_the_place_of_a_waiting_one(page):
    page(WATCHED, 30_000)
    answers = page(
        """() => Promise.all([
            runner.predict("it", photo, { latest: "camera" }),
            runner.predict("it", photo, { latest: "camera" }),
            runner.predict("it", photo),
            runner.predict("it", photo, { latest: "camera" }),
        ].map(told))"""
    )
    names = [answer.get("name", "answered") for answer in answers]
    assert names == ["answered", "Superseded", "answered", "answered"]


def test_errors_come_back_and_the_next_request_is_answered(page):
    for options in ({"worker": True}, {"worker": False}):
        answers = page(
            """async (options) => {
                const runner = new Runner(options);
                await runner.load("it", bytes);
                const answers = await Promise.all([
                    runner.predict("other", photo),
                    runner.predict("it", { ...photo, width: 7 }),
                    runner.run("it", new Float32Array(5)),
                    runner.load("bad", new ArrayBuffer(3)),
                    runner.predict("it", photo),
                ].map(told));
                await runner.unload("it");
                answers.push(await told(runner.predict("it", photo)));
                return answers;
            }""",
            options,
        )
        names = [answer.get("name", "answered") for answer in answers]
        refused = ["RangeError"] * 3
        assert names == [*refused, "DataError", "answered", "RangeError"]
        assert answers[0]["message"] == "no network called other was loaded"


def test_what_cannot_be_sent_is_refused_at_once(page):
    page(WATCHED, 30_000)
    answer = page("() => told(runner.run('it', () => 1))")
    assert answer["name"] == "DataCloneError"
    assert "value" in page("() => told(runner.predict('it', photo))")


def test_a_closed_runner_refuses_what_waits_and_what_comes(page):
    page(WATCHED, 30_000)
    answers = page(
        """async () => {
            const asked = [runner.predict("it", photo), runner.predict("it", photo)].map(told);
            runner.close();
            return Promise.all([...asked, told(runner.predict("it", photo))]);
        }"""
    )
    closed = "the runner was closed before this was answered"
    assert [a["message"] for a in answers] == [closed, closed, "the runner is closed"]


# --- Pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("new Blob([])", "the file is empty"),
        ("new File(['no picture'], 'a.jpg')", "cannot be read as a picture"),
        ("document.createElement('video')", "has no pixels yet"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(page, source, message):
    found = page(
        f"""async () => {{
            const {{ readPhoto }} = await import("/web/engine/photo.js");
            return told(readPhoto({source}));
        }}"""
    )
    assert found["name"] == "PhotoError"
    assert message in found["message"]
