"""The garbage collector while models load."""

from __future__ import annotations

import gc

import pytest

from utils.system.garbage import loading


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()
    assert gc.isenabled()


def test_it_rests_and_then_leaves_alone_what_was_loaded():
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
        kept = [[] for _ in range(1_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)


def test_it_works_again_after_a_failure():
    with pytest.raises(ValueError, match="no model"), loading():
        raise ValueError("no model")
    assert gc.isenabled()


def test_garbage_of_later_is_collected():
    with loading():
        pass
    made = []
    made.append(made)
    gc.collect()
    del made
    assert gc.collect() >= 1
