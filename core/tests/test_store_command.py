"""`elt store`: what it says is what is there, and no plugin is needed to say it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eltanin.batch import Properties
from eltanin.cli import dispatch
from eltanin.errors import ConfigurationError
from eltanin.protocols import Failure
from eltanin.registry import load
from eltanin.store import LabelStore
from eltanin.store.method import method_id

sys.path.append(str(Path(__file__).parent / "toys"))
from toy_labels import METHOD, record

OTHER = {"name": "square", "revision": 1, "settings": {"scale": 2.0}}


@pytest.fixture
def root(tmp_path):
    """A store of 5 labels of springs (a quarter of a second each), 3 failures, and 2 labels of squares."""
    with LabelStore(tmp_path / "store") as store:
        for number in range(5):
            store.put(record(number))
        store.put(record(5, Failure("unconverged", "100 steps", "SCF\x1b[2J energy")))
        store.put(record(6, Failure("crash", "signal 9")))
        store.put(record(6, Failure("crash", "signal 11")))
        store.put(record(7, Failure("crash", "signal 9")))
        store.put(record(7))
        store.put(record(8, Failure("error", "a\x1b[31mb\nc")))
        for number in (20, 21):
            store.put(record(number, method=OTHER, seconds=3600.0))
    return tmp_path / "store"


def asked(capsys, *arguments):
    code = dispatch(["store", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_methods_are_listed_with_what_they_cost(root, capsys):
    code, out = asked(capsys, "ls", root)
    head, springs, squares = (line.split("  ") for line in out.splitlines())
    lines = [[word.strip() for word in line if word.strip()] for line in (head, springs, squares)]
    assert code == 0
    assert lines[0] == ["LABELER", "METHOD", "LABELS", "FAILURES", "HOURS", "SIZE"]
    assert lines[1][:5] == ["springs", method_id(METHOD)[:12], "6", "1 crash, 1 error, 1 unconverged", "0.00"]
    assert lines[2][:5] == ["square", method_id(OTHER)[:12], "2", "none", "2.00"]


def test_the_list_is_there_for_programs_too(root, capsys):
    _, out = asked(capsys, "ls", root, "--json")
    springs, squares = json.loads(out)
    assert (springs["description"], squares["description"]) == (METHOD, OTHER)
    assert springs["failures"] == {"crash": 1, "error": 1, "unconverged": 1}
    assert springs["hours"] == pytest.approx(11 * 0.25 / 3600, abs=1e-15)
    size = sum(path.stat().st_size for path in (root / "objects").rglob("*.safetensors"))
    assert springs["bytes"] + squares["bytes"] == size


def test_failures_are_listed_with_their_reasons(root, capsys):
    _, out = asked(capsys, "ls", root, "--failed")
    lines = {line.split()[1]: line for line in out.splitlines()[1:]}
    assert set(lines) == {"unconverged", "crash", "error"}
    assert lines["unconverged"].split()[2:] == ["1", "never", "springs", "100", "steps"]
    assert lines["crash"].split()[2:] == ["2", "yes", "springs", "signal", "11"]
    assert lines["error"].endswith("a [31mb c")
    assert "\x1b" not in out
    _, out = asked(capsys, "ls", root, "--failed", "--json")
    assert {one["kind"]: one["output"] for one in json.loads(out)}["unconverged"] == "SCF\x1b[2J energy"


def test_a_whole_store_is_said_to_be_whole(root, capsys):
    assert asked(capsys, "verify", root) == (0, f"{root}: 8 labels, 5 failures, 0 wrong\n")


def test_what_is_wrong_is_named_and_told_by_the_exit_code(root, capsys):
    damaged = next((root / "objects").rglob(f"{record(3).key}.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    code, out = asked(capsys, "verify", root)
    assert code == 1
    assert str(damaged) in out
    assert out.endswith("1 wrong\n")
    assert asked(capsys, "rebuild", root)[0] == 1
    damaged.unlink()
    assert asked(capsys, "rebuild", root)[0] == 0
    assert asked(capsys, "verify", root)[0] == 0


def test_labels_that_came_out_otherwise_are_counted(root, capsys):
    with LabelStore(root) as store:
        for energy in (17.0, 18.0):
            store.put(record(1, Properties.of(energy=np.array([energy]))))
        store.put(record(2))
    code, out = asked(capsys, "verify", root)
    assert code == 0
    assert f"2 times a label was made again and came out otherwise (the first stayed): {record(1).key[:12]}" in out


def test_a_torn_line_of_the_history_is_told_of_and_is_no_damage(root, capsys):
    with LabelStore(root) as store:
        store.rebuild()
        path = store.objects.history.path
        path.write_bytes(path.read_bytes()[:-9])
    code, out = asked(capsys, "verify", root)
    assert code == 0
    assert "1 line of history.jsonl cannot be read" in out


def test_retrying_lets_failures_be_asked_again(root, capsys):
    assert asked(capsys, "retry", root, "--kind", "crash") == (0, "1 failure will be asked again\n")
    assert asked(capsys, "retry", root, record(5).key[:12]) == (0, "1 failure will be asked again\n")
    with LabelStore(root) as store:
        assert set(store.get([record(n).key for n in (5, 6, 7, 8)])) == {record(7).key, record(8).key}
        assert store.verify() == []
    assert asked(capsys, "retry", root) == (0, "1 failure will be asked again\n")
    assert asked(capsys, "verify", root) == (0, f"{root}: 8 labels, 1 failure, 0 wrong\n")
    assert asked(capsys, "retry", root) == (0, "0 failures will be asked again\n")


def test_what_cannot_be_retried_is_refused(root, capsys):
    with pytest.raises(ConfigurationError, match="has a label, which is kept for ever"):
        asked(capsys, "retry", root, record(1).key)
    with pytest.raises(ConfigurationError, match="is not in the store"):
        asked(capsys, "retry", root, "0" * 64)
    with pytest.raises(ConfigurationError, match=r"how 0 keys of .* begin"):
        asked(capsys, "retry", root, "0123456789")
    with pytest.raises(ConfigurationError, match="no failure of the kind crush; did you mean crash"):
        asked(capsys, "retry", root, "--kind", "crush")


def test_the_users_store_is_meant_where_none_is_named(root, capsys, monkeypatch):
    from eltanin.store import command

    monkeypatch.setattr(command, "default_folder", lambda: root)
    assert asked(capsys, "verify")[1].startswith(f"{root}: 8 labels")
    assert asked(capsys, "retry", record(5).key)[1] == "1 failure will be asked again\n"


def test_looking_at_a_store_that_is_not_there_makes_none(tmp_path, capsys):
    for action in ("ls", "verify", "rebuild", "retry"):
        with pytest.raises(ConfigurationError, match=f"{tmp_path / 'typo'} is no store of labels"):
            asked(capsys, action, tmp_path / "typo")
    assert list(tmp_path.iterdir()) == []


def test_stores_are_merged(root, tmp_path, capsys):
    assert asked(capsys, "merge", tmp_path / "new", root) == (
        0,
        "13 taken over, 0 known, 0 known otherwise, 0 wrong\n",
    )
    assert asked(capsys, "merge", tmp_path / "new", root)[1].startswith("0 taken over, 13 known")
    damaged = next((root / "objects").rglob(f"{record(3).key}.safetensors"))
    damaged.write_bytes(b"")
    code, out = asked(capsys, "merge", tmp_path / "newer", root)
    assert code == 1
    assert out.splitlines()[0].startswith(str(damaged))
    assert out.splitlines()[1] == "12 taken over, 0 known, 0 known otherwise, 1 wrong"
    with pytest.raises(ConfigurationError, match="is no store of labels"):
        asked(capsys, "merge", root, tmp_path)


def test_no_plugin_is_needed_to_look_after_a_store(root, tmp_path):
    code = "import sys; from eltanin.cli import main; c = main(); print(sorted(sys.modules)); sys.exit(c)"
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    for words in (["ls"], ["ls", "--failed", "--json"], ["verify"], ["rebuild"]):
        command = [sys.executable, "-c", code, "store", words[0], str(root), *words[1:]]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        assert "'toy_labels'" not in done.stdout
        assert "'torch'" not in done.stdout
        assert "'hydra" not in done.stdout


def _write(domain, path, x, labels):
    path.write_text(json.dumps([x.position.tolist(), labels.values["energy"].tolist()]))


def test_labels_of_one_method_are_exported_through_their_domain(root, toys, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(load("domain", "toy"), "write", _write, raising=False)
    with pytest.raises(
        ConfigurationError, match=r"\(square\), .*\(springs\).*never mixed; choose one with --method ID"
    ):
        asked(capsys, "export", root, "-o", tmp_path / "all.toy")
    out = tmp_path / "some.toy"
    chosen = ("--method", method_id(OTHER)[:6])
    assert asked(capsys, "export", root, "-o", out, *chosen) == (0, f"2 labels written to {out}\n")
    numbers = sorted((20, 21), key=lambda number: record(number, method=OTHER).key)
    assert json.loads(out.read_text()) == [[float(n) for n in numbers], [n / 7 for n in numbers]]
    with pytest.raises(ConfigurationError, match="is there already"):
        asked(capsys, "export", root, "-o", out, *chosen)
    with pytest.raises(ConfigurationError, match=r"labeler=springs is not installed"):
        asked(capsys, "export", root, "-o", tmp_path / "x.toy", "--method", method_id(METHOD))
    with pytest.raises(ConfigurationError, match="method=zz means 0 of them"):
        asked(capsys, "export", root, "-o", tmp_path / "x.toy", "--method", "zz")


def test_of_a_store_without_a_label_there_is_nothing_to_export(tmp_path, capsys):
    LabelStore(tmp_path / "empty").close()
    with pytest.raises(ConfigurationError, match="empty holds no label: there is nothing to export"):
        asked(capsys, "export", tmp_path / "empty", "-o", tmp_path / "all.toy")
