"""The explorer of chapter 07: a network in the page, on the book's photos and the reader's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..files import find_data
from ..photos import credits, load_photo
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..model import MobileNet
    from ..plots import BookFigure

_STATE = definition("detector")


class DetectorExplorer(Explorer):
    """Show a network a photo: what it says, its maps, and what its answer rests on.

    The network runs in the browser. A photo that is uploaded, dropped or filmed stays in the page:
    it is not sent, not even to the Python session, and is not saved with the notebook.

    Parameters
    ----------
    net
        From `load_published`, with its `preprocess` and `classes`; None takes the book's person
        detector.
    photo
        The name of a photo in `data/photos/` to begin with.
    **state
        More of the state: `layer` whose maps are shown, `map` (the one laid over the photo, from
        1), `rests` ("not asked", "covering", "activation"), `window` (pixels of the square that
        covers a part), `engine` ("simd" or "plain"), `hide`, `tour`.

    Raises
    ------
    ValueError
        There is no such photo, or the network has no preprocessing.
    """

    definition = _STATE

    photo = _STATE.trait("photo")
    layer = _STATE.trait("layer")
    map = _STATE.trait("map")
    rests = _STATE.trait("rests")
    window = _STATE.trait("window")
    engine = _STATE.trait("engine")

    def __init__(
        self, net: MobileNet | None = None, photo: str = "astronaut", **state: object
    ) -> None:
        if photo:
            load_photo(photo)  # so that a wrong name is told here
        self.net = net
        if net is None:
            self._network = find_data("web/person_detector.mnet").read_bytes()
        else:
            from ..engines.compact import compact  # late: it brings in what the others do without

            self._network = compact(net)
        super().__init__(photo=photo, **state)

    def assets(self) -> dict[str, bytes]:
        """The network's compact bytes, and the book's photos as they lie in their files."""
        photos = find_data("photos")
        files = {name: (photos / f"{name}.jpg").read_bytes() for name in credits()}
        return {"network": self._network, **files}

    def still(self) -> BookFigure | None:
        """The photo with what the answer rests on; the reader's own is not left in a notebook."""
        if not self.photo:
            return None
        from ..explain import look
        from ..plots import evidence
        from ..weights import load_published

        net = load_published("person_detector") if self.net is None else self.net
        return evidence(look(net, load_photo(self.photo), window=self.window))

    def __repr__(self) -> str:
        return f"DetectorExplorer(photo={self.photo!r}, layer={self.layer!r})"
