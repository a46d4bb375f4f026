"""The modified ResNet-50 that tells cutouts with a cluster from those without."""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from szfinder.models.layers import Layers

if TYPE_CHECKING:
    import keras

__all__ = ["build_resnet"]

#: Channels at the end of a bottleneck block over those inside it (He et al. 2016, table 1).
EXPANSION = 4


def build_resnet(
    input_shape: Sequence[int] = (32, 32, 3),
    *,
    width: int = 64,
    blocks: Sequence[int] = (3, 4, 6),
    dense: int = 256,
    weight_decay: float = 0.0,
    seed: int = 0,
) -> "keras.Model":
    """Modified ResNet-50 of Lin et al. (2021), section 2.2.1 and figure 3.

    Two 3 x 3 convolutions (stride 1, then 2) and a maximum pooling of stride 2 take the place of
    the 7 x 7 convolution of ResNet-50. Stages 2 to 4 of bottleneck blocks follow; there is no
    stage 5, but two fully connected layers on top of stage 4 and a softmax of two classes. The
    defaults are those of the paper, and make 9 718 466 parameters.

    Parameters
    ----------
    input_shape : sequence of int, optional
        (ny, nx, n_band) of a cutout.
    width : int, optional
        Channels of the first convolutions and inside the blocks of stage 2; doubled from stage to
        stage.
    blocks : sequence of int, optional
        Blocks in each stage, from stage 2 on.
    dense : int, optional
        Units of each of the two fully connected layers.
    weight_decay : float, optional
        L2 weight decay of all kernels; the paper trains with 0.003.
    seed : int, optional
        Seed of the initial weights: two networks with one seed are the same, bit for bit.

    Returns
    -------
    keras.Model
        Takes (n, ny, nx, n_band) float32 and returns (n, 2), the probabilities of "no cluster" and
        "cluster", which add up to 1.

    Raises
    ------
    ValueError
        If a size is not positive.
    ImportError
        If Keras is not installed.

    Notes
    -----
    Where the paper is silent, this follows He et al. (2016, CVPR): the pooling is over 3 x 3
    pixels, the first block of a stage has a projection (1 x 1) shortcut, and stages 3 and 4 start
    with stride 2 in their first 1 x 1 convolution. The paper puts the fully connected layers "on
    top of stage 4's output", and does not speak of an average over its pixels, as ResNet-50 has
    it. Here that output (2 x 2 pixels for cutouts of 32 x 32) is flattened, which keeps where in
    the cutout a signal is: a cutout is positive only with a cluster in its inner part.
    """
    _check_positive(input_shape=input_shape, width=[width], blocks=blocks, dense=[dense])
    layers = Layers(seed=seed, weight_decay=weight_decay)
    image = layers.image(input_shape)
    x = layers.convolution(image, width, 3, name="stem1")
    x = layers.convolution(x, width, 3, stride=2, name="stem2")
    x = layers.max_pooling(x, 3, stride=2, name="stem_pool")
    for stage, n_blocks in enumerate(blocks, start=2):
        channels = width * 2 ** (stage - 2)
        stride = 1 if stage == 2 else 2
        x = _bottleneck(layers, x, channels, f"stage{stage}_block1", stride, project=True)
        for block in range(2, n_blocks + 1):
            x = _bottleneck(layers, x, channels, f"stage{stage}_block{block}")
    x = layers.flatten(x, name="flatten")
    x = layers.dense(x, dense, activation="relu", name="dense1")
    x = layers.dense(x, dense, activation="relu", name="dense2")
    probability = layers.dense(x, 2, activation="softmax", name="probability")
    return layers.network(image, probability, name="resnet")


def _bottleneck(
    layers: Layers,
    x: "keras.KerasTensor",
    channels: int,
    name: str,
    stride: int = 1,
    project: bool = False,
) -> "keras.KerasTensor":
    """Bottleneck block (He et al. 2016, figure 5, right): 1 x 1, 3 x 3, 1 x 1 and a shortcut."""
    shortcut = x
    if project:
        shortcut = layers.convolution(
            x, EXPANSION * channels, 1, stride=stride, relu=False, name=f"{name}_shortcut"
        )
    x = layers.convolution(x, channels, 1, stride=stride, name=f"{name}_reduce")
    x = layers.convolution(x, channels, 3, name=f"{name}_middle")
    x = layers.convolution(x, EXPANSION * channels, 1, relu=False, name=f"{name}_expand")
    return layers.relu(layers.sum(x, shortcut, name=f"{name}_sum"), name=f"{name}_out")


def _check_positive(**sizes: Sequence[int]) -> None:
    for name, values in sizes.items():
        if not len(values) or not all(isinstance(n, Integral) and n > 0 for n in values):
            raise ValueError(f"{name} must hold positive integers; found {list(values)}")
