import pytest

from benchmarks.settings import Settings
from benchmarks.stages import heads


@pytest.mark.slow
def test_the_same_networks_as_keras_are_trained(tmp_path):
    found = heads.measure(Settings(repetitions=1, scratch_dir=tmp_path, quick=True))
    rows = [(row.contender, row.size, row.unit) for row in found]
    assert rows == [
        ("rbc_tf", 2, "type"),
        ("Keras fit, one per type and fold", 2, "type"),
        ("rbc_tf", 2, "type"),
        ("Keras fit, one per type and fold", 2, "type"),
        ("rbc_tf", 2, "type"),
        ("rbc_tf", 3, "type"),
        ("rbc_tf", 40, "patch"),
        ("rbc_tf", 80, "patch"),
    ]
    stages = ("heads", "heads, more epochs", "heads by types", "heads by patches")
    assert [row.stage for row in found] == [stage for stage in stages for _ in range(2)]
    # Weights are up to 0.1, and three steps of 1e-5 change them by 3e-5.
    assert found[0].facts["max_weight_difference_after_one_epoch"] < 1e-6
    # Two epochs of 2 x 70 + 20 rows, by 2 folds x 2 types of 64 x 512 weights, twice each.
    assert found[0].gflop == found[1].gflop
    assert abs(found[0].gflop - 2e-9 * 2 * 160 * 4 * 64 * 512) < 1e-12
    assert found[-1].facts["peak_megabytes"] >= found[-2].facts["peak_megabytes"] > 0
