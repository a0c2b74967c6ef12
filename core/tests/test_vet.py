"""Vetting: no configuration names what to call, however it is said."""

import pytest

from eltanin.conf.vet import vet
from eltanin.errors import ConfigurationError

SAID = [
    "+labeler.deep={inner:[{_target_:x}]}",
    "+labeler._target_=shutil.copyfile",
    "+_target_=shutil.copyfile",
    "+hydra.callbacks.x._target_=shutil.copyfile",
    "+hydra.callbacks.x={_target_:shutil.copyfile,src:a,dst:b}",
    "+hydra.callbacks.x=5",
    "hydra.callbacks='${oc.decode:\"{x: 1}\"}'",
    "hydra.launcher._target_=shutil.copyfile",
    "+hydra.launcher.x={_target_:os.system}",
    "+hydra.launcher.x='${oc.decode:\"{_target_: os.system}\"}'",
    "hydra.sweeper._target_=os.system",
    "+hydra.sweeper._args_=[1]",
    "+hydra.job_logging.handlers.x={class:os.system}",
    "hydra.job_logging.handlers.file.filename=/tmp/elsewhere",
    "+hydra.job_logging.handlers.file.stream=ext://os.environ",
    "+hydra.hydra_logging.x=ext://os.system",
    "+hydra.hydra_logging.x='${oc.env:HOME}'",
    "+hydra.job.env_set.LD_PRELOAD=evil.so",
    "+hydra.job.env_set.PYTHONPATH=here",
    "hydra.job.env_set='${oc.decode:\"{LD_PRELOAD: x}\"}'",
    "+labeler._partial_=true",
    "+labeler._convert_=all",
    "hydra.searchpath=[pkg://os]",
    "+hydra.searchpath=[pkg://os]",
    "--experimental-rerun=config.pickle",
    "--exp=config.pickle",
    "--config-path=here",
    "-cp",
]


@pytest.mark.parametrize("said", SAID)
def test_what_names_objects_or_files_is_refused(compose, said):
    with pytest.raises(ConfigurationError, match="refused, for ") as caught:
        compose(said)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("labeler._target_=os.system", "labeler._target_ is not a setting"),
        ("labeler.table._target_=os.system", "could not be converted to Float"),
        ("hydra.job.env_set={LD_PRELOAD:x}", "hydra.job.env_set.LD_PRELOAD"),
        ("+hydra.job.name={a:1}", "hydra.job.name"),
        ("'hydra.searchpath'=[pkg://os]", "hydra.searchpath"),
    ],
)
def test_what_no_schema_has_is_no_setting(compose, said, message):
    with pytest.raises(ConfigurationError) as caught:
        compose(said)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        "+hydra.job.env_set.CUDA_VISIBLE_DEVICES=0",
        "hydra/job_logging=none",
        "hydra/hydra_logging=disabled",
        "hydra.run.dir=elsewhere",
        "hydra.sweep.subdir='${hydra.job.override_dirname}'",
        "hydra.verbose=true",
        "labeler.table={target:3}",
    ],
)
def test_what_is_harmless_passes(compose, said):
    assert compose(said)["seed"] == 7


def test_a_preset_cannot_name_objects_either(compose, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    preset = tmp_path / "mine" / "experiment" / "mine.yaml"
    preset.write_text("# @package _global_\nhydra:\n  callbacks:\n    x:\n      _target_: os.system\n")
    with pytest.raises(ConfigurationError, match=r"hydra\.callbacks=.*refused"):
        compose("--config-dir", str(tmp_path / "mine"), preset="mine")


def test_a_preset_of_ones_own_is_found(compose, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 11\n")
    assert compose(f"--config-dir={tmp_path / 'mine'}", "executor=here", preset="mine")["seed"] == 11


@pytest.mark.parametrize(
    ("hydra", "at"),
    [
        ({"job_logging": {"formatters": {"x": {"()": "os.system"}}}}, "hydra.job_logging.formatters.x.()"),
        ("${oc.decode:'{callbacks: {x: 1}}'}", "hydra"),
        ({"job": "${elsewhere}"}, "hydra.job"),
        ({"sweeper": {"params": ["${oc.env:HOME}"]}}, "hydra.sweeper.params.0"),
        ({"launcher": {"_target_": "os.system"}}, "hydra.launcher._target_"),
        ({"launcher": {"deep": {"_target_": "known.Launcher"}}}, "hydra.launcher.deep._target_"),
    ],
)
def test_rules_for_hydras_own_settings(hydra, at):
    with pytest.raises(ConfigurationError) as caught:
        vet({"seed": 1, "hydra": hydra}, lambda: {"known.Launcher"})
    assert str(caught.value).startswith(f"{at}=")


def test_known_launchers_may_be_named():
    launcher = {"_target_": "known.Launcher", "dir": "${hydra.sweep.dir}/.submitit"}
    vet({"hydra": {"launcher": launcher, "callbacks": {}}}, lambda: {"known.Launcher"})
