"""detector.json: how an exported detector was trained, beside its SavedModel."""

import dataclasses
import pathlib

from rbc_tf.core import config, files, structured

FILE = "detector.json"

# Smaller images are no smears; of images cut into pieces of a pixel there would be no end.
_SMALLEST_SIDE = 16


@dataclasses.dataclass(frozen=True)
class UsedSplit:
    """Images that a detector was trained on, or that its best checkpoint was chosen on.

    Attributes:
        split: of the detection records.
        num_images, num_boxes: how many there were.
        max_boxes: number of boxes of the image with most.
        images: sha256 of the files of the images, sorted; None where that is not recorded, as by
            version 0.1.0.
    """

    split: str
    num_images: int
    num_boxes: int
    max_boxes: int
    images: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class DetectorRecord:
    """How a detector was trained and exported; None where that is not recorded.

    Raises ValueError for sizes that nothing can have.

    Attributes:
        experiment: name of the experiment whose settings it started from.
        params_sha256: hash of all settings.
        checkpoint: file name of the exported checkpoint.
        step: training step of that checkpoint.
        validation: scores on the validation images by name, {} if it was no best checkpoint.
        init_checkpoint: what the backbone started from.
        input_type: what the SavedModel takes.
        input_image_size: (height, width) to which it scales images.
        max_num_detections: most boxes that it gives for one image.
        training_image_size: median (height, width) of the training images, source pixels.
        largest_training_region: largest height and largest width of a region in them.
        records: images used for 'train' and 'validation'; {} where the records were gone.
        versions: of the packages that exported it.
        files: {path in the folder: sha256} of all other files; {} where that is not recorded.
    """

    experiment: str | None = None
    params_sha256: str | None = None
    checkpoint: str | None = None
    step: int | None = None
    validation: dict = dataclasses.field(default_factory=dict)
    init_checkpoint: str | None = None
    input_type: str | None = None
    input_image_size: tuple[int, int] | None = None
    max_num_detections: int | None = None
    training_image_size: tuple[int, int] | None = None
    largest_training_region: tuple[int, int] | None = None
    records: dict[str, UsedSplit] = dataclasses.field(default_factory=dict)
    versions: dict = dataclasses.field(default_factory=dict)
    files: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in ("input_image_size", "training_image_size", "largest_training_region"):
            size = getattr(self, name)
            least = 1 if name == "largest_training_region" else _SMALLEST_SIDE
            if size is not None and (len(size) != 2 or min(size) < least):
                raise ValueError(
                    f"`{name}` must be a height and a width of {least} or more. "
                    f"Received: {list(size)}"
                )

    @property
    def images(self) -> frozenset[str] | None:
        """sha256 of the files of all images that it has seen; None where not all are recorded."""
        if not self.records or any(used.images is None for used in self.records.values()):
            return None
        return frozenset(sha256 for used in self.records.values() for sha256 in used.images)

    def to_json(self) -> dict:
        """The content of detector.json, without what is not recorded."""
        return _plain(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, content: dict) -> "DetectorRecord":
        """What any version of rbc_tf wrote; raises ValueError where a value is of a wrong type."""
        if not isinstance(content, dict):
            raise ValueError(f"a mapping is required. Received: {structured.shown(content)}")
        return config.from_dict(cls, content, ignore_unknown=True)


def load(detector_dir: str | pathlib.Path) -> DetectorRecord:
    """The record of a detector; an empty one for a SavedModel that came without one.

    Raises:
        ValueError: detector.json is damaged.
    """
    path = pathlib.Path(detector_dir) / FILE
    if not path.is_file():
        return DetectorRecord()
    try:
        return DetectorRecord.from_json(structured.load_json(path))
    except ValueError as error:
        raise ValueError(f"{path} must be the record of an exported detector: {error}") from error


def hash_files(detector_dir: str | pathlib.Path) -> dict[str, str]:
    """{path in the folder: sha256} of all files of an exported detector but its record."""
    folder = pathlib.Path(detector_dir)
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    return {path.relative_to(folder).as_posix(): files.sha256_of_file(path) for path in found}


def check_files(detector_dir: str | pathlib.Path, record: DetectorRecord) -> None:
    """Refuses a detector whose files are not those that were exported.

    Raises ValueError, which names them; nothing where they are not recorded.
    """
    if not record.files:
        return
    found = hash_files(detector_dir)
    wrong = sorted(
        name
        for name in found.keys() | record.files.keys()
        if found.get(name) != record.files.get(name)
    )
    if wrong:
        raise ValueError(
            f"{detector_dir}: is not the detector that was exported; missing, added or changed: "
            f"{', '.join(wrong[:5])}"
        )


def note_files(detector_dir: str | pathlib.Path) -> None:
    """Has the record of an exported detector name its files as they are now, where it does.

    For whoever rewrites them.
    """
    found = load(detector_dir)
    if found.files:
        save(detector_dir, dataclasses.replace(found, files=hash_files(detector_dir)))


def save(detector_dir: str | pathlib.Path, record: DetectorRecord) -> None:
    files.write_json(pathlib.Path(detector_dir) / FILE, record.to_json())


def _plain(value):
    """As JSON gives it back: lists for tuples, and no key where nothing is recorded."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items() if entry not in (None, {})}
    return list(value) if isinstance(value, tuple) else value
