"""Keras is imported by the first network, on the backend of the user's choice."""

import os
import subprocess
import sys

import pytest


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    ).stdout


def test_models_and_presets_need_no_keras(preset, folder):
    code = (
        "import sys; from szfinder.models import Preset, available_presets; available_presets();"
        f"Preset.load({str(folder)!r}); print(sorted({{'keras', 'tensorflow'}} & set(sys.modules)))"
    )
    assert run(code).strip() == "[]"


def test_chosen_backend_is_kept():
    pytest.importorskip("keras", reason="networks need Keras")
    # convolutions on numpy need jax: without it there is an error, but never TensorFlow instead
    code = """
import sys
from szfinder.models import build_resnet
try:
    build_resnet((8, 8, 1), width=1, blocks=(1,), dense=1)
except ImportError as error:
    assert "jax" in str(error)
print("tensorflow" in sys.modules)
"""
    assert run(code, KERAS_BACKEND="numpy").strip() == "False"


def test_missing_keras_is_explained(monkeypatch):
    from szfinder.models import build_resnet

    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match="pip install keras tensorflow"):
        build_resnet()
