"""Layers: the building blocks of all networks, free of Keras' global settings."""

from typing import TYPE_CHECKING, Any

import numpy as np

from szfinder.models.backend import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["Layers"]


class Layers:
    """The layers of one network: float32, channels last, each with a seed of its own.

    A dtype policy or data format that the user has set for all of Keras does not reach them, and
    neither building nor seeding touches a global random state.

    Parameters
    ----------
    seed : int
        Seed of the network; a layer draws its weights from this and its own number.
    weight_decay : float
        L2 weight decay w of the kernels: gradient descent subtracts w times the kernel times the
        learning rate. Biases and batch normalisation do not decay.
    """

    def __init__(self, *, seed: int, weight_decay: float) -> None:
        self._keras = import_keras()
        self._seed = seed
        self._weight_decay = weight_decay
        self._n_kernels = 0

    def image(self, shape: tuple[int, int, int]) -> "keras.KerasTensor":
        """Input of shape (ny, nx, n_band)."""
        return self._keras.Input(tuple(shape), dtype="float32", name="image")

    def convolution(
        self,
        x: "keras.KerasTensor",
        filters: int,
        size: int,
        *,
        name: str,
        stride: int = 1,
        relu: bool = True,
    ) -> "keras.KerasTensor":
        """Convolution, batch normalisation and, unless told not to, ReLU.

        The convolution has no bias, which the normalisation would take away. The normalisation
        has the constants of He et al. (2016): momentum 0.9, epsilon 1e-5.
        """
        layers = self._keras.layers
        x = layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            name=f"{name}_conv",
            data_format="channels_last",
            dtype="float32",
            **self._kernel(),
        )(x)
        x = layers.BatchNormalization(
            axis=-1, momentum=0.9, epsilon=1e-5, name=f"{name}_bn", dtype="float32"
        )(x)
        return self.relu(x, name=f"{name}_relu") if relu else x

    def relu(self, x: "keras.KerasTensor", *, name: str) -> "keras.KerasTensor":
        """Rectified linear unit."""
        return self._keras.layers.ReLU(name=name, dtype="float32")(x)

    def max_pooling(
        self, x: "keras.KerasTensor", size: int, *, stride: int, name: str
    ) -> "keras.KerasTensor":
        """Maximum over squares of ``size`` pixels, every ``stride`` pixels."""
        return self._keras.layers.MaxPooling2D(
            size,
            strides=stride,
            padding="same",
            data_format="channels_last",
            name=name,
            dtype="float32",
        )(x)

    def sum(self, *tensors: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
        """Sum of tensors of one shape."""
        return self._keras.layers.Add(name=name, dtype="float32")(tensors)

    def flatten(self, x: "keras.KerasTensor", *, name: str) -> "keras.KerasTensor":
        """All pixels and channels in one row."""
        return self._keras.layers.Flatten(data_format="channels_last", name=name, dtype="float32")(
            x
        )

    def dense(
        self, x: "keras.KerasTensor", units: int, *, activation: str, name: str
    ) -> "keras.KerasTensor":
        """Fully connected layer."""
        return self._keras.layers.Dense(
            units, activation=activation, name=name, dtype="float32", **self._kernel()
        )(x)

    def network(
        self, inputs: "keras.KerasTensor", outputs: "keras.KerasTensor", *, name: str
    ) -> "keras.Model":
        """The network from its input to its output."""
        model = self._keras.Model(inputs, outputs, name=name)
        # the policy of the model would be the global one, and would reach into its layers
        model.dtype_policy = "float32"
        return model

    def _kernel(self) -> dict[str, Any]:
        """Initialiser of He et al. (2015), for layers before ReLU, and weight decay."""
        self._n_kernels += 1
        entropy = np.random.SeedSequence([self._seed, self._n_kernels]).generate_state(1)
        kernel = {"kernel_initializer": self._keras.initializers.HeNormal(seed=int(entropy[0]))}
        if self._weight_decay:
            # the gradient of L2(a) is 2 a times the kernel
            kernel["kernel_regularizer"] = self._keras.regularizers.L2(self._weight_decay / 2)
        return kernel
