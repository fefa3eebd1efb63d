"""Published checkpoints to our network and back, without ever running code from a file.

    net = load_published("data/checkpoints/person_detector.safetensors")
    net = load_published("timm/mobilenetv1_100.ra4_e3600_r224_in1k")
    logits = net(net.preprocess(photo))

A checkpoint is found, and its kind told from its content (`locate`), and opened without reading its
weights (`formats`, `torch_files` with `states`, `keras_files`), so a bad one is refused before it
costs memory. Whose it is follows from the names in it (`naming`); width, body and classes from the
shapes (`infer_architecture`); activation, padding and BN's epsilon from whose it is, or from what
it says of itself (`metadata`, `hub_processor`, `keras_model`).
"""

from .checkpoints import export_state, load_published, save_checkpoint
from .formats import WeightsError

__all__ = ["WeightsError", "export_state", "load_published", "save_checkpoint"]
