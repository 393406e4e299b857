"""COCO average precision over all detections of an image, not the best 100 of them."""

import numpy as np
from official.vision.evaluation import coco_evaluator, coco_utils
from pycocotools import cocoeval

# Places in COCOeval's arrays: all box sizes, and the largest number of detections.
_ALL_AREAS, _ALL_DETECTIONS = 0, -1


class UncappedEvaluator(coco_evaluator.COCOEvaluator):
    """Model Garden's evaluator with AP, AP50, AP75 and AR over all detections.

    pycocotools prints its summary for exactly 100 detections (and -1 for any other number), so
    the figures are taken from the curves that it accumulates. Images without any detection
    count: their regions are missed. An image that comes again, which fills up the last batch of
    several devices, counts once.
    """

    def __init__(self, max_detections: int):
        super().__init__(
            annotation_file=None, include_mask=False, max_num_eval_detections=max_detections
        )

    def evaluate(self) -> dict[str, np.float32]:
        """AP (mean over IoU 0.50:0.95), AP50, AP75 and AR, each in [0, 1].

        0 where nothing was detected. Raises ValueError where there is no true box at all.
        """
        truth = coco_utils.convert_groundtruths_to_coco_dataset(_once(self._groundtruths))
        if not truth["annotations"]:
            raise ValueError("The evaluated images must hold at least one region. Received none")
        truth = coco_utils.COCOWrapper(eval_type="box", gt_dataset=truth)
        found = coco_utils.convert_predictions_to_coco_annotations(_once(self._predictions))
        evaluation = cocoeval.COCOeval(truth, truth.loadRes(predictions=found), iouType="bbox")
        evaluation.params.maxDets = [self.max_num_eval_detections]
        evaluation.evaluate()
        evaluation.accumulate()
        return _figures(evaluation)


def _once(batches: dict[str, list[np.ndarray]]) -> dict[str, list[np.ndarray]]:
    """Batches of images by field, without those whose source_id came before."""
    seen: set = set()
    kept = []
    for ids in batches["source_id"]:
        first = []
        for source_id in ids.tolist():
            first.append(source_id not in seen)
            seen.add(source_id)
        kept.append(np.array(first, bool))
    return {
        name: [values[first] for values, first in zip(arrays, kept, strict=True)]
        for name, arrays in batches.items()
    }


def _figures(evaluation: cocoeval.COCOeval) -> dict[str, np.float32]:
    # precision [IoU, recall, class, area, detections], recall [IoU, class, area, detections].
    precision = evaluation.eval["precision"][..., _ALL_AREAS, _ALL_DETECTIONS]
    recall = evaluation.eval["recall"][..., _ALL_AREAS, _ALL_DETECTIONS]
    at_iou = {round(100 * iou): index for index, iou in enumerate(evaluation.params.iouThrs)}
    return {
        "AP": np.float32(precision.mean()),
        "AP50": np.float32(precision[at_iou[50]].mean()),
        "AP75": np.float32(precision[at_iou[75]].mean()),
        "AR": np.float32(recall.mean()),
    }
