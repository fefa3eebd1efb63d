"""Our network gives the logits of timm's and of transformers' MobileNet V1, same weights.

The weights and both packages' logits were made once by `make_reference.py` beside this file and
are stored, so neither package is needed here. The packages differ in padding and in batch norm's
epsilon, and each is met by one of our conventions; each mistaken convention is shown to be seen.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from checkpoint_files import PARITY as WEIGHTS
from checkpoint_files import parity_state

from mobilenet_lib import MobileNet, mobilenet_v1
from mobilenet_lib.convention import TF_SLIM, TIMM, Convention

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "expected.json").read_text(encoding="ascii"))
TOLERANCE = 1e-4
SEEN = 1e-2  # a wrong convention must move the logits by more than this

# Written out, so that a reference that lost a size fails instead of testing less.
SIZES = (
    *((32, 32), (65, 65), (75, 75), (80, 80), (96, 96), (97, 97), (112, 112), (224, 224)),
    *((96, 65), (65, 112)),
)
CONVENTIONS = {"timm": TIMM, "transformers": TF_SLIM}
OPPOSITE = {"timm": TF_SLIM, "transformers": TIMM}
# Strided layers see only odd maps here, and those both paddings pad alike.
SAME_IS_SYMMETRIC = {(65, 65), (97, 97)}

by_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
by_package = pytest.mark.parametrize("package", CONVENTIONS)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """The stored weights."""
    return parity_state()


def case_at(size: tuple[int, int]) -> dict:
    """Return the stored case of one (height, width)."""
    (case,) = [c for c in REFERENCE["cases"] if (c["height"], c["width"]) == size]
    return case


def input_at(size: tuple[int, int]) -> np.ndarray:
    """Return the input of one case as (2, 3, H, W) float32, drawn again from its seed."""
    shape = (REFERENCE["batch"], 3, *size)
    return np.random.RandomState(case_at(size)["seed"]).standard_normal(shape).astype(np.float32)


def our_logits(
    weights: dict[str, torch.Tensor], convention: Convention, size: tuple[int, int]
) -> np.ndarray:
    """Return our network's logits of one case, (2, 10) float64."""
    arch = mobilenet_v1(alpha=0.25, resolution=max(size), num_classes=10)
    net = MobileNet(arch, convention=convention)
    net.load_state_dict(weights, strict=True)
    with torch.inference_mode():
        return net.eval()(torch.from_numpy(input_at(size))).double().numpy()


def largest_difference(ours: np.ndarray, theirs: list[list[float]]) -> float:
    """Return the largest absolute difference of two sets of logits of one shape."""
    assert ours.shape == np.shape(theirs) == (2, 10)
    return float(np.abs(ours - np.array(theirs)).max())


def test_reference_is_whole() -> None:
    """The logits belong to these weights, at every size, with their provenance."""
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest == REFERENCE["weights_sha256"], "run make_reference.py: the files are of two runs"
    assert sorted((c["height"], c["width"]) for c in REFERENCE["cases"]) == sorted(SIZES)
    assert REFERENCE["tolerance"] == TOLERANCE
    assert {"numpy", "timm", "torch", "transformers"} <= set(REFERENCE["provenance"]["versions"])
    stored = safetensors.torch.load_file(WEIGHTS)
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert WEIGHTS.stat().st_size < 500_000


@by_size
def test_inputs_are_drawn_again_alike(size: tuple[int, int]) -> None:
    """This NumPy draws the numbers that went through the other packages."""
    total = input_at(size).sum(dtype=np.float64)
    assert total == pytest.approx(case_at(size)["input_sum"], abs=1e-3)


def test_weights_are_named_as_ours(weights: dict[str, torch.Tensor]) -> None:
    """Our state_dict has exactly the stored names and shapes, and batch norm's counters."""
    net = MobileNet(mobilenet_v1(alpha=0.25, resolution=96, num_classes=10), convention=TIMM)
    ours = {
        name: tensor.shape
        for name, tensor in net.state_dict().items()
        if not name.endswith(".bn.num_batches_tracked")
    }
    assert ours == {name: tensor.shape for name, tensor in weights.items()}


@by_package
@by_size
def test_logits_are_theirs(
    weights: dict[str, torch.Tensor], size: tuple[int, int], package: str
) -> None:
    """TIMM gives timm's logits, TF_SLIM those of transformers."""
    logits = our_logits(weights, CONVENTIONS[package], size)
    assert largest_difference(logits, case_at(size)[package]) < TOLERANCE


@by_package
@by_size
def test_opposite_convention_is_seen(
    weights: dict[str, torch.Tensor], size: tuple[int, int], package: str
) -> None:
    """timm's logits are missed by TF_SLIM and transformers' by TIMM, even where padding agrees."""
    logits = our_logits(weights, OPPOSITE[package], size)
    assert largest_difference(logits, case_at(size)[package]) > SEEN


@pytest.mark.parametrize("trait", ["activation", "bn_eps", "padding"])
@by_package
@by_size
def test_one_wrong_trait_moves_us_as_it_moves_them(
    weights: dict[str, torch.Tensor], size: tuple[int, int], package: str, trait: str
) -> None:
    """One mistaken trait alone is seen, and moves us as far as it moved the package itself."""
    value = "relu" if trait == "activation" else getattr(OPPOSITE[package], trait)
    mistaken = replace(CONVENTIONS[package], **{trait: value})
    moved = largest_difference(our_logits(weights, mistaken, size), case_at(size)[package])
    if trait == "padding" and size in SAME_IS_SYMMETRIC:
        assert moved < TOLERANCE
    else:
        assert moved > SEEN
    # stored with three significant digits
    assert moved == pytest.approx(case_at(size)[f"{package}_moves"][trait], rel=6e-3, abs=TOLERANCE)
