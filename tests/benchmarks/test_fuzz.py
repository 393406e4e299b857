"""Mutated files, for half a minute at most; benchmarks/fuzz.py does it for longer."""

import time

import pytest

from benchmarks import fuzz
from tests import tiny_bundle


def test_no_reader_answers_a_mutated_file_with_a_traceback_or_takes_it_for_whole(tmp_path):
    report = fuzz.run(fuzz.subjects(tmp_path), count=1500, seed=7, seconds=25)
    assert report.wrong == []
    assert sum(sum(counts.values()) for counts in report.counts.values()) > 0


def test_parts_of_a_bundle_are_refused_in_words_however_they_were_changed(tmp_path):
    bundle = tiny_bundle.write(tmp_path / "tiny")
    (tmp_path / "work").mkdir()
    kinds = fuzz.part_subjects(tmp_path / "work", bundle.path)
    report = fuzz.run(kinds, count=500, seed=7, seconds=5)
    assert report.wrong == []
    assert set(report.counts) >= {"part: backbone.keras", "packed bundle"}


def _subject(read, checksummed=False):
    return fuzz.Subject("made up", "file", b"12345678" * 9, read, checksummed)


def _unforeseen(path):
    if path.read_bytes() != b"12345678" * 9:
        raise TypeError("int and tuple")


def _nameless(path):
    if path.read_bytes() != b"12345678" * 9:
        path.read_bytes().decode("ascii")
        raise ValueError


def _endless(path):
    while path.read_bytes() != b"12345678" * 9:
        pass


@pytest.mark.parametrize(
    ("read", "checksummed", "wrong"),
    [
        (_unforeseen, False, "TypeError"),
        (_nameless, False, "ValueError|UnicodeDecodeError"),
        (lambda path: path.read_bytes(), True, "damage was accepted"),
        (_endless, False, "no answer within"),
    ],
)
def test_what_goes_wrong_is_reported(monkeypatch, read, checksummed, wrong):
    monkeypatch.setattr(fuzz, "_HANG_SECONDS", 0.2)
    monkeypatch.setattr(fuzz, "_WAIT_SECONDS", 5)
    report = fuzz.run([_subject(read, checksummed)], count=3, seed=0)
    assert report.wrong
    assert all(any(part in line for part in wrong.split("|")) for line in report.wrong)


def test_mutations_are_repeatable_and_end_in_time():
    first, again = (fuzz.mutate(b"abc" * 99, fuzz.random.Random("0 1")) for _ in range(2))
    assert first == again != b"abc" * 99
    began = time.monotonic()
    fuzz.run([_subject(lambda path: time.sleep(0.05))], count=10_000, seed=0, seconds=0.5)
    assert time.monotonic() - began < 20
