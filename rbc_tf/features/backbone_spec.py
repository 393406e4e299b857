"""What must be known of a feature network, and the list of those there are.

Each module of `rbc_tf/features/backbones` describes one network as a `BACKBONE` of this class; the
name of the module is the name of the network. Nothing else lists them: to add one, write one file
(and its test). Keras alone, so that it can be trained on any backend of Keras.
"""

import dataclasses
import importlib
import pathlib
import pkgutil
import typing
from collections.abc import Callable, Mapping

from rbc_tf.features import backbones

# Commands list the networks in their help without loading Keras.
if typing.TYPE_CHECKING:
    from rbc_tf.core.keras_settings import keras

# The paper's.
DEFAULT = "resnet50"

# The network of files that record none: they come from rbc_tf 0.1.0, which had no other.
UNNAMED = "resnet50"


@dataclasses.dataclass(frozen=True)
class BackboneSpec:
    """A kind of network from patches to features.

    Attributes:
        name: that of its module.
        title: what people call it, for tables, figures and cards.
        source: the paper or the software it comes from.
        feature_dim: D, the number of values that it makes of a patch.
        patch_size: side of a patch where none is asked for, in pixels.
        smallest_patch: side of the smallest patch it can take.
        fill: RGB, 0 to 255, of what lies outside of the image or is masked in a patch.
        preprocessing: layer class, RGB 0 to 255 [N, S, S, 3] -> what `build`'s network takes. It
            must be registered with Keras under the package 'rbc_tf', and takes a `name` and a
            `dtype`.
        build: side of a patch -> network, preprocessed [N, S, S, 3] -> features [N, D], with
            weights that need have no meaning.
        randomise: sets the weights of a network of `build` from a seed, for trying the software.
        readers: by the suffix of a weights file, what reads one into a network of `build`. Raises
            ValueError, OSError or KeyError where the file holds something else.
        weights_file: what such a file is, for messages.
        writer: network of `build`, path -> a weights file that one of the readers reads, for
            networks whose published weights need converting; None where Keras downloads them.
        build_imagenet: as `build`, with weights learnt on ImageNet, downloaded once; None where
            there is nothing to download.
    """

    name: str
    title: str
    source: str
    feature_dim: int
    patch_size: int
    smallest_patch: int
    fill: tuple[float, float, float]
    preprocessing: "type[keras.layers.Layer]"
    build: "Callable[[int], keras.Model]"
    randomise: "Callable[[keras.Model, int], None]"
    readers: "Mapping[str, Callable[[keras.Model, pathlib.Path], None]]"
    weights_file: str
    writer: "Callable[[keras.Model, pathlib.Path], None] | None" = None
    build_imagenet: "Callable[[int], keras.Model] | None" = None

    def check_patch_size(self, size: int) -> None:
        """Raises ValueError where patches of that side are too small for the network."""
        if size < self.smallest_patch:
            raise ValueError(
                f"Patches for {self.title} must be {self.smallest_patch} pixels or more a side. "
                f"Received: {size}"
            )

    def with_preprocessing(self, network: "keras.Model") -> "keras.Model":
        """RGB patches, 0 to 255 -> features: the form in which backbones are saved and used."""
        from rbc_tf.core.keras_settings import keras

        patches = keras.Input(network.input_shape[1:], name="patches")
        # Half precision, where a policy asks for it, begins after this: pixels need their 8 bits.
        preprocessed = self.preprocessing(name="preprocessing", dtype="float32")(patches)
        return keras.Model(patches, network(preprocessed), name="backbone")


def names() -> tuple[str, ...]:
    """Of all networks; none is imported."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(backbones.__path__)))


def find(name: str) -> BackboneSpec:
    """The network of that name; raises ValueError, with all names, where there is none."""
    if name not in names():
        raise ValueError(f"The backbone must be one of {', '.join(names())}. Received: {name!r}")
    return importlib.import_module(f"{backbones.__name__}.{name}").BACKBONE


def register_layers() -> None:
    """Imports every network, so that Keras knows the layers a saved one may have."""
    for name in names():
        find(name)
