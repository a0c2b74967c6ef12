"""Learning α and β from the faces of labelled flows.

The loss is the mean over faces and chains of

    [∫ P(c) Δf dv]²,    P = ((c - α) He_N - β He_{N-1})/((N + 1)!)^(1/2),

for Δf in units in which a face counts like the change that it is of its flow's. L-BFGS takes few and good steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eltanin_gas.perceptron import Layers, layers_of
from eltanin_hyperbolic.faces import Faces
from eltanin_hyperbolic.tail import learned

ROUND = 100  # evaluations of the loss on the same faces
REMEMBERED = 20  # steps of L-BFGS


def residuals(tail: tuple[Tensor, Tensor], jump: Tensor) -> Tensor:
    """Return ∫ P Δf (n, 2) of standardised changes (n, 2, N + 2).

    With standardised changes δ_j = ∫ He_j Δf/(j!)^(1/2) and c He_N = He_{N+1} + N He_{N-1} it is
    δ_{N+1} - α δ_N/(N + 1)^(1/2) + (N - β) δ_{N-1}/(N (N + 1))^(1/2).
    """
    alpha, beta = tail
    n = jump.shape[-1] - 2
    below, last, asked = jump[..., -3], jump[..., -2], jump[..., -1]
    return asked - alpha * last / (n + 1) ** 0.5 + (n - beta) * below / (n * (n + 1)) ** 0.5


def loss(layers: Layers, faces: Faces) -> Tensor:
    """Return the loss."""
    return residuals(learned(layers, faces.standardised), faces.jump).square().mean()


def fit(
    flat: Sequence[Tensor], faces: Faces, weights: Tensor, steps: int, count: int, generator: torch.Generator
) -> tuple[list[Tensor], list[float]]:
    """Return the weights and biases learned, and the loss of every evaluation.

    weights: (n,) with which faces are drawn, `count` of them for every `ROUND` of all the `steps`.
    """
    flat = [x.clone().requires_grad_() for x in flat]
    losses: list[float] = []
    while len(losses) < steps:
        chosen = torch.multinomial(weights, min(count, len(weights)), generator=generator)
        _round(flat, Faces(*(part[chosen] for part in faces)), min(ROUND, steps - len(losses)), losses)
    return [x.detach() for x in flat], losses


def _round(flat: list[Tensor], faces: Faces, most: int, losses: list[float]) -> None:
    optimizer = torch.optim.LBFGS(
        flat, max_iter=most, max_eval=most, history_size=REMEMBERED, line_search_fn="strong_wolfe"
    )

    def evaluate() -> float:
        optimizer.zero_grad()
        found = loss(layers_of(flat), faces)
        found.backward()
        losses.append(float(found.detach()))
        return losses[-1]

    optimizer.step(evaluate)
