"""What a pixel of a layer sees of the image, in JavaScript, against its layers one by one."""

import itertools

import pytest
from test_kit import in_node

from mobilenet_lib import mobilenet_v1
from mobilenet_lib.architecture import BODIES

CODE = """(fields) => fields.map(([size, stride, padding, outSize, side]) => {
  const field = { size, stride, padding }, places = [...Array(outSize).keys()];
  return {
    seen: places.map((place) => kit.seen(field, place)),
    under: places.map((place) => {
      const [from, to] = kit.seen(field, place);
      return kit.placeAt(field, outSize, (from + to) / 2);
    }),
    ends: [kit.placeAt(field, outSize, -1e6), kit.placeAt(field, outSize, 1e6)],
    share: places.map((place) => kit.share(field, side, place, 0)),
  };
})"""


def backwards(layers, place):
    """The input pixels that reach an output pixel: from layer to layer, the last one first."""
    low = high = place
    for layer in reversed(layers):
        low = low * layer.stride - layer.padding[0]
        high = high * layer.stride - layer.padding[0] + layer.kernel_size - 1
    return [low, high + 1]


@pytest.mark.parametrize("body", BODIES)
def test_a_pixel_sees_what_its_layers_read(body):
    cases = []
    for alpha, side in itertools.product((1, 0.25), (224, 96, 97, 33)):
        arch = mobilenet_v1(alpha, side, body=body)
        convolutions = arch.layers[:-1]
        cases += [(arch, convolutions[: i + 1], side) for i in range(len(convolutions))]
    fields = [
        [*arch.receptive_field_at(layers[-1].name), layers[-1].out_size, side]
        for arch, layers, side in cases
    ]
    for (_, layers, side), found in zip(
        cases, in_node("maths/field.js", CODE, [fields])[0], strict=True
    ):
        places = range(layers[-1].out_size)
        expected = [backwards(layers, place) for place in places]
        assert found["seen"] == expected
        assert found["under"] == list(places)
        assert found["ends"] == [0, layers[-1].out_size - 1]
        inside = [len(set(range(*each)) & set(range(side))) for each in expected]
        assert found["share"] == pytest.approx([n * inside[0] / side**2 for n in inside])
