"""The U-Net that paints a map of where the clusters are."""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from szfinder.models.layers import Layers

if TYPE_CHECKING:
    import keras

__all__ = ["build_unet"]


def build_unet(
    input_shape: Sequence[int | None] = (64, 64, 6),
    *,
    filters: Sequence[int] = (8, 16, 32, 64, 128),
    dropout: float = 0.2,
    activation: str = "relu",
    batch_normalization: bool = False,
    n_outputs: int = 1,
    output_activation: str = "sigmoid",
    output_bias: float = 0.0,
    weight_decay: float = 0.0,
    seed: int = 0,
) -> "keras.Model":
    """U-Net of Bonjean (2020), section 3.3.

    Each block has two 3 x 3 convolutions. On the way down, a maximum over 2 x 2 pixels is between
    one block and the next; on the way up, a 2 x 2 up-convolution, whose channels are joined to
    those of the block of the same size on the way down. A 1 x 1 convolution ends it. The defaults
    are those of the paper: 23 convolutions with 486 033 parameters.

    Parameters
    ----------
    input_shape : sequence of int, optional
        (ny, nx, n_band) of an image. The network is fully convolutional, and with None for ny and
        nx it takes images of any size. Both must be multiples of 2 to the number of poolings: of
        16 for five blocks.
    filters : sequence of int, optional
        Channels of the blocks on the way down.
    dropout : float, optional
        Part of the values that are dropped in training after each 3 x 3 convolution.
    activation : str, optional
        Function after each 3 x 3 convolution, by its name in Keras, such as "relu" or "silu".
    batch_normalization : bool, optional
        Whether it comes between these convolutions and the function.
    n_outputs : int, optional
        Maps that the network returns.
    output_activation : str, optional
        Function of the result: "sigmoid" for values from 0 to 1, "linear" for any.
    output_bias : float, optional
        Bias of the result before training. With -2.19 a sigmoid says 0.1 everywhere, so that a
        training for rare objects does not begin with unlearning the rest (Zhou et al. 2019).
    weight_decay : float, optional
        L2 weight decay of all kernels.
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
        from 0 to 1. The network raises it as well for an image of such a side.
    ImportError
        If Keras is not installed.

    Notes
    -----
    Where the paper is silent, this follows Ronneberger et al. (2015, MICCAI): nothing comes after
    an up-convolution. The convolutions are padded with zeros, as their maps have the size of the
    image.
    """
    _check(input_shape, filters, n_outputs, dropout)
    layers = Layers(seed=seed, weight_decay=weight_decay)
    image = layers.image(input_shape)

    def block(x: "keras.KerasTensor", channels: int, name: str) -> "keras.KerasTensor":
        for name in (f"{name}_1", f"{name}_2"):
            x = layers.convolution(
                x, channels, 3, batch_normalization=batch_normalization, relu=False, name=name
            )
            x = layers.activation(x, activation, name=f"{name}_{activation}")
            x = layers.dropout(x, dropout, name=f"{name}_dropout")
        return x

    x = layers.multiples_only(image, 2 ** (len(filters) - 1), name="sides")
    skipped = []
    for level, channels in enumerate(filters, start=1):
        if skipped:
            x = layers.max_pooling(x, 2, stride=2, name=f"pool{level}")
        x = block(x, channels, f"down{level}")
        skipped.append(x)
    for level in range(len(filters) - 1, 0, -1):
        x = layers.up_convolution(x, filters[level - 1], 2, name=f"up{level}_transposed")
        x = layers.concatenation(skipped[level - 1], x, name=f"up{level}_skip")
        x = block(x, filters[level - 1], f"up{level}")
    x = layers.convolution(
        x, n_outputs, 1, batch_normalization=False, relu=False, bias=output_bias, name="map"
    )
    return layers.network(
        image, layers.activation(x, output_activation, name="output"), name="unet"
    )


def _check(
    input_shape: Sequence[int | None], filters: Sequence[int], n_outputs: int, dropout: float
) -> None:
    given = [n for n in input_shape if n is not None]
    for name, values in {
        "input_shape": given, "filters": filters, "n_outputs": [n_outputs]
    }.items():  # fmt: skip
        if not len(values) or not all(isinstance(n, Integral) and n > 0 for n in values):
            raise ValueError(f"{name} must hold positive integers; found {list(values)}")
    if len(input_shape) != 3 or input_shape[2] is None:
        raise ValueError(f"input_shape must be (ny, nx, n_band); found {tuple(input_shape)}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be from 0 to below 1; found {dropout!r}")
