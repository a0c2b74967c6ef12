"""Settings that every neural model of atoms has: which of them have no meaning, and what they amount to."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from ase.data import atomic_numbers

from eltanin_atoms.learning.descent import Schedule


@dataclass(frozen=True)
class Training:
    """How a neural model is trained. The settings are told where they are set, at the models."""

    neurons: list[int] = field(default_factory=lambda: [240, 240, 240])
    resnet_dt: bool = True
    elements: list[str] = field(default_factory=list)
    precision: str = "float64"
    device: str = "auto"
    steps: int = 2000
    steps_first: int | None = None
    batch: int = 0
    learning_rate: float = 1e-3
    learning_rate_end: float = 3.51e-8
    learning_rate_again: float = 1e-3
    decay_steps: int = 0
    room: float = 2.0

    def __post_init__(self) -> None:
        """Raise a ValueError for the first setting that has no meaning."""
        _refuse_numbers(self)
        _refuse_elements(self.elements)
        _refuse_device(self.device)
        if self.precision not in ("float32", "float64"):
            raise ValueError(f"precision={self.precision}: nets are evaluated in float32 or float64")
        if not self.neurons or min(self.neurons) < 1:
            raise ValueError(f"neurons={list(self.neurons)}: a fitting net has hidden layers of 1 neuron or more")

    def schedule(self, trainings: int) -> Schedule:
        """Return the schedule of a training that so many came before."""
        steps = self.steps_first if self.steps_first and not trainings else self.steps
        return Schedule(
            steps=steps,
            start=self.learning_rate_again if trainings else self.learning_rate,
            end=self.learning_rate_end,
            every=self.decay_steps or max(1, steps // 200),
            full=self.learning_rate,
        )


def _refuse_numbers(model: Training) -> None:
    for name in ("steps", "steps_first"):
        if (value := getattr(model, name)) is not None and value < 1:
            raise ValueError(f"{name}={value}: a training has at least one step")
    for name in ("learning_rate", "learning_rate_end", "learning_rate_again", "room"):
        if not (value := getattr(model, name)) > 0:
            raise ValueError(f"{name}={value}: give a positive number")
    for name in ("batch", "decay_steps"):
        if (value := getattr(model, name)) < 0:
            raise ValueError(f"{name}={value}: give a number of 1 or more, or 0 to leave it to the model")


def _refuse_elements(elements: list[str]) -> None:
    unknown = [e for e in elements if e not in atomic_numbers]
    if unknown or len(set(elements)) < len(elements):
        raise ValueError(
            f"elements={elements}: these are chemical symbols, each once, such as [Cu, Zn]"
            + (f"; there is no {unknown[0]}" if unknown else "")
        )


def _refuse_device(device: str) -> None:
    if device not in ("auto", "cpu", "cuda") and not device.startswith("cuda:"):
        raise ValueError(f"device={device}: give cpu, cuda, cuda:N, or auto")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device={device}: torch finds no such device here; device=auto takes what there is")
