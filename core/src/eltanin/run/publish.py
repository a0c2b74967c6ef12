"""What a campaign hands over: the committee, the labelled data, the summary and the report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eltanin.batch import Batch
from eltanin.campaign import Campaign, Snapshot
from eltanin.errors import ConfigurationError
from eltanin.registry import name_of
from eltanin.run.folder import RunFolder, write_json, write_text
from eltanin.store.checkpoint import load_tree, save_tree

STAGES = ("explore", "select", "label", "train", "validate", "core")


def publish(files: RunFolder, campaign: Campaign, ended: Snapshot) -> dict[str, Any]:
    """Write all that a user of the result needs, the summary last but for the report; return the summary."""
    summary = summarize(files, ended)
    if ended.models:
        save_committee(files, campaign, ended, summary)
    if ended.data is not None and len(ended.data):
        path = files.path / f"dataset{campaign.domain.suffix}"
        campaign.domain.write(path, ended.data.configurations, ended.data.labels)
    if campaign.validation is not None and ended.models:
        x, labels = campaign.validation
        campaign.domain.write(files.path / f"test_set{campaign.domain.suffix}", x, labels)
        files.save_validation({"x": x, "labels": labels, "predicted": campaign.predict(ended.models, x)})
    write_json(files.path / "summary.json", summary)
    write_report(files)
    return summary


def write_report(files: RunFolder) -> Path:
    """Write report.html; matplotlib is imported only here."""
    from eltanin.report import write_report as write

    afresh: Any = RunFolder(files.path)  # what was read before may have changed since
    return write(afresh)


def summarize(files: RunFolder, ended: Snapshot) -> dict[str, Any]:
    """Return the keys that scripts rely on."""
    rounds, spent = files.rounds, ended.spent
    explored = spent.get("different", 0)
    audits = [record["audit"] for record in rounds if record["audit"]]
    seconds = {stage: sum(record["seconds"].get(stage, 0.0) for record in rounds) for stage in STAGES}
    return {
        "status": ended.status,
        "stop_reason": ended.stop_reason,
        "rounds": ended.round,
        "explored": explored,
        "labelled": spent.get("labelled", 0),
        "labelled_fraction": spent.get("labelled", 0) / explored if explored else None,
        "label_failures": spent.get("failed", 0),
        "label_cache_hits": spent.get("cached", 0),
        "audit": audits[-1] if audits else None,
        "seconds": seconds,
        "validation": next((r["validation"] for r in reversed(rounds) if r["validation"]), {}),
        "seed": files.config.get("seed"),
        "command": files.command,
        "versions": files.plugins,
    }


def save_committee(files: RunFolder, campaign: Campaign, ended: Snapshot, summary: Mapping[str, Any]) -> None:
    """Write model/: a file for each member, the manifest that vouches for them, and the model card."""
    folder = files.path / "model"
    folder.mkdir(exist_ok=True)
    members: dict[str, str] = {}
    for number, state in enumerate(ended.models):
        save_tree(folder / f"member-{number}", state)
        for path in (folder / f"member-{number}.safetensors", folder / f"member-{number}.json"):
            members[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {
        "model": name_of(type(campaign.model)),
        "domain": name_of(type(campaign.domain)),
        "settings": files.config.get("model"),
        "measure": campaign.domain.measure,
        "guarantees": guarantees(campaign.model),
        "sha256": members,
        "versions": files.plugins,
    }
    write_json(folder / "manifest.json", manifest)
    write_text(folder / "card.md", card(files, summary, guarantees(campaign.model)))


def guarantees(model: Any) -> list[str]:
    """Return what holds by construction, as the model says itself."""
    return list(getattr(model, "guarantees", ()))


def load_committee(files: RunFolder) -> list[Any]:
    """Return the published states after checking them against the manifest."""
    folder = files.path / "model"
    if not (folder / "manifest.json").exists():
        raise ConfigurationError(
            f"{files.path} has no trained model yet: let the campaign come to its end with `elt resume`"
        )
    hashes: dict[str, str] = json.loads((folder / "manifest.json").read_text())["sha256"]
    for name, expected in hashes.items():
        if Path(name).name != name or hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise ConfigurationError(
                f"{folder / name} is not the file that manifest.json vouches for: restore it or train again"
            )
    files.restored  # noqa: B018  the types of what is stored come from the components
    return [load_tree(folder / name.removesuffix(".json")) for name in sorted(hashes) if name.endswith(".json")]


def card(files: RunFolder, summary: Mapping[str, Any], held: Sequence[str]) -> str:
    """Return the model card: what it learned from, how far it was tested, and what that says."""
    tested = "\n".join(f"- {name}: {value:.4g}" for name, value in summary["validation"].items() if value is not None)
    return f"""# Model card

- Ended as **{summary["status"]}**: {summary["stop_reason"]}
- Explored {summary["explored"]} different configurations, labelled {summary["labelled"]}
- Audit of the last round that had one: {summary["audit"] or "none"}

## Errors on the independent test set
{tested or "There was no test set."}

## Where it was explored
```yaml
{_section(files.config, "explorer")}{_section(files.config, "system")}```
Outside of this region nothing is known of its errors: look at the committee's deviation there.

## What holds by construction
{chr(10).join(f"- {one}" for one in held) or "Nothing that the model states."}

## Made by
{chr(10).join(f"- {part}: {dist}" for part, dist in files.plugins.items())}
"""


def _section(config: Mapping[str, Any], name: str) -> str:
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create({name: config.get(name)}))


def committee_of(files: RunFolder) -> list[Any]:
    """Return the predictors of a finished run."""
    run, _ = files.restored
    return [run.model.predictor(state) for state in load_committee(files)]


def evaluate(files: RunFolder, data: Path) -> dict[str, float]:
    """Return the errors of a finished run's committee on labelled data."""
    domain = files.domain
    x, labels = domain.read(data)
    predicted = predict_batch(files, x)
    return dict(domain.validation(x, predicted, labels))


def predict_batch(files: RunFolder, x: Batch) -> Any:
    """Return the mean prediction of a finished run's committee."""
    return files.domain.mean([member.predict(x) for member in committee_of(files)])
