"""Figure 6: regions of a cross-validation where Model A is right and Model B is wrong."""

import numpy as np

from rbc_tf.evaluation.cross_validation.predictions import MODEL_A, MODEL_B
from rbc_tf.figures.drawing import captions, comparison, patches
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources, cut
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD


def compared_models(sources: FigureSources) -> Drawn:
    """Figure 6."""
    found = sources.predictions
    thresholds = np.full(len(sources.names), PLAIN_THRESHOLD)
    missing = {MODEL_A, MODEL_B} - set(found.probabilities)
    if missing:
        raise CannotMake(f"the predictions hold no model {captions.listing(sorted(missing))}")
    right = {
        model: comparison.right(found.probabilities[model], found.labels, thresholds)
        for model in (MODEL_A, MODEL_B)
    }
    a, b = right[MODEL_A], right[MODEL_B]
    several = (found.num_cells > 1) & found.several_types
    count = comparison.most(len(sources.names))
    seed = sources.settings.seed
    chosen = comparison.choose(a, b, found.labels, found.num_cells, found.scored, count, seed)
    shown = comparison.Comparison(
        regions=tuple(_compared(sources, row) for row in chosen),
        names=sources.names,
        thresholds=thresholds,
        all_regions=comparison.agreement(a, b, found.scored),
        mixed_regions=comparison.agreement(a, b, found.scored & several),
    )
    folds = len(np.unique(found.folds))
    return comparison.draw(shown, seed), comparison.caption(shown, sources.source, folds)


def _compared(sources: FigureSources, row: int) -> comparison.Compared:
    found = sources.predictions
    name = str(found.images[row])
    try:
        sample = sources.dataset.sample(name)
    except KeyError as error:
        raise CannotMake(f"the predictions are of other images; {error.args[0]}") from error
    patch = cut(sources.image(sample), found.boxes[row])
    a, b = (
        patches.PatchAnswer(
            patch,
            name,
            int(found.num_cells[row]),
            found.labels[row],
            found.probabilities[model][row],
        )
        for model in (MODEL_A, MODEL_B)
    )
    return comparison.Compared(a, b)
