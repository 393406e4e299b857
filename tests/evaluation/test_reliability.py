"""The reliability picture: what is drawn, and that it is the same file for the same curves."""

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.evaluation import reliability
from rbc_tf.metrics.calibration import reliability_curve


def _curve(seed, count=200):
    rng = np.random.default_rng(seed)
    probabilities = rng.random(count)
    return reliability_curve(probabilities, (rng.random(count) < probabilities).astype(int))


@pytest.mark.parametrize("count", [1, 4, 5, 12])
def test_a_panel_per_type(count):
    names = [f"type {number}" for number in range(count)]
    curves = [_curve(number) for number in range(count)]
    figure = reliability.draw(names, curves, curves)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [title.split("\n")[0] for title in titles] == names


def test_points_are_those_of_the_curves():
    before, after = _curve(0), _curve(1, count=5)
    curves, counts = reliability.draw(["burr"], [before], [after]).axes
    diagonal, dashed, solid = curves.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    for line, curve, style in ((dashed, before, "--"), (solid, after, "-")):
        there = curve.counts > 0
        np.testing.assert_array_equal(line.get_xdata(), curve.mean_predicted[there])
        np.testing.assert_array_equal(line.get_ydata(), curve.share_present[there])
        assert line.get_linestyle() == style
    assert dashed.get_marker() != solid.get_marker()
    bars = [patch.get_data().values for patch in counts.patches]
    np.testing.assert_array_equal(bars, [after.counts, before.counts])


def test_a_type_without_regions_and_a_long_name(tmp_path):
    nothing = reliability_curve(np.zeros(0), np.zeros(0))
    names = ["$x$ without $y$", "a name that is far too long for one panel of the picture"]
    figure = reliability.draw(names, [nothing, _curve(0)], [nothing, _curve(1)])
    first, second = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert first == "$x$ without $y$\nECE – → –"
    assert second.startswith("a name that is far too long…\nECE 0.")
    written = reliability.write_figure(
        tmp_path / "new", names, [nothing, _curve(0)], [nothing, _curve(1)]
    )
    assert [path.name for path in written] == ["reliability.svg", "reliability.png"]


def test_the_same_curves_give_the_same_files(tmp_path):
    written = [
        reliability.write_figure(tmp_path / folder, ["burr"], [_curve(0)], [_curve(1)])
        for folder in ("first", "second")
    ]
    for first, second in zip(*written, strict=True):
        assert first.read_bytes() == second.read_bytes()
    picture = image_io.read_image(written[0][1])
    assert picture.std() > 10  # not blank
