"""Where the packages are. All metadata is in pyproject.toml.

It cannot say this: packages are found, and the settings, which lie at the top of the repository,
are installed beside them as folders of rbc_tf.
"""

from setuptools import find_packages, setup

_SETTINGS = ("object_detection_configs", "classifier_configs")

setup(
    packages=[
        *find_packages(include=["rbc_tf", "rbc_tf.*"]),
        *(f"rbc_tf.{folder}" for folder in _SETTINGS),
    ],
    package_dir={f"rbc_tf.{folder}": folder for folder in _SETTINGS},
)
