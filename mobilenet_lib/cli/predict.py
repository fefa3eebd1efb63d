"""`mobilenet predict`: what a trained network sees in photos, by default whether it is a person."""

from __future__ import annotations

import glob
import json
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tyro

from ..validation import check_positive


@dataclass(frozen=True)
class Predict:
    """Say what is in photos: person or not, or the classes of another checkpoint."""

    photos: tyro.conf.Positional[tuple[str, ...]]
    """Image files, folders, patterns like "holiday/**/*.jpg", or photos of the book ("cat")."""
    weights: str = "person_detector"
    """Checkpoint file, or its name in the book or on the hub."""
    threshold: float = 0.5
    """Least probability of the first of two classes, or of each one that is there or not."""
    state: str | None = None
    """Name of one of several states in a .pt file, such as "model" beside averaged weights."""
    json: bool = False
    """Print JSON, for a program to read."""

    def run(self) -> int:
        """Print a line a photo; the exit code is 1 if some could not be used, 2 if none could."""
        check_positive("threshold", self.threshold, 1)
        if not self.photos:
            raise ValueError("name at least one photo, folder or pattern")
        from ..weights import load_published  # brings in torch, which `mobilenet cost` does without

        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", UserWarning)
            net = load_published(self.weights, head="any", state=self.state)
        for note in notes:
            print(f"mobilenet: note: {note.message}", file=sys.stderr)
        if net.head == "features":
            raise ValueError(
                f"{self.weights} has no classifier, only the body of a network; there is no class "
                "to name. Weights with a classifier are needed"
            )
        seen: list[dict[str, Any]] = []
        errors: list[dict[str, str]] = []
        for path, error in expand(self.photos):
            try:
                if error:
                    raise FileNotFoundError(error)
                seen.append(self.look(net, path))
            except (ValueError, OSError) as problem:  # this photo's; the others go on
                message = str(problem) if path in str(problem) else f"{path}: {problem}"
                errors.append({"photo": path, "error": message})
                print(f"mobilenet: error: {message}", file=sys.stderr)
            else:
                if not self.json:
                    print(line(seen[-1]))
        if self.json:
            content = {"classes": list(net.classes or ()), "head": net.head}
            print(json.dumps(content | {"photos": seen, "errors": errors}, indent=2))
        return 2 if not seen else int(bool(errors))

    def look(self, net: Any, path: str) -> dict[str, Any]:
        """What the network says of one photo, as plain data."""
        import torch

        from ..photos import open_photo

        with torch.inference_mode():
            logits = net(net.preprocess(open_photo(path)))
            shares = net.probabilities(logits)[0].tolist()
        best = max(range(len(shares)), key=shares.__getitem__)
        if net.head == "softmax" and len(shares) == 2:
            best = 0 if shares[0] >= self.threshold else 1
        result = {"photo": path, "label": net.classes[best], "confidence": shares[best]}
        if net.head == "sigmoid":  # each is there or not: all that are, or that none is
            present = [i for i, share in enumerate(shares) if share >= self.threshold]
            result["labels"] = [net.classes[i] for i in present]
            if not present:
                which = net.classes[0] if len(shares) == 1 else "class"
                result |= {"label": f"no {which}", "confidence": 1 - shares[best]}
        return result | {"probabilities": dict(zip(net.classes, shares, strict=True))}


def line(seen: dict[str, Any]) -> str:
    """One photo's result, to read."""
    others = [name for name in seen.get("labels", ()) if name != seen["label"]]
    shares = seen["probabilities"]
    label = seen["label"].replace("non_person", "no person")
    first = f"{label:12s} {seen['confidence']:6.1%}"
    more = "".join(f", {name} {shares[name]:.1%}" for name in others)
    return f"{first}{more}  {seen['photo']}"


def expand(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every photo that `names` stand for, each with what is wrong with it, or "".

    A folder stands for the images directly in it, in order of name, and pictures that are left out
    are said; a pattern for what it matches, with ** for folders in folders.
    """
    from ..data import LeftOut
    from ..data.folder import walk
    from ..files import printable
    from ..photos import SUFFIXES

    for name in names:
        if os.path.isdir(name):
            try:
                inside = walk(name, 1)
            except OSError as error:
                yield name, str(error)
                continue
            photos = [os.path.join(name, image) for image in inside.images]
            wrong = f"the folder {name} has no images; looked for {', '.join(SUFFIXES)}"
            left_out = LeftOut.of(inside.others)
            if left_out.pictures:
                print(f"mobilenet: {printable(name)}: {left_out}", file=sys.stderr)
        elif glob.has_magic(name) and not os.path.exists(name):
            photos = sorted(filter(os.path.isfile, glob.glob(name, recursive=True)))
            wrong = f"nothing matches {name}"
        else:
            photos, wrong = [name], ""
        if photos:
            yield from ((path, "") for path in photos)
        else:
            yield name, wrong
