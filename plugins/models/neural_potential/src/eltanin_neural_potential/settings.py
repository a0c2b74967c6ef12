"""What settings of a neural network potential have no meaning, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eltanin_neural_potential.model import NeuralPotential


def refuse_weights(model: NeuralPotential) -> None:
    """Raise a ValueError if the prefactors of the loss have no meaning, or nothing is learned."""
    spans = [getattr(model, name) for name in ("energy_weight", "force_weight", "virial_weight")]
    for name, span in zip(("energy_weight", "force_weight", "virial_weight"), spans, strict=True):
        if len(span) != 2 or min(span) < 0:
            raise ValueError(f"{name}={tuple(span)}: give the prefactors at the start and in the end, 0 or more")
    if not any(all(span) for span in spans):
        raise ValueError(
            f"prefactors {spans}: nothing is learned; give energy_weight or force_weight two numbers above 0"
        )
