"""The player of the separable explorer moves its slider in the browser, without Python."""

from ipywidgets import Widget

from mobilenet_lib.explorers import SeparableExplorer


def test_play_and_slider_are_linked_in_the_browser():
    explorer = SeparableExplorer()
    play = explorer.children[1].children[0]
    done = explorer.controls["done"]
    ends = {f"IPY_MODEL_{widget.model_id}" for widget in (play, done)}
    links = [
        (model["state"]["source"], model["state"]["target"])
        for model in Widget.get_manager_state()["state"].values()
        if model["model_name"] == "LinkModel"
    ]
    mine = [pair for pair in links if {end for end, _ in pair} == ends]
    assert [{trait for _, trait in pair} for pair in mine] == [{"value"}]
    assert (play.min, play.max, play.value) == (done.min, done.max, done.value)
