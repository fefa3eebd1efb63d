"""Published checkpoints to our network and back, without ever running code from a file.

    net = load_published("data/checkpoints/person_detector.safetensors")
    net = load_published("timm/mobilenetv1_100.ra4_e3600_r224_in1k")
    logits = net(net.preprocess(photo))

Whose file it is follows from the names in it (`naming`); width, body and classes from the shapes
(`fitting`); activation, padding and BN's epsilon from whose it is, or from what the file says of
itself (`conventions`). A file is opened without reading its weights (`opening`, `pickled`, `hdf5`),
so a bad one is refused before it costs memory.
"""

from .checkpoint import save_checkpoint
from .export import export_state
from .published import load_published
from .stored import WeightsError

__all__ = ["WeightsError", "export_state", "load_published", "save_checkpoint"]
