"""How long one image takes, for networks of several widths and resolutions, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from ..model import PAPER, MobileNet
from ..timing import Timing, interleave
from ..validation import check_int


def latencies(
    networks: Iterable[tuple[float, int]],
    num_classes: int = 1000,
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
) -> dict[tuple[float, int], Timing]:
    """Time from one image to its logits, for each network, run in turns.

    The weights are random: which they are changes nothing in what is computed.

    Parameters
    ----------
    networks
        (alpha, resolution) of each.
    num_classes
        Outputs of the classifier.
    readings
        Rounds that count, at least 2.
    device
        Where they run.
    seed
        Of the weights and images.

    Returns
    -------
    dict
        A `Timing` for each (alpha, resolution), batch size 1, eager, fp32, channels_last.

    Raises
    ------
    ValueError
        A network is named twice, or is out of range.
    """
    readings = check_int("readings", readings, 2)
    named = list(networks)
    if len(set(named)) < len(named):
        raise ValueError(f"each network is to be named once, got {named}")
    tasks = {}
    accelerators = [] if torch.device(device).type == "cpu" else [device]
    with torch.random.fork_rng(devices=accelerators):
        torch.manual_seed(seed)
        for alpha, resolution in named:
            arch = PAPER.architecture(num_classes, alpha=alpha, resolution=resolution)
            net = MobileNet(arch, PAPER).eval().to(device, memory_format=torch.channels_last)
            image = torch.randn(1, 3, resolution, resolution).to(device)
            tasks[alpha, resolution] = _answer(net, image)
    seconds = interleave(tasks, readings, device=device)
    return {network: Timing.of(taken) for network, taken in seconds.items()}


def _answer(net: MobileNet, image: torch.Tensor) -> Callable[[], None]:
    image = image.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def answer() -> None:
        net(image)

    return answer
