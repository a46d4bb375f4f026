"""Skies of bright blobs, and a small network."""

import resource
import signal
from contextlib import contextmanager

import numpy as np
import pytest

from szfinder.models import Preprocessing
from szfinder.training import CutoutSet, SkyCutouts

PREPROCESSING = Preprocessing("blobs", ["a", "b"], [90, 150], [1, 1], [2, 4], 1.0, 8)


def blob_sky(seed, *, n_blobs=12, shape=(96, 88)):
    """A sky of white noise and Gaussians of two pixels, a pixel an arcmin: cutouts of 8 x 8."""
    rng = np.random.default_rng(seed)
    ny, nx = shape
    maps = rng.standard_normal((ny, nx, 2)).astype(np.float32)
    clusters = np.array([rng.uniform(-1, nx, n_blobs), rng.uniform(-1, ny, n_blobs)])
    y, x = np.indices(shape)
    for x0, y0 in clusters.T:
        maps += [12, 24] * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 4)[..., None]
    corners = np.mgrid[: nx - 7 : 6, : ny - 7 : 6].reshape(2, -1)
    return SkyCutouts(maps.astype(np.float32), clusters, corners, 1.0)


@pytest.fixture(scope="session")
def blobs():
    """The function that makes a sky of blobs."""
    return blob_sky


@pytest.fixture(scope="session")
def preprocessing():
    """Divides the bands by 2 and 4."""
    return PREPROCESSING


@pytest.fixture(scope="session")
def training():
    return CutoutSet([blob_sky(seed) for seed in (1, 2, 3)], PREPROCESSING)


@pytest.fixture(scope="session")
def validation():
    return CutoutSet([blob_sky(11), blob_sky(12)], PREPROCESSING)


@pytest.fixture(scope="session")
def keras():
    """Keras, on a TensorFlow that gives the same sums in every run."""
    tensorflow = pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    tensorflow.config.experimental.enable_op_determinism()
    return pytest.importorskip("keras", reason="training needs Keras")


@pytest.fixture
def make_model(keras):
    def make(width=4, seed=0):
        """One convolution, batch normalisation and one dense layer: compiled in no time."""
        layers = keras.layers
        image = keras.Input((8, 8, 2))
        kernel = keras.initializers.HeNormal(seed=seed)
        x = layers.Conv2D(width, 3, use_bias=False, kernel_initializer=kernel)(image)
        x = layers.Flatten()(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x)))
        dense = keras.initializers.HeNormal(seed=seed + 1000)
        probability = layers.Dense(2, activation="softmax", kernel_initializer=dense)(x)
        return keras.Model(image, probability, name="shallow")

    return make


@pytest.fixture
def full_disk():
    """A context in which no file can grow beyond a size in bytes; the signal of it is ignored."""

    @contextmanager
    def full(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, usual)

    return full
