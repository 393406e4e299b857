"""Packaging of rbc_tf: the one list of its dependencies.

Ranges here say what the code needs; `constraints.txt` pins the exact versions that
`make` installs, so that a set-up can be repeated.
"""

from setuptools import find_packages, setup

_BEAM = ["apache-beam>=2.77"]  # fleets: tools/analyze_beam.py

setup(
    name="rbc_tf",
    version="0.1.0",
    description=(
        "Finds red blood cells in blood-smear images and says which cell types are there: "
        "multi-label detection and classification for sickle cell disease."
    ),
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=["rbc_tf", "rbc_tf.*"]),
    package_data={
        "rbc_tf.data.importers": ["chula_types/*.yaml"],
        "rbc_tf.inference.report": ["page.html", "style.css", "js/*.js"],
    },
    install_requires=[
        "absl-py>=1.4",
        "dacite>=1.8",  # strict dataclasses from configuration files
        "keras>=3.10,<4",
        "matplotlib>=3.9",  # overlays' text, tables and curves
        "numpy>=1.26",
        # tf-models-official requires the headless build. `opencv-python` would overwrite the
        # same cv2 folder and needs a display library, so it must never be installed beside it.
        # 4.12 is the first whose PNG filter can be chosen.
        "opencv-python-headless>=4.12",
        "pillow>=10",  # reads headers before decoding, and reports truncated files
        "PyYAML>=6",
        "roifile>=2026.2.10",  # writes ImageJ's ROIs
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "tensorboard>=2.20",  # curves, worst patches, projector
        "tensorflow>=2.20,<2.21",
        # The protocol buffers of warm-up requests (30 kB), and of a gRPC client.
        "tensorflow-serving-api>=2.20,<2.21",
        "tf-models-official>=2.20,<2.21",
        "tifffile>=2024.1",  # TIFF headers of 8 and 16 bit
        "tqdm>=4.66",
    ],
    extras_require={
        "dev": [
            *_BEAM,
            "hypothesis>=6.100",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "ruff>=0.6",
            "selenium>=4.20",  # drives the Chromium of the machine, where there is one
            "shapely>=2",
        ],
        "beam": _BEAM,
    },
)
