import hashlib
import pathlib
import stat

import pytest

from rbc_tf.core import files


def _fail_halfway(path):
    with files.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError


def _fail_halfway_in_folder(folder):
    with files.atomic_folder(folder, marker="mark") as temporary:
        (temporary / "two").write_text("2")
        raise RuntimeError


def test_a_file_is_whole_or_untouched(tmp_path):
    path = tmp_path / "new" / "a.json"
    files.write_json(path, {"b": "é"})
    assert path.read_text(encoding="utf-8") == '{\n  "b": "é"\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with pytest.raises(RuntimeError):
        _fail_halfway(path)
    assert "half" not in path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_whole_or_untouched(tmp_path):
    folder = tmp_path / "out"
    with files.atomic_folder(folder, marker="mark") as temporary:
        (temporary / "mark").write_text("1")
    with pytest.raises(RuntimeError):
        _fail_halfway_in_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["mark"]
    with files.atomic_folder(folder, marker="mark") as temporary:
        (temporary / "three").write_text("3")
    assert [path.name for path in folder.iterdir()] == ["three"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="or one with mark"):
        _fail_halfway_in_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_csv_and_hashes(tmp_path):
    files.write_csv(tmp_path / "t.csv", ("a", "b"), [(1, "x,y")])
    assert (tmp_path / "t.csv").read_text() == 'a,b\n1,"x,y"\n'
    content = (tmp_path / "t.csv").read_bytes()
    expected = hashlib.sha256(content).hexdigest()
    assert files.sha256_of_file(tmp_path / "t.csv") == expected
    assert files.sha256_of_bytes(content[:5], content[5:]) == expected
    assert files.sha256_of_json({"a": 1, "b": 2}) == files.sha256_of_json({"b": 2, "a": 1})
    assert files.sha256_of_json({"a": 1}) != files.sha256_of_json({"a": 2})


def test_versions_name_what_numbers_depend_on():
    found = files.versions()
    assert {"rbc_tf", "tensorflow", "keras", "scikit-learn", "numpy"} <= set(found)


@pytest.fixture
def environment(monkeypatch, tmp_path):
    for variable in ("RBC_TF_CACHE_DIR", "RBC_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    files._warn_of_old_variable.cache_clear()
    return monkeypatch


def test_the_cache_folder_is_the_users_where_none_is_named(environment, tmp_path):
    assert files.cache_dir() == tmp_path / "home" / "rbc_tf"
    environment.setenv("RBC_TF_CACHE_DIR", "named")
    assert files.cache_dir() == pathlib.Path("named")
    environment.setenv("RBC_TF_CACHE_DIR", "")
    assert files.cache_dir() is None


def test_without_a_home_nothing_is_kept(environment):
    def no_home(self):
        raise RuntimeError("Could not determine home directory.")

    environment.setattr(pathlib.Path, "expanduser", no_home)
    assert files.cache_dir() is None
    with pytest.raises(OSError, match="set RBC_TF_CACHE_DIR"):
        files.user_cache_dir()


def test_the_old_name_of_the_cache_folder_counts_where_the_new_one_is_not_set(environment, caplog):
    environment.setenv("RBC_CACHE_DIR", "old")
    assert [files.cache_dir() for _ in range(2)] == [pathlib.Path("old")] * 2
    assert caplog.text.count("RBC_CACHE_DIR is now called RBC_TF_CACHE_DIR") == 1
    environment.setenv("RBC_TF_CACHE_DIR", "new")
    assert files.cache_dir() == pathlib.Path("new")
