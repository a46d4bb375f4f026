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
        self._n_dropouts = 0

    def image(self, shape: tuple[int | None, int | None, int]) -> "keras.KerasTensor":
        """Input of shape (ny, nx, n_band); of images of any size, ny and nx are None."""
        return self._keras.Input(tuple(shape), dtype="float32", name="image")

    def multiples_only(
        self, x: "keras.KerasTensor", side: int, *, name: str
    ) -> "keras.KerasTensor":
        """Images as they are; `ValueError` for those whose sides are no multiples of ``side``."""

        class MultiplesOnly(self._keras.layers.Layer):
            def call(self, images: "keras.KerasTensor") -> "keras.KerasTensor":
                self.compute_output_shape(images.shape)
                return images

            def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple:
                if any(n is not None and n % side for n in shape[1:3]):
                    raise ValueError(
                        f"the sides of an image must be multiples of {side} pixels; found "
                        f"{shape[1]} x {shape[2]}: cut it, or fill it up"
                    )
                return tuple(shape)

        layer = MultiplesOnly(name=name, dtype="float32")
        layer.compute_output_shape(x.shape)  # Keras would wrap the error of the call below
        return layer(x)

    def convolution(
        self,
        x: "keras.KerasTensor",
        filters: int,
        size: int,
        *,
        name: str,
        stride: int = 1,
        dilation: int = 1,
        batch_normalization: bool = True,
        relu: bool = True,
        bias: float = 0.0,
        zero: bool = False,
    ) -> "keras.KerasTensor":
        """Convolution and, unless told not to, batch normalisation and ReLU.

        A convolution before a normalisation has no bias, which that would take away; that of others
        is at first as given. If ``zero``, the kernel is at first 0.
        """
        layers = self._keras.layers
        x = layers.Conv2D(
            filters,
            size,
            strides=stride,
            dilation_rate=dilation,
            padding="same",
            use_bias=not batch_normalization,
            bias_initializer=self._keras.initializers.Constant(bias),
            name=f"{name}_conv",
            data_format="channels_last",
            dtype="float32",
            **(self._kernel() | ({"kernel_initializer": "zeros"} if zero else {})),
        )(x)
        if batch_normalization:
            x = self.batch_normalization(x, name=f"{name}_bn")
        return self.relu(x, name=f"{name}_relu") if relu else x

    def batch_normalization(self, x: "keras.KerasTensor", *, name: str) -> "keras.KerasTensor":
        """Batch normalisation with the momentum 0.9 and the epsilon 1e-5 of He et al. (2016)."""
        return self._keras.layers.BatchNormalization(
            axis=-1, momentum=0.9, epsilon=1e-5, name=name, dtype="float32"
        )(x)

    def relu(self, x: "keras.KerasTensor", *, name: str) -> "keras.KerasTensor":
        """Rectified linear unit."""
        return self._keras.layers.ReLU(name=name, dtype="float32")(x)

    def up_convolution(
        self, x: "keras.KerasTensor", filters: int, size: int, *, name: str
    ) -> "keras.KerasTensor":
        """Transposed convolution that makes a square of ``size`` pixels of each pixel."""
        return self._keras.layers.Conv2DTranspose(
            filters,
            size,
            strides=size,
            padding="valid",
            name=name,
            data_format="channels_last",
            dtype="float32",
            **self._kernel(),
        )(x)

    def up_sampling(self, x: "keras.KerasTensor", size: int, *, name: str) -> "keras.KerasTensor":
        """A square of ``size`` equal pixels in place of each pixel."""
        return self._keras.layers.UpSampling2D(
            size,
            interpolation="nearest",
            data_format="channels_last",
            name=name,
            dtype="float32",
        )(x)

    def activation(
        self, x: "keras.KerasTensor", function: str, *, name: str
    ) -> "keras.KerasTensor":
        """A function of each value, by its name in Keras."""
        return self._keras.layers.Activation(function, name=name, dtype="float32")(x)

    def dropout(self, x: "keras.KerasTensor", rate: float, *, name: str) -> "keras.KerasTensor":
        """In training, a part of the values at random is 0 and the rest is raised in turn."""
        self._n_dropouts += 1
        seed = _seed(self._seed, self._n_dropouts, 1)
        return self._keras.layers.Dropout(rate, seed=seed, name=name, dtype="float32")(x)

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

    def concatenation(self, *tensors: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
        """The channels of all tensors, one after the other."""
        return self._keras.layers.Concatenate(axis=-1, name=name, dtype="float32")(tensors)

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
        seed = _seed(self._seed, self._n_kernels)
        kernel = {"kernel_initializer": self._keras.initializers.HeNormal(seed=seed)}
        if self._weight_decay:
            # the gradient of L2(a) is 2 a times the kernel
            kernel["kernel_regularizer"] = self._keras.regularizers.L2(self._weight_decay / 2)
        return kernel


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
