"""What settings of a neural network potential have no meaning, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ase.data import atomic_numbers

if TYPE_CHECKING:
    from eltanin_neural_potential.model import NeuralPotential


def refuse(model: NeuralPotential) -> None:
    """Raise a ValueError for the first setting that has no meaning."""
    _refuse_numbers(model)
    _refuse_weights(model)
    _refuse_elements(list(model.elements))
    _refuse_device(model.device)
    if model.precision not in ("float32", "float64"):
        raise ValueError(f"precision={model.precision}: nets are evaluated in float32 or float64")
    if not model.neurons or min(model.neurons) < 1:
        raise ValueError(f"neurons={list(model.neurons)}: a fitting net has hidden layers of 1 neuron or more")


def refuse_reach(model: NeuralPotential, elements: list[str]) -> None:
    """Raise a ValueError if atoms repel each other from farther away than they see each other."""
    if model.repulsion and (reach := model.repulsion.reach(elements)) > (cutoff := model.descriptor.cutoff):
        raise ValueError(
            f"model.repulsion reaches {reach:.3g} Å between atoms of {', '.join(elements)}, and atoms see {cutoff:g} Å "
            "far: switch it off nearer, or give the descriptor a larger cutoff"
        )


def _refuse_numbers(model: NeuralPotential) -> None:
    for name in ("steps", "steps_first"):
        if (value := getattr(model, name)) is not None and value < 1:
            raise ValueError(f"{name}={value}: a training has at least one step")
    for name in ("learning_rate", "learning_rate_end", "learning_rate_again", "room"):
        if not (value := getattr(model, name)) > 0:
            raise ValueError(f"{name}={value}: give a positive number")
    for name in ("batch", "decay_steps"):
        if (value := getattr(model, name)) < 0:
            raise ValueError(f"{name}={value}: give a number of 1 or more, or 0 to leave it to the model")


def _refuse_weights(model: NeuralPotential) -> None:
    spans = [getattr(model, name) for name in ("energy_weight", "force_weight", "virial_weight")]
    for name, span in zip(("energy_weight", "force_weight", "virial_weight"), spans, strict=True):
        if len(span) != 2 or min(span) < 0:
            raise ValueError(f"{name}={tuple(span)}: give the prefactors at the start and in the end, 0 or more")
    if not any(all(span) for span in spans):
        raise ValueError(
            f"prefactors {spans}: nothing is learned; give energy_weight or force_weight two numbers above 0"
        )


def _refuse_elements(elements: list[str]) -> None:
    unknown = [e for e in elements if e not in atomic_numbers]
    if unknown or len(set(elements)) < len(elements):
        raise ValueError(
            f"elements={elements}: these are chemical symbols, each once, such as [Cu, Zn]"
            + (f"; there is no {unknown[0]}" if unknown else "")
        )


def _refuse_device(device: str) -> None:
    import torch

    if device not in ("auto", "cpu", "cuda") and not device.startswith("cuda:"):
        raise ValueError(f"device={device}: give cpu, cuda, cuda:N, or auto")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device={device}: torch finds no such device here; device=auto takes what there is")
