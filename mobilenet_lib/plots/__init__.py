"""Every static figure of the book. Each function returns a `BookFigure` with alt text.

Colours are Okabe and Ito's, and a kind of layer has the same one in every figure. matplotlib is
loaded with the first name that is asked for.
"""

import logging
from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # the one list of public names
    from .convolution import (
        channels,
        filtered,
        im2col_matrices,
        one_photo,
        one_window,
        padding_and_stride,
    )
    from .engines import rounded_weights, waterfall
    from .figure import COLOURS, BookFigure
    from .network import (
        feature_maps,
        network_rows,
        profile,
        receptive_fields,
        shape_of_maps,
        shares,
    )
    from .paper import applications, descendants, findings, sixteen
    from .published import alarms, compared, evidence, filters, verdicts
    from .separable import counter_race, filter_shapes, ladder, layer_blocks, reduction_curve
    from .speed import pruned_layer, roofline, sparse_crossing, time_shares
    from .tradeoff import grid_accuracy, log_linear, pareto_front, trade_off
    from .training import accuracies, guesses, letters, rivals, schedules, training_curve


def _worth_saying(record: logging.LogRecord) -> bool:
    """All but that a home cannot be written, so that a list of fonts is made anew elsewhere."""
    return record.funcName != "_get_config_or_cache_dir" and "font cache" not in record.msg


for _name in ("matplotlib", "matplotlib.font_manager"):
    logging.getLogger(_name).addFilter(_worth_saying)

__all__, __getattr__, __dir__ = lazy_names(__name__)
