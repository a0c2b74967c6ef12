"""Training of the closure: the labels' A and B, and real characteristic speeds wherever states are met.

    loss = mean ρ(errors of A and B) + changes · mean ρ(errors of their change from one labelled cell to the next)
           + mixtures · mean ρ(errors of two Maxwellians) + hyperbolicity · mean Σ (imaginary parts of speeds)²

Errors are relative to how far A and B are from equilibrium. Six moments do not determine A and B: while a shock is
born, and in waves of Kn > 0.1, one and the same state has A that differ by as much as A - 3. No closure can learn that,
so ρ(e) = c² log(1 + e²/c²), which is e² for errors that can be mended and lets go of others; c falls from 0.1 to
0.01 while values are learned (graduated non-convexity: Blake and Zisserman 1987), so that what is let go of is what
disagrees with most of the labels, not what had not been learned yet. That takes errors of A in shocks from 0.4 to
0.1 %, which matters: where a characteristic stands still, a shock's slope errs as the second derivative of A's error.

Mixtures of a cold and a hot Maxwellian are such as every shock's precursor is, faster than those that labels have
shown. The speeds are those of the labels' states, of states around them, and of those of `states`. They are the roots λ
of a polynomial P; their change with what is learned is -dP(λ)/P'(λ), which is kept finite where two of them meet.

All cells that were drawn are looked at in every step of L-BFGS, and others are drawn after ROUND steps. Most
steps learn values alone, at a tenth of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_gas.flows.characteristics import closing_rows, polynomial, roots
from eltanin_gas.flows.mixtures import two_maxwellians
from eltanin_gas.perceptron import Layers, layers_of, random_layers
from eltanin_hermite.form import INPUTS, OUTPUTS, learned
from eltanin_hermite.states import around, mixtures, near_equilibrium, two_sides

MEETING = 1e-4  # |P'|² below which a root's change is held back
MENDABLE = 0.1, 0.01  # c at first and in the end: errors up to which a label may be a function of the state
SETTLED = 0.8  # part of the steps for values alone after which c stays
SPEEDS = 0.12  # part of all steps in which speeds are looked at, too, the last ones
LONGEST = 20.0  # imaginary parts beyond which a state pulls no more
ROUND = 50  # evaluations on the same cells
REMEMBERED = 40  # steps from which L-BFGS knows the curvature


class Cells(NamedTuple):
    """States (cells, 3) of (s, a, b), their closing fluxes (cells, 2) of (A, B), and weights (cells,)."""

    states: Tensor
    closing: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Schedule:
    """steps: evaluations of the loss; cells looked at in one; weights of imaginary speeds, mixtures and changes."""

    steps: int
    cells: int
    hyperbolicity: float
    mixtures: float
    changes: float


class Drawn(NamedTuple):
    """What one round learns from: cells and those beside them, (cells, …); mixtures (m, …); states met (k, 3)."""

    states: Tensor
    closing: Tensor
    beside: Tensor
    beside_closing: Tensor
    mixed: Tensor
    mixed_closing: Tensor
    met: Tensor


def first_layers(width: int, generator: torch.Generator) -> list[Tensor]:
    """Return weights and biases of a perceptron (7, width, width, 5), one behind the other."""
    return random_layers([INPUTS, width, width, OUTPUTS], generator)


def fit(
    flat: list[Tensor], cells: Cells, schedule: Schedule, generator: torch.Generator
) -> tuple[list[Tensor], list[float]]:
    """Return the weights and biases that were learned, and the loss of every evaluation."""
    flat = [x.clone().requires_grad_() for x in flat]
    losses: list[float] = []
    values_alone = replace(schedule, steps=schedule.steps - int(SPEEDS * schedule.steps), hyperbolicity=0.0)
    for part in (values_alone, schedule):
        while len(losses) < part.steps:
            mendable = graduated(len(losses) / (SETTLED * values_alone.steps))
            _round(flat, drawn(cells, part, generator), part, mendable, losses)
    return [x.detach() for x in flat], losses


def graduated(passed: float) -> float:
    """Return c when this part of its fall has passed."""
    first, last = MENDABLE
    return first * (last / first) ** min(passed, 1.0)


def _round(flat: list[Tensor], seen: Drawn, schedule: Schedule, mendable: float, losses: list[float]) -> None:
    """Learn from the same cells for ROUND evaluations of the loss, or less where it falls no more."""
    most = min(ROUND, schedule.steps - len(losses))
    optimizer = torch.optim.LBFGS(
        flat, max_iter=most, max_eval=most, history_size=REMEMBERED, line_search_fn="strong_wolfe"
    )

    def evaluate() -> float:
        optimizer.zero_grad()
        found = loss(layers_of(flat), seen, schedule, mendable)
        found.backward()
        losses.append(float(found.detach()))
        return losses[-1]

    optimizer.step(evaluate)


def drawn(cells: Cells, schedule: Schedule, generator: torch.Generator) -> Drawn:
    """Return cells by their weights, mixtures, and states whose speeds are looked at."""
    count = min(schedule.cells, len(cells.states))
    chosen = torch.multinomial(cells.weights, count, generator=generator)
    beside = (chosen + 1) % len(cells.states)
    states, few = cells.states[chosen], max(schedule.cells // 3, 1)
    mixed = mixtures(few, generator)
    met = [states, around(states, generator), around(two_sides(few, generator), generator)]
    met += [near_equilibrium(few, generator)]
    return Drawn(
        states,
        cells.closing[chosen],
        cells.states[beside],
        cells.closing[beside],
        mixed,
        torch.stack(two_maxwellians(*mixed.unbind(-1)), dim=-1),
        torch.cat(met),
    )


def loss(layers: Layers, seen: Drawn, schedule: Schedule, mendable: float) -> Tensor:
    """Return the loss, in which errors up to c = mendable count."""
    points = torch.cat([seen.states, seen.beside, seen.mixed])
    found = torch.stack(learned(layers, *points.unbind(-1)), dim=-1)
    here, beside, mixed = found.split([len(seen.states), len(seen.beside), len(seen.mixed)])
    size = sizes(seen.states, seen.closing)
    error = here - seen.closing
    change = (seen.closing - seen.beside_closing).abs() + 0.02 * size
    changed = (error - (beside - seen.beside_closing)) / change
    total = robust(error / size, mendable) + schedule.changes * robust(changed, mendable)
    if schedule.mixtures:
        off = (mixed - seen.mixed_closing) / sizes(seen.mixed, seen.mixed_closing)
        total = total + schedule.mixtures * robust(off, mendable)
    if schedule.hyperbolicity:
        complex_ = imaginary(_polynomial(layers, seen.met)).clamp(max=LONGEST).mean()
        total = total + schedule.hyperbolicity * complex_
    return total


def sizes(states: Tensor, closing: Tensor) -> Tensor:
    """Return how far A and B (cells, 2) are from equilibrium, above 0."""
    far = (states[:, 0].abs() + states[:, 2].abs())[:, None]
    scale = torch.tensor([1.0, 0.5], dtype=states.dtype) * far + torch.tensor([3e-3, 1e-3], dtype=states.dtype)
    return (closing - torch.tensor([3.0, 1.0], dtype=states.dtype)).abs() + scale


def robust(error: Tensor, mendable: float) -> Tensor:
    """Return the mean over cells of c² log(1 + e²/c²) of errors (cells, 2), c = mendable."""
    return mendable**2 * torch.log1p(error.square().sum(-1) / mendable**2).mean()


def imaginary(coefficients: Tensor) -> Tensor:
    """Return the sum of squares of imaginary parts of the roots (...), over the largest root, differentiable."""
    with torch.no_grad():
        found = roots(coefficients.detach())
        slope = sum(
            (i * coefficients[..., i, None] * found ** (i - 1) for i in range(1, 7)), start=torch.zeros_like(found)
        )
        inverse = slope.conj() / (slope.abs() ** 2 + MEETING)
    value = sum((coefficients[..., i, None] * found**i for i in range(7)), start=torch.zeros_like(found))
    moved = found - value * inverse
    return 20 * (moved.imag**2).sum(-1) / (1 + moved.abs().amax(-1) ** 2)


def _polynomial(layers: Layers, states: Tensor) -> Tensor:
    s, a, b = (x.detach().requires_grad_() for x in states.unbind(-1))
    values = learned(layers, s, a, b)
    ones = torch.ones_like(s)
    by = [torch.stack(torch.autograd.grad(v, (s, a, b), ones, create_graph=True), dim=-1) for v in values]
    return polynomial(*closing_rows(s, a, b, values, (by[0], by[1])))
