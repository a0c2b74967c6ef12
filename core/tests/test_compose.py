"""Composition: what is said on a command line becomes a run, or a message that says what to mend."""

import pickle
import sys
from enum import Enum
from pathlib import Path

import pytest

from eltanin.errors import ConfigurationError


def restored(config):
    from eltanin.compose import restore

    return restore(config)


def test_preset_becomes_a_run(compose):
    config = compose()
    run, plugins = restored(config)
    assert (run.seed, run.labeler.scale, run.labeler.pair) == (7, 3.0, (1, 2))
    assert type(run.model.basis).__name__ == "Powers"
    assert plugins["labeler=square"] == plugins["domain=toy"] == "toy-parts 1.0"
    assert config["labeler"]["_name_"] == "square"


def test_run_is_frozen_and_travels(compose):
    run, _ = restored(compose())
    assert pickle.loads(pickle.dumps(run)) == run


def test_config_is_plain_data_that_restores_the_same_run(compose):
    config = compose("labeler.kind=hard", "labeler.table.x=2", "labeler.grid.points=3", "labeler.perhaps=4")
    run, _ = restored(config)
    assert (run.labeler.kind.name, run.labeler.table, run.labeler.grid.points) == ("hard", {"x": 2.0}, 3)
    assert run.labeler.perhaps == 4
    assert restored(config)[0] == run


def test_what_is_given_at_the_top_reaches_who_asks(compose):
    run, _ = restored(compose("system.size=3", "data=somewhere"))
    assert run.explorer.box is run.system
    assert run.system.reader is run.domain
    assert run.explorer.data == "somewhere"
    assert restored(compose())[0].explorer.data == "nowhere"


def test_slots_are_chosen_and_set(compose):
    run, plugins = restored(compose("model/basis=powers", "model.basis.order=5"))
    assert run.model.basis.order == 5
    assert plugins["model/basis=powers"] == "toy-parts 1.0"


def test_a_slot_takes_several_components_by_name(compose):
    run, _ = restored(compose("+model/basis@model.more.long=powers", "model.more.long.order=7"))
    assert {name: one.order for name, one in run.model.more.items()} == {"short": 2, "long": 7}


def test_a_slot_without_option_waits_for_a_choice(compose):
    run, _ = restored(compose("model=plane", "model/basis=powers"))
    assert run.model.prior is None
    with pytest.raises(ConfigurationError, match=r"model\.basis is missing.*model/basis=NAME.*powers, waves"):
        restored(compose("model=plane", "model/basis=null"))


@pytest.mark.parametrize("said", ["system=null", "~system"])
def test_a_part_can_be_left_out(compose, said):
    assert compose(said)["system"] is None


def test_preset_can_be_left_out(compose):
    assert compose("executor=here", preset="null")["labeler"] is None


REFUSED_BY_HYDRA = {
    "seed=1.5": r"seed: Value '1\.5'.*whole number, as in seed=7",
    "rounds=abc": r"rounds: Value 'abc'.*Give rounds=VALUE, a whole number, as in rounds=10",
    "rounds=[1]": r"rounds",
    "sead=1": r"sead is not a setting.*did you mean seed\?",
    "labeler=squar": r"labeler=squar is not installed; did you mean square\?.*measured",
    "labeler.scale=abc": r"labeler\.scale: Value 'abc'.*Give labeler\.scale=VALUE, a number, as in labeler\.scale=3\.0",
    "labeler.scael=1": r"labeler\.scael is not a setting.*did you mean scale\?.*kind, pair",
    "labeler.kind=sift": r"labeler\.kind: Invalid value 'sift', expected one of \[soft, hard\]",
    "labeler.pair=3": r"labeler\.pair",
    "labeler.perhaps=x": r"labeler\.perhaps: Value 'x'",
    "labeler.table.x=y": r"labeler\.table\.x: Value 'y'",
    "labeler.grid.pints=3": r"labeler\.grid\.pints is not a setting.*did you mean points\?",
    "labeler.grid.points=x": r"labeler\.grid\.points: Value 'x'",
    "labeler._name_=measured": r"labeler\._name_: Invalid value 'measured', expected one of \[square\]",
    "labeler=square,measured": r"labeler=square,measured.*multirun",
    "explorer.box=1": r"explorer\.box is not set here.*at the top, with system=VALUE",
    "explorer.data=1": r"explorer\.data is not set here.*at the top, with data=VALUE",
    "model/bases=powers": r"model/bases is no slot.*did you mean model/basis\?",
    "labeler/basis=powers": r"labeler/basis is no slot",
    "labeler=odd": r"Odd cannot be configured.*lists, tuples",
    "audit.tolerence=1": r"audit\.tolerence is not a setting.*did you mean tolerance\?",
    "=": r"=",
}


@pytest.mark.parametrize("said", REFUSED_BY_HYDRA)
def test_composition_refuses(compose, said):
    with pytest.raises(ConfigurationError, match=f"(?s){REFUSED_BY_HYDRA[said]}") as caught:
        compose(said)
    assert caught.value.exit_code == 2


def test_setting_of_a_part_that_is_not_chosen_says_to_choose_it(compose):
    with pytest.raises(ConfigurationError, match=r"labeler\.scale cannot be set, for labeler is empty.*labeler=NAME"):
        compose("~labeler", "labeler.scale=2")


def test_unknown_preset_gets_the_nearest(compose):
    with pytest.raises(ConfigurationError, match=r"experiment=toi is not installed; did you mean toy\?"):
        compose(preset="toi")


def test_settings_of_a_preset_hold_for_its_own_parts(compose):
    assert compose("labeler=square")["labeler"]["scale"] == 3.0
    assert compose("labeler=measured")["labeler"] == {"_name_": "measured", "column": "???"}
    assert compose("~labeler")["labeler"] is None


def test_settings_of_a_preset_hold_for_parts_that_its_parts_begin_with(compose):
    assert compose()["model"]["basis"] == {"_name_": "powers", "order": 4}
    assert compose("model/basis=waves")["model"]["basis"] == {"_name_": "waves", "number": 2.0}


@pytest.fixture
def preset(tmp_path):
    """Return a writer of a preset of ones own, called mine, and the option that finds it."""

    def writer(text):
        (tmp_path / "mine" / "experiment").mkdir(parents=True)
        (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
        return f"--config-dir={tmp_path / 'mine'}"

    return writer


def test_settings_of_a_preset_hold_for_a_nested_part_that_it_chooses(compose, preset):
    parts = "defaults:\n- override /model/basis: waves\n- override /model: line\n- override /executor: here\n"
    where = preset(f"{parts}model:\n  basis:\n    number: 9\n")
    assert compose(where, preset="mine")["model"]["basis"] == {"_name_": "waves", "number": 9.0}
    assert compose(where, "model/basis=powers", preset="mine")["model"]["basis"] == {"_name_": "powers", "order": 2}


def test_setting_of_a_preset_that_no_part_has_is_named(compose, preset):
    message = r"(?s)experiment/mine: executor\.wrkers is not a setting.*experiment=null"
    with pytest.raises(ConfigurationError, match=message):
        compose(preset("executor:\n  wrkers: 3\n"), "executor=here", preset="mine")


REFUSED_BY_BUILD = {
    "labeler.scale=-1": r"labeler: scale=-1\.0: a scale is above 0; give",
    "+labeler.foo=1": r"labeler\.foo is not a setting",
    "+selector.x.y=1": r"selector\.x is not a setting",
    "labeler=measured labeler.column=x": r"labeler needs data, and none is given: say data=PATH",
    "~labeler": r"labeler.*labeler=NAME.*square",
    "~system": r"explorer needs system.*system=NAME at the top.*There is: box",
    "rounds=-1": r"rounds=-1: .*at least one round: give",
    "rounds=0": r"rounds=0: ",
    "committee=0": r"committee=0: .*at least one member: give",
    "labels=0": r"labels=0: .*leave it out",
    "seed=-1": r"seed=-1: .*give seed=N",
    "memory=some": r"memory=some: .*memory=latest",
    "memory=0": r"memory=0: ",
    "audit.failure_rate=2": r"audit\.failure_rate=2\.0",
    "explorer=foreign": r"different domains.*explorer=foreign \(lattice\).*labeler=square \(toy\)",
    "model/basis=waves": r"different domains.*model/basis=waves \(lattice\)",
    "model=homeless": r"model=homeless: Homeless names no domain",
}


@pytest.mark.parametrize("said", REFUSED_BY_BUILD)
def test_build_refuses(compose, said):
    config = compose(*said.split(), preset="bare")
    with pytest.raises(ConfigurationError, match=f"(?s){REFUSED_BY_BUILD[said]}"):
        restored(config)


def test_missing_setting_is_named(compose):
    config = compose("labeler=measured", "data=here", preset="bare")
    with pytest.raises(ConfigurationError, match=r"labeler.column is missing: give"):
        restored(config)


def test_parts_of_any_domain_alone_make_no_campaign(compose):
    config = compose("system=null")
    for role in ("explorer", "labeler", "model"):
        config[role] = {"_name_": "all"}
    with pytest.raises(ConfigurationError):
        restored(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "many"}, r"seed: Value 'many'"),
        ({"sead": 1}, r"sead is not a setting.*did you mean seed"),
        ({"labeler": {"_name_": "square", "scale": 1.0}}, r"labeler\.kind, labeler\.pair, .*not given"),
        ({"labeler": {"_name_": "gone"}}, r"labeler=gone is not installed"),
        ({"labeler": "square"}, r"labeler=square is no component"),
        ({"labeler": None}, r"labeler is missing"),
    ],
)
def test_a_stored_configuration_is_checked_again(compose, change, message):
    with pytest.raises(ConfigurationError, match=message):
        restored(compose() | change)


def test_a_stored_configuration_names_settings_that_it_lacks(compose):
    config = compose()
    del config["memory"]
    with pytest.raises(ConfigurationError, match="memory not given"):
        restored(config)


def test_only_what_is_chosen_is_imported(compose, install):
    install("slow-parts", "1.0", {"eltanin.labeler": {"never": "never_imported:Never"}})
    compose()
    assert "never_imported" not in sys.modules


def test_plain_data_hold_no_python_objects():
    from omegaconf import OmegaConf

    from eltanin.compose import plain

    kind = Enum("Kind", ["soft", "hard"])
    node = OmegaConf.create({"a": kind.soft, "b": Path("x") / "y", "c": [1, {"d": "${e}"}], "e": 3, kind.hard: 1})
    assert plain(node) == {"a": "soft", "b": "x/y", "c": [1, {"d": 3}], "e": 3, "hard": 1}


def test_help_lists_groups_presets_and_examples(compose, capsys):
    from eltanin.compose import run

    with pytest.raises(SystemExit, match="0"):
        run(["experiment=toy", "--help"])
    shown = capsys.readouterr().out
    for line in ("labeler: ", "model/basis: powers, waves", "experiment: ", "elt run -m"):
        assert line in shown


@pytest.mark.parametrize("flag", ["--info", "-i"])
def test_info_may_stand_before_overrides(compose, capsys, flag):
    from eltanin.compose import run

    run([flag, "experiment=toy"])
    assert "Defaults List" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("elt run labeler=sq", ["labeler=square"]),
        ("elt run model/ba", ["model/basis="]),
        ("elt run labeler=square labeler.sc", ["labeler.scale="]),
    ],
)
def test_the_shell_completes_groups_names_and_settings(compose, capsys, monkeypatch, line, expected):
    from eltanin.cli import dispatch

    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    dispatch(["-sc", "query=bash"])
    shown = capsys.readouterr().out.split()
    assert set(expected) <= set(shown)
