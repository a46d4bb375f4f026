"""Errors that say where they happened."""

import json

import pytest

from szfinder.maps import MapError
from szfinder.utils.errors import put_in_front


@pytest.mark.parametrize("error", [ValueError("no such band"), OSError("disk full"),
                                   MapError("bad maps", found="2", expected="3", hint="look")])
def test_place_comes_first(error):
    before = str(error)
    put_in_front(error, "tile 3")
    put_in_front(error, "member 'cnn'")
    assert str(error) == f"member 'cnn': tile 3: {before}"


def test_any_object_is_a_place():
    error = RuntimeError("too hot")
    put_in_front(error, ("y", 5))
    assert str(error) == "('y', 5): too hot"


def test_same_error():
    cause = KeyError("b")
    with pytest.raises(ValueError, match="^tile 1: no b$") as raised:
        try:
            raise ValueError("no b") from cause
        except ValueError as error:
            put_in_front(error, "tile 1")
            raise
    assert raised.value.__cause__ is cause


def of_json():
    try:
        json.loads("{")
    except ValueError as error:
        return error


def of_text():
    try:
        b"\xff".decode("utf-8")
    except UnicodeDecodeError as error:
        return error


@pytest.mark.parametrize("error", [ValueError(), OSError(2, "no such file"), KeyError(3),
                                   of_text()], ids=lambda error: type(error).__name__)
def test_message_that_is_no_single_text_gets_a_note(error):
    before, args = str(error), error.args
    put_in_front(error, "tile 3")
    assert str(error) == before and error.args == args
    assert error.__notes__ == ["in tile 3"]


@pytest.mark.parametrize("error", [KeyError("band"), of_json()],
                         ids=lambda error: type(error).__name__)
def test_message_of_any_kind_has_place_and_text(error):
    before = error.args[0]
    put_in_front(error, "tile 3")
    assert "tile 3" in str(error) and before in str(error)
