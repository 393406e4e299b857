"""Nothing is scored on what a part has seen; one image that was seen rules out its group."""

import pytest

from rbc_tf.core import unseen
from rbc_tf.core.types import Sample
from rbc_tf.core.unseen import Images, Seen, SeenError

# Group 'one' has images a and b, group 'two' has c, group 'three' has d.
_IMAGES = Images(
    {name: f"hash of {name}" for name in "abcd"},
    {"a": "one", "b": "one", "c": "two", "d": "three"},
)


def _seen(*names, part=unseen.DETECTOR):
    return Seen(part, frozenset(f"hash of {name}" for name in names))


def test_an_image_that_was_seen_rules_out_its_group():
    with pytest.raises(SeenError, match="the detector has seen 1 image of group one"):
        unseen.check([_seen("a")], _IMAGES, ["b"], "smears")
    unseen.check([_seen("a")], _IMAGES, ["c", "d"], "smears")
    assert unseen.seen_groups(_seen("a", "b", "c"), _IMAGES, ["b", "c", "d"]) == {
        "one": ["a", "b"],
        "two": ["c"],
    }


def test_images_are_compared_by_content():
    renamed = Images({"x": "hash of a"}, {"x": "new"})
    with pytest.raises(SeenError, match="group new"):
        unseen.check([_seen("a")], renamed, ["x"], "smears")
    replaced = Images({"a": "another hash"}, {"a": "one"})
    unseen.check([_seen("a")], replaced, ["a"], "smears")


def test_who_has_seen_the_cells_of_a_composed_image_has_seen_it():
    sources = {"c": ["hash of x", "hash of y"]}
    images = Images(_IMAGES.sha256, _IMAGES.group, sources)
    with pytest.raises(SeenError, match="seen 1 image of group two"):
        unseen.check([_seen("y")], images, ["c", "d"], "smears")
    unseen.check([_seen("y")], images, ["d"], "smears")
    unseen.check([_seen("z")], images, ["c"], "smears")


def test_the_error_names_each_part_the_place_and_what_to_do():
    parts = [_seen("a"), _seen("d", part=unseen.BACKBONE), _seen("a", "c", part=unseen.CLASSIFIER)]
    with pytest.raises(SeenError) as raised:
        unseen.check(parts, _IMAGES, ["a", "c"], "my_smears")
    text = str(raised.value)
    assert text.startswith("my_smears: ")
    assert "the detector has seen 1 image of group one;" in text
    assert "the classifier has seen 2 images of group one, two." in text
    assert "backbone" not in text
    assert "Choose another split" in text


def test_of_many_groups_the_first_are_named():
    names = [f"i{number}" for number in range(9)]
    images = Images({n: f"hash of {n}" for n in names}, {n: f"g{n}" for n in names})
    with pytest.raises(
        SeenError, match="seen 9 images of group gi0, gi1, gi2, gi3, gi4 and 4 more"
    ):
        unseen.check([_seen(*names)], images, names, "smears")


def test_a_part_that_does_not_say_it_is_noted_and_refuses_nothing():
    parts = [Seen(unseen.DETECTOR, None), _seen("a", part=unseen.CLASSIFIER)]
    assert unseen.unrecorded(parts) == parts[:1]
    assert unseen.notes(parts, _IMAGES, ["d"], "test", "smears") == [
        "Which images the detector has seen is not recorded."
    ]
    with pytest.raises(SeenError, match="classifier"):
        unseen.notes(parts, _IMAGES, ["a"], "test", "smears")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_who_asks_for_training_images_gets_them_with_a_note(split):
    (note,) = unseen.notes([_seen("a")], _IMAGES, ["b"], split, "smears")
    assert f"'{split}' are not held out: the detector has seen 1 image of group one" in note
    (note,) = unseen.notes([_seen()], _IMAGES, ["b"], split, "smears")
    assert "not held out. They flatter." in note


def test_images_of_samples_are_those_of_the_groups_of_the_split(tmp_path):
    samples = []
    for name, group, split in (("a", "one", "train"), ("b", "one", "test"), ("c", "two", "train")):
        (tmp_path / name).write_text(name)
        samples.append(Sample(name, tmp_path / name, None, group, split))
    samples.append(Sample("gone", tmp_path / "gone", None, "one", "test"))
    images = unseen.of_samples(samples, "test", {})
    assert images.group == {"a": "one", "b": "one"}
    assert len(images.sha256["a"]) == 64
    assert images.sha256["a"] != images.sha256["b"]
    # One that cannot be read is neither seen nor in the way.
    unseen.check([_seen("a")], images, ["b", "gone"], "smears")


def test_training_and_validation_are_kept_apart():
    unseen.check_apart("group", ["a", "b"], ["c"])
    with pytest.raises(SeenError, match=r"No group may be .* Received: 1 in both, b"):
        unseen.check_apart("group", ["a", "b", "b"], ["c", "b"])


def test_what_is_scored_lies_in_groups_that_nothing_learns_from():
    rows = [("a", "train", "1.png"), ("a", "", "2.png"), ("b", "test", "3.png"), ("c", "", "4.png")]
    unseen.check_one_split(rows)
    divided = [*rows, ("b", "test", "5.png"), ("a", "validation", "6.png"), ("a", "test", "7.png")]
    expected = r"Received: 1 in several, 1\.png in 'train' and 6\.png in 'validation'\. Divide"
    with pytest.raises(SeenError, match=expected):
        unseen.check_one_split(divided)


def test_single_cells_alone_where_models_a_and_b_are_compared():
    seen = frozenset(["hash"])
    unseen.check_single_cell(Seen(unseen.BACKBONE, seen, "single_cell"), "features")
    unseen.check_single_cell(Seen(unseen.BACKBONE, frozenset()), "features")
    with pytest.raises(SeenError, match=r"features: the backbone .* one fine-tuned on all regions"):
        unseen.check_single_cell(Seen(unseen.BACKBONE, seen, "all"), "features")


def test_images_without_splits_that_were_seen_are_told_and_not_refused(tmp_path):
    paths = [tmp_path / name for name in ("a.png", "more/a.png", "b.png", "gone.png")]
    (tmp_path / "more").mkdir()
    for number, path in enumerate(paths[:3]):
        path.write_bytes(bytes([number]))
    images = unseen.of_files(paths)
    assert list(images.sha256) == ["a.png", str(paths[1]), "b.png"]
    seen = Seen(unseen.DETECTOR, frozenset(images.sha256.values()) - {images.sha256["a.png"]})
    assert unseen.notes_of_files([seen], images) == [
        f"The detector has seen 2 of 3 images, {paths[1]}, b.png: these scores are not held out. "
        "They flatter."
    ]
    assert unseen.notes_of_files([_seen("a")], images) == []
    assert unseen.notes_of_files([Seen(unseen.DETECTOR, None)], images) == [
        "Which images the detector has seen is not recorded."
    ]
