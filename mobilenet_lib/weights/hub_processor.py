"""transformers' preprocessor_config.json, each field followed or refused by name."""

from __future__ import annotations

from typing import Any

from ..preprocess import FILTERS, HALF, CropMode, Preprocess
from .formats import WeightsError, shorten

# What fields mean that are left out: MobileNetV1ImageProcessor's own values.
USUAL: dict[str, Any] = {
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "resample": 2,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": HALF,
    "image_std": HALF,
}
# Who made the file and in what form arrays come back: nothing of the numbers hangs on these.
NO_MATTER = {
    *("image_processor_type", "feature_extractor_type", "processor_class", "_name_or_path"),
    *("data_format", "input_data_format", "return_tensors", "device", "auto_map"),
    *("disable_grouping", "_valid_processor_keys", "default_to_square", "do_convert_rgb"),
    *("transformers_version", "backend"),
}
FAMILIES = ("MobileNetV1", "MobileNetV2")  # of one code; others crop and resize by other rules


def processor(image_size: Any, photo: dict[str, Any] | None) -> Preprocess:
    """What a transformers checkpoint does to a photo, if `Preprocess` does it, too.

    `photo` is its preprocessor_config.json; if it has none, `image_size` of its config.json counts.
    """
    if photo is None:  # 32 pixels are cut off, as from the published ones
        if type(image_size) is not int:
            raise WeightsError(
                f"its image_size is {shorten(str(image_size), 40)}; our network's input is square, "
                "and one whole number is needed"
            )
        return Preprocess(
            image_size, HALF, HALF, 1 / 255, image_size / (image_size + 32), "bilinear"
        )
    _check_fields(photo)
    settings = USUAL | {name: value for name, value in photo.items() if value is not None}
    for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if not isinstance(settings[name], bool):
            raise WeightsError(f"its {name} must be true or false, got {settings[name]!r}")
    filters = {int(number): name for name, number in FILTERS.items()}
    resample = settings["resample"]
    if type(resample) is not int or resample not in filters:
        raise WeightsError(f"its resample must be one of PIL's filters, 0 to 5, got {resample!r}")
    resolution, fraction, mode = _sizes(settings)
    plain = not settings["do_normalize"]
    return Preprocess(
        resolution=resolution,
        mean=(0, 0, 0) if plain else _channels("image_mean", settings),
        std=(1, 1, 1) if plain else _channels("image_std", settings),
        scale=settings["rescale_factor"] if settings["do_rescale"] else 1,
        crop_fraction=fraction,
        interpolation=filters[resample],
        crop_mode=mode,
        crop_rule="transformers",
    )


def _check_fields(photo: dict[str, Any]) -> None:
    for name in ("image_processor_type", "feature_extractor_type"):
        kind = photo.get(name)
        if kind is not None and not str(kind).startswith(FAMILIES):
            raise WeightsError(
                f"its {name} is {shorten(str(kind), 60)}, which prepares photos by rules of its "
                f"own; {FAMILIES[0]}ImageProcessor is followed"
            )
    for name, value in photo.items():
        if name not in USUAL and name not in NO_MATTER and value not in (None, False):
            raise WeightsError(
                f"its preprocessor_config.json has {shorten(name, 40)!r} "
                f"({shorten(str(value), 40)}), which is not followed; pass preprocess=..."
            )


def _sizes(settings: dict[str, Any]) -> tuple[int, float, CropMode]:
    """Side of the input, its share of the resized photo, and how that is resized."""
    crop = _square("crop_size", settings["crop_size"]) if settings["do_center_crop"] else None
    if not settings["do_resize"]:
        if crop is None:
            raise WeightsError(
                "its do_resize and do_center_crop are both false, so that its input is as large as "
                "each photo; one of them is needed"
            )
        return crop, 1, "none"
    size = settings["size"]
    if isinstance(size, dict) and set(size) == {"shortest_edge"}:
        size = size["shortest_edge"]
    if not isinstance(size, dict):
        edge = _square("size", size)
        if crop is None:
            raise WeightsError(
                "its size is a shortest_edge and do_center_crop is false, so that its input has "
                "each photo's proportions; a square is needed"
            )
        return crop, crop / edge, "center"
    side = _square("size", size)
    return (side, 1, "squash") if crop is None else (crop, crop / side, "squash")


def _square(name: str, size: Any) -> int:
    """The side of a square, which is given as a number, or as a height and a width."""
    if isinstance(size, dict) and set(size) == {"height", "width"}:
        if size["height"] != size["width"]:
            raise WeightsError(
                f"its {name} is {size['height']}x{size['width']} pixels; our network's input is "
                "square"
            )
        size = size["height"]
    if type(size) is not int or not 1 <= size <= 4096:
        raise WeightsError(
            f"its {name} is {shorten(str(size), 60)}; 1 to 4096 pixels are followed, as a height "
            f"and width{', a shortest_edge' if name == 'size' else ''} or one number"
        )
    return size


def _channels(name: str, settings: dict[str, Any]) -> Any:
    value = settings[name]
    return (value,) * 3 if isinstance(value, int | float) else value
