import numpy as np
import pytest

from benchmarks.settings import Settings
from benchmarks.stages import regions as stage
from rbc_tf.data.loops import Loops


def _boxes(name, result):
    """int [N, 4] of what a contender answers, None where it gives no boxes."""
    if name in (stage.RBC_TF, stage.FROM_FILE):
        return [region.box for region in result]
    if name == stage.BOXES_ALONE:
        return result.boxes.tolist()
    if name == stage.OPENCV_STATS:
        left, top, width, height, _ = result[2][1:].T
        return np.stack([top, left, top + height, left + width], axis=1).tolist()
    if name == stage.OPENCV_BORDERS:
        outer = Loops.join(result[0]).enclosed_pixels() > 0  # the rest are holes
        points = [result[0][row][:, 0, ::-1] for row in np.flatnonzero(outer)]
        return [(*yx.min(axis=0), *yx.max(axis=0) + 1) for yx in points]
    if name == stage.SCIPY:
        return [(y.start, x.start, y.stop, x.stop) for y, x in result]
    return result if name == stage.PLAIN else None


@pytest.mark.parametrize("count", [1, 9])
def test_all_find_the_same_regions(tmp_path, count):
    case = stage.make_case(count, (240, 320), tmp_path)
    found = {contender.name: contender.run() for contender in stage.contenders(case)}
    boxes = {name: _boxes(name, result) for name, result in found.items()}
    expected = sorted(map(tuple, boxes[stage.PLAIN]))
    assert len(expected) == count
    for name in (stage.OPENCV, stage.OPENCV_FROM_FILE):
        assert boxes.pop(name) is None
        assert found[name][0] == count + 1  # with the background
    for name, these in boxes.items():
        assert sorted(map(tuple, these)) == expected, name
    assert found[stage.RBC_TF] == found[stage.FROM_FILE]
    assert sum(region.num_points for region in found[stage.RBC_TF]) == len(case.cells) >= count


def test_every_size_is_measured(tmp_path):
    measured = stage.measure(Settings(repetitions=1, scratch_dir=tmp_path, quick=True))
    assert [m.size for m in measured] == [3] * 9 + [12] * 9
    assert {len(m.seconds) for m in measured} == {1}
    assert measured[0].contender == stage.RBC_TF
