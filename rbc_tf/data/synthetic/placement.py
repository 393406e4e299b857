"""Where a small canvas lies in a larger frame, and which pixels the two share."""

import dataclasses

from rbc_tf.data.synthetic.cells import DrawnCell

Window = tuple[slice, slice]


@dataclasses.dataclass(frozen=True, eq=False)
class PlacedCell:
    """A cell and where the top left pixel of its canvas lies in a frame, in pixels."""

    cell: DrawnCell
    top: int
    left: int

    def moved(self, down: int, right: int) -> "PlacedCell":
        return dataclasses.replace(self, top=self.top + down, left=self.left + right)

    def windows(self, frame_shape: tuple[int, int]) -> tuple[Window, Window]:
        return shared_windows(self.top, self.left, self.cell.mask.shape, frame_shape)


def shared_windows(
    top: int, left: int, shape: tuple[int, int], frame_shape: tuple[int, int]
) -> tuple[Window, Window]:
    """The pixels that a canvas of `shape` at (top, left) shares with a frame.

    Returns:
        (rows, columns) in the frame and (rows, columns) in the canvas; empty where they share none.
    """
    in_frame, in_canvas = [], []
    for begin, size, limit in zip((top, left), shape, frame_shape, strict=True):
        low = min(max(begin, 0), limit)
        high = max(low, min(begin + size, limit))
        in_frame.append(slice(low, high))
        in_canvas.append(slice(low - begin, high - begin))
    return (in_frame[0], in_frame[1]), (in_canvas[0], in_canvas[1])
