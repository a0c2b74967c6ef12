"""Vetting: no configuration names what to call, however it is said."""

import pytest

from eltanin.conf import stored
from eltanin.conf.vet import vet, vet_stored
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
    "data=${oc.env:HOME}",
    "data=${oc.env:AWS_SECRET_ACCESS_KEY,none}",
    "data=${oc.decode:text}",
    "data=${oc.create:text}",
    "data=${oc.dict.keys:labeler}",
    "data='${oc.${memory}:HOME}'",
    "data=before${oc.env:HOME}after",
    "data=${hydra:runtime.cwd}",
    "data=${now:%Y}",
    "labeler.table={x:${oc.env:HOME}}",
    "hydra.run.dir=${oc.env:HOME}/x",
    "+hydra.job.env_copy=[AWS_SECRET_ACCESS_KEY]",
    "hydra.job.name=../../elt",
    "hydra.job.name=/tmp/elt",
    "hydra.output_subdir=../../elsewhere",
    "+labeler._args_=[1]",
    "+labeler._recursive_=false",
    "+labeler._execution_whitelist_=[os]",
]

SECRETS = [
    "+labeler.password=hunter2",
    "+labeler.token=hunter2",
    "+labeler.api_key=hunter2",
    "+labeler.APIKEY=hunter2",
    "+labeler.aws_secret_access_key=hunter2",
    "+labeler.deep={inner:[{client_secret:hunter2}]}",
    "+labeler.credentials={user:me,passwd:hunter2}",
    "data=https://me:hunter2@host/data",
    "store=postgresql://me:hunter2@host/labels",
]


@pytest.mark.parametrize("said", SAID)
def test_what_names_objects_or_files_is_refused(compose, said, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with pytest.raises(ConfigurationError, match="refused, for ") as caught:
        compose(said)
    assert caught.value.exit_code == 2
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("said", SECRETS)
def test_secrets_are_refused_and_not_repeated(compose, said):
    with pytest.raises(ConfigurationError, match="refused, for run folders are there to be shown") as caught:
        compose(said)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("said", ["+labeler.table.tokens=3", "+labeler.table.secretary=3", "+labeler.table.keys=3"])
def test_a_name_that_only_sounds_like_a_secret(compose, said):
    if "tokens" in said:
        with pytest.raises(ConfigurationError, match="no secrets"):
            compose(said)
    else:
        assert compose(said)["seed"] == 7


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


@pytest.mark.parametrize(
    ("config", "at"),
    [
        ({"labeler": {"_target_": "os.system"}}, "labeler._target_"),
        ({"model": {"deep": [{"_partial_": True}]}}, "model.deep.0._partial_"),
        ({"data": "${oc.env:HOME}"}, "data"),
        ({"data": "${seed}"}, "data"),
        ({"parts": ["a", "b${seed}"]}, "parts.1"),
        ({"table": {"${oc.env:HOME}": 1, "x": "${oc.env:HOME}"}}, "table.x"),
        ({"store": "postgresql://me:hunter2@host"}, "store"),
        ({"labeler": {"password": "hunter2"}}, "labeler.password"),
    ],
)
def test_rules_for_stored_settings(config, at):
    with pytest.raises(ConfigurationError, match="refused, for ") as caught:
        vet_stored(config)
    assert str(caught.value).startswith(f"{at}=")
    assert "hunter2" not in str(caught.value)


def test_stored_settings_that_are_values_pass():
    vet_stored({"seed": 1, "data": "~/data", "parts": ["a", "$b"], "nested": {"x": None, "y": 1.5}})


def test_yaml_that_is_data_is_read_and_nothing_else(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("seed: 1\nrate: 1e-3\nwhere: ${seed}\n")
    assert stored.load(path) == {"seed": 1, "rate": 1e-3, "where": "${seed}"}
    for text in (
        "!!python/object/apply:os.system [x]\n",
        "x: !!python/name:os.system\n",
        "a: &a [1]\nb: *a\n",
        "x: " + "[" * 200 + "]" * 200,
        "- 1\n",
        "#" * 2**20 + "#",
        "a: 1\na: 2\n",
        "a: [\n",
    ):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"config\.yaml cannot be read: .*(Restore|write it anew)"):
            stored.load(path)


def test_known_launchers_may_be_named():
    launcher = {"_target_": "known.Launcher", "dir": "${hydra.sweep.dir}/.submitit"}
    vet({"hydra": {"launcher": launcher, "callbacks": {}}}, lambda: {"known.Launcher"})
