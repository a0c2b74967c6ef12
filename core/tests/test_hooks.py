"""Hooks reach whoever listens, and tell whoever misheard."""

from __future__ import annotations

import sys
import time
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from eltanin import hooks
from eltanin.errors import ConfigurationError
from eltanin.protocols import Failure


class Listener:
    def __init__(self):
        self.heard = []

    def round_finished(self, record):
        self.heard.append(("round", record["round"]))

    @hooks.hookimpl
    def labels_failed(self, failures):
        self.heard.append(("failed", [f.kind for f in failures]))


def installed(monkeypatch, *points):
    monkeypatch.setattr(hooks, "entry_points", lambda group: points if group == "eltanin.observer" else ())


def test_an_observer_hears_what_it_asks_for_marked_or_not():
    listener = Listener()
    hook = hooks.relay([listener])
    hook.stage_started(round=3, stage="label", tasks=5)
    hook.labels_failed(round=3, failures=[Failure("crash", "gone")], keys=["0a"])
    hook.round_finished(record={"round": 3})
    assert listener.heard == [("failed", ["crash"]), ("round", 3)]


def test_several_observers_are_all_asked_for_sections():
    class Section:
        def __init__(self, title):
            self.title = title

        def report_sections(self, run):
            return [(self.title, run)]

    answers = hooks.relay([Section("a"), Section("b")]).report_sections(run="r")
    assert sorted(answers) == [[("a", "r")], [("b", "r")]]


def test_an_installed_class_is_made_an_observer(monkeypatch):
    module = ModuleType("observing")
    heard = []

    class Installed:
        def campaign_started(self, rounds):
            heard.append(rounds)

    module.Installed = Installed
    monkeypatch.setitem(sys.modules, "observing", module)
    installed(monkeypatch, EntryPoint("mine", "observing:Installed", "eltanin.observer"))
    hooks.relay().campaign_started(folder=None, rounds=7, labels=None)
    assert heard == [7]


def test_an_installed_module_is_an_observer(monkeypatch):
    module = ModuleType("observing")
    heard = []
    module.campaign_finished = lambda summary: heard.append(summary["status"])
    monkeypatch.setitem(sys.modules, "observing", module)
    installed(monkeypatch, EntryPoint("mine", "observing", "eltanin.observer"))
    hooks.relay().campaign_finished(summary={"status": "budget"})
    assert heard == ["budget"]


def test_an_observer_that_cannot_be_loaded_is_named(monkeypatch):
    installed(monkeypatch, EntryPoint("broken", "no_such_module_anywhere:Part", "eltanin.observer"))
    with pytest.raises(ConfigurationError, match=r"'broken' \(no_such_module_anywhere:Part\).*uninstall"):
        hooks.relay()


def test_a_hook_that_does_not_exist_is_refused_with_those_that_do():
    class Misheard:
        @hooks.hookimpl
        def round_finish(self, record): ...

    with pytest.raises(ConfigurationError, match=r"Misheard.*round_finish'.*The hooks are .*round_finished"):
        hooks.relay([Misheard()])


def test_an_argument_that_does_not_exist_is_refused():
    class Misheard:
        def round_finished(self, recrd): ...

    with pytest.raises(ConfigurationError, match="recrd"):
        hooks.relay([Misheard()])


def test_a_thousand_rounds_without_observers_cost_less_than_a_tenth_of_a_millisecond_each():
    hook = hooks.relay()
    begun = time.process_time()
    for number in range(1000):
        for stage in ("explore", "select", "label", "train", "validate"):
            hook.stage_started(round=number, stage=stage, tasks=1)
            hook.task_finished(round=number, stage=stage)
        hook.round_finished(record={})
    assert time.process_time() - begun < 0.1
