"""What there is in a folder, each file once."""

import os

import pytest

from rbc_tf.core import walk

_SUFFIXES = (".png", ".tif")


def _touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def _names(root, **options):
    return list(walk.find(root, _SUFFIXES, **options).paths)


def test_folder_by_folder_by_name(tmp_path):
    _touch(tmp_path, "b.png", "A.PNG", "sub/a.tif", "sub b/c.png", "sub/deep/d.png", "notes.txt")
    assert _names(tmp_path) == ["A.PNG", "b.png", "sub/a.tif", "sub/deep/d.png", "sub b/c.png"]


def test_nothing_hidden_and_nothing_of_the_system(tmp_path):
    _touch(tmp_path, "a.png", ".a.png", "._a.png", ".thumbnails/a.png", "@eaDir/a.png/S_M.png")
    _touch(tmp_path, "__MACOSX/a.png", "$RECYCLE.BIN/a.png")
    assert _names(tmp_path) == ["a.png"]
    assert _names(tmp_path / ".thumbnails") == ["a.png"]  # as it was asked for


def test_a_folder_named_like_an_image_is_a_folder(tmp_path):
    _touch(tmp_path, "a.png/b.png")
    assert _names(tmp_path) == ["a.png/b.png"]


def test_links_are_followed_to_every_depth(tmp_path):
    _touch(tmp_path, "in/own.png", "elsewhere/top.png", "elsewhere/deep/low.png", "far/x.png")
    (tmp_path / "in" / "link").symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "deep" / "on").symlink_to(tmp_path / "far")
    (tmp_path / "in" / "one.png").symlink_to("../far/x.png")
    found = walk.find(tmp_path / "in", _SUFFIXES)
    assert set(found.paths) == {"own.png", "one.png", "link/top.png", "link/deep/low.png"}
    assert found.passed_over == ("link/deep/on/x.png",)


def test_what_two_paths_lead_to_is_taken_once(tmp_path):
    _touch(tmp_path, "sub/a.png")
    (tmp_path / "again").symlink_to("sub")
    (tmp_path / "a.png").symlink_to("sub/a.png")
    found = walk.find(tmp_path, _SUFFIXES)
    assert list(found.paths) == ["sub/a.png"]
    assert set(found.passed_over) == {"again", "a.png"}


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_links_that_go_round_end(tmp_path, target):
    _touch(tmp_path, "other/b.png", "in/a.png")
    (tmp_path / "in" / "round").symlink_to(target)
    assert _names(tmp_path / "in") == ["a.png"]


def test_a_link_that_leads_nowhere_is_taken_and_fails_when_read(tmp_path):
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    assert _names(tmp_path) == ["gone.png"]


def test_results_of_earlier_runs_are_no_input(tmp_path):
    _touch(tmp_path, "a.png", "run1/run.json", "run1/overlays/a.png.png", "run1/notes/b.png")
    _touch(tmp_path, "deep/run2/run.json", "deep/run2/overlays/a.png.png")
    found = walk.find(tmp_path, _SUFFIXES)
    assert list(found.paths) == ["a.png"]
    assert found.passed_over == ("deep/run2", "run1")
    # Where the folder of results itself is given, its pictures are still no images.
    assert _names(tmp_path / "run1") == ["notes/b.png"]


def test_a_folder_is_left_out(tmp_path):
    _touch(tmp_path, "a.png", "out/overlays/a.png.png")
    assert _names(tmp_path, leave_out=[tmp_path / "out"]) == ["a.png"]
    assert _names(tmp_path, leave_out=[tmp_path.parent]) == ["a.png", "out/overlays/a.png.png"]


def test_masks_of_a_dataset_are_no_images(tmp_path):
    _touch(tmp_path, "d/images/a.png", "d/masks/a.png", "d/cells.csv", "e/images/a.png")
    _touch(tmp_path, "e/masks/a.png")  # without tables it may be anything that is no picture
    assert _names(tmp_path) == ["d/images/a.png", "e/images/a.png", "e/masks/a.png"]


@pytest.mark.parametrize(
    ("files", "images", "passed_over"),
    [
        (
            ["images/a.png", "images/b.tif", "masks/a.tif", "masks/c.png"],
            ["images/a.png", "images/b.tif"],
            ("masks",),
        ),
        (
            ["d/images/s/a.png", "d/masks/s/a.png", "d/masks/t/b.png"],
            ["d/images/s/a.png"],
            ("d/masks",),
        ),
        (["images/a.png", "masks/a_cp_masks.png"], ["images/a.png"], ("masks",)),
        (["images/a.png", "masks/b.png"], ["images/a.png", "masks/b.png"], ()),
        (["masks/a.png", "a.png"], ["a.png", "masks/a.png"], ()),
        (
            ["a.tif", "a_cp_masks.tif", "a_cp_outlines.png", "s/a_cp_masks.tif"],
            ["a.tif", "s/a_cp_masks.tif"],
            ("a_cp_masks.tif", "a_cp_outlines.png"),
        ),
        (["a.tif", "a_cp.tif", "b_cp_masks.tif"], ["a.tif", "a_cp.tif", "b_cp_masks.tif"], ()),
    ],
)
def test_masks_of_pictures_are_no_pictures(tmp_path, files, images, passed_over):
    found = walk.find(_touch(tmp_path, *files), _SUFFIXES).without_masks()
    assert (list(found.paths), found.passed_over) == (images, passed_over)


def test_masks_behind_links_are_masks(tmp_path):
    _touch(tmp_path, "store/x.png", "store/y.png", "in/images/b.png")
    (tmp_path / "in" / "masks").mkdir()
    for link, name in (("images/a.png", "x.png"), ("masks/a.png", "y.png")):
        (tmp_path / "in" / link).symlink_to(tmp_path / "store" / name)
    found = walk.find(tmp_path / "in", _SUFFIXES).without_masks()
    assert list(found.paths) == ["images/a.png", "images/b.png"]


def test_what_is_like_the_others_and_cannot_be_read_is_told(tmp_path):
    _touch(tmp_path, "a.png", "b.WEBP", "s/c.czi", ".d.czi", "notes.txt")
    (tmp_path / "e.czi").symlink_to("s/c.czi")
    found = walk.find(tmp_path, _SUFFIXES, others=(".webp", ".czi"))
    assert list(found.paths) == ["a.png"]
    assert found.not_read == ("b.WEBP", "e.czi", "s/c.czi")
    (warning,) = found.warnings()
    assert warning.startswith("3 files of kinds of images that are not read were passed over")
    assert "(b.WEBP, e.czi, s/c.czi)" in warning
    assert walk.find(tmp_path, _SUFFIXES).warnings() == ()


def test_of_many_some_are_named():
    (warning,) = walk.not_read_warning([f"{n}.czi" for n in range(7)])
    assert "(0.czi, 1.czi, 2.czi, 3.czi, 4.czi and 2 more)" in warning


def test_a_name_that_is_no_text_is_told(tmp_path):
    _touch(tmp_path, "a.png", os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"d\xe9/b.png"))
    found = walk.find(tmp_path, _SUFFIXES)
    assert list(found.paths) == ["a.png"]
    assert list(found.unreadable) == ["caf\\xe9.png", "d\\xe9/b.png"]
    assert "must be UTF-8" in found.unreadable["caf\\xe9.png"]


def test_what_cannot_be_read_is_told(tmp_path, monkeypatch):
    _touch(tmp_path, "a.png", "closed/b.png")
    os.mkfifo(tmp_path / "pipe.png")
    listing = os.scandir

    def scandir(folder):
        if os.fspath(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    found = walk.find(tmp_path, _SUFFIXES)
    assert list(found.paths) == ["a.png"]
    assert "Permission denied" in found.unreadable["closed"]
    assert "a file is required" in found.unreadable["pipe.png"]
