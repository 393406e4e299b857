"""Analysis on Beam: the plain tool's files, its skipping and its failures, also from a store."""

import dataclasses
import json
import pathlib
import pickle

import pytest

pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from rbc_tf.core import image_io
from rbc_tf.inference import analyze, bundle
from rbc_tf.inference.fleet import model_handler, options, remote, run
from rbc_tf.inference.results_folder import DEAD_LETTERS
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.view_config import CommonScale, ViewConfig
from tests import builders, tiny_bundle

_BROKEN = "sub/broken.jpg"
_FAILED = f"{_BROKEN}: the file is empty"


def _find(image):
    """One region, as wide as the image."""
    return builders.analyzed([0, 0, 5, image.shape[1]], [0.9], [0.9, 0, 0, 0, 0, 0.3], [0.1])


@pytest.fixture(autouse=True)
def chain(monkeypatch):
    fake = builders.fake_chain(_find)
    monkeypatch.setattr(analyze, "Chain", fake)
    monkeypatch.setattr(model_handler, "Chain", fake)
    return fake


def _widths(chain):
    """Of all images that were analyzed, in order."""
    return sorted(width for _, width, _ in chain.analyzed)


@pytest.fixture
def bundle_dir(tmp_path):
    parts = builders.bundle_parts(tmp_path / "parts")
    manifest = builders.manifest(thresholds=(0.25,) * 6)
    return bundle.write_bundle(tmp_path / "bundle", parts, manifest).path


@pytest.fixture
def images(tmp_path):
    """Three images of different widths, and a broken one."""
    folder = tmp_path / "in"
    for width, name in ((40, "a.png"), (50, "b c é.png"), (60, "sub/a.png")):
        image_io.write_png(folder / name, builders.grey_image(20, width))
    (folder / _BROKEN).write_bytes(b"")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    return folder


def _on_beam(bundle_dir, images, out, **others):
    # The one of this process: the chain is the fake of this test.
    beam_options = options.pipeline_options([])
    return run.analyze(str(bundle_dir), str(images), str(out), beam_options, **others)


def _files(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _letters(folder):
    lines = (folder / DEAD_LETTERS).read_text(encoding="utf-8").splitlines()
    return {letter["image"]: letter["reason"] for letter in map(json.loads, lines)}


@pytest.mark.parametrize("plain_thresholds", [False, True])
def test_the_files_are_those_of_the_plain_tool(
    chain, bundle_dir, images, tmp_path, plain_thresholds
):
    loaded = bundle.load_bundle(bundle_dir)
    loaded = loaded.with_plain_thresholds() if plain_thresholds else loaded
    (images / "slide.czi").write_bytes(b"x")  # which both warn of
    plain = analyze.analyze(loaded, images, tmp_path / "plain")
    out = tmp_path / "beam"
    summary = _on_beam(bundle_dir, images, out, plain_thresholds=plain_thresholds)
    assert (summary.analyzed, summary.skipped) == (plain.analyzed, plain.skipped) == (3, 0)
    assert summary.failed == plain.failed == {_BROKEN: f"{images}/{_FAILED}"}
    assert _widths(chain) == [40, 40, 50, 50, 60, 60]
    assert summary.report_path == out / "report.html"
    assert "(slide.czi)" in "".join(summary.warnings)
    assert f"done before: 0, failed: 1\n  {images}/{_FAILED}" in summary.text()

    files = _files(out)
    assert json.loads(files.pop(DEAD_LETTERS)) == {
        "image": _BROKEN,
        "reason": f"{images}/{_FAILED}",
    }
    assert files == _files(tmp_path / "plain")


def test_workers_take_the_scale_that_the_launcher_found(chain, images, tmp_path, monkeypatch):
    parts = builders.bundle_parts(tmp_path / "parts")
    manifest = builders.manifest(appearance={"cell_size": (18.0, 22.0)})
    bundle_dir = bundle.write_bundle(tmp_path / "bundle", parts, manifest).path
    common, asked = CommonScale(0.5, 40.0), []
    monkeypatch.setattr(run, "_common_scale", lambda *args: asked.append(args) or common)
    out = tmp_path / "out"
    _on_beam(bundle_dir, images, out)
    assert chain.views[-1] == ViewConfig(common=common)
    assert json.loads((out / "scale.json").read_text())["common"] == {"factor": 0.5, "size": 40.0}
    assert [pathlib.Path(path).name for path in asked[0][2]] == [
        *("a.png", "b c é.png", "a.png", "broken.jpg")
    ]
    (out / "images" / "a.png.json").unlink()
    _on_beam(bundle_dir, images, out)
    assert len(asked) == 1


def test_the_launcher_finds_the_scale_in_images_as_workers_read_them(tmp_path):
    """In a process of its own: what it is given must survive the way there."""
    parts = tiny_bundle.write(tmp_path)
    seen = {"cell_size": (18.0, 22.0)}
    manifest = dataclasses.replace(parts.manifest, appearance=seen)
    loaded = bundle.replace_manifest(parts, manifest)
    paths = []
    for number in range(3):
        paths.append(str(tmp_path / f"{number}.png"))
        image_io.write_png(paths[-1], tiny_bundle.image(20 + number, 96, 128))
    given = pickle.loads(pickle.dumps((loaded, RunConfig(precision="float32"), paths)))
    common = run._find_common_scale(*given)
    # Regions of 0.4 x 0.4 of a tile of 48 x 64 pixels: the shorter side is 19.2.
    assert common.size == pytest.approx(19.2, abs=0.5)
    assert run._find_common_scale(*given[:2], paths[:2]) is None


def test_workers_look_at_images_as_the_run_does(chain, bundle_dir, images, tmp_path):
    view_config = ViewConfig("0.5", rotations=2, light="none")
    out = tmp_path / "out"
    _on_beam(bundle_dir, images, out, config=RunConfig(view_config=view_config))
    assert chain.views[-1] == view_config
    config = RunConfig(view_config=dataclasses.replace(view_config, light="auto"))
    with pytest.raises(ValueError, match=r"--light"):
        _on_beam(bundle_dir, images, out, config=config)


def test_a_second_run_does_what_is_left(chain, bundle_dir, images, tmp_path):
    out = tmp_path / "out"
    _on_beam(bundle_dir, images, out)
    stamp = (out / "images" / "a.png.json").stat().st_mtime_ns
    image_io.write_png(images / "sub" / "a.png", builders.grey_image(20, 70))
    (images / "b c é.png").write_bytes(b"broken since")
    image_io.write_jpeg(images / _BROKEN, builders.grey_image(20, 80))
    chain.analyzed.clear()
    again = _on_beam(bundle_dir, images, out)
    assert _widths(chain) == [70, 80]
    assert (again.analyzed, again.skipped, list(again.failed)) == (2, 1, ["b c é.png"])
    assert (out / "images" / "a.png.json").stat().st_mtime_ns == stamp
    # Its result of before is that of another image.
    assert not (out / "images" / "b c é.png.json").exists()
    assert list(_letters(out)) == ["b c é.png"]
    assert _on_beam(bundle_dir, images, out, overwrite=True).analyzed == 3


def test_failed_images_can_be_left_as_they_are(bundle_dir, images, tmp_path):
    out = tmp_path / "out"
    failed = _on_beam(bundle_dir, images, out).failed
    image_io.write_jpeg(images / _BROKEN, builders.grey_image(20, 80))
    left = _on_beam(bundle_dir, images, out, retry_failed=False)
    assert (left.analyzed, left.skipped, left.failed) == (0, 3, failed)
    assert _on_beam(bundle_dir, images, out).failed == {}
    assert _letters(out) == {}


def test_a_run_that_dies_is_finished_by_the_next(chain, bundle_dir, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole = chain.analyze

    def die_at_the_last(self, image):
        if len(chain.analyzed) >= 2:
            raise SystemExit("killed")
        return whole(self, image)

    monkeypatch.setattr(chain, "analyze", die_at_the_last)
    with pytest.raises((SystemExit, RuntimeError), match="killed"):
        _on_beam(bundle_dir, images, out)
    assert len(list((out / "images").rglob("*.json"))) == 2
    assert not (out / "summary.json").exists()
    monkeypatch.setattr(chain, "analyze", whole)
    again = _on_beam(bundle_dir, images, out)
    assert (again.analyzed, again.skipped) == (1, 2)
    assert _widths(chain) == [40, 50, 60]


def test_a_worker_that_finds_another_bundle_refuses_it(bundle_dir):
    handler = model_handler.ChainHandler(str(bundle_dir), "the sha of another")
    with pytest.raises(bundle.BundleError, match="another bundle"):
        handler.load_model()


def test_arguments_that_beam_does_not_know():
    for arguments, received in (
        (["--runer=FlinkRunner"], r"Received: --runer$"),
        (["smears", "--runner=FlinkRunner"], r"Received: smears$"),
        (["--runner=FlinkRunner", "smears"], r"Received: smears$"),
        (["--runner", "FlinkRunner", "smears"], r"Received: smears$"),
    ):
        with pytest.raises(ValueError, match=received):
            options.pipeline_options(arguments)
    assert options.local_runner(options.pipeline_options(["--direct_num_workers=2"])) is not None
    assert options.local_runner(options.pipeline_options(["--runner", "FlinkRunner"])) is None


class _Store(LocalFileSystem):
    """An object store, store://NAME: keys without folders, in a folder of this machine."""

    root: pathlib.Path

    @classmethod
    def scheme(cls):
        return "store"

    def _local(self, url):
        return str(self.root / url.removeprefix("store://"))

    def has_dirs(self):
        return False

    def _list(self, url):
        for path in self.root.rglob("*"):
            key = f"store://{path.relative_to(self.root).as_posix()}"
            if path.is_file() and key.startswith(url):
                yield FileMetadata(key, path.stat().st_size, path.stat().st_mtime)

    def create(self, path, *arguments, **others):
        return super().create(self._local(path), *arguments, **others)

    def open(self, path, *arguments, **others):
        return super().open(self._local(path), *arguments, **others)

    def exists(self, path):
        return pathlib.Path(self._local(path)).is_file()

    def rename(self, sources, destinations):
        assert not any(self.exists(url) for url in destinations)
        super().rename([self._local(s) for s in sources], [self._local(d) for d in destinations])

    def delete(self, paths):
        super().delete([self._local(path) for path in paths])


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(_Store, "root", tmp_path, raising=False)
    return "store:/"


def test_an_object_store(chain, bundle_dir, images, tmp_path, store):
    plain = analyze.analyze(bundle.load_bundle(bundle_dir), images, tmp_path / "plain")
    urls = (f"{store}/bundle/", f"{store}/in", f"{store}/out/")
    summary = _on_beam(*urls)
    assert (summary.analyzed, summary.skipped) == (3, 0)
    assert summary.failed == {_BROKEN: f"{store}/in/{_FAILED}"}
    assert "results: store://out\nreport: store://out/report.html" in summary.text()
    files, expected = _files(tmp_path / "out"), _files(tmp_path / "plain")
    assert files.keys() - expected.keys() == {DEAD_LETTERS}
    # Others name the places of bundle and images.
    same = {name for name in expected if name.startswith(("images", "overlays/", "regions"))}
    assert len(same) == 2 * plain.analyzed + 2
    assert {name: files[name] for name in same} == {name: expected[name] for name in same}
    assert json.loads(files["run.json"])["bundle"] == "store://bundle"
    assert b"picture-2" in files["report.html"]

    chain.analyzed.clear()
    again = _on_beam(*urls)
    assert (again.analyzed, again.skipped, len(again.failed)) == (0, 3, 1)
    assert chain.analyzed == []
    assert _on_beam(*urls, overwrite=True).analyzed == 3


def test_images_in_an_object_store(images, store):
    found = remote.find_images(f"{store}/in", f"{store}/in/sub")
    names = ("a.png", "b c é.png")
    assert found == remote.Images({name: f"store://in/{name}" for name in names})
    single = remote.find_images(f"{store}/in/sub/a.png", f"{store}/out")
    assert single == remote.Images({"a.png": "store://in/sub/a.png"})
    with pytest.raises(ValueError, match="holds no image"):
        remote.find_images(f"{store}/nowhere", f"{store}/out")
    with pytest.raises(image_io.ImageError, match=r"gone\.png: cannot be read"):
        remote.read_bytes(f"{store}/in/gone.png")


def test_masks_in_an_object_store_are_no_images(tmp_path, store):
    for name in ("images/a.png", "masks/a.png", "b.czi"):
        path = tmp_path / "in2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = remote.find_images(f"{store}/in2", f"{store}/out")
    assert list(found.paths) == ["images/a.png"]
    (warning,) = found.warnings
    assert "1 file of kinds of images that are not read was passed over (b.czi)" in warning


def test_no_bundle_in_an_object_store(store, tmp_path):
    with pytest.raises(bundle.BundleError, match="store://nowhere: is no bundle"):
        _on_beam(f"{store}/nowhere", tmp_path, tmp_path / "out")
