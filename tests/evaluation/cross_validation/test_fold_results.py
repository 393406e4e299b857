import numpy as np
import pytest

from rbc_tf.core.fingerprint import Fingerprint, StaleError
from rbc_tf.evaluation.cross_validation.fold_results import FoldResults

STUDY = Fingerprint({"config": {"heads": {"l2": 0.1}, "splits": ("train",)}, "rows_sha256": "a"})


def test_kept_results_are_read_again(tmp_path):
    results = FoldResults(tmp_path / "study", STUDY)
    assert results.load(0, "A") is None
    results.save(0, "A", {"seconds": 1.5}, values=np.eye(2))
    record, arrays = FoldResults(tmp_path / "study", STUDY).load(0, "A")
    assert record == {"seconds": 1.5}
    np.testing.assert_array_equal(arrays["values"], np.eye(2))
    assert results.load(1, "A") is None


def test_another_study_is_refused(tmp_path):
    FoldResults(tmp_path, STUDY).save(0, "A", {})
    other = Fingerprint(
        {"config": {"heads": {"l2": 0.2}, "splits": ("train",)}, "rows_sha256": "a"}
    )
    with pytest.raises(StaleError, match=r"config\.heads\.l2 was 0\.1, is now 0\.2"):
        FoldResults(tmp_path, other)
    assert FoldResults(tmp_path, STUDY).load(0, "A") is not None
    assert FoldResults(tmp_path, other, overwrite=True).load(0, "A") is None
    with pytest.raises(StaleError, match=r"l2 was 0\.2"):
        FoldResults(tmp_path, STUDY)


def test_results_of_0_1_0_are_read(tmp_path):
    results = FoldResults(tmp_path, STUDY)
    results.path(0, "A").parent.mkdir()
    np.savez(results.path(0, "A"), made_of=STUDY.sha256, record='{"seconds": 2}', values=np.eye(2))
    record, arrays = results.load(0, "A")
    assert record == {"seconds": 2}
    assert list(arrays) == ["values"]


def test_overwriting_deletes_results_of_the_same_study(tmp_path):
    FoldResults(tmp_path, STUDY).save(0, "A", {})
    (tmp_path / "scores.json").write_text("{}")
    assert FoldResults(tmp_path, STUDY, overwrite=True).load(0, "A") is None
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        FoldResults(tmp_path, STUDY, overwrite=True)
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("damage", ["cut", "nonsense", "other study"])
def test_damaged_results_are_refused(tmp_path, damage):
    results = FoldResults(tmp_path / "one", STUDY)
    results.save(0, "A", {}, values=np.arange(100))
    path = results.path(0, "A")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    elif damage == "nonsense":
        path.write_text("nonsense")
    else:
        FoldResults(tmp_path / "two", Fingerprint({"rows_sha256": "b"})).save(0, "A", {})
        path.write_bytes((tmp_path / "two" / "folds" / path.name).read_bytes())
    with pytest.raises(ValueError, match=r"fold0-A\.npz.*Delete it"):
        results.load(0, "A")


def test_a_damaged_study_file_is_refused(tmp_path):
    FoldResults(tmp_path, STUDY)
    (tmp_path / "study.json").write_text("[")
    with pytest.raises(ValueError, match=r"study\.json must be a fingerprint"):
        FoldResults(tmp_path, STUDY)
