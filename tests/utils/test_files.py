"""Files and folders are replaced whole or not at all."""

import pytest

from szfinder.utils.files import replacing, replacing_folder


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


def test_new_folder(tmp_path):
    with replacing_folder(tmp_path / "sky") as aside:
        (aside / "map.txt").write_text("all")
        assert not (tmp_path / "sky").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["sky", "map.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_empty_folder_is_filled(tmp_path, overwrite):
    (tmp_path / "sky").mkdir()
    with replacing_folder(str(tmp_path / "sky"), overwrite=overwrite) as aside:
        (aside / "map.txt").write_text("all")
    assert (tmp_path / "sky" / "map.txt").read_text() == "all"
    assert [path.name for path in tmp_path.iterdir()] == ["sky"]


def full_folder(tmp_path):
    (tmp_path / "sky" / "inner").mkdir(parents=True)
    (tmp_path / "sky" / "inner" / "old.txt").write_text("old")
    return tmp_path / "sky"


def test_full_folder_is_kept(tmp_path):
    path = full_folder(tmp_path)
    with pytest.raises(FileExistsError, match="cannot write .*sky: the folder is not empty"):
        with replacing_folder(path):
            pytest.fail("must not start")
    assert (path / "inner" / "old.txt").read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["sky"]


def test_full_folder_is_replaced_whole(tmp_path):
    path = full_folder(tmp_path)
    with replacing_folder(path, overwrite=True) as aside:
        (aside / "new.txt").write_text("new")
        assert (path / "inner" / "old.txt").read_text() == "old"
    assert [found.name for found in path.iterdir()] == ["new.txt"]
    assert [found.name for found in tmp_path.iterdir()] == ["sky"]


def test_failure_leaves_the_old_folder(tmp_path):
    path = full_folder(tmp_path)
    with pytest.raises(RuntimeError, match="half way"):
        with replacing_folder(path, overwrite=True) as aside:
            (aside / "new.txt").write_text("ne")
            raise RuntimeError("half way")
    assert (path / "inner" / "old.txt").read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["sky"]


def test_failure_leaves_no_new_folder(tmp_path):
    with pytest.raises(RuntimeError, match="half way"), replacing_folder(tmp_path / "sky"):
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_file_in_place_of_a_folder(tmp_path, overwrite):
    (tmp_path / "sky").write_text("a file")
    with pytest.raises(FileExistsError, match="cannot write .*sky: it is a file, not a folder"):
        with replacing_folder(tmp_path / "sky", overwrite=overwrite):
            pytest.fail("must not start")
    assert (tmp_path / "sky").read_text() == "a file"


def test_folder_in_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot write .*sky: there is no folder"):
        with replacing_folder(tmp_path / "none" / "sky"):
            pytest.fail("must not start")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".", "full/..", "full/"])
def test_other_names_of_a_folder(tmp_path, monkeypatch, name):
    """The folder one is in cannot be replaced, and is left as it was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.txt").write_text("old")
    with pytest.raises(FileExistsError, match="the folder is not empty"), replacing_folder(name):
        pytest.fail("must not start")
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "old.txt"]
