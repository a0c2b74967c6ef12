"""Drives a campaign in a run folder: starts, saves, stops in an orderly way, resumes, publishes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eltanin.campaign import Campaign, Snapshot
from eltanin.errors import ConfigurationError, EltaninError
from eltanin.execution import limited
from eltanin.hooks import hookimpl, relay
from eltanin.labelling import Labelling
from eltanin.parts.settings import Run
from eltanin.protocols import Checks
from eltanin.randomness import stream
from eltanin.report.failures import FailureLog
from eltanin.report.progress import watcher
from eltanin.run import publish
from eltanin.run.folder import RunFolder
from eltanin.store import method_of, open_store

AT_RISK = 30.0  # seconds of work that may be lost to a sudden death
STOP, RESUMABLE = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2), 75


class Stopped(BaseException):
    """A signal asked for an orderly stop; like KeyboardInterrupt it is no error."""


def start(run: Run, config: Mapping[str, Any], plugins: Mapping[str, str], folder: Path) -> int:
    """Begin a campaign in an empty folder; return the exit code."""
    files = RunFolder(folder.resolve())
    with limited(run.executor.threads):
        preflight(run)
    files.begin(config, plugins)
    return drive(run, files, None)


def resume(folder: Path) -> int:
    """Go on where a campaign stopped; return the exit code."""
    files = opened(folder)
    run, now = files.restored
    drift = {k: (v, now.get(k)) for k, v in files.plugins.items() if now.get(k) != v}
    if drift:
        told = "; ".join(
            f"{k} came from {was}, now: {present or 'not installed'}" for k, (was, present) in drift.items()
        )
        raise ConfigurationError(f"{folder}: {told}. Install what the run was started with, or start a new run.")
    snapshot = files.snapshot
    if snapshot is not None and snapshot.status != "running":
        print(f"{folder}: the campaign has ended ({snapshot.status}: {snapshot.stop_reason}); nothing to resume.")  # noqa: T201
        return 0
    return drive(run, files, snapshot)


def preflight(run: Run) -> None:
    """Let labeler and model look at where the exploration begins, before anything is spent."""
    rng = stream(run.seed, "preflight")
    try:
        pool, _ = run.explorer.explore([], run.explorer.init(rng), None, rng)
        for part in (run.labeler, run.model):
            if isinstance(part, Checks):
                part.check(pool)
        method_of(run.labeler)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def assemble(run: Run, hooks: Any) -> Campaign:
    """Put the parts of a run together."""
    kept = run.memory != "latest"
    store = open_store(run.store) if kept else None
    domain = run.domain
    labelling = Labelling(run.labeler, domain.wanted, run.executor, run.seed, store, domain.refusals)
    return Campaign(
        domain=domain,
        explorer=run.explorer,
        selector=run.selector,
        labelling=labelling,
        model=run.model,
        executor=run.executor,
        audit=run.audit,
        seed=run.seed,
        committee=run.committee,
        memory=run.memory,
        labels=run.labels,
        hooks=hooks,
    )


def drive(run: Run, files: RunFolder, snapshot: Snapshot | None) -> int:
    """Advance round by round to the end or to a signal, and leave a run folder that tells of it."""
    hooks = relay([watcher(), Recorder(files), FailureLog()])
    campaign = assemble(run, hooks)
    hooks.campaign_started(folder=files.path, rounds=run.rounds, labels=run.labels)
    now = snapshot or campaign.begin()
    files.forget_from(now.round)
    keeper = Keeper(files, run.memory != "latest")
    try:
        with stoppable(), limited(run.executor.threads):
            campaign = replace(campaign, validation=test_set(run, campaign, files))
            keeper.save(now)
            while now.status == "running" and now.round < run.rounds:
                now = campaign.advance(now)
                keeper.after_round(now)
            if now.status == "running":
                now = replace(now, status="budget", stop_reason=f"all {run.rounds} rounds are done")
        ended, code = now, 1 if now.status == "failed" else 0
    except Stopped as stop:
        why = f"{stop}; `elt resume {files.path}` goes on"
        ended, code = replace(now, status="stopped", stop_reason=why), RESUMABLE
    except EltaninError as error:
        ended, code = replace(now, status="failed", stop_reason=str(error)), 1
    finally:
        keeper.save(now)
    summary = publish.publish(files, campaign, ended)
    hooks.campaign_finished(summary=summary)
    return code


def test_set(run: Run, campaign: Campaign, files: RunFolder) -> tuple[Any, Any] | None:
    """Return the independent test set, made once in the life of a run."""
    if run.validation is None:
        return None
    if files.validation is None:
        x, labels = run.validation.make(run.explorer, campaign.labelling, stream(run.seed, "validation"))
        files.save_validation({"x": x, "labels": labels})
        return x, labels
    return files.validation["x"], files.validation["labels"]


@dataclass(frozen=True)
class Recorder:
    """Writes a line for each round."""

    files: RunFolder

    @hookimpl
    def round_finished(self, record: dict[str, Any]) -> None:
        """Add the line."""
        self.files.append(record)


class Keeper:
    """Makes snapshots durable when enough work is at risk."""

    def __init__(self, files: RunFolder, pools: bool) -> None:
        """Keep what is said of the pools only where labels are kept too."""
        self.files, self.pools, self.saved, self.kept = files, pools, time.monotonic(), -1

    def after_round(self, now: Snapshot) -> None:
        """Save what the report shows, and the snapshot if it is time."""
        if self.pools:
            self.files.save_pool(now.round - 1, now.feedback)
        if time.monotonic() - self.saved > AT_RISK:
            self.save(now)

    def save(self, now: Snapshot) -> None:
        """Save a snapshot, once."""
        if now.round != self.kept or now.status != "running":
            self.files.save(now)
            self.saved, self.kept = time.monotonic(), now.round


@contextmanager
def stoppable() -> Generator[None]:
    """Turn the first signal into `Stopped`, and let the second end the process at once."""

    def stop(number: int, frame: Any) -> None:
        del frame
        for one in STOP:
            signal.signal(one, signal.SIG_DFL)
        raise Stopped(f"stopped by {signal.Signals(number).name}")

    before = {one: signal.signal(one, stop) for one in STOP}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def opened(folder: Path) -> RunFolder:
    """Open a run where it was started, so that the relative paths it was given mean what they meant."""
    files = RunFolder(folder.resolve())
    os.chdir(files.started_in)
    return files


def report(folder: Path) -> int:
    """Write report.html again."""
    print(publish.write_report(opened(folder)))  # noqa: T201
    return 0


def evaluate(folder: Path, data: Path) -> int:
    """Print the errors of a trained committee on labelled data."""
    data = _existing(data)
    for name, value in publish.evaluate(opened(folder), data).items():
        print(f"{name}: {value:.6g}")  # noqa: T201
    return 0


def predict(folder: Path, structures: Path, output: Path) -> int:
    """Write what a trained committee predicts for the configurations of a file."""
    structures, output = _existing(structures), output.resolve()
    files = opened(folder)
    x, _ = files.domain.read(structures)
    files.domain.write(output, x, publish.predict_batch(files, x))
    print(f"{len(x)} predictions in {output}")  # noqa: T201
    return 0


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist (looked in {Path.cwd()})")
    return path.resolve()
