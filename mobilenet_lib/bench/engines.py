"""Engines and peers side by side: each checked against eager, then all timed in turn.

bench_engines(("all",))                            # whatever runs here
bench_engines(("eager", "openvino"), batch_sizes=(1,), readings=30)
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..architecture import mobilenet_v1
from ..engines import ENGINES, Engine, verify
from ..engines.engine import Precision, explain
from ..model import MobileNet
from ..process import check_device, torch_defaults
from ..process import threads as with_threads
from ..timing import Timing, interleave, random_images, random_network, ratio, significant
from ..validation import check_choice, check_int
from .hardware import describe_hardware
from .peaks import bench_peaks, ceiling_tasks
from .peers import Entry, peers
from .quality import Examiner
from .results import EAGER, OPENVINO, Checked, EngineBench, Network, Timed

SLICES = (1, 4)
"""Images: one, whose activations fit most caches, and a few, that share the loading of weights."""
SETTLE, CALIBRATION = 16, 16
REFERENCES = (EAGER, OPENVINO.format(precision="fp32"), OPENVINO.format(precision="bf16"))


@torch_defaults()
def bench_engines(
    names: Sequence[str] = ("all",),
    alpha: float = 1.0,
    resolution: int = 224,
    batch_sizes: Sequence[int] = (1, 32),
    readings: int = 15,
    threads: int | None = None,
    device: str = "cpu",
    seed: int = 0,
    with_peers: bool = True,
    slices: Sequence[int] = SLICES,
    precision: Precision | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> EngineBench:
    """Check every engine against eager, then time those that agree, and the peers, in turn.

    Parameters
    ----------
    names
        Of engines, or "all". Those that cannot run here are listed with the reason.
    alpha, resolution
        The network. Its weights are random: which they are changes nothing in what is computed.
        What is decided is checked with trained ones; see `quality`.
    batch_sizes
        Images at a time.
    readings
        Rounds that count, at least 2; each runs everything once.
    threads
        For every engine and peer; None: as many as torch uses.
    device
        Where they run: "cpu", "cuda".
    seed
        Of weights and images.
    with_peers
        Whether to time the MobileNets of timm, transformers and torchvision where installed.
    slices
        Our engines also run a larger batch in parts of so many images.
    precision
        Of what torch itself runs; None: "fp32" on a CPU, "fp16" elsewhere.
    progress
        Told what is being done; preparing takes longer than timing.

    Raises
    ------
    ValueError
        An unknown engine, no engine that could run, or a value out of range.
    """
    where = check_device(device)
    chosen, missing = choose(names, where)
    sizes = tuple(dict.fromkeys(check_int("batch_sizes", size, 1, 65536) for size in batch_sizes))
    slices = tuple(dict.fromkeys(check_int("slices", size, 1, 65536) for size in slices))
    check_int("readings", readings, 2)
    torch_precision = precision or ("fp32" if where.type == "cpu" else "fp16")
    if not sizes:
        raise ValueError("batch_sizes must name at least one size")
    if not chosen:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise ValueError(f"none of the engines that were named can run here ({reasons})")
    with with_threads(threads) as count:
        net, images = network(alpha, resolution, max(sizes), seed, where)
        examiner = Examiner(where, seed, count)
        checked: dict[str, Checked] = {}
        failed: dict[str, str] = {}
        for name, kind in chosen.items():
            progress(f"checking {name}")
            make = maker(kind, torch_precision)
            try:
                engine = make().prepare(net, images[:1], images[-CALIBRATION:], count)
                quality = examiner.quality(make, engine.precision, verify(engine, net, images[:1]))
            except Exception as error:  # whatever breaks in one engine: said, and the others go on
                failed[name] = explain(error)
            else:
                size = engine.size_bytes
                checked[name] = Checked(kind.summary, engine.precision, size, quality)
        progress("measuring this machine's ceilings")
        most = min(readings, 7)
        measured = bench_peaks(
            readings=most, device=device, threads=count, seed=seed, largest=1 << 16
        )
        ceilings = {peak.precision: peak.gflops for peak in measured.peaks if peak.gflops}
        products = {
            (peak, way): multiply
            for peak in measured.peaks
            for way, multiply in ceiling_tasks(peak, device, seed).items()
        }
        timed: list[tuple[int, dict[str, Entry], Mapping[Any, list[float]]]] = []
        for size in sizes:
            batch = images[:size].contiguous()
            entries: dict[str, Entry] = {}
            for name in checked:
                for cut in chosen[name].cuts(size, slices, count):
                    progress(f"preparing {name} for batches of {size}, {cut or 'whole'}")
                    make = maker(chosen[name], torch_precision, **cut)
                    try:
                        engine = make().prepare(net, batch, images[-CALIBRATION:], count)
                        verify(engine, net, batch)
                    except Exception as error:
                        key = f"{name}, batch of {size}" + "".join(f", {k} {cut[k]}" for k in cut)
                        failed[key] = explain(error)
                    else:
                        task = partial(engine.run, batch)
                        slice, streams = cut.get("slice"), cut.get("streams")
                        entry = Entry(task, engine.precision, True, name, slice, streams)
                        entries[f"{name} {cut}"] = entry
            if with_peers:
                progress(f"preparing peers for batches of {size}")
                others, absent = peers(batch, alpha, torch_precision, count)
                entries |= others
                missing |= absent
            if not entries:
                continue
            progress(f"timing {len(entries)} ways to run a batch of {size}")
            tasks: dict[Any, Callable[[], Any]] = {key: e.task for key, e in entries.items()}
            seconds = interleave(tasks | products, readings, device=where, settle=True)
            for peak, way in products:
                rate = 2 * math.prod(peak.shape or ()) / min(seconds[peak, way]) / 1e9
                ceilings[peak.precision] = max(ceilings[peak.precision], significant(rate))
            timed.append((size, entries, seconds))
        # Only now are the fastest products known: of all rounds, whichever batch was beside them.
        timings = [row for each in timed for row in rows(*each, net.arch.mult_adds, ceilings)]
    return EngineBench(
        network=Network(alpha, resolution, net.arch.mult_adds),
        device=where.type,
        threads=count,
        seed=seed,
        ceilings=ceilings,
        machine=describe_hardware(where),
        engines=checked,
        timings=tuple(timings),
        missing=missing,
        failed=failed,
    )


def network(
    alpha: float, resolution: int, batch_size: int, seed: int, device: torch.device
) -> tuple[MobileNet, Tensor]:
    """A network in eval mode and random images for it, as many as the largest batch or more.

    Its batch normalization has the statistics of such images, as a trained one's would be: so each
    layer's numbers are of ordinary size, and none is denormal, which processors are slow at. And it
    shifts them by one, so that most features pass the ReLU. With half of them cut off by chance,
    each layer would make what an earlier one rounded larger, as it does not in a trained network:
    in bf16 the logits would be off by a tenth in place of a hundredth.
    """
    net = random_network(mobilenet_v1(alpha, resolution), seed, layout="NCHW")
    images = random_images(max(batch_size, SETTLE, CALIBRATION), resolution, seed, layout="NCHW")
    norms = [part for part in net.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain average over what it sees
        torch.nn.init.ones_(norm.bias)
    with torch.no_grad():
        net.train()(images[:SETTLE])
    for norm in norms:
        norm.momentum = net.convention.bn_momentum
    return net.eval().to(device), images.to(device)


def rows(
    batch_size: int,
    entries: Mapping[str, Entry],
    seconds: Mapping[Any, list[float]],
    mult_adds: int,
    ceilings: Mapping[str, float],
) -> list[Timed]:
    """What was measured on one size of batch, with ratios to those peers that ran beside it.

    `ceilings` are the GFLOP/s of the fastest matrix product, by precision.
    """
    references = [name for name in REFERENCES if name in entries]
    timed = []
    for key, entry in entries.items():
        timing = Timing.of(seconds[key])
        ceiling = ceilings.get(entry.precision) if entry.same_network else None
        rate = 2 * mult_adds * batch_size / min(seconds[key]) / 1e9
        timed.append(
            Timed(
                name=entry.engine or key,
                ours=entry.engine is not None,
                precision=entry.precision,
                batch_size=batch_size,
                slice=entry.slice,
                streams=entry.streams,
                **vars(timing),
                images_per_second=significant(1e3 * batch_size / timing.median_ms),
                of_ceiling=round(rate / ceiling, 4) if ceiling else None,
                ratios={
                    name: ratio(seconds[key], seconds[name]) for name in references if name != key
                },
            )
        )
    return timed


def choose(
    names: Sequence[str], device: torch.device
) -> tuple[dict[str, type[Engine]], dict[str, str]]:
    """The engines that are named and can run on `device`, and why the others cannot."""
    for name in names:
        check_choice("engine", name, ("all", *ENGINES))
    wanted = ENGINES if "all" in names else {name: ENGINES[name] for name in names}
    chosen, missing = {}, {}
    for name, kind in wanted.items():
        availability = kind.available()
        if not availability:
            missing[name] = availability.reason
        elif kind.device not in ("any", device.type):
            missing[name] = f"it runs on {kind.device}, not on {device.type}"
        else:
            chosen[name] = kind
    return chosen, missing


def maker(kind: type[Engine], precision: Precision, **options: Any) -> Callable[[], Engine]:
    """A function that makes a new engine; torch's own get the precision that is wanted."""
    if "precision" in inspect.signature(kind).parameters:
        options["precision"] = precision
    return lambda: kind(**options)
