"""The accelerator that tests run on: this machine's own, else a pretended one.

Import it before the rest, or give it to pytest (`-p accelerator`, with this folder on PYTHONPATH).
"""

import torch

REAL = torch.accelerator.is_available()
if REAL:
    DEVICE = torch.device(torch.accelerator.current_accelerator().type, 0)
else:
    from pretend_accelerator import DEVICE  # noqa: F401 - taken from here
