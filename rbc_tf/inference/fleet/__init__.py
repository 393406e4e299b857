"""Analysis on Apache Beam: the same results from many workers, on this machine or a fleet."""

import importlib.util

if importlib.util.find_spec("apache_beam") is None:
    raise ModuleNotFoundError(
        "Apache Beam is required, the extra `beam` of rbc_tf: pip install '.[beam]'"
    )
