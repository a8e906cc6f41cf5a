"""Every verdict has something that would change it, and every row of the table is somebody's."""

from __future__ import annotations

from probe.classify import classify, what_would_change
from probe.classify.turning import TURNS
from tests.classify.golden import GOLDEN
from tests.classify.stories import CONTROL, HERE, HTTPS, NEIGHBOUR, ONLINE, well
from tests.classify.test_weighing import CUT


def test_every_verdict_has_one_and_every_row_is_said() -> None:
    verdicts = [
        classify(
            golden.mine.measured(golden.target, HERE),
            [saw.measured(golden.target, CONTROL) for saw in golden.controls],
            golden.host,
        )
        for golden in GOLDEN
    ]
    near = CUT.measured(HTTPS, HERE), [CUT.measured(HTTPS, NEIGHBOUR)]
    split = CUT.measured(HTTPS, HERE), [CUT.measured(HTTPS, CONTROL), well().measured(HTTPS, CONTROL)]
    verdicts += [classify(mine, theirs, ONLINE) for mine, theirs in (near, split)]
    assert {what_would_change(verdict) for verdict in verdicts} == {turn.text for turn in TURNS}
