"""Both contenders read the same pixels of every format."""

import numpy as np

from benchmarks.settings import Settings
from benchmarks.stages import reading


def test_contenders_agree():
    pixels = reading.picture((60, 80))
    files = reading.files_of(pixels)
    assert len(files) == 6
    for name, content in files.items():
        ours, before = (contender.run() for contender in reading.contenders(name, content))
        np.testing.assert_array_equal(ours, before)
        if not name.endswith("JPEG"):
            np.testing.assert_array_equal(ours, pixels)


def test_measurements(tmp_path):
    measured = reading.measure(Settings(repetitions=1, scratch_dir=tmp_path, quick=True))
    assert len(measured) == 12
    assert {m.facts["format"] for m in measured} == set(reading.files_of(reading.picture((60, 80))))
    assert len({m.stage for m in measured}) == 6  # so that each format has its own ratio
