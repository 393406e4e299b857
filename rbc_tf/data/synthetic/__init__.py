"""Synthetic blood smears: the data that come with the project, for tests, demos and first runs.

`cells` draws one cell, `clusters` joins cells, `scene` spreads them over the field, `optics` takes
the picture, `smear` puts these together and `dataset_writer` fills a dataset folder.
"""

from rbc_tf.data.synthetic.config import SmearConfig
from rbc_tf.data.synthetic.dataset_writer import write_dataset
from rbc_tf.data.synthetic.smear import SyntheticSmear, render_smear

__all__ = ["SmearConfig", "SyntheticSmear", "render_smear", "write_dataset"]
