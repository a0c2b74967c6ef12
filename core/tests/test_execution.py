"""Executors: the same bits wherever a task ran, and one task for every worker that dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from eltanin.execution import Inline, Processes, limited
from eltanin.protocols import Failure

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
import toy_tasks  # noqa: E402

EXECUTORS = [Inline(), Processes(1), Processes(2), Processes(3)]


def ordered(executor, function, tasks):
    return [result for _, result in sorted(executor.run(function, tasks), key=lambda pair: pair[0])]


def is_alive(pid):
    """Say whether a process runs; one that has ended and waits to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition, seconds=10.0):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it took too long"
        time.sleep(0.02)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_results_are_the_same_bits_wherever_they_were_made(executor):
    sizes = [(n,) for n in (300, 17, 256, 301, 64)]
    with limited(1):
        expected = [toy_tasks.product(*size) for size in sizes]
    assert ordered(executor, toy_tasks.product, sizes) == expected


@pytest.mark.parametrize("executor", EXECUTORS)
def test_nothing_to_do_yields_nothing(executor):
    assert ordered(executor, toy_tasks.square, []) == []


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", [Inline, Processes])
def test_threads_per_task_are_those_asked_for_and_no_longer_than_the_task(kind, number, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = threadpool_info()
    assert ordered(kind(threads=number), toy_tasks.threads, [()]) == [({number}, str(number))]
    assert threadpool_info() == before
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("kind", [Inline, Processes])
def test_threads_of_torch_are_governed_too_even_when_a_task_imports_it(kind):
    pytest.importorskip("torch")
    assert ordered(kind(threads=1), toy_tasks.torch_threads, [(), ()]) == [1, 1]


def test_workers_serve_later_calls():
    first = set(ordered(Processes(2), toy_tasks.process, [()] * 8))
    again = set(ordered(Processes(2, threads=2), toy_tasks.process, [()] * 8))
    assert os.getpid() not in first
    assert len(first) <= 2
    assert again & first


def test_arrays_travel_whole():
    arrays = [np.arange(2_000_000.0) + i for i in range(3)]
    for sent, got in zip(arrays, ordered(Processes(2), toy_tasks.twice, [(a,) for a in arrays]), strict=True):
        np.testing.assert_array_equal(got, 2 * sent)
        got += 1  # and may be written to


def test_workers_stand_where_their_parent_stands(tmp_path, monkeypatch):
    ordered(Processes(2), toy_tasks.square, [(1,), (2,)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    for where, path in ordered(Processes(2), toy_tasks.place, [(), ()]):
        assert where == str(tmp_path)
        assert path == sys.path


def test_two_calls_may_be_under_way_at_once():
    outer = Processes(2).run(toy_tasks.square, [(n,) for n in range(6)])
    index, result = next(outer)
    assert ordered(Processes(2), toy_tasks.square, [(n,) for n in range(6)]) == [0, 1, 4, 9, 16, 25]
    assert dict([(index, result), *outer]) == {n: n**2 for n in range(6)}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_costs_the_task_it_was_at(workers):
    results = ordered(Processes(workers), toy_tasks.killed, [(n, 3) for n in range(8)])
    assert [r for n, r in enumerate(results) if n != 3] == [0, 1, 2, 4, 5, 6, 7]
    assert isinstance(results[3], Failure)
    assert results[3].kind == "crash"
    assert "killed by signal 9" in results[3].message
    assert ordered(Processes(workers), toy_tasks.square, [(3,)]) == [9]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_task_that_ends_its_process_is_a_failure_everywhere(executor):
    results = ordered(executor, toy_tasks.ended, [(n, 1) for n in range(4)])
    assert results[0::2] == [0, 2]
    assert results[1].kind == "crash"
    assert "exit status 3" in results[1].message


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_a_worker_that_died_while_idle_is_not_missed():
    (pid,) = ordered(Processes(1), toy_tasks.process, [()])
    os.kill(pid, signal.SIGKILL)
    until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))  # its last thread has ended
    assert ordered(Processes(2), toy_tasks.square, [(n,) for n in range(5)]) == [0, 1, 4, 9, 16]
    assert ordered(Processes(2), toy_tasks.square, [(n,) for n in range(5)]) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_task_raises_is_raised_here(executor):
    with pytest.raises(ZeroDivisionError, match="number 1 is broken") as caught:
        ordered(executor, toy_tasks.broken, [(0,), (1,), (3,)])
    if isinstance(executor, Processes):
        assert 'raise ZeroDivisionError("number 1 is broken")' in caught.value.__notes__[0]
    assert ordered(executor, toy_tasks.square, [(3,)]) == [9]


def test_an_exception_that_cannot_travel_is_told_by_another():
    with pytest.raises(RuntimeError, match="Unsendable: this and that"):
        ordered(Processes(1), toy_tasks.broken, [(2,)])


def test_a_function_that_cannot_travel_is_refused_with_the_remedy():
    with pytest.raises(AttributeError) as caught:
        ordered(Processes(1), lambda: 1, [()])
    assert "executor=inline" in caught.value.__notes__[0]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_a_worker_leaves_stop_signals_to_its_parent(stop):
    assert ordered(Processes(1), toy_tasks.signalled, [(int(stop),)]) == [int(stop)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_tasks_end_when_the_caller_turns_away_with_all_that_they_started(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    running = Processes(3).run(toy_tasks.sleeping, [(0, tmp_path / "c"), *((60, file) for file in files)])
    next(running)
    until(lambda: all(file.exists() for file in files))
    begun = time.monotonic()
    running.close()
    assert time.monotonic() - begun < 2
    pids = [int(pid) for file in files for pid in file.read_text().split()]
    assert len(pids) == 4
    until(lambda: not any(is_alive(pid) for pid in pids))
    assert ordered(Processes(2), toy_tasks.square, [(4,)]) == [16]


SCRIPT = """
import sys
sys.path.insert(0, {parts!r})
import toy_tasks
from eltanin.execution import Processes
if __name__ == "__main__":
    {body}
"""


def script(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(parts=str(TOYS), body=body))
    return [sys.executable, str(path)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_nothing_survives_a_killed_parent(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    tasks = [(60, str(file)) for file in files]
    with subprocess.Popen(script(tmp_path, f"list(Processes(2).run(toy_tasks.sleeping, {tasks!r}))")) as parent:
        until(lambda: all(file.exists() for file in files), 30)
        parent.kill()
    pids = [int(pid) for file in files for pid in file.read_text().split()]
    assert len(pids) == 4
    until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_program_with_idle_workers_ends_at_once(tmp_path):
    body = "print(*list(Processes(2).run(toy_tasks.process, [(), ()])), flush=True); import time; print(time.time())"
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=60)
    ended = time.time()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ended - float(done.stdout.split()[-1]) < 2.0


def test_a_program_that_fails_beside_a_running_task_ends_at_once(tmp_path):
    file = tmp_path / "a"
    body = f"running = Processes(2).run(toy_tasks.sleeping, [(0, {str(tmp_path / 'b')!r}), (60, {str(file)!r})])\n"
    body += "    next(running); raise ValueError('something else')"
    begun = time.monotonic()
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=60)
    assert time.monotonic() - begun < 20
    assert done.stderr.rstrip().endswith("ValueError: something else")
    if file.exists():
        until(lambda: not any(is_alive(int(pid)) for pid in file.read_text().split()))


def test_interrupting_a_program_shows_no_traceback_of_a_worker(tmp_path):
    file = tmp_path / "a"
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell may have it ignored
    body = f"{heed}; list(Processes(1).run(toy_tasks.sleeping, [(60, {str(file)!r})]))"
    with subprocess.Popen(script(tmp_path, body), stderr=subprocess.PIPE, text=True) as parent:
        until(file.exists, 30)
        parent.send_signal(signal.SIGINT)
        told = parent.communicate(timeout=10)[1]
    assert told.count("Traceback") == 1
    assert told.rstrip().endswith("KeyboardInterrupt")


def test_a_script_without_a_guard_learns_that_it_needs_one(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(parts=str(TOYS), body="pass") + "list(Processes(1).run(toy_tasks.square, [(1,)]))\n")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "RuntimeError: a worker process ended with exit status 1" in done.stderr
    told = done.stderr.split("RuntimeError: a worker process")[1]
    assert "__name__ == '__main__'" in told
    assert "It had to say:" in told
    assert "before the\ncurrent process has finished its bootstrapping" in told.replace("        ", "")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks at /proc")
def test_nothing_listens_on_the_network():
    def sockets(pid):
        links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        return {link[8:-1] for link in links if link.startswith("socket:")}

    running = Processes(1).run(toy_tasks.process, [(), ()])
    _, worker = next(running)
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6"), Path("/proc/net/udp")]
    lines = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    assert sockets(worker)  # the pipe is a pair of sockets, without a name
    assert not {line[9] for line in lines} & sockets(worker)
    running.close()


@pytest.mark.parametrize(("kind", "settings"), [(Inline, {"threads": 0}), (Processes, {"workers": 0})])
def test_settings_without_meaning_are_refused(kind, settings):
    with pytest.raises(ValueError, match="give 1 or more"):
        kind(**settings)
