"""Drives a campaign in a run folder: starts, saves, stops in an orderly way, resumes, publishes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from eltanin.campaign import Campaign, Snapshot
from eltanin.errors import ConfigurationError, EltaninError
from eltanin.execution import limited
from eltanin.hooks import relay
from eltanin.labelling.ask import Labelling
from eltanin.parts.settings import Run
from eltanin.protocols import Checks
from eltanin.randomness import stream
from eltanin.report.progress import watcher
from eltanin.run import begun, disk, publish
from eltanin.run.folder import RunFolder, Superseded
from eltanin.run.recording import Keeper, Recorder
from eltanin.run.signals import RESUMABLE, Stopped, stoppable
from eltanin.run.validation import Measures
from eltanin.store import durable, leases, method_of, open_store

DRIVER = "driver"  # the name of its lease


def start(
    run: Run, config: Mapping[str, Any], plugins: Mapping[str, str], folder: Path, overrides: Sequence[str]
) -> int:
    """Begin a campaign in a folder of its own; return the exit code."""
    files = RunFolder(folder.resolve())
    disk.check(files.path, run.store, run.memory != "latest")
    with limited(run.executor.threads):
        method = preflight(run)
    with disk.blamed(files.path):
        campaign = assemble(run, relay([watcher(), Recorder(files)]))
    with disk.blamed(files.path), driving(files):
        if (files.path / begun.FILE).exists():  # somebody else was faster
            raise ConfigurationError(f"{files.path} holds a run already: go on with `elt resume {files.path}`.")
        files.begin(config, plugins, overrides=list(overrides), started_in=os.getcwd(), method=method)  # noqa: PTH109
        return drive(run, campaign, files, None)


def resume(folder: Path) -> int:
    """Go on where a campaign stopped, or died; return the exit code."""
    files = opened(folder)
    run, now = files.restored
    drift = {k: (v, now.get(k)) for k, v in files.plugins.items() if now.get(k) != v}
    if drift:
        told = "; ".join(
            f"{k} came from {was}, now: {present or 'not installed'}" for k, (was, present) in drift.items()
        )
        raise ConfigurationError(f"{folder}: {told}. Install what the run was started with, or start a new run.")
    files.begun.check_method(folder, method_of(run.labeler))
    end: Snapshot | None = RunFolder(files.path).snapshot  # to be read again by the driver, when it is the only one
    if end and end.status != "running" and publish.is_published(files, end):
        print(f"{folder}: the campaign has ended ({end.status}: {end.stop_reason}); nothing to resume.")  # noqa: T201
        return 0
    disk.check(files.path, run.store, run.memory != "latest")
    with disk.blamed(files.path):
        campaign = assemble(run, relay([watcher(), Recorder(files)]))
    with disk.blamed(files.path), driving(files):
        for one in files.lines_lost:
            print(f"elt: {one}. Nothing else is lost.", file=sys.stderr)  # noqa: T201
        warn(run, files.mend(), files.snapshot)
        return drive(run, campaign, files, files.snapshot)


@contextmanager
def driving(files: RunFolder) -> Generator[None]:
    """Be the one driver of a run, or refuse."""
    try:
        lease = leases.take(files.path, DRIVER, leases.EXPIRY)
    except leases.Held as held:
        sign = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(held.sign))
        raise ConfigurationError(
            f"{files.path} is driven by {held.owner or 'somebody whose name cannot be read'} already; its last sign of"
            f" life came at {sign}. Wait until it ends, or end it; if it is gone without a trace, the run is free"
            f" {leases.EXPIRY:.0f} s after that."
        ) from held
    files.lease = lease
    try:
        with leases.beating(lease, leases.BEAT):
            yield
    finally:
        with suppress(OSError):  # it ends with this process anyhow
            lease.release()


def warn(run: Run, wrong: Sequence[str], snapshot: Snapshot | None) -> None:
    """Say what of a checkpoint is damaged, and what that costs."""
    if not wrong:
        return
    where = f"goes on at round {snapshot.round}, with the snapshot before" if snapshot else "begins again at round 0"
    lost = (
        "the labels come from the store, so only exploration and training are repeated"
        if run.memory != "latest" and run.store != "none"
        else "no labels were kept, so they are made again, and all that was learned since is lost"
    )
    print(f"elt: {' '.join(f'{one}.' for one in wrong)} The campaign {where}: {lost}.", file=sys.stderr)  # noqa: T201


def preflight(run: Run) -> dict[str, Any]:
    """Let labeler and model look at where the exploration begins, before anything is spent; return the method."""
    rng = stream(run.seed, "preflight")
    try:
        pool, _ = run.explorer.explore([], run.explorer.init(rng), None, rng)
        for part in (run.labeler, run.model):
            if isinstance(part, Checks):
                part.check(pool)
        refuse_strangers(run)
        if isinstance(run.validation, Measures):
            run.validation.check_model(run.model)
        list(run.executor.run(tuple, [], run.limits.terms))  # an executor refuses limits that it cannot enforce
        return method_of(run.labeler)
    except (ValueError, OSError) as error:
        raise ConfigurationError(str(error)) from error
    except (MemoryError, OverflowError) as error:
        raise ConfigurationError(f"The exploration cannot begin: {error}. Give smaller numbers.") from error


def refuse_strangers(run: Run) -> None:
    """Refuse a model that does not predict what its domain measures or its explorer follows, as far as they say.

    A domain measures what it wants of labelers, unless it says what it `compares`.
    """
    told: frozenset[str] | None = getattr(run.model, "predicts", None)
    follows: frozenset[str] = getattr(run.explorer, "follows", frozenset())
    compares: frozenset[str] = getattr(run.domain, "compares", run.domain.wanted)
    for part, needed in (("domain measures", compares), ("explorer follows", follows)):
        if told is not None and needed and needed.isdisjoint(told):
            raise ValueError(
                f"the model predicts {', '.join(sorted(told))}, and the {part} {', '.join(sorted(needed))}: choose"
                " parts that go together (`elt plugins` lists them), or other settings of the domain"
            )


def assemble(run: Run, hooks: Any) -> Campaign:
    """Put the parts of a run together."""
    kept = run.memory != "latest"
    store = open_store(run.store) if kept else None
    domain = run.domain
    labelling = Labelling(domain, run.labeler, run.executor, run.seed, store, run.limits)
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


def drive(run: Run, campaign: Campaign, files: RunFolder, snapshot: Snapshot | None) -> int:
    """Advance round by round to the end or to a signal, and leave a run folder that tells of it."""
    keeper = Keeper(files, run.memory != "latest")
    with stoppable() as check:
        try:
            with limited(run.executor.threads):
                keeper.now = snapshot or campaign.begin()
                ended = advanced(run, campaign, files, keeper, check)
                summary = publish.publish(files, campaign, ended, measured(run, campaign, ended))
            code = 1 if ended.status == "failed" else 0
        except Superseded:
            raise
        except Stopped as stop:
            summary, code = halted(files, keeper, "stopped", str(stop)), RESUMABLE
            if keeper.now and keeper.now.models:
                publish.save_committee(files, campaign, keeper.now, summary)
        except Exception as error:
            if not (why := disk.to_blame(error)):
                halted(files, keeper, "failed", f"{type(error).__name__}: {error}")
                raise
            summary, code = halted(files, keeper, "stopped", f"{why}: make room, or mend the disk"), RESUMABLE
    try:
        campaign.hooks.campaign_finished(summary=summary)
    except Exception as error:  # whoever listens must not turn an end into a failure
        print(f"elt: an observer failed at the end ({type(error).__name__}: {error}).", file=sys.stderr)  # noqa: T201
    return code


def advanced(run: Run, campaign: Campaign, files: RunFolder, keeper: Keeper, check: Callable[[], None]) -> Snapshot:
    """Return how the campaign ended."""
    now = keeper.now or campaign.begin()
    files.forget_from(now.round)
    campaign.hooks.campaign_started(folder=files.path, rounds=run.rounds, labels=run.labels)
    try:
        if now.status == "running":
            campaign.try_labeler(now)
        campaign = replace(campaign, validation=test_set(run, campaign, files))
        keeper.save(now)
        while now.status == "running" and now.round < run.rounds:
            now = campaign.advance(now)
            keeper.after_round(now)
            check()
        if now.status == "running":
            now = replace(now, status="budget", stop_reason=f"all {run.rounds} rounds are done")
    except Superseded:
        raise
    except EltaninError as error:
        if disk.to_blame(error):
            raise
        keeper.save(keeper.now)
        return replace(now, status="failed", stop_reason=str(error))
    keeper.save(now)
    return now


def halted(files: RunFolder, keeper: Keeper, status: str, why: str) -> dict[str, Any]:
    """Make durable what there is, soon: the snapshot and the summary; return the summary.

    What a disk refuses is told, and hides nothing of why this came to an end.
    """
    now = keeper.now or Snapshot()
    told = f"{why}; `elt resume {files.path}` goes on"
    ended = replace(now, status=status, stop_reason=told)
    summary = publish.summarize(files, ended)
    for what, write in (
        ("snapshot", lambda: keeper.save(keeper.now)),
        ("summary", lambda: files.save_json("summary.json", summary)),
    ):
        try:
            write()
        except OSError as error:
            print(f"elt: the {what} could not be written ({error}).", file=sys.stderr)  # noqa: T201
    return summary


def test_set(run: Run, campaign: Campaign, files: RunFolder) -> tuple[Any, Any] | None:
    """Return the independent test set, made once in the life of a run, and again if it is damaged."""
    if run.validation is None or isinstance(run.validation, Measures):
        return None
    if files.validation is None:
        if wrong := files.wrong_with_validation:
            print(f"elt: {wrong}. The test set is made again.", file=sys.stderr)  # noqa: T201
        x, labels = run.validation.make(run.explorer, campaign.labelling, stream(run.seed, "validation"))
        files.save_validation({"x": x, "labels": labels})
        return x, labels
    return files.validation["x"], files.validation["labels"]


def measured(run: Run, campaign: Campaign, ended: Snapshot) -> Mapping[str, Any]:
    """Return what a validation without test set measures of the committee that is handed over."""
    if not isinstance(run.validation, Measures) or not ended.models:
        return {}
    committee = [campaign.model.predictor(state) for state in ended.models]
    rng = stream(run.seed, "validation")
    return run.validation.measure(run.explorer, ended.explorer, campaign.labelling, committee, rng)


def opened(folder: Path) -> RunFolder:
    """Open a run where it was started, so that the relative paths it was given mean what they meant."""
    files = RunFolder(durable.closed(folder.resolve()))
    if not Path(files.begun.started_in).is_dir():
        print(  # noqa: T201
            f"elt: {files.begun.started_in}, where this run was started, is gone: relative paths begin here.",
            file=sys.stderr,
        )
    os.chdir(files.started_in)
    return files
