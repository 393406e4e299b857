"""Does a patch hold any abnormal cell? Gradient boosting on the T probabilities (the paper:
Abnormality; the question of sickle cell testing).

scikit-learn grows the trees; what is kept and used afterwards is their arrays, as JSON and NumPy
alone. A pickle would run whatever a stranger put into it.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging
from scipy import special
from sklearn.ensemble import GradientBoostingClassifier

from rbc_tf.core import files, structured
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN

FORMAT_VERSION = 1

# Children of a leaf.
_NONE = -1

_INTEGERS, _REALS = ("roots", "feature", "left", "right"), ("threshold", "value")
_NODE_ARRAYS = ("feature", "threshold", "left", "right", "value")

# Rows predicted at a time; bounds memory only.
_PREDICTION_ROWS = 4096


@dataclasses.dataclass(frozen=True)
class BoostingConfig:
    """Settings of the gradient boosting; scikit-learn's defaults, as the paper names none."""

    n_estimators: int = 100
    learning_rate: float = 0.1
    max_depth: int = 3
    subsample: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for name in ("n_estimators", "max_depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {getattr(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        if not 0 < self.subsample <= 1:
            raise ValueError(f"`subsample` must be in (0, 1]. Received: {self.subsample}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")


@dataclasses.dataclass(frozen=True, eq=False)
class AbnormalityModel:
    """Boosted trees as arrays over the M nodes of all K trees, one tree after the other.

    The score of a patch is baseline + learning_rate * (sum of the values of the leaves it reaches);
    its probability is the sigmoid of that. At a node that is no leaf a patch goes left where
    float32(probability of type `feature`) <= `threshold`.

    Attributes:
        names: T names of the cell types, in the order of the probabilities.
        baseline: log-odds before any tree.
        learning_rate: weight of each tree.
        roots: int32 [K], the first node of each tree; without trees the baseline is predicted.
        feature: int32 [M] in [0, T); 0 at leaves.
        threshold: float64 [M]; 0 at leaves.
        left, right: int32 [M], the children, further down the arrays and in the same tree; -1 at
            leaves.
        value: float64 [M].

    Raises:
        ValueError: the arrays are no such trees.
    """

    names: tuple[str, ...]
    baseline: float
    learning_rate: float
    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def __post_init__(self):
        for name in (*_INTEGERS, *_REALS):
            dtype = np.int32 if name in _INTEGERS else np.float64
            object.__setattr__(self, name, _vector(name, getattr(self, name), dtype))
        for name in ("baseline", "learning_rate"):
            object.__setattr__(self, name, float(_vector(name, [getattr(self, name)], float)[0]))
        if not self.names or not all(isinstance(name, str) for name in self.names):
            raise ValueError(f"`names` must be names of cell types. Received: {self.names!r}")
        object.__setattr__(self, "names", tuple(self.names))
        self._check_trees()

    def _check_trees(self):
        nodes = len(self.feature)
        lengths = {name: len(getattr(self, name)) for name in _NODE_ARRAYS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"All arrays of nodes must be equally long. Received: {lengths}")
        starts_at_0 = self.roots[0] == 0 if len(self.roots) else nodes == 0
        ends = np.append(self.roots, nodes)[1:]
        if not starts_at_0 or not (self.roots < ends).all():
            raise ValueError(
                f"`roots` must rise from 0 and stay below the number of nodes, {nodes}. "
                f"Received: {self.roots.tolist()}"
            )
        if not ((self.feature >= 0) & (self.feature < len(self.names))).all():
            raise ValueError(f"`feature` must be in [0, {len(self.names)}).")
        # A child stands behind its parent, so that no path ever returns.
        own = np.arange(nodes)
        end = np.repeat(ends, ends - self.roots)
        leaf = (self.left == _NONE) & (self.right == _NONE)
        inner = (own < self.left) & (self.left < end) & (own < self.right) & (self.right < end)
        if not (leaf | inner).all():
            raise ValueError(
                "`left` and `right` must both be -1, or later nodes of the same tree. "
                f"Received: something else at node {int(np.argmin(leaf | inner))}"
            )

    @property
    def depth(self) -> int:
        """Number of comparisons on the longest way from a root to a leaf; 0 without trees."""
        depths = np.zeros(len(self.feature), np.int64)
        for node in np.flatnonzero(self.left != _NONE):  # parents stand before their children
            depths[[self.left[node], self.right[node]]] = depths[node] + 1
        return int(depths.max(initial=0))

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        """float64 [N], the probability that a patch holds an abnormal cell.

        Args:
            probabilities: [N, T] of the cell types, in the order of `names`.
        """
        values = np.asarray(probabilities, np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise ValueError(
                f"`probabilities` must have shape [N, {len(self.names)}]. "
                f"Received: {list(values.shape)}"
            )
        if not np.isfinite(values).all():
            raise ValueError("`probabilities` must be finite numbers.")
        scores = np.full(len(values), self.baseline)
        for start in range(0, len(values), _PREDICTION_ROWS):
            rows = slice(start, start + _PREDICTION_ROWS)
            leaves = self._leaves(values[rows])
            scores[rows] += self.learning_rate * self.value[leaves].sum(axis=1)
        return special.expit(scores)

    def _leaves(self, values: np.ndarray) -> np.ndarray:
        """int [N, K], the leaf of each tree that each row reaches."""
        nodes = np.repeat(self.roots[None, :], len(values), axis=0)
        while True:
            inner = self.left[nodes] != _NONE
            if not inner.any():
                return nodes
            seen = np.take_along_axis(values, self.feature[nodes], axis=1)
            down = np.where(seen <= self.threshold[nodes], self.left[nodes], self.right[nodes])
            nodes = np.where(inner, down, nodes)

    def save(self, path: str | pathlib.Path) -> None:
        """Writes JSON; every number is read back bit by bit."""
        values = dataclasses.asdict(self)
        arrays = {name: values[name].tolist() for name in (*_INTEGERS, *_REALS)}
        files.write_json(path, {"format_version": FORMAT_VERSION, **values, **arrays})


def load(path: str | pathlib.Path) -> AbnormalityModel:
    """Reads what `AbnormalityModel.save` wrote; safe for files of strangers.

    Raises ValueError, naming the file, where it holds no such model.
    """
    try:
        values = structured.load_json(path)
        known = {field.name for field in dataclasses.fields(AbnormalityModel)}
        if not isinstance(values, dict) or set(values) != known | {"format_version"}:
            raise ValueError(f"the keys must be format_version, {', '.join(sorted(known))}")
        version = values.pop("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(f"format version {FORMAT_VERSION} is read. Received: {version}")
        if not isinstance(values["names"], list):
            raise ValueError("`names` must be a list")
        return AbnormalityModel(**values)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} holds no abnormality model: {error}") from error


def abnormality_labels(labels: np.ndarray, abnormal: Sequence[bool]) -> np.ndarray:
    """int8 [N], whether each patch holds an abnormal cell: 1, 0, or -1 where unknown.

    It is 1 where one abnormal type is present. It is 0 only where all abnormal types are known to
    be absent, as in patches with every cell labelled.

    Args:
        labels: int8 [N, T].
        abnormal: bool [T].
    """
    of_abnormal = labels[:, np.asarray(abnormal, bool)]
    unknown = (of_abnormal == UNKNOWN).any(axis=1)
    found = np.where(unknown, UNKNOWN, ABSENT).astype(np.int8)
    found[(of_abnormal == PRESENT).any(axis=1)] = PRESENT
    return found


def fit_abnormality(
    probabilities: np.ndarray, labels: np.ndarray, cell_types: CellTypes, config: BoostingConfig
) -> AbnormalityModel:
    """Learns from probabilities [N, T] of heads that did not learn from these patches.

    Patches of which it is unknown whether they hold an abnormal cell are left out. Where all
    others are of one class there is nothing to separate: the model then has no tree and always
    predicts that class, with a warning.

    Raises:
        ValueError: nothing is known of any patch.
    """
    truth = abnormality_labels(labels, cell_types.abnormal)
    known = truth != UNKNOWN
    if not known.any():
        raise ValueError(
            "To learn abnormality, one patch at least must have all its cells labelled or one "
            "labelled as abnormal. Received: none"
        )
    share = float((truth[known] == PRESENT).mean())
    if share in (0, 1):
        logging.warning(
            "All patches to learn abnormality from are %s: the model will predict this always.",
            "abnormal" if share else "normal",
        )
        return _constant(cell_types.names, share)
    boosting = GradientBoostingClassifier(
        n_estimators=config.n_estimators,
        learning_rate=config.learning_rate,
        max_depth=config.max_depth,
        subsample=config.subsample,
        random_state=config.seed,
    )
    boosting.fit(probabilities[known], truth[known])
    return from_scikit_learn(boosting, cell_types.names)


def from_scikit_learn(
    boosting: GradientBoostingClassifier, names: Sequence[str]
) -> AbnormalityModel:
    """The arrays of a fitted boosting of two classes that starts from the class shares."""
    arrays = {name: [] for name in _NODE_ARRAYS}
    roots, start = [], 0
    for tree in (estimator.tree_ for estimator in boosting.estimators_[:, 0]):
        leaf = tree.children_left == _NONE
        roots.append(start)
        arrays["feature"].append(np.where(leaf, 0, tree.feature))
        arrays["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        arrays["left"].append(np.where(leaf, _NONE, tree.children_left + start))
        arrays["right"].append(np.where(leaf, _NONE, tree.children_right + start))
        arrays["value"].append(tree.value[:, 0, 0])
        start += tree.node_count
    return AbnormalityModel(
        names=tuple(names),
        baseline=_log_odds(boosting.init_.class_prior_[1]),
        learning_rate=boosting.learning_rate,
        roots=np.array(roots),
        **{name: np.concatenate(parts) for name, parts in arrays.items()},
    )


def _constant(names: Sequence[str], share: float) -> AbnormalityModel:
    none = {name: [] for name in (*_INTEGERS, *_REALS)}
    return AbnormalityModel(tuple(names), _log_odds(share), learning_rate=0.0, **none)


def _log_odds(share: float) -> float:
    epsilon = np.finfo(np.float64).eps  # as scikit-learn's, so that 0 and 1 stay finite
    return float(special.logit(np.clip(share, epsilon, 1 - epsilon)))


def _vector(name: str, values, dtype) -> np.ndarray:
    """A vector of that dtype that holds the same numbers, all finite."""
    try:
        if isinstance(values, list) and any(isinstance(value, bool) for value in values):
            raise ValueError("true and false are no numbers")
        array = np.asarray(values)
        kinds = "iu" if dtype is np.int32 else "iuf"
        if array.ndim != 1 or (array.size and array.dtype.kind not in kinds):
            raise ValueError(f"a list of {'integers' if kinds == 'iu' else 'numbers'} is required")
        if not np.isfinite(array.astype(np.float64)).all():
            raise ValueError("finite numbers are required")
        converted = array.astype(dtype)
        if not np.array_equal(converted, array):
            raise ValueError("the numbers are too large")
        return converted
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"`{name}` is no vector of numbers: {error}") from error
