import cv2

from benchmarks.settings import Settings
from benchmarks.stages import smears
from rbc_tf.data.synthetic import SmearConfig

_TINY = SmearConfig(height=60, width=80, num_cells=2, cell_diameter=20.0)


def test_as_many_images_are_written_as_are_counted(tmp_path):
    assert smears.write(3, _TINY, tmp_path, 1) == [f"smear_000{n}.png" for n in (1, 2, 3)]
    assert list(tmp_path.iterdir()) == []


def test_rates_are_of_one_core(tmp_path):
    threads = cv2.getNumThreads()
    measured = smears.measure(Settings(repetitions=1, scratch_dir=tmp_path, quick=True))
    assert cv2.getNumThreads() == threads
    assert {m.size for m in measured} == {1, 2}
    for m in measured:
        expected = m.size / m.median / m.facts["processes"]
        assert abs(m.facts["images_per_second_and_core"] - expected) <= 0.01
