"""Stopping `generate` when nobody wants its output any more."""

from __future__ import annotations

import torch

from handlers.stale import StaleCriteria


def test_every_row_stops_when_the_attempt_is_not_live():
    live = True
    criteria = StaleCriteria(lambda: live)
    ids, scores = torch.zeros(2, 5, dtype=torch.long), torch.zeros(2, 9)
    assert criteria(ids, scores).tolist() == [False, False]
    live = False
    assert criteria(ids, scores).tolist() == [True, True]
