"""Losses that Keras does not have: of heat maps, and of a mass with its error."""

from typing import TYPE_CHECKING

from szfinder.mass.answers import LOG_SIGMA
from szfinder.models.backend import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["focal_loss", "mass_loss"]

#: Weight of the painted profile over that of the mass: so high that the network learns to paint
#: first, and then its errors of the profile are small beside those of the mass.
PROFILE_WEIGHT = 3000.0
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


def mass_loss(truth: "keras.KerasTensor", answer: "keras.KerasTensor") -> "keras.KerasTensor":
    r"""Loss of the maps of `~szfinder.mass.CentralNormal`, for ``model.compile(loss=mass_loss)``.

    .. math:: L = 3000 \left\langle (Y - y)^2 \right\rangle
        + \frac{(\mu - m)^2}{2 \sigma^2} + \ln \sigma

    with the mean over all pixels of the painted profile, and mean and error of the logarithm of the
    mass in the middle pixel: the negative logarithm of a normal likelihood (Nix & Weigend 1994).

    Parameters
    ----------
    truth : tensor
        Shape (n, ny, nx, 2): Compton y, and m in the middle of the second map.
    answer : tensor
        Shape (n, ny, nx, 3): y, and mu and ln sigma in the middle of the other two.

    Returns
    -------
    tensor
        Shape (n,): of each image, of which Keras takes the mean.
    """
    ops = import_keras().ops
    truth, answer = ops.cast(truth, "float32"), ops.cast(answer, "float32")
    y, x = truth.shape[1] // 2, truth.shape[2] // 2
    profile = ops.mean((truth[..., 0] - answer[..., 0]) ** 2, axis=(1, 2))
    log_sigma = ops.clip(answer[:, y, x, 2], *LOG_SIGMA)
    pull = (truth[:, y, x, 1] - answer[:, y, x, 1]) * ops.exp(-log_sigma)
    return PROFILE_WEIGHT * profile + 0.5 * pull**2 + log_sigma
