import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.settings import Settings
from benchmarks.stages import images


@pytest.fixture(scope="module")
def case():
    return images.make_case(4, (200, 320))


def test_both_draw_the_image_with_its_regions(case):
    original = np.asarray(Image.open(io.BytesIO(case.content))).astype(int)
    assert original.shape == (200, 320, 3)
    plain = np.asarray(Image.open(io.BytesIO(images.plain(case))).convert("RGB")).astype(int)
    assert plain.shape == original.shape
    # Most of it is the image as it was, and some is not.
    changed = (np.abs(plain - original).max(axis=2) > 8).mean()
    assert 0.001 < changed < 0.5
    ours = np.asarray(Image.open(io.BytesIO(images.ours(case)[0])))
    assert ours.shape[1] == 3 * 320  # enlarged


def test_facts_are_of_each_part(tmp_path):
    measured = images.measure(Settings(repetitions=1, scratch_dir=tmp_path, quick=True))
    assert [m.contender for m in measured] == [images.RBC_TF, images.PLAIN] * 2
    facts = measured[0].facts
    parts = sum(facts[f"cpu_seconds_{part}"] for part in images.PARTS)
    assert facts["cpu_seconds"] == pytest.approx(parts, abs=0.001)
    assert all(m.facts["png_bytes"] > 1000 for m in measured)
    assert all(m.size >= 1 for m in measured)
