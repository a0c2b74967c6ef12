"""Training of the closure: the labels' A and B, and real characteristic speeds wherever states are met.

    loss = Σ weight [(A - A*)²/A*² + 2 (B - B*)²/B*²] + changes · Σ (errors of the change between neighbours)²
           + hyperbolicity · Σ (imaginary parts of speeds)²

over cells of labels and, with less weight, mixtures of a cold and a hot Maxwellian such as every shock's
precursor is, faster than those that labels have shown. The speeds are those of the labels' states, of states
around them, and of states near equilibrium. They are the roots λ of a polynomial P; their change with what is
learned is -dP(λ)/P'(λ), which is kept finite where two of them meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_gas.flows.characteristics import closing_rows, polynomial, roots
from eltanin_gas.flows.mixtures import two_maxwellians
from eltanin_hermite.form import INPUTS, OUTPUTS, Layers, learned

_OF_SIZE = torch.tensor([1.0, 0.1, 1.0], dtype=torch.float64)  # of s, a and b in a state's distance from equilibrium
MEETING = 1e-4  # |P'|² below which a root's change is held back


class Cells(NamedTuple):
    """States (cells, 3) of (s, a, b), their closing fluxes (cells, 2) of (A, B), and weights (cells,)."""

    states: Tensor
    closing: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Schedule:
    """steps of Adam; cells of one step; largest rate of learning; weights of imaginary speeds, mixtures and slopes."""

    steps: int
    cells: int
    rate: float
    hyperbolicity: float
    mixtures: float
    changes: float


def first_layers(width: int, generator: torch.Generator) -> list[Tensor]:
    """Return weights and biases of a perceptron (7, width, width, 5), one behind the other."""
    sizes = [INPUTS, width, width, OUTPUTS]
    found: list[Tensor] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        scale = (0.1 if i == 2 else 1.0) * fan_in**-0.5
        found += [scale * torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)]
        found += [torch.zeros(fan_out, dtype=torch.float64)]
    return found


def layers_of(flat: list[Tensor]) -> Layers:
    """Return the layers of weights and biases one behind the other."""
    return list(zip(flat[::2], flat[1::2], strict=True))


def fit(
    flat: list[Tensor], cells: Cells, schedule: Schedule, generator: torch.Generator
) -> tuple[list[Tensor], list[float]]:
    """Return the weights and biases that were learned, and the loss of every step."""
    flat = [x.clone().requires_grad_() for x in flat]
    optimizer = torch.optim.Adam(flat, lr=schedule.rate)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.rate, total_steps=schedule.steps)
    losses: list[float] = []
    for _ in range(schedule.steps):
        loss = _loss(layers_of(flat), cells, schedule, generator)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flat, 1.0)
        optimizer.step()
        rates.step()
        losses.append(float(loss.detach()))
    return [x.detach() for x in flat], losses


def _loss(layers: Layers, cells: Cells, schedule: Schedule, generator: torch.Generator) -> Tensor:
    chosen = torch.multinomial(cells.weights, schedule.cells, replacement=True, generator=generator)
    states, known = cells.states[chosen], cells.closing[chosen]
    mixed = mixtures(schedule.cells // 4, generator)
    mixed_known = torch.stack(two_maxwellians(*mixed.unbind(-1)), dim=-1)
    beside = (chosen + 1) % len(cells.states)
    near = near_equilibrium(schedule.cells // 4, generator)
    points = torch.cat([states, mixed, cells.states[beside], around(states, generator), near])
    values, coefficients = _with_polynomial(layers, points)
    n, m = len(states), len(mixed)
    of_labels = relative(values[:n], known, states)
    of_mixtures = relative(values[n : n + m], mixed_known, mixed)
    of_changes = changes(
        values[:n] - values[n + m : 2 * n + m], known - cells.closing[beside], states, cells.states[beside]
    )
    complex_ = imaginary(coefficients).clamp(max=20.0).mean()
    fitted = of_labels.mean() + schedule.mixtures * of_mixtures.mean() + schedule.changes * of_changes.mean()
    return 100 * fitted + schedule.hyperbolicity * complex_


def relative(values: Tensor, known: Tensor, states: Tensor) -> Tensor:
    """Return squares of relative errors (cells,), with more weight the nearer to equilibrium."""
    size = torch.linalg.vector_norm(states * _OF_SIZE, dim=-1)
    weight = 1 + 0.05 * (0.02 + size) ** -1.5
    a, b = ((values - known) / known).unbind(-1)
    return weight * (a**2 + 2 * b**2)


def changes(found: Tensor, known: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return squares of errors (cells,) of the change of A and B between two cells, over the change of the state.

    A standing shock passes a point where a characteristic stands still, and there slopes decide, not values.
    """
    size = torch.linalg.vector_norm(0.5 * (one + other) * _OF_SIZE, dim=-1)
    distance = torch.linalg.vector_norm((one - other) * _OF_SIZE, dim=-1)
    rate = (found - known).square() @ torch.tensor([0.04, 1.0], dtype=found.dtype)
    return rate / (distance**2 + (0.02 * size + 1e-3) ** 2)


def mixtures(count: int, generator: torch.Generator) -> Tensor:
    """Return states (count, 3) of precursors: few hot molecules that fly at 2 to 25 T^(1/2) against a cold gas.

    Of the second gas: weight w, velocity -V and temperature T2 up to V²/8, over the temperature of the first.
    """
    weight, speed, heat = torch.rand(3, count, generator=generator, dtype=torch.float64)
    speed = 2 * 12.5**speed
    part = (0.5 / (1 + speed**2 / 16)) * 10 ** (-4 * weight)
    hot = 1 + heat * speed**2 / 8
    first, second = part * speed, -(1 - part) * speed
    temperature = 1 + part * (hot - 1) + part * (1 - part) * speed**2 / 3
    stress = 2 / 3 * part * (1 - part) * speed**2 / temperature
    d = ((1 - part) * first**3 + part * second**3) / temperature**1.5
    b = ((1 - part) * first + part * hot * second) / temperature**1.5
    return torch.stack([stress, d + 3 * b, b], dim=-1)


def around(states: Tensor, generator: torch.Generator) -> Tensor:
    """Return states beside these (cells, 3)."""
    noise = torch.randn(len(states), 4, generator=generator, dtype=states.dtype)
    scale = torch.exp(0.3 * noise[:, :1]) * (1 + noise[:, 1:] * torch.tensor([0.15, 0.1, 0.2], dtype=states.dtype))
    found = states * scale
    return torch.cat([found[:, :1].clamp(-0.9, 1.6), found[:, 1:]], dim=-1)


def near_equilibrium(count: int, generator: torch.Generator) -> Tensor:
    """Return states (count, 3) at distances of 1e-3 to 0.3, in all directions."""
    amplitude = 10 ** (2.5 * torch.rand(count, 1, generator=generator, dtype=torch.float64) - 3)
    s, d, b = (amplitude * torch.randn(count, 3, generator=generator, dtype=torch.float64)).unbind(-1)
    return torch.stack([s.clamp(-0.9, 1.6), d + 1.5 * b, b / 2], dim=-1)


def imaginary(coefficients: Tensor) -> Tensor:
    """Return the sum of squares of imaginary parts of the roots (...), over the largest root, differentiable."""
    with torch.no_grad():
        found = roots(coefficients.detach())
        slope = sum(
            (i * coefficients[..., i, None] * found ** (i - 1) for i in range(1, 7)), start=torch.zeros_like(found)
        )
        inverse = slope.conj() / (slope.abs() ** 2 + MEETING)
        scale = 1 + found.abs().amax(-1) ** 2
    value = sum((coefficients[..., i, None] * found**i for i in range(7)), start=torch.zeros_like(found))
    return 20 * ((found - value * inverse).imag ** 2).sum(-1) / scale


def _with_polynomial(layers: Layers, states: Tensor) -> tuple[Tensor, Tensor]:
    s, a, b = (x.detach().requires_grad_() for x in states.unbind(-1))
    values = learned(layers, s, a, b)
    ones = torch.ones_like(s)
    by = [torch.stack(torch.autograd.grad(v, (s, a, b), ones, create_graph=True), dim=-1) for v in values]
    rows = closing_rows(s, a, b, values, (by[0], by[1]))
    return torch.stack(values, dim=-1), polynomial(*rows)
