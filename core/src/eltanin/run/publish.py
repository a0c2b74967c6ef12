"""What a campaign hands over: the committee, the labelled data, the summary and the report."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from eltanin.batch import Batch
from eltanin.campaign import Campaign, Snapshot
from eltanin.errors import ConfigurationError
from eltanin.registry import name_of
from eltanin.run.disk import to_blame
from eltanin.run.folder import RunFolder
from eltanin.store import checked, durable
from eltanin.store.checkpoint import load_tree
from eltanin.store.durable import IntegrityError
from eltanin.store.names import within
from eltanin.store.sealed import sha256

PUBLISHED = "published.json"  # what was handed over, so that nobody need guess whether all of it was
STAGES = ("explore", "select", "label", "train", "validate", "core")


def publish(
    files: RunFolder, campaign: Campaign, ended: Snapshot, measured: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write all that a user of the result needs, the summary last but for the report; return the summary.

    measured: of the committee that is handed over, where no test set tells its errors; arrays are kept for the report.
    """
    summary, measured = summarize(files, ended), measured or {}
    arrays = {name: value for name, value in measured.items() if isinstance(value, np.ndarray)}
    summary["validation"] |= {name: value for name, value in measured.items() if name not in arrays}
    if arrays:
        files.save_tree("measured", arrays)
    if ended.models:
        save_committee(files, campaign, ended, summary)
    if ended.data is not None and len(ended.data):
        rows = ended.data
        save_batch(files, campaign.domain, "dataset", rows.configurations, rows.labels)
    if (tested := files.validation) is not None and ended.models:
        x, labels = tested["x"], tested["labels"]
        save_batch(files, campaign.domain, "test_set", x, labels)
        files.save_validation({"x": x, "labels": labels, "predicted": campaign.predict(ended.models, x)})
    files.save_json("summary.json", summary)
    files.save_json(PUBLISHED, {"status": ended.status, "sha256": digests(files)})
    reported(files)
    return summary


def is_published(files: RunFolder, ended: Snapshot) -> bool:
    """Say whether all of a campaign that has ended was handed over, and is as it was then."""
    with suppress(FileNotFoundError, IntegrityError):
        told = checked.read(files.path / PUBLISHED)
        return told == {"status": ended.status, "sha256": digests(files)}
    return False


def digests(files: RunFolder) -> dict[str, str]:
    """Return the checksums of what is handed over."""
    patterns = ("model/*", "dataset.*", "test_set.*", "validation.*", "measured.*", "summary.json")
    paths = sorted(path for pattern in patterns for path in files.path.glob(pattern))
    return {path.relative_to(files.path).as_posix(): sha256(durable.read(path)) for path in paths}


def save_batch(files: RunFolder, domain: Any, name: str, x: Any, labels: Any) -> None:
    """Write configurations and labels as the domain does."""
    files.save_by(f"{name}{domain.suffix}", lambda path: domain.write(path, x, labels))


def reported(files: RunFolder) -> None:
    """Write the report; what goes wrong there (a font, somebody's panel) takes nothing from the result."""
    try:
        write_report(files)
    except Exception as error:
        if to_blame(error):
            raise
        print(  # noqa: T201
            f"elt: the report could not be written ({type(error).__name__}: {error}); all else is there."
            f" `elt report {files.path}` tries again.",
            file=sys.stderr,
        )


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
        "rounds_lost": sorted({*range(ended.round)} - {record["round"] for record in rounds}),
        "seed": files.config.get("seed"),
        "command": files.command,
        "versions": files.plugins,
    }


def save_committee(files: RunFolder, campaign: Campaign, ended: Snapshot, summary: Mapping[str, Any]) -> None:
    """Write model/: a file for each member, the manifest that vouches for them, and the model card."""
    manifest = {
        "model": name_of(type(campaign.model)),
        "domain": name_of(type(campaign.domain)),
        "settings": files.config.get("model"),
        "measure": campaign.domain.measure,
        "guarantees": guarantees(campaign.model),
        "sha256": save_members(files, ended.models),
        "versions": files.plugins,
    }
    files.save_json("model/manifest.json", manifest)
    files.save_bytes("model/card.md", card(files, summary, guarantees(campaign.model)).encode())


def save_members(files: RunFolder, states: Sequence[Any]) -> dict[str, str]:
    """Write the state of each member into model/; return the checksums of the files."""
    members: dict[str, str] = {}
    for number, state in enumerate(states):
        name = f"member-{number}"
        files.save_tree(f"model/{name}", state)
        for path in (files.path / "model" / f"{name}.safetensors", files.path / "model" / f"{name}.json"):
            members[path.name] = sha256(durable.read(path))
    return members


def guarantees(model: Any) -> list[str]:
    """Return what holds by construction, as the model says itself."""
    return list(getattr(model, "guarantees", ()))


def load_committee(files: RunFolder) -> list[Any]:
    """Return the published states after checking them against the manifest."""
    path = files.path / "model" / "manifest.json"
    files.restored  # noqa: B018  the types of what is stored come from the components
    try:
        hashes: dict[str, str] = checked.read(path)["sha256"]
        for name, expected in hashes.items():
            if sha256(durable.read(within(path.parent, name, path))) != expected:
                raise IntegrityError(f"{path.parent / name} is not the file that manifest.json vouches for")
        names = [name.removesuffix(".json") for name in sorted(hashes) if name.endswith(".json")]
        return [load_tree(path.parent / name) for name in names]
    except (FileNotFoundError, IntegrityError) as error:
        if not path.exists():
            told = f"{files.path} has no trained model yet: let the campaign come to its end with `elt resume"
        else:
            why = error if isinstance(error, IntegrityError) else f"{error.filename} is missing"
            told = f"{why}: restore it or train again; what the checkpoint holds is published again by `elt resume"
        raise ConfigurationError(f"{told} {files.path}`") from error


def card(files: RunFolder, summary: Mapping[str, Any], held: Sequence[str]) -> str:
    """Return the model card: what it learned from, how far it was tested, and what that says."""
    tested = "\n".join(_told(name, value) for name, value in summary["validation"].items() if value is not None)
    return f"""# Model card

- Ended as **{summary["status"]}**: {summary["stop_reason"]}
- Explored {summary["explored"]} different configurations, labelled {summary["labelled"]}
- Audit of the last round that had one: {summary["audit"] or "none"}

## Errors on the independent test set, or what was measured in its place
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


def _told(name: str, value: Any) -> str:
    return f"- {name}: {value:.8g}" if isinstance(value, float) else f"- {name}: {value}"


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
    x, labels = read(domain, data)
    predicted = predict_batch(files, x)
    return dict(domain.validation(x, predicted, labels))


def read(domain: Any, path: Path) -> tuple[Any, Any]:
    """Return the configurations and labels of a file that a user gave."""
    try:
        return domain.read(path)
    except (ValueError, OSError) as error:
        raise ConfigurationError(str(error)) from error


def predict_batch(files: RunFolder, x: Batch) -> Any:
    """Return the mean prediction of a finished run's committee."""
    return files.domain.mean([member.predict(x) for member in committee_of(files)])
