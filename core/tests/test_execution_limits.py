"""Processes: a task keeps to its terms, and whatever it does costs its own result only."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eltanin.errors import ConfigurationError
from eltanin.execution import Inline, Processes
from eltanin.execution.output import last_output
from eltanin.terms import FREELY, Terms

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
import toy_tasks  # noqa: E402

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="elsewhere there is less to be promised"
)
GRACE = 2.0


def ordered(executor, function, tasks, terms=FREELY):
    return [result for _, result in sorted(executor.run(function, tasks, terms), key=lambda pair: pair[0])]


def one(function, *arguments, terms=FREELY):
    return ordered(Processes(1), function, [arguments], terms)[0]


def there(pid):
    """Say whether a process runs; one that has ended is there until somebody notes it, in state Z."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def zombies():
    """Return the children of this process that have ended and were not noted."""
    states = [path.read_text().rpartition(")")[2].split()[:2] for path in Path("/proc").glob("[0-9]*/stat")]
    return [state for state in states if state == ["Z", str(os.getpid())]]


def until(condition, seconds=10.0):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it took too long"
        time.sleep(0.02)


def pids(file):
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def test_a_task_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    file = tmp_path / "pids"
    ordered(Processes(1), toy_tasks.square, [(1,)])  # so that no time goes into the start of a worker
    begun = time.monotonic()
    failure = one(toy_tasks.hanging, str(file), terms=Terms(seconds=1.0))
    took = time.monotonic() - begun
    assert failure.kind == "timeout"
    assert "limits.seconds=1;" in failure.message
    assert failure.output == "still at it"
    assert 1.0 <= took < 1.0 + GRACE + 3.0
    assert len(pids(file)) == 3, "the worker, its program, and the one that had left for a session of its own"
    assert not any(there(pid) for pid in pids(file))
    assert not zombies()
    assert one(toy_tasks.square, 3) == 9


def test_others_go_on_while_a_task_hangs(tmp_path):
    file, tasks = tmp_path / "pids", [(n, 0, str(tmp_path / "pids")) for n in range(40)]
    ordered(Processes(3), toy_tasks.square, [(1,)] * 3)
    indices, results = zip(*Processes(3).run(toy_tasks.hanging_if, tasks, Terms(seconds=2.0)), strict=True)
    assert indices[-1] == 0, "39 tasks were done while one hung"
    assert results[-1].kind == "timeout"
    assert sorted(results[:-1]) == list(range(1, 40))
    assert not any(there(pid) for pid in pids(file))


def test_two_that_hang_are_ended_side_by_side(tmp_path):
    ordered(Processes(2), toy_tasks.square, [(1,)] * 2)
    begun = time.monotonic()
    files = [tmp_path / name for name in "ab"]
    failures = ordered(Processes(2), toy_tasks.hanging, [(str(file),) for file in files], Terms(seconds=2.0))
    assert [failure.kind for failure in failures] == ["timeout", "timeout"]
    assert time.monotonic() - begun < 2.0 + GRACE + 3.0
    assert not any(there(pid) for file in files for pid in pids(file))


def test_programs_may_clear_up_and_their_end_is_not_taken_for_an_answer(tmp_path):
    file = tmp_path / "scratch"
    begun = time.monotonic()
    failure = one(toy_tasks.cleaning, str(file), terms=Terms(seconds=2.0))
    assert failure.kind == "timeout"
    assert file.read_text() == "cleared\n"
    assert time.monotonic() - begun < 2.0 + GRACE + 3.0
    assert not Path(f"{file}.answer").exists()


def test_the_start_of_a_worker_is_not_counted():
    (pid,) = ordered(Processes(1), toy_tasks.process, [()])
    os.kill(pid, 9)
    until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    assert one(toy_tasks.square, 2, terms=Terms(seconds=0.1)) == 4


def test_what_a_task_must_import_is_not_counted():
    assert one(toy_tasks.arrived, toy_tasks.SlowToArrive(), terms=Terms(seconds=0.5)) == "SlowToArrive"


def test_time_left_unused_bears_on_nothing():
    terms = Terms(seconds=0.5)
    assert ordered(Processes(2), toy_tasks.square, [(n,) for n in range(50)], terms) == [n**2 for n in range(50)]
    slow = Processes(1).run(toy_tasks.square, [(n,) for n in range(3)], terms)
    results = []
    for _, result in slow:
        time.sleep(0.6)  # whoever takes the results may take his time
        results.append(result)
    assert results == [0, 1, 4]


@pytest.mark.parametrize("terms", [Terms(seconds=1.0), Terms(gigabytes=1.0)])
def test_inline_refuses_limits_that_it_cannot_enforce(terms):
    with pytest.raises(ConfigurationError, match=r"=1: executor=inline .* choose executor=processes"):
        Inline().run(toy_tasks.square, [(1,)], terms)


def test_inline_outlives_nothing_and_needs_not():
    assert ordered(Inline(), toy_tasks.square, [(2,)], Terms(outlives=True)) == [4]


def test_a_segmentation_fault_leaves_its_stack():
    failure = one(toy_tasks.segfault)
    assert failure.kind == "crash"
    assert "killed by signal 11 (SIGSEGV)" in failure.message
    lines = failure.output.splitlines()
    assert lines[0] == "reading address zero"
    assert lines[1] == "Fatal Python error: Segmentation fault"
    assert any(" in segfault" in line for line in lines)


def test_a_crash_under_a_limit_says_that_there_was_one():
    assert "limits.gigabytes=2:" in one(toy_tasks.segfault, terms=Terms(gigabytes=2.0)).message
    assert "limits" not in one(toy_tasks.segfault).message


def test_output_is_that_of_the_present_task():
    for number in (1, 2):
        heard = one(toy_tasks.talking, number)
        assert heard.splitlines() == [f"program {number}", f"trouble {number}", "line 0"]
    assert one(toy_tasks.segfault, "only this").output.splitlines()[0] == "only this"
    assert last_output() == ""


def test_of_much_output_the_last_lines_are_kept():
    assert one(toy_tasks.talking, 1, 1000).splitlines() == [f"line {n}" for n in range(980, 1000)]


def test_bytes_that_are_no_text_do_no_harm():
    failure = one(toy_tasks.babbling)
    assert failure.output.endswith("x\nlast line")
    assert len(failure.output) <= 4096
    assert "\x1b" not in failure.output


def test_a_worker_that_dies_takes_along_what_has_left_its_session(tmp_path):
    file = tmp_path / "pids"
    failure = one(toy_tasks.escaping_and_dying, str(file))
    assert failure.kind == "crash"
    assert "out of memory?" in failure.message
    (escaped,) = pids(file)
    assert not there(escaped)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_closes_every_file_costs_its_own_result(workers):
    assert one(toy_tasks.closing_everything).kind == "crash"
    assert ordered(Processes(workers), toy_tasks.square, [(n,) for n in range(5)]) == [0, 1, 4, 9, 16]


def test_a_task_that_returns_twice_answers_once():
    results = list(Processes(1).run(toy_tasks.forking, [(), (), ()]))
    assert [index for index, _ in results] == [0, 1, 2]
    assert len({pid for _, pid in results}) == 1


def test_what_lies_in_the_present_folder_is_not_imported_by_a_worker(tmp_path):
    (tmp_path / "here").mkdir()
    for name in ("signal", "pickle", "eltanin", "multiprocessing", "numpy"):
        (tmp_path / "here" / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.path.append({str(TOYS)!r})\nimport toy_tasks\nfrom eltanin.execution import Processes\n"
        "if __name__ == '__main__':\n    print(*Processes(1).run(toy_tasks.square, [(5,)]))\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path / "here", capture_output=True, text=True, timeout=60)
    assert done.stdout == "(0, 25)\n", done.stderr
    assert not (tmp_path / "ran").exists()


def test_where_there_is_no_proc_a_task_that_hangs_is_ended_with_its_process_group(tmp_path, monkeypatch):
    file = tmp_path / "pids"
    monkeypatch.setattr("eltanin.execution.trees.PROC", tmp_path / "none")
    assert one(toy_tasks.sleeping, 60, str(file), terms=Terms(seconds=1.0)).kind == "timeout"
    assert len(pids(file)) == 2
    until(lambda: not any(there(pid) for pid in pids(file)))
