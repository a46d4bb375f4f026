"""Keras, imported at the first network and not before."""

from types import ModuleType

__all__ = ["import_keras", "make_deterministic"]


def import_keras() -> ModuleType:
    """Keras, on the backend of ``KERAS_BACKEND`` or its configuration file, else on TensorFlow.

    Raises
    ------
    ImportError
        If Keras, or its backend, is not installed.
    """
    try:
        import keras
    except ImportError as error:
        raise ImportError(
            f"networks need Keras 3 and its backend, and there is {error}; "
            "install them with: pip install keras tensorflow"
        ) from error
    return keras


def make_deterministic() -> None:
    """Have the backend add up in one order, so that two runs on one machine give the same bits.

    This holds for everything that the process does with TensorFlow from then on: some operations
    are slower, and those that cannot be repeated, or draw random numbers without a seed, raise an
    error. JAX, on a CPU, is deterministic as it is.

    Raises
    ------
    ImportError
        If Keras, or its backend, is not installed.
    """
    if import_keras().backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
