"""Exercise checks: right answers pass, wrong ones get the next hint, progress is kept."""

import json
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import platformdirs
import pytest
from torch import nn

from mobilenet_lib import checks, mobilenet_v1
from mobilenet_lib.checks import EXERCISES, check, ledger, progress
from mobilenet_lib.paper import judge


def solved_depthwise(feature_map, kernel):
    rows, columns = feature_map.shape[0] - 2, feature_map.shape[1] - 2
    return sum(
        kernel[i, j] * feature_map[i : i + rows, j : j + columns]
        for i in range(3)
        for j in range(3)
    )


def solved_block(channels, filters, stride):
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, filters, 1, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
    )


def full_block(channels, filters, stride):
    conv = nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(filters), nn.ReLU())


def solved_map(features, weight):
    return np.einsum("c,cij->ij", weight, features)


def solved_soften(logits, temperature):
    powers = np.exp((logits - logits.max()) / temperature)
    return powers / powers.sum()


def overflowing(logits, temperature):
    powers = np.exp(logits / temperature)
    return powers / powers.sum()


def solved_momentum_step(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


def solved_smooth(label, classes, share):
    target = np.full(classes, share / classes)
    target[label] += 1 - share
    return target


def solved_per_doubling(mult_adds, accuracies):
    return np.polyfit(np.log2(mult_adds), accuracies, 1)[0]


def solved_uncertainty(accuracies):
    return np.std(accuracies, ddof=1) / len(accuracies) ** 0.5


def solved_roofline(operations, moved, peak, bandwidth):
    return 1000 * max(operations / peak, moved / bandwidth)


def solved_fold(weight, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return weight * scale.reshape(-1, 1, 1, 1), beta - mean * scale


def solved_quantize(weight, bits):
    steps = np.abs(weight).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.round(weight / steps), steps


def solved_verdict(printed, counted):
    whole, _, decimals = printed.partition(".")
    zeros = len(whole) - max(len(whole.rstrip("0")), min(2, len(whole)))
    step = Fraction(10) ** (-len(decimals) if decimals else zeros)
    steps, target = counted / step, Fraction(printed) / step
    if math.floor(steps + Fraction(1, 2)) == target:
        return "rounds"
    return "truncates" if math.floor(steps) == target else "differs"


def solved_suspects(rows):
    def follows(alpha, resolution, printed):
        count = mobilenet_v1(alpha, resolution).mult_adds / 1e6
        return int(printed) in (int(count), int(count + 0.5))

    return [place for place, row in enumerate(rows) if not follows(*row)]


def solved_half(arch):
    *body, head = arch.layers
    flops = 2 * head.in_channels * head.out_channels
    for layer in body:
        meet = 1 if layer.kind == "depthwise" else layer.out_channels
        pixels = layer.out_size**2
        flops += layer.in_channels * meet * (2 * layer.kernel_size**2 * pixels - 1)
        flops += 5 * layer.out_channels * pixels
    return (flops + body[-1].out_channels * body[-1].out_size ** 2) / 2


def one_step(weight, bits):
    step = np.abs(weight).max() / (2 ** (bits - 1) - 1)
    return np.round(weight / step), np.full(len(weight), step)


def without(index):
    """The right block with one module taken out."""

    def block(*sizes):
        return nn.Sequential(*(m for i, m in enumerate(solved_block(*sizes)) if i != index))

    return block


def turned(channels, filters, stride):
    """As many parameters and the right shape, but pointwise first."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, 1, stride, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 3, padding=1, groups=filters, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
    )


# Worked out by hand, not by the library.
RIGHT = {
    "1.1": (38, 36),
    "1.2": 231_211_008,
    "1.3": [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    "1.4": (12_544, 27),
    "2.1": solved_depthwise,
    "2.2": 1,
    "2.3": 1.7,
    "2.4": 1.03,
    "3.1": 193,
    "3.2": solved_block,
    "3.3": 0.4,
    "3.4": "dw_8",
    "4.1": 55.02,
    "4.2": 8,
    "4.3": solved_roofline,
    "4.4": 0.917,
    "5.1": 2.303,
    "5.2": solved_momentum_step,
    "5.3": 459,
    "5.4": solved_smooth,
    "6.1": 4_489_216,
    "6.2": 0.7,
    "6.3": solved_per_doubling,
    "6.4": solved_uncertainty,
    "7.1": 127.5,
    "7.2": solved_map,
    "7.3": 63.8,
    "7.4": solved_soften,
    "8.1": solved_fold,
    "8.2": solved_quantize,
    "8.3": 32_832,
    "8.4": 2.5,
    "9.1": solved_verdict,
    "9.2": 324_724_608,
    "9.3": solved_suspects,
    "9.4": solved_half,
    "9.5": 8,
}
WRONG = {
    "1.1": [(37, 36), (38, 35)],
    "1.2": [0, True, 231_211_009.0],
    "1.3": [
        np.eye(3),
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
        [[0, 1, 0], [0, 0, 0], [0, 0, 0]],
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
    ],
    "1.4": [(12_544, 9), (50_176, 27), (27, 12_544)],
    "2.1": [
        lambda f, k: f,
        lambda f, k: np.zeros((f.shape[0] - 2, f.shape[1] - 2, f.shape[2])),
        lambda f, k: solved_depthwise(f, k[..., :1]),  # one filter for all channels
        lambda f, k: f.fill(0) or np.zeros((f.shape[0] - 2, f.shape[1] - 2, f.shape[2])),
    ],
    "2.2": [2, 9],
    "2.3": [11.1, 1.6],
    "2.4": [2.78, 1.0, 1.05],
    "3.1": [192, 224],
    "3.2": [full_block, turned, *map(without, (1, 4, 5))],
    "3.3": [0.45, 0.35],
    "3.4": ["dw_7", "pw_8", "dw_9"],
    "4.1": [27.5, 64, 220],
    "4.2": [0.125, 7.9],
    "4.3": [
        lambda *numbers: solved_roofline(*numbers) / 1000,
        lambda work, moved, peak, bandwidth: 1000 * (work / peak + moved / bandwidth),
        lambda work, moved, peak, bandwidth: 1000 * work / peak,
        lambda work, moved, peak, bandwidth: 1000 * moved / bandwidth,
        lambda work, moved, peak, bandwidth: solved_roofline(2 * work, moved, peak, bandwidth),
    ],
    "4.4": [0.083, 12, 0.9],
    "5.1": [1.0, 0.1, 3.26],
    "5.2": [
        lambda w, v, g, rate, m, d: w - rate * g,
        lambda w, v, g, rate, m, d: solved_momentum_step(w, v, g, rate, m, 0),  # no decay
        lambda w, v, g, rate, m, d: (w - rate * v, solved_momentum_step(w, v, g, rate, m, d)[1]),
        lambda w, v, g, rate, m, d: (w, v[0]),
        lambda w, v, g, rate, m, d: solved_momentum_step(w, v, g, 0.5, 0.9, d),
    ],
    "5.3": [100, 458, 460],
    "5.4": [
        lambda label, classes, share: np.eye(classes)[label],
        lambda label, classes, share: solved_smooth(label, classes, share)[1:],
        lambda label, classes, share: np.full(classes, 1 / classes),
        # the share over the wrong classes only
        lambda label, classes, share: np.where(
            np.arange(classes) == label, 1 - share, share / (classes - 1)
        ),
    ],
    "6.1": [17_956_864, 4_489_217, 0],
    "6.2": [0.5, 0.71, 0.69],
    "6.3": [
        lambda m, a: np.polyfit(np.log(m), a, 1)[0],
        lambda m, a: np.polyfit(np.log10(m), a, 1)[0],
        lambda m, a: np.polyfit(m, a, 1)[0],
    ],
    "6.4": [
        lambda a: np.std(a, ddof=1),
        lambda a: np.std(a) / len(a) ** 0.5,
        lambda a: np.ptp(a),
    ],
    "7.1": [0, 255, 126],
    "7.2": [
        lambda f, w: f.mean(0),
        lambda f, w: np.full(f.shape[1:], solved_map(f, w).mean()),
        lambda f, w: w[:, None, None] * f,
    ],
    "7.3": [0.638, 81.1, 87.6],
    "7.4": [
        overflowing,
        lambda x, t: solved_soften(x, 1),
        lambda x, t: solved_soften(x, 1 / t),
        lambda x, t: np.exp((x - x.max()) / t),
        lambda x, t: solved_soften(x, t).max(),
    ],
    "8.1": [
        lambda w, g, b, m, v, e: solved_fold(w, g, b, m, v, 0),
        lambda w, g, b, m, v, e: (solved_fold(w, g, b, m, v, e)[0], b),
        lambda w, g, b, m, v, e: (w, solved_fold(w, g, b, m, v, e)[1]),
        lambda w, g, b, m, v, e: solved_fold(w, g, b, m, v, e)[0],
        lambda w, g, b, m, v, e: (solved_fold(w, g, b, m, v, e)[0][:1], b),
    ],
    "8.2": [
        one_step,
        lambda w, bits: (w, np.ones(len(w))),
        lambda w, bits: solved_quantize(w, bits + 1),
        lambda w, bits: solved_quantize(w, bits)[0],
        lambda w, bits: (np.zeros_like(w), solved_quantize(w, bits)[1]),
        lambda w, bits: (solved_quantize(w, bits)[0], 2 * solved_quantize(w, bits)[1]),
    ],
    "8.3": [10_944, 43_776, 32_833],
    "8.4": [4, 3.2, 2.0],
    "9.1": [
        lambda printed, counted: judge(printed, counted),  # zeros taken for digits
        lambda printed, counted: "rounds",
        lambda printed, counted: "truncates" if printed == "60" else solved_verdict(printed, 1),
    ],
    "9.2": [325_400_448, 297_000_000],
    "9.3": [
        lambda rows: [],
        lambda rows: range(len(rows)),
        lambda rows: solved_suspects(rows)[1:],
        lambda rows: [*solved_suspects(rows), 0],
        # numbers that were cut off taken for misprints
        lambda rows: [
            place
            for place, (alpha, resolution, printed) in enumerate(rows)
            if int(printed) != round(mobilenet_v1(alpha, resolution).mult_adds / 1e6)
        ],
    ],
    "9.4": [
        lambda arch: arch.mult_adds,
        lambda arch: 2 * solved_half(arch),
        lambda arch: 579_799_840,
    ],
    "9.5": [3, 1, 24],
}
UNUSABLE = [  # words answer no exercise
    *((key, "many") for key in EXERCISES),
    *(("1.1", answer) for answer in (38, (1, 2, 3), (1.5, 2))),
    ("1.2", 1.5),
    *(("1.3", answer) for answer in ([1, 0], [[1], [2, 3]])),
    ("3.2", lambda m, n, s: "block"),
    ("3.4", 8),
    *((key, 7) for key in ("2.1", "3.2", "4.3", "5.2", "5.4", "6.3", "7.2", "8.1", "8.2")),
    *((key, 7) for key in ("9.1", "9.3", "9.4")),
]


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "kept" / "progress.json"))
    monkeypatch.setattr(ledger, "_unwritten", {})


def test_every_exercise_is_tested_here():
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)
    assert all(len(exercise.hints) >= 2 for exercise in EXERCISES.values())


@pytest.mark.parametrize("key", RIGHT)
def test_right_answers_pass(key):
    verdict = check(key, RIGHT[key])
    assert verdict.right is True, verdict
    assert "right" in repr(verdict)


@pytest.mark.parametrize(("key", "answer"), [(k, a) for k, many in WRONG.items() for a in many])
def test_wrong_answers_get_a_reason_and_a_hint(key, answer):
    verdict = check(key, answer)
    assert verdict.right is False
    assert "not yet" in verdict.text
    assert f"Hint: {EXERCISES[key].hints[0]}" in verdict.text


@pytest.mark.parametrize(("key", "answer"), UNUSABLE)
def test_answers_of_the_wrong_sort_do_not_count_as_a_try(key, answer):
    verdict = check(key, answer)
    assert verdict.right is None
    assert "asked for" in verdict.text or "must return" in verdict.text or "name" in verdict.text
    assert not checks.ledger_path().exists()


def test_whole_numbers_may_be_floats():
    assert check("2.2", 1.0).right
    assert check("1.1", (38.0, np.int64(36))).right


def test_solutions_are_not_recorded():
    assert check("2.2", 1, record=False).right
    assert check("2.2", 5, record=False).right is False
    assert not checks.ledger_path().exists()


def test_hints_go_on_with_each_wrong_answer_and_stop_at_the_last():
    texts = [check("2.2", 5).text for _ in range(4)]
    hints = EXERCISES["2.2"].hints
    assert hints[0] in texts[0]
    assert all(hints[1] in text for text in texts[1:])


def test_no_answer_yet_is_neither_right_nor_wrong_and_is_not_recorded():
    for verdict in (check("1.1"), check("1.1", ...), check("1.1", None)):
        assert verdict.right is None
        assert "not answered yet" in verdict.text
    assert not checks.ledger_path().exists()


def test_a_function_that_raises_is_shown():
    def broken(feature_map, kernel):
        raise ZeroDivisionError("oh no")

    assert "checking your answer raised ZeroDivisionError: oh no" in check("2.1", broken).text


@pytest.mark.parametrize("name", ["np", "depthwise", "torch"])
def test_a_function_that_lacks_an_import_does_not_count_as_a_try(name):
    """In a fresh session an answer that is right may miss what an earlier cell imported."""
    verdict = check("2.1", eval(f"lambda feature_map, kernel: {name}.zeros(3)"))
    if name in globals():
        assert verdict.right is False
        return
    assert verdict.right is None
    assert f"name '{name}' is not defined" in verdict.text
    assert "in the same cell" in verdict.text
    assert not checks.ledger_path().exists()


def test_unknown_exercise_names_the_known_ones():
    with pytest.raises(KeyError, match=r"no exercise '9\.9'; there are 1\.1, 1\.2"):
        check("9.9", 1)


def test_progress_counts_solved_exercises_and_survives():
    assert progress().solved == dict.fromkeys(range(1, 10), 0)
    check("1.1", RIGHT["1.1"])
    check("1.1", (0, 0))  # a later wrong answer does not take it back
    check("3.4", RIGHT["3.4"])
    assert progress().solved == dict.fromkeys(range(1, 10), 0) | {1: 1, 3: 1}
    assert progress().total == dict.fromkeys(range(1, 9), 4) | {9: 5}
    assert "chapter 01: 1 of 4 exercises solved" in repr(progress())
    assert 'value="1"' in progress()._repr_html_()
    kept = json.loads(checks.ledger_path().read_text())
    assert kept["exercises"]["1.1"]["wrong"] == 1
    assert kept["exercises"]["1.1"]["solved"].endswith("+00:00")


def test_answers_from_several_processes_are_all_kept():
    code = "import sys; from mobilenet_lib.checks.ledger import note; note(sys.argv[1], True)"
    keys = list(EXERCISES)[:6]
    running = [subprocess.Popen([sys.executable, "-c", code, key]) for key in keys]
    assert [process.wait(60) for process in running] == [0] * len(keys)
    records, trouble = ledger.read_ledger()
    assert {key for key, kept in records.items() if kept.solved} == set(keys)
    assert trouble is None


def test_the_first_solution_counts():
    first = ledger.note("1.1", True)[0].solved
    kept = json.loads(checks.ledger_path().read_text())
    kept["exercises"]["1.1"]["solved"] = "2020-01-01T00:00:00+00:00"
    checks.ledger_path().write_text(json.dumps(kept))
    assert ledger.note("1.1", True)[0].solved == "2020-01-01T00:00:00+00:00" != first


def test_the_readers_own_folder_is_the_default(monkeypatch):
    monkeypatch.delenv(ledger.PROGRESS_VARIABLE)
    assert ledger.ledger_path().name == "progress.json"
    assert ledger.ledger_path().parent == platformdirs.user_data_path("mobilenet-book")


def test_verdicts_are_marked():
    assert "✔" in check("2.2", 1)._repr_html_()
    assert "✘" in check("2.2", 2)._repr_html_()
    assert "○" in check("2.2")._repr_html_()


def test_verdicts_escape_what_the_reader_typed():
    assert "<script>" not in check("3.4", "<script>")._repr_html_()
