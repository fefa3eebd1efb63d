"""Training: three recipes, a loop that loses nothing, and the fastest step that a machine has.

    result = train(preset("quick"), "runs/first")
    mobilenet train --recipe quick --alpha 0.5 --out runs/first

The loop is `loop.Trainer.step`. Around it: what is trained (`recipe`, `factory`), the
learning rate (`schedule`), the optimizers (`optimizers`), layout and precision (`plan`,
`depthwise`, `trial`, `choose_plan`), kernels for processors (`kernels`, `body`; `native` compiles
them), batches that do not fit (`memory`), images that cannot be used (`unusable`), interrupts
(`interrupt`), the state of a run (`checkpoint`) and what it comes to (`outcome`, `run`). A grid of
runs is a `sweep`. Several GPUs and machines, ImageNet and SLURM: `SCALE.md` beside this file.

Names are handed out lazily: recipes need no torch, and the command line is made from them.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # the one list of public names
    from .checkpoint import CheckpointError, CheckpointNotWritten
    from .loop import Trainer
    from .memory import OutOfMemory
    from .outcome import Diverged, Result, Step
    from .recipe import RECIPES, Recipe, preset
    from .run import train
    from .unusable import TooManyLeftOut

__all__, __getattr__, __dir__ = lazy_names(__name__)
