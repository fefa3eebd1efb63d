"""How hard "letters in the wild" is: one frozen set of ranges, three presets, one default."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..validation import check_number

MAX_CONTRAST = 0.5
"""Beyond this there may be no brightness left that is far enough from the background's."""


@dataclass(frozen=True)
class Difficulty:
    """The ranges from which every letter's place and look are drawn, uniformly."""

    rotation: float
    """Largest rotation either way, degrees."""
    scale: tuple[float, float]
    """Least and largest side of the letter's square, as a share of the image's side."""
    shear: float
    """Largest shear either way: pixels sideways for one pixel up."""
    contrast: float
    """Least distance of the letter's brightness from the photograph's below it, 0 to 0.5 of the
    range from black to white."""
    blur: float
    """Largest standard deviation of the Gaussian blur, pixels of a 64x64 image."""
    noise: float
    """Largest standard deviation of the noise, as a share of the range from black to white."""

    def __post_init__(self) -> None:
        limits = {"rotation": 180, "shear": 1, "contrast": MAX_CONTRAST, "blur": 2, "noise": 0.5}
        for name, high in limits.items():
            check_number(name, getattr(self, name), 0, high)
        try:
            low, high = (check_number("scale", side, 0.1, 1) for side in self.scale)
            check_number("scale", low, 0.1, high)
        except (TypeError, ValueError):
            raise ValueError(
                f"scale must be (least, largest) with 0.1 <= least <= largest <= 1, "
                f"got {self.scale!r}"
            ) from None

    def between(self, other: Difficulty, share: float) -> Difficulty:
        """The difficulty `share` of the way from this one (0) to `other` (1)."""

        def mix(a: float, b: float) -> float:
            return round(a + share * (b - a), 6)

        names = (field.name for field in fields(self) if field.name != "scale")
        mixed = {name: mix(getattr(self, name), getattr(other, name)) for name in names}
        low, high = map(mix, self.scale, other.scale)
        return Difficulty(scale=(low, high), **mixed)


SOFT = Difficulty(rotation=15, scale=(0.65, 1.0), shear=0.15, contrast=0.35, blur=0.5, noise=0.03)
HARSH = Difficulty(rotation=25, scale=(0.45, 0.95), shear=0.3, contrast=0.1, blur=1.0, noise=0.05)
# The book's default separates networks in six epochs: a wide one that sees all pixels passes 90 %,
# a narrow one that sees few stays clearly below. The run is in data/results/difficulty.json, made
# by data/glyphs/measure_difficulty.py.
DEFAULT = SOFT.between(HARSH, 0.1)
PRESETS = {"soft": SOFT, "default": DEFAULT, "harsh": HARSH}
