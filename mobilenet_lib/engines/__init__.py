"""Ways to run a trained network, behind one interface: torch's own, ONNX Runtime, OpenVINO, phones.

from mobilenet_lib.engines import ENGINES, verify

for name, engine in ENGINES.items():
    print(name, engine.available() or engine.available().reason)

engine = ENGINES["openvino"]().prepare(net, example)
verify(engine, net, example)        # the same logits, within the engine's tolerance
logits = engine.run(images)
"""

from .engine import Availability, Engine, EngineError
from .exported import Exported, export, load_exported
from .fastest import ENGINES, Fastest, fastest
from .folding import fold, fold_pair
from .verify import accuracy, answers, difference, verify

__all__ = [
    "ENGINES",
    "Availability",
    "Engine",
    "EngineError",
    "Exported",
    "Fastest",
    "accuracy",
    "answers",
    "difference",
    "export",
    "fastest",
    "fold",
    "fold_pair",
    "load_exported",
    "verify",
]
