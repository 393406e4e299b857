import os
import pathlib
import subprocess
import sys
import time

import pytest

from rbc_tf.core import files, temporaries

_DEAD = "99999999"  # above the highest process number of Linux


def _named(path, kind="new", system=None, process=_DEAD, start="1"):
    system = system or temporaries._system()
    return path.parent / f".rbc_tf-{kind}-{system}-{process}-{start}-xyz-{path.name}"


def _folder(path, **contents):
    path.mkdir(parents=True)
    for name, text in contents.items():
        (path / name).write_text(text)
    return path


def _contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_next_writer_removes_what_a_killed_run_left(tmp_path):
    left = [_named(tmp_path / "a.json"), _named(tmp_path / "recs")]
    left[0].write_text("half")
    _folder(left[1], shard="half")
    files.write_json(tmp_path / "b.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_what_is_not_ours_or_still_in_use_stays(tmp_path):
    kept = [
        _named(tmp_path / "own", process=os.getpid(), start=temporaries._start(os.getpid())),
        _named(tmp_path / "foreign", system="00000000"),
        tmp_path / ".rbc_tf-settings",
        tmp_path / ".hidden",
    ]
    for path in kept:
        path.write_text("")
    temporaries.sweep(tmp_path)
    assert set(tmp_path.iterdir()) == set(kept)


def test_what_another_system_left_goes_when_it_is_old(tmp_path):
    left = _named(tmp_path / "foreign", system="00000000")
    left.write_text("")
    os.utime(left, (0, time.time() - 3 * 24 * 3600))
    temporaries.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_process_number_that_another_process_has_got_is_no_owner(tmp_path):
    left = _named(tmp_path / "a", process=os.getpid(), start="0123")
    left.write_text("")
    temporaries.sweep(tmp_path)
    assert not left.exists()


def test_folders_below_are_swept_where_that_is_asked_for(tmp_path):
    left = _named(tmp_path / "deep" / "er" / "a.png.json")
    _folder(left.parent)
    left.write_text("")
    temporaries.sweep(tmp_path)
    assert left.exists()
    temporaries.sweep(tmp_path, below=True)
    assert not left.exists()


def test_a_folder_that_was_moved_aside_is_put_back(tmp_path):
    aside = _named(tmp_path / "x", kind="old")
    _folder(aside / "recs", marker="old")
    new = _folder(_named(tmp_path / "recs"), marker="new, whole")
    with files.atomic_folder(tmp_path / "other", marker="marker"):
        pass
    assert _contents(tmp_path / "recs") == {"marker": "old"}
    assert not aside.exists()
    assert not new.exists()


def test_a_folder_that_was_replaced_before_the_kill_stays_replaced(tmp_path):
    aside = _named(tmp_path / "x", kind="old")
    _folder(aside / "recs", marker="old")
    _folder(tmp_path / "recs", marker="new")
    temporaries.sweep(tmp_path)
    assert _contents(tmp_path / "recs") == {"marker": "new"}
    assert not aside.exists()


@pytest.mark.parametrize("can_exchange", [True, False])
def test_folders_are_replaced_with_and_without_the_systems_exchange(
    tmp_path, monkeypatch, can_exchange
):
    if not can_exchange:
        monkeypatch.setattr(temporaries, "_renameat2", lambda: None)
    _folder(tmp_path / "recs", marker="old", gone="x")
    with files.atomic_folder(tmp_path / "recs", marker="marker") as folder:
        (folder / "marker").write_text("new")
    assert _contents(tmp_path / "recs") == {"marker": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["recs"]


def test_a_linked_folder_is_replaced_where_it_lies(tmp_path):
    _folder(tmp_path / "disk" / "recs", marker="old")
    (tmp_path / "recs").symlink_to(tmp_path / "disk" / "recs")
    with files.atomic_folder(tmp_path / "recs", marker="marker") as folder:
        (folder / "marker").write_text("new")
    assert (tmp_path / "recs").is_symlink()
    assert _contents(tmp_path / "disk" / "recs") == {"marker": "new"}


def test_a_name_as_long_as_the_file_system_allows_can_be_written(tmp_path):
    path = tmp_path / f"{'ä' * 120}.json"
    files.write_json(path, 1)
    assert path.read_text() == "1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_system_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match=r"No space left.*a\.json"),
        files.atomic_path(tmp_path / "a.json"),
    ):
        raise OSError(28, "No space left on device")


_KILLED = """
import pathlib, sys
from benchmarks import kill_at
from rbc_tf.core import files, temporaries
target, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[3] == "move":
    temporaries._renameat2 = lambda: None
kill_at.arm(number)
with files.atomic_folder(target, marker="marker") as folder:
    for name in ("marker", "a", "b"):
        (folder / name).write_text("new")
"""


@pytest.mark.parametrize("way", ["exchange", "move"])
def test_killed_before_any_step_the_old_folder_or_the_new_one_is_there(tmp_path, way):
    old, new = dict.fromkeys(("marker", "a"), "old"), dict.fromkeys(("marker", "a", "b"), "new")
    seen = []
    for number in range(1, 40):
        parent = tmp_path / str(number)
        _folder(parent / "recs", **old)
        command = [sys.executable, "-c", _KILLED, str(parent / "recs"), str(number), way]
        ended = subprocess.run(command, cwd=pathlib.Path(__file__).parents[2], check=False)
        with files.atomic_folder(parent / "next", marker="marker"):
            pass
        found = _contents(parent / "recs")
        assert found in (old, new), number
        seen.append(found)
        assert {path.name for path in parent.iterdir()} == {"recs", "next"}, number
        if ended.returncode == 0:
            break
    assert ended.returncode == 0
    assert seen[0] == old
    assert seen[-1] == new
