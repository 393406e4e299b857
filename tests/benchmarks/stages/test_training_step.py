import pytest

from benchmarks.settings import Settings
from benchmarks.stages import training_step


@pytest.mark.slow
def test_steps_are_timed_in_a_process_of_their_own(tmp_path):
    settings = Settings(repetitions=1, scratch_dir=tmp_path, quick=True)
    records = training_step._records(settings)
    seconds = training_step.time_steps(settings, records, training_step.RBC_TF)
    assert len(seconds) == 1
    assert 0 < seconds[0] < 600
