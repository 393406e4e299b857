"""Scores of a bundle on the same images, altered in one way after the other."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.score import Score
from rbc_tf.core.types import Sample
from rbc_tf.evaluation.alterations.alterations import ALTERATIONS, Alteration
from rbc_tf.evaluation.bundle import run as bundle_run
from rbc_tf.inference import common_scale
from rbc_tf.inference.cell_scale import View
from rbc_tf.inference.chain import Chain


class AlteredChain:
    """A chain that alters what it is given; what it finds is in pixels of what it was given.

    For `evaluation.bundle.run`, which it serves as a `Chain`.

    Attributes:
        num_scaled, num_lit: of the images so far, those whose scale, and whose light, was changed.
        num_unlike: those that are unlike the images that the bundle learnt from.
    """

    def __init__(self, chain: Chain, alter: Alteration):
        self.manifest = chain.manifest
        self.classifier = chain.classifier
        self.classify, self.outputs = chain.classify, chain.outputs
        self.num_scaled = self.num_lit = self.num_unlike = 0
        self._chain, self._alter = chain, alter

    def look(self, image: np.ndarray) -> View:
        """As `Chain.look`."""
        altered = self._alter(image)
        view = self._chain.look(altered)
        self.num_scaled += view.factor != 1
        self.num_lit += view.gain != 1
        self.num_unlike += bool(self._chain.unlike(view, altered))
        return dataclasses.replace(view, source_size=image.shape[:2])


def compare(
    chain: Chain,
    samples: Sequence[Sample],
    cell_types: CellTypes,
    names: Iterable[str] = tuple(ALTERATIONS),
) -> list[Score]:
    """All scores of `evaluation.bundle.run.evaluate` for each alteration, by 'altered'.

    Besides, 'num_scaled', 'num_lit' and 'num_unlike': how many images were scaled, made brighter
    and warned of; and 'common_factor', that of the scale they had in common, None without one.

    Raises:
        ValueError: the bundle knows other types than the samples, or there is no such alteration.
        ImageError: an image or a mask cannot be read.
    """
    names = tuple(names)
    unknown = [name for name in names if name not in ALTERATIONS]
    if unknown:
        raise ValueError(f"One of {', '.join(ALTERATIONS)} is required. Received: {unknown[0]}")
    scores: list[Score] = []
    for name in names:
        alter = ALTERATIONS[name]
        viewing = common_scale.applied(chain, samples, lambda s, a=alter: a(bundle_run.read(s)))
        altered = AlteredChain(viewing, alter)
        found = bundle_run.evaluate(altered, samples, cell_types)
        common = viewing.view_config.common
        counts = [
            Score("common_factor", None if common is None else common.factor),
            Score("num_scaled", int(altered.num_scaled)),
            Score("num_lit", int(altered.num_lit)),
            Score("num_unlike", int(altered.num_unlike)),
        ]
        scores += [score.at(altered=name) for score in [*found, *counts]]
    return scores
