"""Adam on a loss, with a learning rate that falls in strides.

lr(t) = lr_0 (lr_1 / lr_0)^(floor(t / s) s / steps)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.optim.adam import adam

POINTS = 100  # of a learning curve
B = TypeVar("B")
E = TypeVar("E")


class Schedule(NamedTuple):
    """How the learning rate goes.

    start, end: learning rates.  every: steps of a stride of the decay.  full: the learning rate that others
    are a fraction of, for what falls with it.
    """

    steps: int
    start: float
    end: float
    every: int
    full: float

    def rate(self, step: int) -> float:
        """Return lr(t)."""
        return learning_rate(step, self.steps, self.start, self.end, self.every)


def learning_rate(step: int, steps: int, start: float, end: float, every: int) -> float:
    """Return lr(t): a decay in strides of `every` steps, from start to end over all steps."""
    return start * (end / start) ** (step // every * every / steps)


class Adam(NamedTuple):
    """The tensors that are moved, and the moments of their gradients."""

    tensors: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    steps: list[Tensor]

    @classmethod
    def of(cls, tensors: list[Tensor]) -> Adam:
        """Begin without moments."""
        first, second = ([torch.zeros_like(t) for t in tensors] for _ in range(2))
        return cls(tensors, first, second, [torch.zeros((), device=t.device) for t in tensors])

    def move(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Do one step, in place."""
        adam(
            self.tensors, list(gradients), self.first, self.second, [], self.steps,
            lr=rate, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False, fused=True,
        )  # fmt: skip


def descend(
    tensors: list[Tensor],
    batches: Iterator[B],
    schedule: Schedule,
    learn: Callable[[B, float], tuple[Sequence[Tensor], E]],
    summary: Callable[[Sequence[E]], dict[str, float]],
) -> dict[str, list[float]]:
    """Move the tensors, in place; return the learning curve.

    learn: the gradients of the loss on a batch at a fraction lr(t) / full, and the errors there.
    summary: errors of several batches as numbers with names.
    """
    curve, window = dict[str, list[float]](), list[E]()
    moments = Adam.of([t.detach() for t in tensors])
    for tensor in tensors:
        tensor.requires_grad_()
    for step in range(schedule.steps):
        rate = schedule.rate(step)
        gradients, found = learn(next(batches), rate / schedule.full)
        moments.move(gradients, rate)
        window.append(found)
        if (step + 1) % max(1, schedule.steps // POINTS) == 0:
            extend(curve, step + 1, summary(window))
            window = []
    for tensor in tensors:
        tensor.requires_grad_(False)
    return curve


def extend(curve: dict[str, list[float]], step: int, point: dict[str, float]) -> None:
    """Add a point to the learning curve."""
    if not all(map(isfinite, point.values())):
        raise ValueError(
            f"the training diverged: its errors are not finite at step {step}. Give a smaller "
            "model.learning_rate, or look for absurd labels in the data"
        )
    for name, value in {"step": step, **point}.items():
        curve.setdefault(name, []).append(value)
