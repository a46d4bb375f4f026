"""Keras, imported at the first network and not before."""

from types import ModuleType

__all__ = ["import_keras"]


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
