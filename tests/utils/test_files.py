"""Files are replaced whole or not at all."""

import pytest

from szfinder.utils.files import replacing


def test_new_file(tmp_path):
    with replacing(tmp_path / "new.txt") as aside:
        assert aside.suffix == ".txt" and aside.parent.parent == tmp_path
        aside.write_text("all")
        assert not (tmp_path / "new.txt").exists()
    assert (tmp_path / "new.txt").read_text() == "all"
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]


def test_existing_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")
    with replacing(str(path)) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), replacing(path) as aside:
        aside.write_text("ne")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]


def test_nothing_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]


def test_missing_folder(tmp_path):
    path = tmp_path / "none" / "new.txt"
    with pytest.raises(FileNotFoundError, match="cannot write .*new.txt: there is no folder"):
        with replacing(path):
            pytest.fail("must not start")
    assert not path.parent.exists()


def test_name_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replacing("here.txt") as aside:
        aside.write_text("here")
    assert (tmp_path / "here.txt").read_text() == "here"
