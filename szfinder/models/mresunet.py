"""mResUNet: the network that sees profile and mass of a cluster in its image."""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from szfinder.models.layers import Layers

if TYPE_CHECKING:
    import keras

__all__ = ["build_mresunet"]

#: Dilations of the sub-stages of a block, and those whose maps the decoder is handed.
DILATIONS, SKIPPED = (1, 2, 3, 4), (2, 4)


def build_mresunet(
    input_shape: Sequence[int] = (40, 40, 1),
    *,
    filters: Sequence[int] = (64, 128, 256, 512),
    dropout: float = 0.3,
    n_outputs: int = 2,
    seed: int = 0,
) -> "keras.Model":
    """Modified residual U-Net of Gupta & Reichardt (2020), section 2.1 and figure 1.

    A block has four sub-stages: a 3 x 3 convolution of dilation 1, 2, 3 and 4, SELU and batch
    normalisation, to whose result the input of the sub-stage is added. On the way down, the first
    sub-stage of all blocks but the first halves the sides of the map by its stride. On the way up
    each block first doubles them, and goes through the dilations from 4 to 1, with dropout: those
    of 4 and 2 are handed the maps of the same dilation on the way down. A 1 x 1 convolution ends
    it, without a function. The defaults are those of the paper; it does not say the order of the
    dilations on the way up, which here mirrors that on the way down.

    Parameters
    ----------
    input_shape : sequence of int, optional
        (ny, nx, n_band) of an image; ny and nx are multiples of 2 to the number of blocks on the
        way up, 8 for the default.
    filters : sequence of int, optional
        Channels of the blocks on the way down; the paper doubles them from one to the next.
    dropout : float, optional
        Part of the values that are dropped in training in each sub-stage on the way up.
    n_outputs : int, optional
        Maps that the network returns.
    seed : int, optional
        Seed of the initial weights and of the dropout: two networks with one seed are the same, bit
        for bit.

    Returns
    -------
    keras.Model
        Takes (n, ny, nx, n_band) float32 and returns (n, ny, nx, n_outputs).

    Raises
    ------
    ValueError
        If a size is not positive, a side is no multiple of what it should be, or the dropout is not
        from 0 to 1.
    ImportError
        If Keras is not installed.

    Notes
    -----
    Section 2.1 and figure 1 have dropout on the way up, section 3 on the way down; here it is on
    the way up, before the convolution, whose many inputs average its noise. An input that has
    another shape than the result is added through a 1 x 1 convolution (He et al. 2016, option B),
    with the stride of the sub-stage. On the way up maps are doubled by repeating pixels. With the
    17 million parameters that this makes, it is as large as the paper's of "approximately 16
    million". The last convolution begins with zeros: after the sums of so many sub-stages any other
    answer would be far off at first.
    """
    _check(input_shape, filters, n_outputs, dropout)
    layers = Layers(seed=seed, weight_decay=0.0)
    image = x = layers.image(input_shape)

    def sub_stage(
        x: "keras.KerasTensor",
        channels: int,
        dilation: int,
        name: str,
        *,
        stride: int = 1,
        handed: "keras.KerasTensor | None" = None,
        dropout: float | None = None,
    ) -> "keras.KerasTensor":
        name = f"{name}_{dilation}"
        plain = {"batch_normalization": False, "relu": False}
        y = x if handed is None else layers.concatenation(x, handed, name=f"{name}_skip")
        if dropout is not None:
            y = layers.dropout(y, dropout, name=f"{name}_dropout")
        y = layers.convolution(y, channels, 3, stride=stride, dilation=dilation, name=name, **plain)
        y = layers.activation(y, "selu", name=f"{name}_selu")
        y = layers.batch_normalization(y, name=f"{name}_bn")
        if tuple(x.shape) != tuple(y.shape):
            x = layers.convolution(x, channels, 1, stride=stride, name=f"{name}_shortcut", **plain)
        return layers.sum(x, y, name=f"{name}_sum")

    skipped = []
    for level, channels in enumerate(filters, start=1):
        maps = {}
        for dilation in DILATIONS:
            stride = 2 if level > 1 and dilation == 1 else 1
            x = maps[dilation] = sub_stage(x, channels, dilation, f"down{level}", stride=stride)
        skipped.append({dilation: maps[dilation] for dilation in SKIPPED})
    for level in range(len(filters) - 1, 0, -1):
        x = layers.up_sampling(x, 2, name=f"up{level}_sampling")
        for dilation in reversed(DILATIONS):
            handed = skipped[level - 1].get(dilation)
            x = sub_stage(
                x, filters[level - 1], dilation, f"up{level}", handed=handed, dropout=dropout
            )
    x = layers.convolution(
        x, n_outputs, 1, batch_normalization=False, relu=False, zero=True, name="maps"
    )
    return layers.network(image, x, name="mresunet")


def _check(
    input_shape: Sequence[int], filters: Sequence[int], n_outputs: int, dropout: float
) -> None:
    for name, values in {
        "input_shape": input_shape, "filters": filters, "n_outputs": [n_outputs]
    }.items():  # fmt: skip
        if not len(values) or not all(isinstance(n, Integral) and n > 0 for n in values):
            raise ValueError(f"{name} must hold positive integers; found {list(values)}")
    side = 2 ** (len(filters) - 1)
    if len(input_shape) != 3 or any(n % side for n in input_shape[:2]):
        raise ValueError(
            f"input_shape must be (ny, nx, n_band) with sides that are multiples of {side}; found "
            f"{tuple(input_shape)}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be from 0 to below 1; found {dropout!r}")
