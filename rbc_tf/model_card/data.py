"""What data a bundle was made from and measured on."""

from collections.abc import Mapping

from rbc_tf.model_card.words import NOT_RECORDED, count, section


def training(manifest: Mapping) -> str:
    """Counts by split and type, and what each part learnt from."""
    provenance = manifest.get("provenance", {})
    data = provenance.get("data", {})
    parts = [_source(data)]
    if data.get("splits"):
        parts.append(_splits(data["splits"]))
    parts += [_types(manifest), _detector(provenance.get("detector", {}))]
    return "\n\n".join(part.strip() for part in parts if part)


def evaluation(manifest: Mapping) -> str:
    """The validation images, and the held-out ones where there are any."""
    metrics = manifest.get("metrics", {})
    text = (
        "**Validation** images stopped the training of each part and chose temperatures and "
        "thresholds. They flatter."
    )
    held_out = metrics.get("held_out", [])
    for entry in held_out:
        text += (
            f"\n\n**Held out:** split '{entry['split']}' of `{entry['dataset']}`, "
            f"{count(entry['images'], 'image')} in {count(entry['groups'], 'group')} with "
            f"{count(entry['detection']['num_true'], 'region')}, "
            f"{entry['regions']:,} of them completely labelled; scored {entry['scored']}. By the "
            "hashes of their files, none taught the classifier or its features. That the detector "
            "has not seen them rests on the use of the same splits."
        )
    if not held_out:
        text += "\n\n**Held out:** no scores are recorded (`tools/evaluate.py --record`)."
    return text


def _source(data: Mapping) -> str:
    if not data:
        return f"The data is {NOT_RECORDED}."
    name = f"Dataset `{data['dataset']}`." if data.get("dataset") else ""
    about = " ".join(data.get("description", "").split()) or (
        "Where its smears come from, and how they were stained and photographed, is "
        f"{NOT_RECORDED}."
    )
    return f"{name} {about}".strip()


def _splits(splits: Mapping) -> str:
    rows = tuple(
        (
            split,
            *(
                f"{counts[key]:,}"
                for key in ("images", "groups", "patches", "single_cell", "completely_labelled")
            ),
        )
        for split, counts in splits.items()
    )
    header = ("split", "images", "groups", "regions", "single-cell", "completely labelled")
    notes = (
        "Images with regions of known type, and these regions. A group (slide, patient or block) "
        "lies in one split only.",
    )
    return section("Regions by split", header, rows, *notes)


def _types(manifest: Mapping) -> str:
    heads = manifest.get("metrics", {}).get("heads_validation", [])
    if not heads:
        return f"Counts by type are {NOT_RECORDED}."
    rows = tuple(
        (
            head["name"],
            *(f"{number:,}" for number in head["train_counts"]),
            *(f"{number:,}" for number in head["validation_counts"]),
        )
        for head in heads
    )
    header = ("type", "training: have it", "do not", "unknown")
    header += ("validation: have it", "do not", "unknown")
    notes = ("Regions that the network of each type was trained and tuned on.",)
    return section("Regions by type", header, rows, *notes)


def _detector(detector: Mapping) -> str:
    records = detector.get("records", {})
    if not records:
        return f"Detector: the number of its training images is {NOT_RECORDED}."
    parts = [
        f"{count(size['num_images'], 'image')} with {count(size['num_boxes'], 'region')} to "
        f"{verb} on (split '{size['split']}')"
        for verb, size in (("train", records.get("train")), ("validate", records.get("validation")))
        if size
    ]
    median = detector.get("training_image_size")
    size = f" The images are {median[0]} x {median[1]} pixels (median)." if median else ""
    return f"Detector: {', '.join(parts)}.{size}"
