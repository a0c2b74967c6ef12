"""How campaigns end: because they have converged, have spent what they had, or cannot learn any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from eltanin.protocols import Verdict
from eltanin.run.journal import Outcome

STALLED = 3  # rounds on end that taught nothing: the next one would not either


def learned_nothing(brought: Outcome) -> bool:
    """Say whether a round that explored brought no label, or nothing but audits of which some failed."""
    failed = bool(brought.statement.get("failures")) and not brought.statement["converged"]
    selected = np.any(brought.asked.verdict == Verdict.CANDIDATE)
    return len(brought.pool) > 0 and (len(brought.rows) == 0 or (failed and not selected))


def ending(
    brought: Outcome, number: int, spent: Mapping[str, int], budget: int | None, labelled: bool, stalled: int
) -> tuple[str, str]:
    """Return the status after a round, and why; `labelled`: whether there is any label to learn from."""
    if brought.statement.get("converged"):
        return "converged", _proof(brought.statement)
    if not labelled:
        return "failed", f"no configuration could be labelled: {_obstacle(brought)}"
    if budget is not None and spent["labelled"] >= budget:
        return "budget", f"all {budget} labels are spent"
    if number and not len(brought.pool):
        return "budget", "the explorer has nothing more to show"
    if stalled >= STALLED:
        idle = not len(brought.asked.chosen) and bool(np.any(brought.asked.verdict == Verdict.ACCURATE))
        return "budget" if idle else "failed", f"{stalled} rounds on end taught nothing: {_obstacle(brought)}"
    return "running", ""


def _proof(statement: Mapping[str, float]) -> str:
    rate, confidence = statement["failure_rate_at_most"], statement["confidence"]
    return (
        f"{statement['audits']} audits, {statement['failures']} failures: of what the committee calls "
        f"accurate at most {rate:.1%} fails, at {confidence:.1%} confidence"
    )


def _obstacle(brought: Outcome) -> str:
    """Name what keeps a campaign from learning, and what to do about it."""
    explored, verdict, failures = len(brought.pool), brought.asked.verdict, brought.answer.labels.failures
    if not explored:
        return "the explorer began with nothing; give it a system or data to begin with"
    if failures:
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(f.kind for f in failures.values()).most_common())
        first = next(iter(failures.values()))
        return f"all {len(failures)} that were asked for failed ({kinds}), for example: {first.message}"
    if np.all(verdict == Verdict.REJECTED):
        finite = brought.asked.score[np.isfinite(brought.asked.score)]
        least = f"deviates by {finite.min():.3g} or more" if len(finite) else "is not finite"
        return (
            f"the selector rejected all {explored} samples, where the committee {least}. Explore closer to what is"
            " labelled, begin with more labels, train longer, or raise the level from which samples are rejected"
        )
    if brought.statement:
        told = brought.statement
        return (
            f"nothing was selected, for the committee agrees wherever the explorer goes, and yet {told['failures']} of"
            f" {told['audits']} audits err by more than {told['tolerance']:g}: it is wrong where it agrees. Lower the"
            " level below which samples count as accurate, or make the members more different"
        )
    return "nothing was selected, and there are no audits: set audit.tolerance to end with a statement"
