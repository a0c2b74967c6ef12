"""The settings of a campaign: what is said at the top of its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eltanin.audits import Audit
from eltanin.labelling.patience import Limits
from eltanin.protocols import Executor, Explorer, Labeler, Model, Selector
from eltanin.registry import slot


@dataclass(frozen=True)
class Run:
    """One campaign.

    seed: names all random streams.
    rounds: at most so many.
    committee: members of the committee.
    memory: which labels are learned from: all, latest (of the last round alone), or how many of the newest rounds.
    labels: how many are learned from at most; none, and rounds alone end the campaign.
    store: folder of the label store; by default one in the user's data directory; `none` for no store.
    data: labelled data, where a component reads some.
    audit: how the claims of the selector are tested.
    limits: what labels may take, and how many of them may fail.
    system: what is simulated, for the components that ask for it.
    explorer, selector, labeler, model: the four parts of the loop.
    executor: where labels and trainings run.
    validation: independent labelled data that every round is measured on.
    domain: that of the parts; to change its settings, it is chosen too.
    """

    seed: int = 0
    rounds: int = 10
    committee: int = 4
    memory: str = "all"
    labels: int | None = None
    store: str | None = None
    data: str | None = None
    audit: Audit = field(default_factory=Audit)
    limits: Limits = field(default_factory=Limits)
    system: Any = slot("system", None)
    explorer: Explorer[Any, Any, Any] = slot("explorer")
    selector: Selector[Any, Any, Any] = slot("selector")
    labeler: Labeler[Any, Any] = slot("labeler")
    model: Model[Any, Any, Any, Any] = slot("model")
    executor: Executor = slot("executor", "inline")
    validation: Any = slot("validation", None)
    domain: Any = slot("domain", None)

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        for name, why in (
            ("rounds", "a campaign has at least one round"),
            ("committee", "a committee has at least one member"),
            ("labels", "a budget holds at least one label; leave it out for no limit"),
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: {why}: give {name}=N with N of 1 or more")
        if self.committee > 1000:
            raise ValueError(f"committee={self.committee}: a few members are a committee: give committee=N, N <= 1000")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: random streams are named by seeds from 0 on: give seed=N, N >= 0")
        rounds = self.memory.isascii() and self.memory.isdigit() and len(self.memory) < 10 and int(self.memory) >= 1
        if self.memory not in ("all", "latest") and not rounds:
            raise ValueError(
                f"memory={self.memory}: it names the labels that are learned from: "
                "give memory=all, memory=latest, or memory=N for the N newest rounds"
            )
