"""Models as people make them with Keras, each with one thing that differs from the usual.

A head, a layer on the pixels, a way of nesting, a block built by hand. make_field_keras.py makes
files of them; some are no MobileNet V1 any more (another activation, a residual connection), which
a reader has to notice. `keras_cases` takes the package, so that Keras 2 and 3 get the same.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from make_field_reference import pictures

ALPHA = 0.0625
# Table 1 of the paper: output channels at alpha 1 and stride of each depthwise separable pair.
PAIRS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
KERAS2 = (  # the cases that Keras 2 writes in another way
    *("plain", "size_100", "size_any", "top_false_flat", "functional_base_nested"),
    *("sequential_base_gap", "sequential_pooling_max", "sequential_in_sequential"),
    *("sigmoid_1", "linear_3_from_logits", "trained_adam", "softmax_layer", "flatten_after_gap"),
    *("mixed_float16", "rescaling_offset", "rescaling_sequential", "normalization"),
    *("normalization_adapted", "preprocess_input", "divide_255", "augmentation_nested", "resizing"),
    *("hand", "hand_relu", "hand_leaky", "hand_epsilon", "hand_residual"),
)


def keras_cases(keras: Any) -> Iterator[tuple[str, Callable[[], Any], dict[str, Any]]]:
    """Yield (name, maker of the model, options) of each case."""
    la, losses = keras.layers, keras.losses
    preprocess = keras.applications.mobilenet.preprocess_input
    gap = la.GlobalAveragePooling2D

    def mobilenet(h: int | None = 96, w: int | None = None, **options: Any) -> Any:
        options = {"alpha": ALPHA, "weights": None, "classes": 3, **options}
        return keras.applications.MobileNet(input_shape=(h, w or h, 3), **options)

    def headless(h: int | None = 96, w: int | None = None, **options: Any) -> Any:
        return mobilenet(h, w, include_top=False, **options)

    def softmax(units: int = 3, **options: Any) -> Any:
        return la.Dense(units, activation="softmax", **options)

    def chain(x: Any, *steps: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    def headed(*head: Any, before: Any = (), size: Any = (96, 96), base: Any = (96, 96)) -> Any:
        """The way of Keras' guide to transfer learning: a functional model around the base."""
        inputs = keras.Input((*size, 3))
        x = headless(*base)(chain(inputs, *before), training=False)
        return keras.Model(inputs, chain(x, gap(), *(head or (softmax(),))))

    def after(*head: Any) -> Any:
        """What follows the base's last map, in one flat functional model."""
        base = headless()
        return keras.Model(base.input, chain(base.output, *head))

    def compiled(model: Any, loss: Any) -> Any:
        model.compile(optimizer="sgd", loss=loss)
        return model

    def trained() -> Any:
        model = headed()
        model.layers[1].trainable = False
        model.compile(
            optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(np.zeros((4, 96, 96, 3), np.float32), np.array([0, 1, 2, 0]), verbose=0)
        return model

    def adapted() -> Any:
        layer = la.Normalization()
        layer.adapt(pictures(96, 96).astype(np.float32))
        return headed(before=[layer])

    def mixed() -> Any:
        keras.mixed_precision.set_global_policy("mixed_float16")
        try:
            return headed(la.Dense(3), la.Activation("softmax", dtype="float32"))
        finally:
            keras.mixed_precision.set_global_policy("float32")

    def hand(
        act: Callable[[], Any] = lambda: la.ReLU(6.0),
        pads: bool = False,
        first: int = 2,
        last: int = 2,
        dilation: int = 1,
        pairs: int = 13,
        bias: bool = False,
        order: str = "norm, act",
        residual: bool = False,
        **norm: Any,
    ) -> Any:
        """Built by hand, with automatic names that do not begin at the first number."""
        for kind in (la.Conv2D, la.DepthwiseConv2D):
            kind(3, 3) if kind is la.Conv2D else kind(3)

        def step(x: Any, kind: Any, *args: Any, stride: int = 1, **options: Any) -> Any:
            padding = "same"
            if pads and stride == 2:  # as torch does
                x, padding = la.ZeroPadding2D(1)(x), "valid"
            x = kind(*args, strides=stride, padding=padding, use_bias=bias, **options)(x)
            steps = [la.BatchNormalization(**norm), act()]
            return chain(x, *(steps if order == "norm, act" else reversed(steps)))

        inputs = keras.Input((96, 96, 3))
        x = step(inputs, la.Conv2D, int(32 * ALPHA), 3, stride=first)
        for number, (width, stride) in enumerate(PAIRS[:pairs], 1):
            stride = last if number == 12 else stride
            wide = dilation if stride == 1 else 1
            y = step(x, la.DepthwiseConv2D, 3, stride=stride, dilation_rate=wide)
            y = step(y, la.Conv2D, int(width * ALPHA), 1)
            x = la.Add()([x, y]) if residual and x.shape == y.shape else y
        return keras.Model(inputs, chain(x, gap(), softmax()))

    # its code goes into the file, and with it the name of the script: not that of this one
    halved = eval(compile("lambda x: x / 127.5 - 1", "model.py", "eval"))
    wide_before = [la.Resizing(96, 96)]
    augmentation = [la.RandomFlip("horizontal"), la.RandomRotation(0.1)]
    sequential, both = keras.Sequential, {"both": True}
    pixels = {"input": "pixels"}
    sigmoid, linear = {"output": "sigmoid"}, {"output": "linear"}
    bce, mse = "binary_crossentropy", "mse"

    yield "plain", mobilenet, both | {"weights": True}
    yield "size_97", lambda: mobilenet(97), {"size": (97, 97)}
    yield "size_100", lambda: mobilenet(100), both | {"size": (100, 100)}
    yield "size_200", lambda: mobilenet(200), {"size": (200, 200)}
    yield "size_64x96", lambda: mobilenet(64, 96), both | {"size": (64, 96)}
    yield "size_any", lambda: headed(size=(None, None), base=(None, None)), both
    yield "alpha_0.125", lambda: mobilenet(alpha=0.125), {}
    yield "depth_multiplier_2", lambda: mobilenet(depth_multiplier=2), {}
    yield "top_linear", lambda: mobilenet(classifier_activation=None), linear
    yield "top_false_flat", lambda: after(gap(), softmax()), both
    # the base inside another model
    yield "functional_base_nested", headed, both | {"weights": True}
    yield (
        "sequential_base_gap",
        lambda: sequential([headless(), gap(), la.Dropout(0.2), softmax()]),
        both,
    )
    yield "sequential_pooling_avg", lambda: sequential([headless(pooling="avg"), softmax()]), both
    yield "sequential_pooling_max", lambda: sequential([headless(pooling="max"), softmax()]), both
    yield (
        "sequential_named_base",
        lambda: sequential(
            [keras.Input((96, 96, 3)), headless(pooling="avg", name="base"), softmax(name="head")]
        ),
        {},
    )
    yield (
        "sequential_in_sequential",
        lambda: sequential(
            [sequential([headless(), gap()]), sequential([la.Dropout(0.2), softmax()])]
        ),
        both,
    )
    # heads and losses
    yield (
        "sigmoid_1",
        lambda: compiled(headed(la.Dense(1, activation="sigmoid")), bce),
        both | sigmoid,
    )
    yield "sigmoid_4", lambda: compiled(headed(la.Dense(4, activation="sigmoid")), bce), sigmoid
    yield "sigmoid_layer", lambda: headed(la.Dense(1), la.Activation("sigmoid")), sigmoid
    yield "linear_3", lambda: headed(la.Dense(3)), linear
    yield (
        "linear_3_from_logits",
        lambda: compiled(
            headed(la.Dense(3)), losses.SparseCategoricalCrossentropy(from_logits=True)
        ),
        both | linear,
    )
    yield (
        "linear_1_from_logits",
        lambda: compiled(headed(la.Dense(1)), losses.BinaryCrossentropy(from_logits=True)),
        both | linear,
    )
    yield "regression_1", lambda: compiled(headed(la.Dense(1)), mse), both | linear
    yield "trained_adam", trained, both
    yield "softmax_layer", lambda: headed(la.Dense(3), la.Softmax()), both
    yield "softmax_activation", lambda: after(gap(), la.Dense(3), la.Activation("softmax")), {}
    yield "flatten_after_gap", lambda: after(gap(keepdims=True), la.Flatten(), softmax()), both
    yield "flatten_alone", lambda: after(la.Flatten(), softmax()), both
    yield "average_pooling", lambda: after(la.AveragePooling2D(3), la.Flatten(), softmax()), {}
    yield "global_max", lambda: after(la.GlobalMaxPooling2D(), softmax()), {}
    yield "hidden_16", lambda: headed(la.Dense(16, activation="relu"), softmax()), both
    yield "hidden_norm", lambda: after(gap(), la.BatchNormalization(), softmax()), {}
    yield "no_bias", lambda: headed(softmax(use_bias=False)), {}
    yield "mixed_float16", mixed, both | {"tolerance": 0.05}
    # what happens to the pixels
    yield "rescaling_255", lambda: headed(before=[la.Rescaling(1 / 255)]), both | pixels
    yield (
        "rescaling_offset",
        lambda: headed(before=[la.Rescaling(1 / 127.5, offset=-1)]),
        both | pixels,
    )
    yield (
        "rescaling_sequential",
        lambda: sequential(
            [keras.Input((96, 96, 3)), la.Rescaling(1 / 127.5, -1.0), headless(), gap(), softmax()]
        ),
        both | pixels,
    )
    yield (
        "rescaling_twice",
        lambda: headed(before=[la.Rescaling(1 / 255), la.Rescaling(2.0, -1.0)]),
        pixels,
    )
    yield (
        "normalization",
        lambda: headed(
            before=[la.Normalization(mean=[120.0, 110.0, 100.0], variance=[3600.0, 3000.0, 4000.0])]
        ),
        both | pixels,
    )
    yield "normalization_adapted", adapted, both | pixels
    yield (
        "normalization_scaled",
        lambda: headed(
            before=[
                la.Rescaling(1 / 255),
                la.Normalization(
                    mean=[0.485, 0.456, 0.406], variance=[0.229**2, 0.224**2, 0.225**2]
                ),
            ]
        ),
        both | pixels,
    )
    yield "preprocess_input", lambda: headed(before=[preprocess]), both | pixels
    yield "divide_255", lambda: headed(before=[lambda x: x / 255.0]), both | pixels
    yield "lambda", lambda: headed(before=[la.Lambda(halved)]), pixels
    yield "augmentation", lambda: headed(before=augmentation), both
    yield (
        "augmentation_nested",
        lambda: headed(before=[sequential(augmentation, name="augmentation"), preprocess]),
        both | pixels,
    )
    yield (
        "resizing",
        lambda: headed(before=wide_before, size=(120, 128)),
        both | {"size": (120, 128)},
    )
    yield (
        "center_crop",
        lambda: headed(before=[la.CenterCrop(96, 96)], size=(120, 128)),
        {"size": (120, 128)},
    )
    # built by hand
    yield "hand", hand, both
    yield "hand_relu", lambda: hand(la.ReLU), both
    yield "hand_relu_activation", lambda: hand(lambda: la.Activation("relu")), {}
    yield "hand_relu6_activation", lambda: hand(lambda: la.Activation("relu6")), {}
    yield "hand_leaky", lambda: hand(la.LeakyReLU), both
    yield "hand_swish", lambda: hand(lambda: la.Activation("swish")), {}
    yield "hand_bias", lambda: hand(bias=True), both
    yield "hand_epsilon", lambda: hand(epsilon=1e-5), both
    yield "hand_no_center", lambda: hand(center=False), {}
    yield "hand_no_scale", lambda: hand(scale=False), both
    yield "hand_padding_torch", lambda: hand(pads=True), both
    yield "hand_first_stride_1", lambda: hand(first=1), both
    yield "hand_last_stride_1", lambda: hand(last=1), {}
    yield "hand_dilation_2", lambda: hand(dilation=2), {}
    yield "hand_10_pairs", lambda: hand(pairs=10), {}
    yield "hand_norm_last", lambda: hand(order="act, norm"), {}
    yield "hand_residual", lambda: hand(residual=True), both
