"""Where to walk further: the steps of the next round, given what the last one said.

A state point of whose pool a fraction c was not accurate walks, beside the others, in proportion to

    w = LEAST + (1 - LEAST) c / max c

so that one which was accurate throughout walks a quarter as far as the worst, but is never left
alone: the model it was accurate for has changed since. Weights are divided by their mean: the work
of a round stays what was asked for.
"""

from __future__ import annotations

import numpy as np

LEAST = 0.25


def inaccurate_fraction(point: np.ndarray, accurate: np.ndarray, n: int) -> np.ndarray:
    """Return for each of n state points the part of its samples that was not accurate, (n,).

    point: (samples,) the state point of each, -1 for none.  accurate: (samples,) booleans.
    A point without samples counts as not accurate: nothing is known of it.
    """
    mine = point >= 0
    total = np.bincount(point[mine], minlength=n)
    bad = np.bincount(point[mine & ~accurate], minlength=n)
    return np.where(total > 0, bad / np.maximum(total, 1), 1.0)


def shares(inaccurate: np.ndarray, steps: int, every: int) -> np.ndarray:
    """Return the steps of each state point, (n,), whole multiples of `every`, at least one.

    inaccurate: (n,).  steps: of each point, if all were alike; their sum is not exceeded, unless
    some point needs the one frame that each is granted.
    """
    worst = inaccurate.max()
    relative = inaccurate / worst if worst > 0 else np.ones(len(inaccurate))
    weight = LEAST + (1 - LEAST) * relative
    frames = np.floor(steps * weight / weight.mean() / every + 1e-9).astype(np.int64)
    return every * np.maximum(frames, 1)
