"""Make files as timm and people's training scripts write them, with the answers of timm's networks.

Why
    A published file says in its own description what its network expects and answers. A loader
    that overlooks a word of it still runs, and still looks plausible. So the packages themselves
    write the files here, each with one thing that differs from the usual, and say what they answer.
    The tests that use them need none of these packages. Beside this script stand those for Keras
    and transformers, make_field_keras.py and make_field_transformers.py, which use what is here.

How to run
    In an environment of its own, because these packages are no dependency of the book::

        pip install torch torchvision timm safetensors
        python tests/parity/make_field_reference.py

    It writes `field/timm.tar.xz`, the files, and `field/timm.json`, the answers. All follows from
    the seed: made again with the same versions on the same kind of processor, the archive is the
    same to the byte.

What it refuses
    Nothing is written unless every network is alive: the four pictures get different answers, and
    float32 rounding moves them far less than `TOLERANCE`.

The weights are random and coarse, so that they compress, and equal in all networks of one shape;
batch norm's statistics are those of the pictures, so the answer depends on the picture. Some
channels' variances are below 1e-3, where epsilons part.
"""

import argparse
import copy
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mobilenet_lib.files import provenance, write_atomically  # noqa: E402

SEED = 20170417
SIDE = 96  # of the pictures
TOLERANCE = 1e-3  # what tests may allow
ROUNDING = 0.3  # float32 rounding may use up this share of it


def pictures(height: int, width: int, count: int = 4) -> np.ndarray:
    """Smooth coloured pictures, (count, height, width, 3) uint8.

    A random grid of 7 x 7 colours with straight lines between them, in whole numbers alone, so
    that every machine makes the same.
    """
    grid = np.random.RandomState(SEED).randint(0, 256, (count, 7, 7, 3), dtype=np.int64)
    for axis, n in ((1, height), (2, width)):
        cell, rest = np.divmod(np.arange(n) * 6, n)
        rest = rest.reshape([-1 if a == axis else 1 for a in range(4)])
        grid = grid.take(cell, axis) * (n - rest) + grid.take(cell + 1, axis) * rest
    return (grid // (height * width)).astype(np.uint8)


def coarse(values: np.ndarray) -> np.ndarray:
    """The values as float32 with six bits behind the leading one."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x10000) & np.uint32(0xFFFE0000)).view(np.float32)


def short(values: Any) -> Any:
    """Nested lists with nine significant digits, which hold a float32 exactly."""
    return [short(v) for v in values] if isinstance(values, list) else float(f"{values:.9g}")


def finish(
    name: str,
    files: dict[str, bytes],
    faults: list[str],
    told: dict[str, Any],
    packages: tuple[str, ...],
) -> None:
    """Write the files and the answers, or say why not."""
    out = Path(__file__).parent / "field"
    if faults:
        sys.exit("Nothing written, the reference is not sound:\n  " + "\n  ".join(faults))
    blob = io.BytesIO()  # xz keeps what equal weights of many files have in common once
    with tarfile.open(fileobj=blob, mode="w:xz", preset=9) as tar:
        for file in sorted(files):
            info = tarfile.TarInfo(file)
            info.size = len(files[file])
            tar.addfile(info, io.BytesIO(files[file]))
    write_atomically(out / f"{name}.tar.xz", blob.getvalue())
    told = {"provenance": provenance(SEED, packages), **told}
    write_atomically(out / f"{name}.json", json.dumps(told) + "\n")
    print(f"{name}: {len(files)} files in {len(blob.getvalue())} bytes")


def logits(answer: Any) -> Any:
    """The numbers in what a network of timm or transformers returns, one row for each picture."""
    for name in ("logits", "pooler_output"):
        answer = getattr(answer, name, answer)
    return answer.flatten(1)


def fill(network: Any, x: Any) -> None:
    """Give a torch network random weights, calibrated on `x`."""
    import torch

    def measure(norm: Any, inputs: Any) -> None:
        var, mean = torch.var_mean(inputs[0].double(), (0, 2, 3), correction=0)
        norm.running_mean.copy_(torch.from_numpy(coarse(mean.numpy())))
        norm.running_var.copy_(torch.from_numpy(coarse(var.numpy())))

    network.eval()
    torch.set_num_threads(1)  # threads sum in any order
    hooks, last = [], None
    with torch.no_grad():
        parts = [m for m in network.modules() if getattr(m, "weight", None) is not None]
        for number, part in enumerate(parts):
            rng = np.random.RandomState(SEED + number)
            if hasattr(part, "running_mean"):
                part.weight.copy_(torch.from_numpy(rng.uniform(1.0, 3.0, part.weight.shape)))
                part.bias.copy_(torch.from_numpy(rng.uniform(0.0, 3.0, part.bias.shape)))
                hooks.append(part.register_forward_pre_hook(measure))
            else:
                shape = tuple(part.weight.shape)
                power = np.round(np.log2(np.sqrt(2 / np.prod(shape[1:])) / 4))
                values = rng.randint(-7, 8, shape, dtype=np.int64) * 2.0**power
                if len(shape) == 4:  # epsilon matters in the weak channels
                    values *= 0.5 ** rng.randint(0, 5, (shape[0], 1, 1, 1), dtype=np.int64)
                part.weight.copy_(torch.from_numpy(values))
                if len(shape) == 2:
                    last = part
        for p in network.parameters():
            p.copy_(torch.from_numpy(coarse(p.numpy())))
        answers = network(x)
        for hook in hooks:
            hook.remove()
        if last is not None:  # let the answers' spread over the pictures be 1.5
            answers = logits(answers) - last.bias
            scale = 1.5 / answers.std(0, correction=0)
            last.weight.copy_(torch.from_numpy(coarse((last.weight * scale[:, None]).numpy())))
            last.bias.copy_(torch.from_numpy(coarse((-answers.mean(0) * scale).numpy())))


def case(
    name: str, files: list[str], network: Any, x: Any, faults: list[str], output: str = "linear"
) -> dict[str, Any]:
    """What the network answers to the pictures, and a fault where that says little."""
    import torch

    with torch.no_grad():
        answers = logits(network(x)).numpy()
        exact = logits(copy.deepcopy(network).double()(x.double())).numpy()
    if answers.std(0).max() < 0.1:
        faults.append(f"{name}: the pictures' answers differ by {answers.std(0)}")
    if (off := np.abs(answers - exact).max()) > ROUNDING * TOLERANCE:
        faults.append(f"{name}: rounding moves the answers by {off}")
    print(f"{name:24}{off:9.1e} ", *(f"{v:.2f}" for v in answers.ravel()[:12]))
    told = {"name": name, "files": files, "input": "pixels / 127.5 - 1", "output": output}
    told |= {"height": x.shape[2], "width": x.shape[3], "tolerance": TOLERANCE}
    return told | {"answers": short(answers.tolist())}


def folder_files(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """The files of a folder, by name."""
    return {prefix + f.name: f.read_bytes() for f in sorted(folder.iterdir())}


def tensor(height: int = SIDE, width: int = SIDE) -> Any:
    """The pictures as torch networks take them: (4, 3, height, width), pixels / 127.5 - 1."""
    import torch

    pixels = pictures(height, width).astype(np.float32).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(pixels / np.float32(127.5) - 1))


def make_hub_folders(files: dict[str, bytes], faults: list[str]) -> list[dict[str, Any]]:
    """Folders as timm publishes them: config.json beside the weights."""
    from timm.models._hub import save_for_hf

    bilinear = {"input_size": (3, 100, 100), "crop_pct": 0.9, "interpolation": "bilinear"}
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "crop_mode": "squash"}
    variants: dict[str, dict[str, Any]] = {
        "usual": {},
        "one_class": {"num_classes": 1},
        "no_classifier": {"num_classes": 0},
        "pool_max": {"global_pool": "max"},
        "pool_avgmax": {"global_pool": "avgmax"},
        "pool_catavgmax": {"global_pool": "catavgmax"},
        "relu": {"act_layer": "relu"},
        "padding_same": {"pad_type": "same"},
        "bn_eps_1e-3": {"bn_eps": 1e-3},
        "cfg_100": {"pretrained_cfg_overlay": {"num_classes": 3, **bilinear}},
        "cfg_imagenet": {"pretrained_cfg_overlay": imagenet},
        "labels": {},
    }
    cases = []
    for name, options in variants.items():
        network = timm_network(**options)
        x = tensor(*[100, 100] if name == "cfg_100" else [SIDE, SIDE])
        fill(network, x)
        plain = (
            "num_classes",
            "global_pool",
            "pretrained_cfg_overlay",
        )  # have a place of their own
        arguments = {k: v for k, v in options.items() if k not in plain}
        labels = {"label_names": ["cat", "dog", "owl"]} if name == "labels" else {}
        with tempfile.TemporaryDirectory() as folder:
            save_for_hf(
                network, folder, labels, model_args=arguments or None, safe_serialization=True
            )
            files |= folder_files(Path(folder), f"{name}/")
        cases.append(case(name, [f"{name}/"], network, x, faults))
    return cases


def timm_network(**options: Any) -> Any:
    """A quarter of timm's MobileNet V1; create_model cannot pass a multiplier of our own."""
    from timm.models.efficientnet import _gen_mobilenet_v1

    return _gen_mobilenet_v1("mobilenetv1_100", 0.25, **{"num_classes": 3, **options})


def make_checkpoints(files: dict[str, bytes], faults: list[str]) -> list[dict[str, Any]]:
    """What training scripts write: the network's weights, and others, inside other things."""
    import timm.utils
    import torch

    network, x = timm_network(), tensor()
    fill(network, x)
    stale = copy.deepcopy(network)  # the weights that the last step left; the averaged ones answer
    stale.classifier.weight.data.mul_(-1)
    good = case("checkpoints", [], network, x, faults)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    averaged = torch.optim.swa_utils.AveragedModel(network)
    arguments = argparse.Namespace(model="mobilenetv1_100", lr=0.1, data_dir=Path("data"))
    state = network.state_dict()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
    lightning = {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {f"model.{k}": v for k, v in state.items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [scheduler.state_dict()],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 0.1, "classes": ["cat", "dog", "owl"]},
    }
    torchvision = {
        "model": stale.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": scheduler.state_dict(),
        "epoch": 3,
        "args": arguments,
        "model_ema": averaged.state_dict(),
    }
    contents: dict[str, Any] = {
        "state_dict": state,
        "compiled": torch.compile(network).state_dict(),
        "data_parallel": torch.nn.DataParallel(network).state_dict(),
        "averaged_model": averaged.state_dict(),
        "lightning": lightning,
        "torchvision_ema": torchvision,
        "fastai": {"model": state, "opt": optimizer.state_dict()},
        "whole_model": network,
        "best_as_numpy": {"state_dict": state, "best_acc1": np.float64(76.5), "epoch": 3},
    }
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            torch.save(content, path := Path(folder) / f"{name}.pt")
            files[path.name] = path.read_bytes()
            cases.append(good | {"name": name, "files": [path.name]})
    for name, ema in (("timm_saver", None), ("timm_saver_ema", timm.utils.ModelEmaV3(network))):
        model = stale if ema else network
        with tempfile.TemporaryDirectory() as folder:
            saver = timm.utils.CheckpointSaver(
                model, optimizer, arguments, ema, checkpoint_dir=folder, recovery_dir=folder
            )
            saver.save_checkpoint(3, metric=76.5)
            files[f"{name}.pth.tar"] = (Path(folder) / "model_best.pth.tar").read_bytes()
        cases.append(good | {"name": name, "files": [f"{name}.pth.tar"]})
    return cases


def main() -> None:
    """Write the files and what timm answers."""
    files: dict[str, bytes] = {}
    faults: list[str] = []
    folders, checkpoints = make_hub_folders(files, faults), make_checkpoints(files, faults)
    told = {"folders": folders, "checkpoints": checkpoints}
    finish("timm", files, faults, told, ("timm", "torch", "torchvision", "safetensors", "numpy"))


if __name__ == "__main__":
    main()
