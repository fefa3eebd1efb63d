"""What people call the parts of a data set, and folders that are parts and not classes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import combinations

from ..files import printable

WORDS = {
    "train": ("train", "training", "trn", "trainval"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "holdout"),
    "val": ("val", "valid", "validation", "dev", "development"),
}
"""What people call the parts of a data set. "test" is preferred to "val"."""
MEANING = {word: part for part, words in WORDS.items() for word in words}
# Words that say nothing: "train_set", "my_train", "imgs_val", "testdata".
SAYING_NOTHING = (
    "set sets data dataset datasets split splits part image images img imgs picture pictures pic "
    "pics photo photos jpg jpeg png folder folders dir directory sample samples example examples "
    "seg my our the of new final raw full all original orig x"
)
FILLERS = frozenset(SAYING_NOTHING.split())
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
HOLD_OUT = re.compile(r"(?i)(?<![a-z])(held|hold)[\W_]?out")


def part_of(name: str) -> tuple[str, str] | None:
    """The part of a data set ("train", "test", "val") that a name means, and what else it says.

    >>> part_of("seg_train"), part_of("fruits-Validation"), part_of("train_station"), part_of("cat")
    (('train', ''), ('val', 'fruits'), ('train', 'station'), None)
    """
    name = HOLD_OUT.sub("holdout", name)
    for text in (CAMEL.sub(" ", name), name):
        words = [_without_filler(word) for word in re.findall(r"[^\W\d_]+", text.lower())]
        parts = {MEANING[word] for word in words if word in MEANING}
        if parts == {"train", "val"}:
            parts = {"train"}  # both together are for training
        if len(parts) == 1:
            others = [word for word in words if word not in MEANING and word not in FILLERS]
            return parts.pop(), " ".join(others)
    return None


def find_parts(names: Iterable[str], where: str) -> dict[str, str]:
    """Which of the names means "train", which "test" and which "val"; {} if they are no parts.

    They are where one means training and another, alike but for that word, a held-out part: so
    train and bus are classes, and so are train and test_tube. Two that mean the same part are
    refused.
    """
    alike: dict[str, dict[str, list[str]]] = {}
    for name in names:
        part, rest = part_of(name) or ("", "")
        alike.setdefault(rest, {}).setdefault(part, []).append(name)
    pairs = [parts for parts in alike.values() if "train" in parts and {"test", "val"} & set(parts)]
    both: dict[str, str] = {}
    for part in WORDS if pairs else ():
        same = [name for parts in pairs for name in parts.get(part, ())]
        if len(same) > 1:
            raise ValueError(
                f"{where}: {printable(' and '.join(same))} mean the same part, {part}; keep one of "
                "them there, or load the folder that you mean"
            )
        if same:
            both[part] = same[0]
    return both


def _without_filler(word: str) -> str:
    for filler in FILLERS:  # "trainset", "imgval"
        for rest in (word.removesuffix(filler), word.removeprefix(filler)):
            if rest in MEANING:
                return rest
    return word


def refuse_parts(where: str, classes: Sequence[str], images: Sequence[str]) -> None:
    """Refuse class folders that look like parts of one data set, and say what would be right.

    A network would learn to tell the parts apart. `images` are names that begin with the class's.
    """
    inside: dict[str, set[tuple[str, ...]]] = {name: set() for name in classes}
    for image in images:
        name, *folders, _ = image.split("/")
        if not any(folder.startswith("@") for folder in folders):  # @eaDir, in every folder
            inside[name].add(tuple(folders))
    branches = {}
    for name, paths in inside.items():
        # Of tuples, so it compares whole names: FoldA/images/{apple,pear} has two branches.
        common = len(os.path.commonprefix(list(paths)))  # noqa: RUF071
        branches[name] = {path[common] for path in paths if len(path) > common}
    several = [name for name in classes if len(branches[name]) > 1]
    for a, b in combinations(several, 2):
        shared = sorted(branches[a] & branches[b])
        if len(shared) > 1 and 2 * len(shared) >= min(len(branches[a]), len(branches[b])):
            ways = find_parts(shared, where)
            right = (
                f"put the class folders into {' and '.join(ways.values())}, not the other way round"
                if ways
                else f"call {a} and {b} train and test, load one of them, or move what is in them "
                "together"
            )
            raise ValueError(
                f"{where}: {printable(a)} and {printable(b)} hold the same folders "
                f"({printable(', '.join(shared[:5]))}), so they look like parts of one data set, "
                f"not like classes; {printable(right)}. If they are classes, give the folders in "
                "them names of their own"
            )
    # One part beside a folder of something else, such as what is to be predicted.
    if (
        len(classes) == 2
        and len(several) == 1
        and part_of(several[0])
        and () not in inside[several[0]]
    ):
        name, inner = several[0], sorted(branches[several[0]])
        raise ValueError(
            f"{where}: {printable(name)} looks like a part of a data set with the classes "
            f"{printable(', '.join(inner[:5]))}; load that folder itself. If it is a class, put "
            "its images into it directly"
        )
