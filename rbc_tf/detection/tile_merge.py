"""The detections of overlapping tiles as one list: no region cut, none twice.

A seam is an edge of a tile inside the image. A detection that ends at a seam of its tile is *cut*
there, any other is *whole*. How well a tile sees a box is the distance from the box to the
nearest seam of the tile, negative where the box sticks out.

1. What is cut in its tile and would be whole in another is dropped: the other sees all of it.
2. Two overlapping tiles are compared on what both see. Each detection of the one is matched with
   at most one of the other, so that the sum of their IoU is largest, and at least 0.5 for each
   pair. For a detection that is cut, the other's box is first cut in the same way.
3. Matched whole ones are one region: the box of the tile that sees it best is kept. A cut one
   matched with a whole one is dropped. Matched cut ones that are left are parts of a region that
   no tile holds, such as a long chain of cells: they become the smallest box around all of them.
4. One without match is dropped where another tile sees its place better and found there
   something else, of which one holds more than half of the other.

Regions as large as the overlap come out of 1 and 3 as they are; only larger ones are joined.
"""

import dataclasses

import numpy as np
from scipy import optimize, sparse

from rbc_tf.core import boxes as boxes_lib
from rbc_tf.core.types import Detections

_SAME = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Seams:
    """Tiles of an image and where they cut it.

    Attributes:
        tiles: int [K, 4] (ymin, xmin, ymax, xmax).
        height, width: of the image.
        edge: pixels from a seam within which a box counts as cut by it.
    """

    tiles: np.ndarray
    height: int
    width: int
    edge: float

    def neighbours(self, tile: int) -> np.ndarray:
        """int64 [M], the other tiles that share pixels with this one."""
        shared = boxes_lib.intersection(self.tiles[tile][None], self.tiles)[0] > 0
        shared[tile] = False
        return np.flatnonzero(shared)

    def distance(self, boxes: np.ndarray, tile: int) -> np.ndarray:
        """float64 [N], from each box to the nearest seam of a tile, inf where it has none."""
        low, high = self.tiles[tile, :2], self.tiles[tile, 2:]
        boxes = boxes.astype(np.float64)
        inside = np.concatenate([boxes[:, :2] - low, high - boxes[:, 2:]], axis=1)
        at_border = np.concatenate([low == 0, high == (self.height, self.width)])
        return np.where(at_border, np.inf, inside).min(axis=1)

    def best_elsewhere(self, boxes: np.ndarray, tile: int) -> np.ndarray:
        """float64 [N], `distance` in that other tile where it is largest; -inf without any."""
        seen = [self.distance(boxes, other) for other in self.neighbours(tile)]
        return np.max(seen, axis=0) if seen else np.full(len(boxes), -np.inf)


@dataclasses.dataclass(frozen=True, eq=False)
class _Pieces:
    """Detections of all tiles: boxes [N, 4], scores, tile and distance to its seams, all [N]."""

    boxes: np.ndarray
    scores: np.ndarray
    tile: np.ndarray
    distance: np.ndarray
    cut: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def merge(seams: Seams, found: list[Detections], score_threshold: float = 0.0) -> Detections:
    """Detections of an image from those of its tiles, best score first.

    Args:
        seams: the K tiles.
        found: of each tile its detections, in pixels of the image.
        score_threshold: detections at or above it are merged as the module says, and those below
            have no part in it: each of them stays where no other tile sees its place better.
    """
    sure = [_select(each, each.scores >= score_threshold) for each in found]
    rest = [_select(each, each.scores < score_threshold) for each in found]
    merged = [_merge_sure(seams, sure)]
    for tile, each in enumerate(rest):
        elsewhere = seams.best_elsewhere(each.boxes, tile)
        merged.append(_select(each, seams.distance(each.boxes, tile) >= elsewhere))
    boxes = np.concatenate([each.boxes for each in merged])
    scores = np.concatenate([each.scores for each in merged])
    order = np.argsort(-scores, kind="stable")
    return Detections(boxes[order], scores[order])


def _select(detections: Detections, rows: np.ndarray) -> Detections:
    return Detections(detections.boxes[rows], detections.scores[rows])


def _merge_sure(seams: Seams, found: list[Detections]) -> Detections:
    pieces = _gather(seams, found)
    links = _links(seams, pieces)
    cut = pieces.cut[links]
    mixed = links[cut[:, 0] != cut[:, 1]]
    dropped = np.zeros(len(pieces), bool)
    dropped[mixed[pieces.cut[mixed]]] = True
    joined = links[(cut[:, 0] == cut[:, 1]) & ~dropped[links].any(axis=1)]
    alone = ~np.isin(np.arange(len(pieces)), links)
    best, groups = _groups(pieces, joined)
    kept = best & ~dropped
    kept = _without_outvoted(seams, pieces, kept, alone)
    around = _smallest_boxes(pieces, groups)
    chosen = np.where(pieces.cut[:, None], around, pieces.boxes)[kept]
    return Detections(chosen, pieces.scores[kept])


def _gather(seams: Seams, found: list[Detections]) -> _Pieces:
    """All detections but those that are cut and would be whole in another tile."""
    parts = []
    for tile, each in enumerate(found):
        distance = seams.distance(each.boxes, tile)
        cut = distance <= seams.edge
        kept = ~cut | (seams.best_elsewhere(each.boxes, tile) <= seams.edge)
        place = np.full(len(each), tile)
        parts.append([v[kept] for v in (each.boxes, each.scores, place, distance, cut)])
    return _Pieces(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _links(seams: Seams, pieces: _Pieces) -> np.ndarray:
    """int64 [M, 2], pairs of pieces of different tiles that show one region."""
    links = [np.zeros((0, 2), np.int64)]
    members = [np.flatnonzero(pieces.tile == tile) for tile in range(len(seams.tiles))]
    for tile in range(len(seams.tiles)):
        for other in seams.neighbours(tile):
            if other > tile:
                first, second = members[tile], members[other]
                agreement = _agreement(seams, pieces, first, second, tile, other)
                agreement[agreement < _SAME] = 0
                rows, columns = optimize.linear_sum_assignment(agreement, maximize=True)
                same = agreement[rows, columns] > 0
                links.append(np.stack([first[rows[same]], second[columns[same]]], axis=1))
    return np.concatenate(links)


def _agreement(
    seams: Seams, pieces: _Pieces, first: np.ndarray, second: np.ndarray, tile: int, other: int
) -> np.ndarray:
    """float64 [N, M], IoU of pieces of two tiles, each cut by the other's tile if the other is."""
    boxes, others = pieces.boxes[first], pieces.boxes[second]
    cut, other_cut = pieces.cut[first][:, None], pieces.cut[second][None, :]
    clipped, others_clipped = _clip(boxes, seams.tiles[other]), _clip(others, seams.tiles[tile])
    against_cut = np.where(
        cut, boxes_lib.iou(clipped, others_clipped), boxes_lib.iou(clipped, others)
    )
    against_whole = np.where(
        cut, boxes_lib.iou(boxes, others_clipped), boxes_lib.iou(boxes, others)
    )
    return np.where(other_cut, against_cut, against_whole)


def _clip(boxes: np.ndarray, tile: np.ndarray) -> np.ndarray:
    return np.clip(boxes, np.tile(tile[:2], 2), np.tile(tile[2:], 2)).astype(np.float32)


def _groups(pieces: _Pieces, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """bool [N], the best seen piece of each group of linked ones, and int [N], their groups."""
    size = len(pieces)
    graph = sparse.coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), (size, size))
    _, groups = sparse.csgraph.connected_components(graph, directed=False)
    # Of parts that are joined the best score speaks for the region.
    order = np.lexsort([-pieces.scores, np.where(pieces.cut, 0, -pieces.distance)])
    best = np.zeros(size, bool)
    best[order[np.unique(groups[order], return_index=True)[1]]] = True
    return best, groups


def _smallest_boxes(pieces: _Pieces, groups: np.ndarray) -> np.ndarray:
    """float32 [N, 4], for each piece the smallest box around its group."""
    around = np.full((len(pieces), 4), [np.inf, np.inf, -np.inf, -np.inf], np.float32)
    np.minimum.at(around[:, :2], groups, pieces.boxes[:, :2])
    np.maximum.at(around[:, 2:], groups, pieces.boxes[:, 2:])
    return around[groups]


def _without_outvoted(
    seams: Seams, pieces: _Pieces, kept: np.ndarray, alone: np.ndarray
) -> np.ndarray:
    """bool [N], `kept` less those that step 4 drops, the best seen being settled first."""
    kept, settled = kept.copy(), ~alone
    against = _contradictions(seams, pieces, kept, alone)
    for piece in sorted(against, key=lambda piece: -pieces.distance[piece]):
        others = against[piece]
        kept[piece] = not (kept[others] & settled[others]).any()
        settled[piece] = True
    return kept


def _contradictions(
    seams: Seams, pieces: _Pieces, kept: np.ndarray, alone: np.ndarray
) -> dict[int, np.ndarray]:
    """{piece without match: pieces of tiles that see it better, sharing over half with it}."""
    members = [np.flatnonzero((pieces.tile == t) & kept) for t in range(len(seams.tiles))]
    found = {}
    for tile, all_own in enumerate(members):
        own = all_own[alone[all_own]]
        boxes = pieces.boxes[own]
        against = [[] for _ in own]
        for other in seams.neighbours(tile):
            others = pieces.boxes[members[other]]
            smaller = np.minimum(boxes_lib.area(boxes)[:, None], boxes_lib.area(others)[None, :])
            inside = boxes_lib.intersection(boxes, others) > _SAME * smaller
            inside &= (seams.distance(boxes, other) > pieces.distance[own])[:, None]
            for row, column in zip(*np.nonzero(inside), strict=True):
                against[row].append(members[other][column])
        found |= {piece: np.array(a, int) for piece, a in zip(own.tolist(), against, strict=True)}
    return found
