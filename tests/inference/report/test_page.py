"""The page of a report: its data, its escaping, its figures. A browser tests what it does."""

import base64
import hashlib
import html.parser
import json
import re
import weakref

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.core import files, image_io
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.core.score import Score
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.inference import analyze, bundle
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.group_shares import GroupShares
from rbc_tf.inference.report import embedding, overview, page
from rbc_tf.inference.report.image_data import doubt, image_data
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.manifest.records import HeldOutScores
from tests import builders

_THRESHOLDS = (0.5, 0.25, 0.5, 0.5, 0.5, 0.5)


def _result(name, probabilities, abnormal, cell_types=PAPER, thresholds=_THRESHOLDS):
    """The JSON of an image of 40 x 30 pixels with the regions of these probabilities."""
    probabilities = np.array(probabilities, np.float32).reshape(-1, len(cell_types))
    count = len(probabilities)
    boxes = np.array([[row, 2, row + 10.5, 12] for row in range(count)], np.float32)
    found = AnalyzedRegions(
        boxes.reshape(-1, 4),
        np.linspace(0.9, 0.6, count).astype(np.float32),
        probabilities,
        np.array(abnormal, float),
    )
    labels = probabilities > np.array(thresholds)
    return Analysis.from_arrays(name, None, (30, 40, 3), found, labels, cell_types, 0.5).to_json()


def _run(loaded, failed=(), cell_types=PAPER, thresholds=_THRESHOLDS, **others):
    """The run of some images' JSON, with the counts that summary.json has."""
    summary = {
        "num_images": len(loaded),
        "num_failed": len(failed),
        "num_regions": sum(result["num_regions"] for result in loaded),
        "num_regions_by_type": {
            name: sum(result["num_regions_by_type"][name] for result in loaded)
            for name in cell_types.names
        },
        "num_abnormal_regions": sum(result["num_abnormal_regions"] for result in loaded),
        "failed": dict(failed),
        **_shares(loaded, cell_types),
    }
    return overview.Run(cell_types, thresholds, "exact_match", 0.5, 0.5, summary, **others)


def _shares(loaded, cell_types):
    shares = GroupShares(cell_types)
    for result in loaded:
        shares.add(result)
    return shares.to_json()


class _Elements(html.parser.HTMLParser):
    """Reads a page as a browser does: its elements with attributes, and what scripts hold."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.raw, self.text = [], [], ""
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.text += " "
        self._inside = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.raw.append((*self._inside, data))
        else:
            self.text += data

    def scripts(self, **attributes):
        # Long contents come in pieces: those of one element are joined by their attributes.
        return [d for t, a, d in self.raw if t == "script" and attributes.items() <= a.items()]


def _write(tmp_path, loaded, failed=(), image_size=960, **others):
    picture = tmp_path / "picture.png"
    image_io.write_png(picture, np.full((30, 40, 3), 200, np.uint8))
    path = tmp_path / "report.html"
    pairs = ((result, picture) for result in loaded)
    page.write_report(path, _run(loaded, failed, **others), pairs, image_size)
    return path.read_text(encoding="utf-8")


def test_doubt_is_the_nearest_threshold():
    # Thresholds 0.5 and 0.25, all numbers exact in binary.
    # Row 1: |0.75 - 0.5| = 0.25, |0.125 - 0.25| = 0.125: the second is nearer.
    # Row 2: |0.5 - 0.5| = 0: on the threshold. Row 3: 0.25 and 0.25: the first of equals.
    # Row 4: below both, and none predicted: 0.125 and 0.25.
    margins, types = doubt(
        np.array([[0.75, 0.125], [0.5, 1.0], [0.75, 0.5], [0.375, 0.0]]),
        (0.5, 0.25),
        [[0], [1], [0, 1], []],
    )
    np.testing.assert_array_equal(margins, [0.125, 0, 0.25, 0.125])
    np.testing.assert_array_equal(types, [1, 0, 0, 0])


def test_a_type_below_its_threshold_is_in_most_doubt():
    """The first has the higher probability, the second is nearer to its threshold."""
    probabilities = np.array([[0.25, 0.125], [0.0, 0.25]])
    margins, types = doubt(probabilities, (0.5, 0.25), [[0], [1]])
    np.testing.assert_array_equal(margins, [-0.25, 0])
    np.testing.assert_array_equal(types, [0, 1])


def test_without_regions_there_is_no_doubt():
    margins, types = doubt(np.zeros((0, 2)), (0.5, 0.25), [])
    assert margins.shape == types.shape == (0,)


def test_data_of_an_image():
    # Oval 0.75 and Elon 0.5 are above their thresholds 0.5 and 0.25. Nearest: Oval and Elon both
    # by 0.25, the others by 0.5. The second region has no type; Elon 0.125 is nearest, by 0.125.
    # Their upper edges are at 0 and 1: both touch the border.
    result = _result("a.png", [[0.75, 0.5, 0, 0, 0, 0], [0, 0.125, 0, 0, 0, 1 / 3]], [0.75, 0.25])
    data = image_data(result, PAPER, _THRESHOLDS)
    assert (data["name"], data["height"], data["width"]) == ("a.png", 30, 40)
    assert (data["counts"], data["abnormal"], data["share"]) == ([1, 1, 0, 0, 0, 0], 1, 0.5)
    assert (data["scale"], data["gain"], data["warnings"]) == (1, 1, [])
    assert data["regions"][0] == [
        [0, 2, 10.5, 12], 0.9, 0.75, 1, [0, 1], [0.75, 0.5, 0, 0, 0, 0], 0.25, 0, 1
    ]  # fmt: skip
    assert data["regions"][1][4:] == [[], [0, 0.125, 0, 0, 0, 0.33333334], 0.125, 1, 1]


def test_data_of_an_image_that_is_warned_of():
    seen = {"darker": "background in grey values 12, learnt from 200 to 240"}
    result = _result("a.png", [], []) | {"exposure": "nearly black", "unlike": seen, "scale": 0.5}
    result["gain"] = 2.5
    data = image_data(result, PAPER, _THRESHOLDS)
    assert (data["scale"], data["gain"]) == (0.5, 2.5)
    assert data["warnings"] == [["nearly black", ""], ["darker", seen["darker"]]]


@given(st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6))
def test_probabilities_stay_exact(probabilities):
    data = image_data(_result("a", [probabilities], [0.5]), PAPER, _THRESHOLDS)
    kept = json.loads(embedding.json_for_script(data))["regions"][0][5]
    np.testing.assert_array_equal(np.array(kept, np.float32), np.array(probabilities, np.float32))


@given(st.text())
def test_json_in_a_script_cannot_end_it(text):
    written = embedding.json_for_script({text: [text]})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {text: [text]}


@pytest.mark.parametrize(
    ("shape", "long_side", "expected"),
    [
        ((30, 40), 960, (30, 40)),  # never enlarged
        ((300, 400), 100, (75, 100)),
        ((400, 300), 100, (100, 75)),
        ((1, 4000), 100, (1, 100)),  # no side vanishes
    ],
)
def test_pictures_are_of_limited_size(shape, long_side, expected):
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 0] = 200  # red
    content = base64.b64decode(embedding.jpeg_base64(image, long_side))
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (*expected, 3)
    np.testing.assert_allclose(decoded[0, 0], [0, 0, 200], atol=4)  # blue, green, red


def test_shares_are_shown_with_their_interval_where_there_is_one():
    found = {"share": 0.375, "low": 0.1368, "high": 0.694}
    assert overview.share_text(found) == "37.5 % (13.7 to 69.4)"
    assert overview.share_text(found | {"low": None, "high": None}) == "37.5 %"
    assert overview.share_text(dict.fromkeys(found)) == "–"


def test_groups_have_a_table_where_there_are_several(tmp_path):
    loaded = [
        _result("p1/a.png", [[0.9, 0, 0, 0, 0, 0]] * 2, [0.9, 0.2]),
        _result("p<2>/b.png", [[0, 0, 0, 0, 0, 0.9]], [0.8]),
    ]
    seen = " ".join(_Elements(_write(tmp_path, loaded)).text.split())
    assert "p1 1 2 50.0 % p<2> 1 1 100.0 %" in seen
    assert "Groups" not in _Elements(_write(tmp_path, loaded[:1])).text


def test_the_summary_can_be_read_without_scripts(tmp_path):
    # 3 regions, 2 of them abnormal; Oval in 2 of 3. Two images say next to nothing of how much
    # images differ (Student's quantile is 12.7): as much as 0.07 and 0.03 regions would.
    loaded = [
        _result("a.png", [[0.9, 0, 0, 0, 0, 0]] * 2, [0.9, 0.2]),
        _result("b.png", [[0, 0, 0, 0, 0, 0.9]], [0.8]),
    ]
    failed = {"c.png": "c.png: the file is empty"}
    text = _write(tmp_path, loaded, failed, bundle="a bundle", bundle_versions={"rbc_tf": "7.8"})
    seen = " ".join(_Elements(text).text.split())
    assert "Report: 2 images" in seen
    assert "abnormal regions 2" in seen
    assert "66.7 % 95 % interval 0.8 to 99.8 %" in seen
    assert "Oval Oval + Disc normal 0.500 2 66.7 % (0.3 to 99.9)" in seen
    assert "Elon Elongated + Sickle abnormal 0.250 0 0.0 % (0.0 to 98.8)" in seen
    assert "c.png c.png: the file is empty" in seen
    assert "a bundle" in seen
    assert "rbc_tf 7.8" in seen
    assert "random weights" not in seen


def test_the_title_says_what_was_analysed(tmp_path):
    page = _write(tmp_path, [], input="smears & co")
    assert "Report: smears &amp; co, 0 images</title>" in page


def test_random_features_are_told(tmp_path):
    assert "Features with random weights" in _write(tmp_path, [], backbone="random")


def test_a_run_without_regions_and_one_without_images(tmp_path):
    seen = _Elements(_write(tmp_path, [_result("a.png", [], [])])).text
    assert "no region was found" in seen
    assert "every image was read" in seen
    page_of_none = _Elements(_write(tmp_path, []))
    assert "Report: 0 images" in page_of_none.text
    assert page_of_none.scripts(**{"class": "image-data"}) == []


_EVIL = "<img src=x onerror=alert(1)>'\"&</script><script>alert(2)</script><!--$title${style}"


def test_nothing_becomes_markup(tmp_path):
    cell_types = CellTypes((CellType(_EVIL, _EVIL, True), CellType("b", "B", False)))
    result = _result(_EVIL + "<!-- images -->", [[0.9, 0.1]], [0.9], cell_types, (0.5, 0.5))
    text = _write(
        tmp_path,
        [result],
        {_EVIL: _EVIL},
        cell_types=cell_types,
        thresholds=(0.5, 0.5),
        bundle=_EVIL,
        bundle_sha256=_EVIL,
        bundle_created=_EVIL,
        bundle_versions={_EVIL: _EVIL},
        backbone=_EVIL,
    )
    read = _Elements(text)
    tags = [tag for tag, _ in read.elements]
    assert "img" not in tags
    # Ours: what is known of the run, one image's data, its picture, and the program.
    assert tags.count("script") == 4
    assert not [name for _, attributes in read.elements for name in attributes if name[:2] == "on"]
    assert read.text.count(_EVIL) == 10  # type and failure twice, a version twice, four others
    (data,) = read.scripts(**{"class": "image-data"})
    assert json.loads(data)["name"] == result["image"]


def test_nothing_is_loaded_and_only_our_script_runs(tmp_path):
    read = _Elements(_write(tmp_path, [_result("a.png", [[0.9, 0, 0, 0, 0, 0]], [0.2])]))
    for _, attributes in read.elements:
        assert not {"src", "href", "style"} & attributes.keys()
    (policy,) = [a["content"] for _, a in read.elements if "http-equiv" in a]
    assert "default-src 'none'" in policy
    program = "".join(
        data for tag, attributes, data in read.raw if (tag, attributes) == ("script", {})
    )
    style = "".join(data for tag, _, data in read.raw if tag == "style")
    for kind, content in (("script", program), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search("https?://(?!www.w3.org/2000/svg)", program + style)
    assert "innerHTML" not in program


def test_pictures_can_be_left_out_or_be_missing(tmp_path):
    result = _result("a.png", [[0.9, 0, 0, 0, 0, 0]], [0.2])
    assert _Elements(_write(tmp_path, [result])).scripts(id="picture-0")
    assert not _Elements(_write(tmp_path, [result], image_size=0)).scripts(id="picture-0")
    page.write_report(tmp_path / "r.html", _run([result]), [(result, tmp_path / "gone.png")])
    read = _Elements((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not read.scripts(id="picture-0")
    assert read.scripts(**{"class": "image-data"})
    with pytest.raises(ValueError, match="must not be negative"):
        page.write_report(tmp_path / "r.html", _run([]), [], -1)


def test_one_image_in_memory_at_a_time(tmp_path):
    class Result(dict):
        """A dict that can be watched."""

    watched = []

    def images():
        for index in range(6):
            result = Result(_result(f"{index}.png", [[0.9, 0, 0, 0, 0, 0]], [0.2]))
            watched.append(weakref.ref(result))
            yield result, tmp_path / "none.png"
            del result
            # The loop of the writer still holds the one it has just written.
            assert sum(reference() is not None for reference in watched) <= 1

    page.write_report(tmp_path / "r.html", _run([]), images(), 0)
    assert len(watched) == 6


def test_a_file_too_large_for_browsers_is_warned_of(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(page.logging, "warning", lambda text, *v: warnings.append(text % v))
    _write(tmp_path, [])
    assert warnings == []
    monkeypatch.setattr(page, "_LARGE_BYTES", 1000)
    _write(tmp_path, [])
    assert warnings == [f"{tmp_path / 'report.html'} has 0 MB: browsers may fail on it"]


def test_the_page_says_how_often_the_bundle_errs():
    of = {"abnormality": "boosting", "subset": "all"}
    scores = tuple(
        Score(name, value, of=of) for name, value in (("sensitivity", 0.931), ("specificity", 0.54))
    )
    other = HeldOutScores("elsewhere", "test", 3, 1, scores=scores[:1])
    known = HeldOutScores("smears", "test", 264, 22, origin="composed", scores=scores)
    for held_out, expected in (
        (
            (other, known),
            "on 264 composed images of smears that it had not seen, it was right about",
        ),
        ((other, known), "93 % of the abnormal regions and 54 % of the normal ones"),
        ((other,), "how often it errs is not recorded"),
        ((), "how often it errs is not recorded"),
    ):
        found = overview.fragments(_run([], held_out=held_out))["errors"]
        assert expected in found


def test_an_analysis_writes_its_report(tmp_path, monkeypatch):
    found = builders.analyzed([0, 0, 10, 12], [0.99], [0.75, 0, 0, 0, 0, 0], [0.25])
    monkeypatch.setattr(analyze, "Chain", builders.fake_chain(lambda image: found))
    loaded = bundle.Bundle(tmp_path / "bundle", builders.manifest(), "hash")
    for name in ("b.png", "sub/a.png"):
        image_io.write_png(tmp_path / "in" / name, builders.grey_image(20, 40))
    (tmp_path / "in" / "broken.png").write_bytes(b"")
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, tmp_path / "in", out)
    assert summary.report_path == out / "report.html"
    first = summary.report_path.read_text(encoding="utf-8")
    read = _Elements(first)
    names = [json.loads(data)["name"] for data in read.scripts(**{"class": "image-data"})]
    rows = builders.read_csv(out / "regions.csv")
    assert names == [row["image"] for row in rows] == ["b.png", "sub/a.png"]
    assert "broken.png: the file is empty" in read.text
    # A second run does nothing again, and its report tells of the images done before.
    again = analyze.analyze(loaded, tmp_path / "in", out)
    assert again.skipped == 2
    assert again.report_path.read_text(encoding="utf-8") == first
    # Without a report, none of an earlier run is left beside the new results.
    plain = RunConfig(report_image_size=None)
    assert analyze.analyze(loaded, tmp_path / "in", out, plain).report_path is None
    assert not (out / "report.html").exists()


def test_the_picture_of_an_image_that_has_changed_is_left_out(tmp_path):
    picture = tmp_path / "picture.png"
    image_io.write_png(picture, np.zeros((30, 40, 3), np.uint8))
    result = _result("a.png", [[0.9, 0, 0, 0, 0, 0]], [0.2])
    for sha256, number in ((files.sha256_of_file(picture), 1), ("0" * 64, 0)):
        own = {**result, "image_sha256": sha256}
        page.write_report(tmp_path / "r.html", _run([own]), [(own, picture)])
        read = _Elements((tmp_path / "r.html").read_text(encoding="utf-8"))
        assert len(read.scripts(id="picture-0")) == number
