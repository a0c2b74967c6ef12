"""Folders, stores and run folders that are not what they should be, and commands that are not given what they need."""

import pickle
import shutil

from bad_case import Case

from eltanin.store import checked
from eltanin.store.sealed import open_json, seal_json, sha256


def touch(name):
    """Return what makes a file."""
    return lambda here: (here / name).write_text("hello\n")


def edited(name, old, new):
    """Return what replaces a text in a file."""

    def given(here):
        content = (here / name).read_text()
        assert old in content
        (here / name).write_text(content.replace(old, new, 1))

    return given


def forged(content):
    """Return what changes the settings of a run that ended, and its seal with them, as a stranger could."""

    def given(here):
        path = here / "ended" / "config.yaml"
        old, new = content if isinstance(content, tuple) else (path.read_text(), content)
        assert old in path.read_text()
        path.write_bytes(new if isinstance(new, bytes) else path.read_text().replace(old, new, 1).encode())
        begun = here / "ended" / "run.json"
        body = open_json(begun, begun.read_bytes())
        body["files"]["config.yaml"] = sha256(path.read_bytes())
        begun.write_bytes(seal_json(body))

    return given


def written(name, content):
    """Return what puts other content into a file."""
    return lambda here: (here / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def escaping(here):
    """Let the manifest of a model name files outside of it."""
    path = here / "ended" / "model" / "manifest.json"
    manifest = checked.read(path)
    manifest["sha256"] = {f"../../{name}": digest for name, digest in manifest["sha256"].items()}
    path.write_bytes(checked.to_bytes(manifest))


PLACES = [
    Case("folder that holds a run", "GAS hydra.run.dir=ended", ("holds a run already", "elt resume")),
    Case(
        "folder that holds other files",
        "GAS hydra.run.dir=mine",
        ("holds other files already (diary.txt)", "hydra.run.dir=FOLDER"),
        given=lambda here: ((here / "mine").mkdir(), touch("mine/diary.txt")(here)),
    ),
    Case(
        "file for a run folder",
        "GAS hydra.run.dir=diary",
        ("diary: no run can begin there", "hydra.run.dir=FOLDER"),
        given=touch("diary"),
    ),
    Case(
        "run folder where none can be",
        "GAS hydra.run.dir=/proc/x",
        ("/proc/x: no run can begin", "hydra.run.dir=FOLDER"),
    ),
    Case("very long name", f"GAS hydra.run.dir={'x' * 300}", ("no run can begin there", "too long")),
    Case(
        "store behind an address",
        "GAS store=https://labels.example",
        ("store=https://labels.example", "give a folder, or none"),
    ),
    Case(
        "file for a store",
        "GAS store=diary",
        ("diary: nothing can be written there", "store=FOLDER"),
        given=touch("diary"),
    ),
    Case(
        "store below a file",
        "GAS store=diary/x",
        ("diary/x: nothing can be written there", "store=FOLDER"),
        given=touch("diary"),
    ),
    Case("store where none can be", "GAS store=/proc/x", ("/proc/x: nothing can be written there", "store=FOLDER")),
    Case(
        "store that everybody may write to",
        "GAS store=open",
        ("open: everybody may write there", "chmod o-w"),
        given=lambda here: ((here / "open").mkdir(), (here / "open").chmod(0o777)),
    ),
]
COMMANDS = [
    Case("unknown command", "resme ended", ("resme is not a command", "did you mean resume?")),
    Case("no run", "resume", ("the following arguments are required: RUN",)),
    Case("one argument too many", "resume ended more", ("unrecognized arguments: more",)),
    Case("folder that is not there", "resume nowhere", ("nowhere is not the folder of a run", "Give the folder")),
    Case(
        "folder without a run",
        "resume empty",
        ("empty is not the folder of a run", "Give the folder"),
        given=lambda here: (here / "empty").mkdir(),
    ),
    Case("file for a run", "report diary", ("diary is not the folder of a run",), given=touch("diary")),
    Case("no data", "evaluate ended", ("the following arguments are required: DATA",)),
    Case("data that are nowhere", "evaluate ended nowhere", ("nowhere does not exist", "looked in")),
    Case(
        "data that are none",
        "evaluate ended diary",
        ("diary cannot be read as an npz file", "convert it"),
        given=touch("diary"),
    ),
    Case("folder for data", "evaluate ended .", ("cannot be read as an npz file", "no regular file")),
    Case(
        "pickle for data",
        "predict ended evil.npz",
        ("evil.npz cannot be read",),
        given=written("evil.npz", pickle.dumps({"fields": 1})),
    ),
    Case(
        "output where none can be",
        "predict ended ended/dataset.npz -o /proc/x/y",
        ("/proc/x/y cannot be written", "--output"),
    ),
    Case(
        "run that has no model yet",
        "evaluate stopped ended/dataset.npz",
        ("has no trained model yet", "elt resume"),
        given=lambda here: shutil.rmtree(here / "stopped" / "model", ignore_errors=True),
    ),
    Case("unknown kind of part", "show labler", ("labler is not a role", "labeler")),
    Case("unknown part", "show labeler relaxaton", ("labeler=relaxaton is not installed", "did you mean relaxation?")),
    Case("unknown flag of a listing", "plugins --jsn", ("unrecognized arguments: --jsn",)),
    Case("store without a task", "store", ("required",)),
    Case("unknown task for a store", "store lst", ("invalid choice: 'lst'", "verify")),
    Case("store that is nowhere", "store verify nowhere", ("nowhere",)),
    Case("label that no store has", "repeat ended 0000", ("0000",)),
]
EDITED = [
    Case(
        "run whose settings were changed",
        "resume stopped",
        ("config.yaml", "is not what"),
        2,
        edited("stopped/config.yaml", "rounds: ", "rounds: 1"),
    ),
    Case(
        "run folder that everybody may write to",
        "report ended",
        ("everybody may write there", "chmod o-w"),
        given=lambda here: (here / "ended").chmod(0o777),
    ),
    Case(
        "run with an object to call",
        "report ended",
        ("labeler._target_=os.system: refused", "Leave it out"),
        given=forged(("labeler:\n", "labeler:\n  _target_: os.system\n")),
    ),
    Case(
        "run that reads the environment",
        "report ended",
        ("data=${oc.env:HOME}: refused", "Write the value"),
        given=forged(("data: null", "data: ${oc.env:HOME}")),
    ),
    Case(
        "run with settings that refer to others",
        "report ended",
        ("rounds=${seed}: refused", "Write the value"),
        given=forged(("rounds: 2", "rounds: ${seed}")),
    ),
    Case(
        "run with settings that fill the memory",
        "report ended",
        ("config.yaml cannot be read", "alias"),
        given=forged("a: &a [1]\nb: [*a, *a]\n"),
    ),
    Case(
        "run with settings nested without end",
        "report ended",
        ("config.yaml cannot be read", "deep"),
        given=forged("x: " + "[" * 5000),
    ),
    Case(
        "run with settings that are no YAML",
        "report ended",
        ("config.yaml cannot be read", "line 1"),
        given=forged("seed: [1"),
    ),
    Case("run with binary settings", "report ended", ("config.yaml cannot be read",), given=forged(b"\x80\x04\xff")),
    Case(
        "run without settings",
        "report ended",
        ("not given", "a stored configuration holds every setting"),
        given=forged(""),
    ),
    Case(
        "run of parts that are not installed",
        "report ended",
        ("labeler=theirs is not installed", "There is:"),
        given=forged(("_name_: relaxation", "_name_: theirs")),
    ),
    Case(
        "run with parts by import path",
        "report ended",
        ("labeler=os:system is not installed",),
        given=forged(("_name_: relaxation", "_name_: os:system")),
    ),
    Case("model from outside of its folder", "evaluate ended ended/dataset.npz", ("manifest.json",), given=escaping),
    Case(
        "model whose file was changed",
        "evaluate ended ended/dataset.npz",
        ("member-0.json", "elt resume"),
        given=written("ended/model/member-0.json", "{}"),
    ),
    Case(
        "pickle for a model",
        "evaluate ended ended/dataset.npz",
        ("member-0.safetensors", "elt resume"),
        given=written("ended/model/member-0.safetensors", pickle.dumps({"coefficients": 1})),
    ),
]
CASES = [*PLACES, *COMMANDS, *EDITED]
