"""Settings and fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "agg")  # tests draw without a display

# The same examples in every run, and no time limit: a busy machine must not fail a test.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def reference_data():
    """Folder of public survey maps, catalogues and tables (skips the test where it is absent)."""
    folder = os.environ.get("SZFINDER_TEST_DATA")
    if folder is None:
        pytest.skip("needs public survey data: set SZFINDER_TEST_DATA to their folder")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"SZFINDER_TEST_DATA is {folder!r}, which is not a folder")
    return path
