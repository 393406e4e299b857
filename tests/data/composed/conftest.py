"""A source of cells."""

import pytest

from tests.data.composed import made_up


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    return made_up.write_source(tmp_path_factory.mktemp("source"))
