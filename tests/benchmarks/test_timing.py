import json

import pytest

from benchmarks.measurement import Measurement
from benchmarks.timing import Contender, compare


def test_contenders_take_turns_after_one_call_each():
    calls = []
    contenders = [Contender(name, lambda name=name: calls.append(name)) for name in "ab"]
    seconds = compare(contenders, repetitions=3)
    assert calls == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_median_and_rate_by_hand():
    measured = Measurement("features", "rbc_tf", 32, "patch", (0.5, 4.0, 1.0), gflop=250.0)
    assert measured.median == 1.0
    assert measured.rate == 250.0
    assert Measurement("regions", "rbc_tf", 1, "image", (1.0,)).rate is None


def test_json_and_back():
    measured = Measurement("heads", "rbc_tf", 12, "type", (0.25, 0.5), facts={"peak_mb": 3})
    assert Measurement.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured


@pytest.mark.parametrize("seconds", [(), (1.0, 0.0)])
def test_a_measurement_without_time_is_refused(seconds):
    with pytest.raises(ValueError, match="above 0"):
        Measurement("heads", "rbc_tf", 12, "type", seconds)
