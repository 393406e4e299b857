"""Groups of the source in buckets."""

import dataclasses

import pytest

from rbc_tf.data import dataset
from rbc_tf.data.composed import buckets
from rbc_tf.data.composed.config import ComposeConfig


def test_groups_stay_whole_and_subjects_and_splits_apart(patches):
    loaded = dataset.load_dataset(patches)
    dealt = buckets.deal(loaded, ComposeConfig(num_buckets=4))
    assert sorted(g for b in dealt for g in b.groups) == [f"g{k}" for k in range(6)]
    subject_of = {s.group: s.subject for s in loaded}
    for bucket in dealt:
        assert {subject_of[group] for group in bucket.groups} == {bucket.subject}
    by_subject = buckets.deal(loaded, ComposeConfig(buckets_by="subject"))
    assert [b.groups for b in by_subject] == [("g0", "g2", "g4"), ("g1", "g3", "g5")]


def test_impossible_buckets_are_refused(patches):
    loaded = dataset.load_dataset(patches)
    with pytest.raises(ValueError, match="7 buckets of 6 groups"):
        buckets.deal(loaded, ComposeConfig(num_buckets=7))
    with pytest.raises(ValueError, match="-1"):
        ComposeConfig(region_shares=(1, -1))


def test_a_group_of_two_subjects_is_refused(patches):
    loaded = dataset.load_dataset(patches)
    samples = list(loaded.samples)
    samples[0] = dataclasses.replace(samples[0], subject="p9")
    mixed = dataclasses.replace(loaded, samples=tuple(samples))
    with pytest.raises(ValueError, match=r"must be of one subject.* 'g0' of 'p9' and 'p0'"):
        buckets.deal(mixed, ComposeConfig(num_buckets=4))
