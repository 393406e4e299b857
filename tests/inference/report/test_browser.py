"""The report in a headless Chromium, used as a person would: by clicks and keys.

Skipped where the machine has no Chromium with its driver (Debian: chromium, chromium-driver).
"""

import base64
import csv
import dataclasses
import shutil
import time

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.inference import analysis, image_table
from rbc_tf.inference.group_shares import Grouping, GroupShares
from rbc_tf.inference.report import overview, page

_selenium = pytest.importorskip("selenium", reason="selenium is not installed (pip install .[dev])")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 20

_EVIL_NAME = "<img src=x onerror=alert(1)></script><script>alert(2)</script>.png"
_EVIL_TYPE = "<b onmouseover=alert(3)>burr</b>"
_TYPES = CellTypes(
    (
        CellType("disc", "Discocyte", False),
        CellType("sickle", "Sickle cell", True),
        CellType(_EVIL_TYPE, "Burr cell", True),
    )
)
_THRESHOLDS = (0.5, 0.5, 0.25)

# Per image the probabilities of its regions; every region is 20 x 20, in a row from the left,
# but for one image, where a large region holds a small one.
_NESTED = "large and small.png"
_NO_REGION = "field 003.png"
_WARNED_OF = "field 002.png"
_DARKER = "background in grey values 120, learnt from 200 to 240"
_FIRST_IMAGES = {
    "field 001.png": [(0.9375, 0.125, 0), (0.125, 0.5625, 0)],
    "field 002.png": [(0.75, 0.75, 0.75)],
    _NO_REGION: [],
    _EVIL_NAME: [(0, 0, 0.28125), (0, 0, 0)],
    _NESTED: [(1.0, 0, 0), (1.0, 0, 0)],
}
# 130 more, so that there are two pages, of 100 rows, and three of 60 cards.
_MORE_IMAGES = {f"more {number}.png": [(1.0, 0, 1.0)] for number in range(1, 131)}
_IMAGES = _FIRST_IMAGES | _MORE_IMAGES


def _result(name, probabilities):
    probabilities = np.array(probabilities, np.float32).reshape(-1, 3)
    count = len(probabilities)
    boxes = [[30, 10 + 40 * row, 50, 30 + 40 * row] for row in range(count)]
    if name == _NESTED:
        boxes = [[10, 10, 80, 80], [35, 35, 55, 55]]
    found = AnalyzedRegions(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.95, 0.7, count).astype(np.float32),
        probabilities,
        np.array([max(p[1:], default=0) for p in probabilities.tolist()]) ** 2,
    )
    labels = probabilities > np.array(_THRESHOLDS)
    result = analysis.Analysis.from_arrays(name, None, (90, 120, 3), found, labels, _TYPES, 0.5)
    if name == _WARNED_OF:
        unlike = {"darker": _DARKER, "out of focus": "width of edges in pixels 9"}
        result = dataclasses.replace(result, scale=0.5, gain=2.5, unlike=unlike)
    return result.to_json()


@pytest.fixture(scope="module")
def loaded():
    return [_result(name, probabilities) for name, probabilities in _IMAGES.items()]


def _shares(loaded):
    shares = GroupShares(_TYPES)
    for result in loaded:
        shares.add(result)
    return shares.to_json()


@pytest.fixture(scope="module")
def report(tmp_path_factory, loaded):
    folder = tmp_path_factory.mktemp("report")
    # Blue left of column 60, yellow right of it.
    picture = np.full((90, 120, 3), (250, 220, 40), np.uint8)
    picture[:, :60] = (40, 60, 220)
    image_io.write_png(folder / "picture.png", picture)
    counts = [result["num_regions_by_type"] for result in loaded]
    summary = {
        "num_images": len(loaded),
        "num_failed": 1,
        "num_regions": sum(result["num_regions"] for result in loaded),
        "num_regions_by_type": {t: sum(c[t] for c in counts) for t in _TYPES.names},
        "num_abnormal_regions": sum(result["num_abnormal_regions"] for result in loaded),
        **_shares(loaded),
        "failed": {_EVIL_NAME: f"{_EVIL_NAME}: the file is empty"},
    }
    run = overview.Run(_TYPES, _THRESHOLDS, "exact_match", 0.5, 0.5, summary)
    path = folder / "report.html"
    page.write_report(path, run, ((result, folder / "picture.png") for result in loaded))
    return path


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads):
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium with chromedriver on this machine (chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1366,768")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


@pytest.fixture
def opened(browser, report):
    """The report, freshly opened; at the end the browser must have had nothing to complain of."""
    browser.get(report.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def _find(opened, selector):
    return opened.find_element(By.CSS_SELECTOR, selector)


def _all(opened, selector):
    return opened.find_elements(By.CSS_SELECTOR, selector)


def _click(opened, selector):
    _find(opened, selector).click()


def _press(opened, *keys):
    ActionChains(opened).send_keys(*keys).perform()


def _names(opened):
    cells = (
        "return Array.from(document.querySelectorAll('#image-rows th'), (cell) => cell.innerText)"
    )
    return opened.execute_script(cells)


def _type_box(opened, name):
    labels = _all(opened, "#filter-types label")
    return next(label for label in labels if label.text == name)


def _shown(opened):
    return [
        part
        for part in ("summary", "images", "image", "review")
        if _find(opened, f"#{part}").is_displayed()
    ]


def _set_number(opened, selector, value):
    box = _find(opened, selector)
    box.clear()
    box.send_keys(value)


def test_the_summary_comes_first(opened):
    assert _shown(opened) == ["summary"]
    assert "137" in _find(opened, "#summary").text  # regions: 2 + 1 + 0 + 2 + 2 + 130
    assert _EVIL_NAME in _find(opened, "#summary").text


def test_the_table_is_sorted_by_its_heads(opened):
    _click(opened, "#show-images")
    assert _names(opened)[1:3] == ["field 001.png", "field 002.png"]  # '<' comes before letters
    heads = _all(opened, "#image-columns button")
    assert [head.text for head in heads[:4]] == ["Image", "Regions", "Shown", "Abnormal"]
    _all(opened, "#image-columns button")[1].click()
    # Those with two regions first, in their order; then the one with none.
    assert _names(opened)[:3] == ["field 001.png", _EVIL_NAME, _NESTED]
    _all(opened, "#image-columns button")[1].click()
    assert _names(opened)[0] == _NO_REGION
    assert _all(opened, "#image-columns th")[1].get_attribute("aria-sort") == "ascending"


def test_pages_of_the_table(opened):
    _click(opened, "#show-images")
    assert len(_names(opened)) == 100
    _click(opened, "#image-pager [aria-label='Next page']")
    # 135 images; numbers are sorted as numbers, so that 130 is the last.
    assert (len(_names(opened)), _names(opened)[-1]) == (35, "more 130.png")
    assert not _find(opened, "#image-pager [aria-label='Next page']").is_enabled()


def test_the_table_is_filtered(opened):
    _click(opened, "#show-images")
    _find(opened, "#filter-name").send_keys("FIELD")
    assert _names(opened) == ["field 001.png", "field 002.png", _NO_REGION]
    # Sickle is in the second region of the first image and in the region of the second.
    _type_box(opened, "sickle").click()
    assert _names(opened) == ["field 001.png", "field 002.png"]
    assert _find(opened, "#status").text == "2 of 137 regions, 2 of 135 images"
    # Abnormal are the squares of 0.5625, which is below 0.5, and of 0.75, which is above.
    _find(opened, "#filter-abnormality").send_keys("abnormal")
    assert _names(opened) == ["field 002.png"]
    _click(opened, "#reset")
    _set_number(opened, "#filter-high", "0.8")  # three images have a second region, with 0.7
    assert _names(opened) == [_EVIL_NAME, "field 001.png", _NESTED]
    _type_box(opened, "no type").click()
    assert _names(opened) == [_EVIL_NAME]
    _find(opened, "#filter-name").send_keys("nowhere")
    assert _find(opened, "#image-rows").text == "No image passes the filters."


def test_keys_alone(opened):
    _find(opened, "#show-images").send_keys(Keys.ENTER)
    _find(opened, "#image-rows tr").send_keys(Keys.ARROW_DOWN)
    _press(opened, Keys.ENTER)
    title = _find(opened, "#image-title")
    assert (_shown(opened), title.text) == (["image"], "field 001.png")
    # By doubt: 0.0625 from the threshold of sickle, then 0.25 from that of the burr cell.
    assert _find(opened, "#region-title").text == "Region 2, 1 of 2 by doubt"
    _press(opened, Keys.ARROW_DOWN)
    assert _find(opened, "#region-title").text == "Region 1, 2 of 2 by doubt"
    _press(opened, Keys.ARROW_RIGHT)
    assert title.text == "field 002.png"
    _press(opened, Keys.ARROW_RIGHT)
    assert (title.text, _find(opened, "#region-title").text) == (_NO_REGION, "No region is shown")
    _press(opened, Keys.ARROW_LEFT, Keys.ESCAPE)
    assert _shown(opened) == ["images"]
    # The row of the image seen last has the focus.
    assert opened.switch_to.active_element.text.startswith("field 002.png")


def test_images_that_are_warned_of_are_found(opened):
    _click(opened, "#show-images")
    heads = [head.text for head in _all(opened, "#image-columns button")]
    assert heads[5:7] == ["Doubtful", "Warned of"]
    choice = _find(opened, "#filter-warned")
    choice.send_keys("warned of")
    assert _names(opened) == [_WARNED_OF]
    cells = [cell.text for cell in _all(opened, "#image-rows td")]
    assert cells[5] == "darker, out of focus"
    _click(opened, "#image-rows tr")
    facts = _find(opened, "#image-facts").text
    assert facts.endswith("scaled by 0.5 for the analysis · made brighter by 2.5 for the analysis")
    warning = _find(opened, "#image-warnings").text
    assert f"darker ({_DARKER}); out of focus (width of edges in pixels 9)." in warning
    choice.send_keys("not warned of")
    _click(opened, "#image-close")
    assert _WARNED_OF not in _names(opened)
    _click(opened, "#reset")
    assert _WARNED_OF in _names(opened)
    _click(opened, "#image-rows tr")
    assert not _find(opened, "#image-warnings").is_displayed()


def test_boxes_are_pointed_at_and_filtered(opened):
    _click(opened, "#show-images")
    _all(opened, "#image-rows tr")[1].click()
    boxes = _all(opened, "#figure rect")
    assert [box.get_attribute("class").split()[1] for box in boxes] == ["normal", "normal"]
    left = min(boxes, key=lambda box: box.location["x"])
    ActionChains(opened).move_to_element(left).perform()
    assert "disc 0.94" in _find(opened, "#tip").text
    assert _find(opened, "#region-title").text.startswith("Region 1,")
    row = _all(opened, ".probabilities tbody tr")[0].text.split()
    assert row == ["\u2713", "disc", "0.938", "0.500"]
    ActionChains(opened).move_to_element(_find(opened, "#image-title")).perform()
    assert not _find(opened, "#tip").is_displayed()
    assert _find(opened, "#region-title").text.startswith("Region 2,")  # the one chosen
    _type_box(opened, "disc").click()
    assert len(_all(opened, "#figure rect")) == 1
    assert _find(opened, "#region-title").text.startswith("Region 1,")
    _click(opened, "#image-boxes")
    assert _all(opened, "#figure rect") == []


def test_a_small_box_lies_above_a_large_one(opened):
    _click(opened, "#show-images")
    _find(opened, "#filter-name").send_keys("large and")
    _find(opened, "#image-rows tr").click()
    small = min(_all(opened, "#figure rect"), key=lambda box: box.size["width"])
    small.click()  # refused where another element is on top
    assert _find(opened, "#region-title").text.startswith("Region 2,")
    assert "20 × 20 px" in _find(opened, "#region").text


_COLOUR = """
const [element, x, y, done] = arguments;
const picture = new Image();
picture.onload = () => {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  done([picture.width, picture.height, ...pen.getImageData(x, y, 1, 1).data.slice(0, 3)]);
};
picture.src = element.getAttribute("href");
"""


def test_the_picture_is_shown_and_decoded_once(opened):
    assert len(_all(opened, "script[id^=picture-]")) == len(_IMAGES)  # none as long as none is seen
    _click(opened, "#show-images")
    _all(opened, "#image-rows tr")[1].click()
    picture = _find(opened, "#figure image")
    width, height, *colour = opened.execute_async_script(_COLOUR, picture, 20, 40)
    assert (width, height) == (120, 90)
    np.testing.assert_allclose(colour, (40, 60, 220), atol=12)
    assert len(_all(opened, "script[id^=picture-]")) == len(_IMAGES) - 1


def test_review_by_doubt(opened):
    _click(opened, "#show-review")
    cards = _all(opened, ".card")
    assert len(cards) == 60
    # |p - threshold|: 0.28125 - 0.25 = 0.03125, 0.5625 - 0.5 = 0.0625; then 0.25 for several.
    assert _EVIL_NAME in cards[0].find_element(By.CSS_SELECTOR, ".where").get_attribute("title")
    assert "sickle 0.562" in cards[1].text or "sickle 0.563" in cards[1].text
    WebDriverWait(opened, _SECONDS).until(lambda _: cards[1].find_elements(By.TAG_NAME, "image"))
    # Of discs the nearest are the two that have 0.75 and 0.125: by 0.25 and 0.375.
    Select(_find(opened, "#review-of")).select_by_visible_text("disc")
    texts = [card.text for card in _all(opened, ".card")[:2]]
    assert "field 002.png" in texts[0]
    assert "field 001.png" in texts[1]
    # Abnormality: (0.75 squared =) 0.5625 comes first.
    Select(_find(opened, "#review-of")).select_by_visible_text("abnormality")
    first = _find(opened, ".card")
    assert "field 002.png" in first.text
    first.send_keys(Keys.ENTER)
    assert _find(opened, "#image-title").text == "field 002.png"
    _press(opened, Keys.ESCAPE)
    assert _shown(opened) == ["review"]
    assert "field 002.png" in opened.switch_to.active_element.text


def test_far_pictures_wait_until_they_are_scrolled_to(opened):
    _click(opened, "#show-review")
    WebDriverWait(opened, _SECONDS).until(lambda _: _all(opened, ".card image"))
    last = _all(opened, ".card")[-1]
    assert last.find_elements(By.TAG_NAME, "image") == []
    opened.execute_script("arguments[0].scrollIntoView()", last)
    WebDriverWait(opened, _SECONDS).until(lambda _: last.find_elements(By.TAG_NAME, "image"))


def _downloaded(downloads, name):
    path, end = downloads / name, time.monotonic() + _SECONDS
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    path.unlink()
    return rows


def test_regions_are_downloaded_as_the_run_has_them(opened, downloads, loaded):
    _click(opened, "#show-images")
    _click(opened, "#download-regions")
    header, *rows = _downloaded(downloads, "regions_filtered.csv")
    assert header == analysis.csv_header(_TYPES)
    expected = [row for result in loaded for row in analysis.csv_rows(result)]
    assert len(rows) == len(expected) == 137
    text = [header.index(name) for name in ("image", "labels")]
    for row, wanted in zip(rows, expected, strict=True):
        for column, (value, wish) in enumerate(zip(row, wanted, strict=True)):
            assert value == wish if column in text else np.float32(value) == np.float32(wish)


def test_images_are_downloaded_as_the_run_has_them(opened, downloads, loaded):
    """But for the group, which the report does not know of an image."""
    _click(opened, "#show-images")
    _click(opened, "#download-images")
    read = _downloaded(downloads, "images_filtered.csv")
    wanted = [image_table.header(_TYPES), *(image_table.row(r, Grouping()) for r in loaded)]
    shown = read[0].index("num_regions_shown")
    assert [row[:shown] + row[shown + 1 :] for row in read] == [
        [_as_javascript(cell) for cell in row[:1] + row[2:]] for row in wanted
    ]


def _as_javascript(value):
    """As JavaScript writes a number: 0.0 is 0."""
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value)


def test_what_is_filtered_is_downloaded(opened, downloads):
    _click(opened, "#show-images")
    _type_box(opened, "sickle").click()
    _click(opened, "#download-regions")
    _, *rows = _downloaded(downloads, "regions_filtered.csv")
    assert [row[:2] for row in rows] == [["field 001.png", "2"], ["field 002.png", "1"]]
    _click(opened, "#download-images")
    header, *rows = _downloaded(downloads, "images_filtered.csv")
    assert header[3:5] == ["num_regions", "num_regions_shown"]
    assert header[-3:] == ["scale", "gain", "warned_of"]
    assert [(row[0], *row[3:5], *row[-3:]) for row in rows] == [
        ("field 001.png", "2", "1", "1", "1", ""),
        ("field 002.png", "1", "1", "0.5", "2.5", "darker;out of focus"),
    ]


def test_names_are_no_formulas_in_what_is_downloaded(browser, downloads, loaded, tmp_path):
    names = ["=cmd|' C calc'!A0.png", "+1+1.png", "@SUM(A1).png", "-2+3.png", "a\rb.png", "'=1.png"]
    results = [_result(name, [(1.0, 0, 0)]) for name in names]
    summary = {
        "num_images": len(results),
        "num_failed": 0,
        "num_regions": len(results),
        "num_regions_by_type": dict.fromkeys(_TYPES.names, 0),
        "num_abnormal_regions": 0,
        **_shares(results),
        "failed": {},
    }
    run = overview.Run(_TYPES, _THRESHOLDS, "exact_match", 0.5, 0.5, summary)
    page.write_report(tmp_path / "report.html", run, ((result, None) for result in results), 0)
    browser.get((tmp_path / "report.html").as_uri())
    _click(browser, "#show-images")
    for which in ("regions", "images"):
        _click(browser, f"#download-{which}")
        _, *rows = _downloaded(downloads, f"{which}_filtered.csv")
        # An apostrophe more says to a spreadsheet that it is text.
        assert [row[0] for row in rows] == [f"'{n}" if n[0] in "=+@-'" else n for n in names]


def test_names_and_types_stay_text(opened):
    """An alert would make every following command fail; there must be no element of theirs."""
    _click(opened, "#show-images")
    _find(opened, "#filter-name").send_keys("onerror")
    _find(opened, "#image-rows tr").click()
    assert _find(opened, "#image-title").text == _EVIL_NAME
    assert _EVIL_TYPE in _find(opened, "#region").text
    _click(opened, "#image-names")
    _click(opened, "#show-review")
    assert _EVIL_TYPE in _find(opened, ".card").text
    assert _all(opened, "body img, [onerror], [onmouseover], td b") == []


def test_on_paper(opened, tmp_path):
    """Every row is printed, not only the page shown; then the screen is as it was."""
    opened.execute_script(
        "addEventListener('beforeprint', () => { window.rows ="
        " document.querySelectorAll('#image-rows tr').length; })"
    )
    content = base64.b64decode(opened.print_page())
    assert content.startswith(b"%PDF")
    assert opened.execute_script("return window.rows") == len(_IMAGES)
    assert _shown(opened) == ["summary"]
    _click(opened, "#show-images")
    assert len(_names(opened)) == 100


def test_pictures_on_paper(opened):
    opened.execute_script(
        "window.print = () => { window.printed ="
        " document.querySelectorAll('#printed-pictures image').length; }"
    )
    _click(opened, "#print")
    assert opened.execute_script("return window.printed") == 0
    _click(opened, "#show-images")
    _find(opened, "#filter-name").send_keys("field")
    _click(opened, "#print-pictures")
    _click(opened, "#print")
    WebDriverWait(opened, _SECONDS).until(
        lambda _: opened.execute_script("return window.printed") == 3
    )
