"""Losses for heat maps, which Keras does not have."""

from typing import TYPE_CHECKING

from szfinder.models.backend import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["focal_loss"]

#: Constants of Zhou et al. (2019), section 3, after Law & Deng (2018).
ALPHA, BETA = 2.0, 4.0


def focal_loss(
    truth: "keras.KerasTensor",
    answer: "keras.KerasTensor",
    *,
    alpha: float = ALPHA,
    beta: float = BETA,
) -> "keras.KerasTensor":
    r"""Focal loss of heat maps, for ``model.compile(loss=focal_loss)``.

    Zhou et al. (2019, "Objects as points", equation 1), after Law & Deng (2018):

    .. math:: L = -\frac{1}{N} \sum \begin{cases}
        (1 - p)^\alpha \ln p & Y = 1 \\
        (1 - Y)^\beta p^\alpha \ln (1 - p) & \mathrm{elsewhere}
        \end{cases}

    with the truth Y, 1 at the N objects of an image and falling off around them as `peak_map`
    paints it, and the answer p. Where the network is right without doubt, and close to an object,
    little is charged. In an image without objects N is 1.

    Parameters
    ----------
    truth, answer : tensor
        Shape (n, ny, nx, n_outputs), from 0 to 1.
    alpha, beta : float, optional
        Powers.

    Returns
    -------
    tensor
        Shape (n,): of each image, of which Keras takes the mean.
    """
    keras = import_keras()
    ops, tiny = keras.ops, keras.config.epsilon()
    p = ops.clip(ops.cast(answer, "float32"), tiny, 1 - tiny)
    truth = ops.cast(truth, "float32")
    object_ = ops.cast(truth >= 1, "float32")
    found = object_ * (1 - p) ** alpha * ops.log(p)
    empty = (1 - object_) * (1 - truth) ** beta * p**alpha * ops.log(1 - p)
    axes = tuple(range(1, len(p.shape)))
    return -ops.sum(found + empty, axis=axes) / ops.maximum(ops.sum(object_, axis=axes), 1)
