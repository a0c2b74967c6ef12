"""Processes whose parent was killed: a task on terms that outlive it is ended in good order, and nothing else is."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOYS = Path(__file__).parent / "toys"

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at /proc")

SCRIPT = """
import signal
import sys
sys.path.insert(0, {toys!r})
import toy_tasks
from eltanin.execution import Processes
from eltanin.terms import Terms
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    print(*Processes(2).run(toy_tasks.{function}, {tasks!r}, {terms}))
"""


def there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition, seconds=20.0):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it took too long"
        time.sleep(0.02)


def descendants(pid):
    """Return the processes that a process has started, and those that they have."""
    parents = dict(parentage())
    young, found = {pid}, set()
    while young:
        young = {one for one, parent in parents.items() if parent in young}
        found |= young
    return found


def parentage():
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue


def started(tmp_path, function, tasks, terms):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(toys=str(TOYS), function=function, tasks=tasks, terms=terms))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def killed_when(condition, parent):
    """Kill the parent as soon as that holds; return the workers that it had then, and their programs."""
    with parent:
        until(condition)
        workers = descendants(parent.pid)
        parent.kill()
    return workers


def begun(*files):
    return lambda: all(Path(f"{file}.begun").exists() for file in files)


def test_a_task_is_ended_though_its_parent_was_killed_and_no_other_is_begun(tmp_path):
    one, other, waiting = (str(tmp_path / name) for name in ("one", "other", "waiting"))
    tasks = [(2.0, one), (2.5, other), (0.0, waiting)]
    workers = killed_when(begun(one, other), started(tmp_path, "slowly", tasks, "Terms(seconds=60, outlives=True)"))
    assert not Path(f"{one}.ended").exists()
    assert len(workers) == 2
    until(lambda: Path(f"{one}.ended").exists() and Path(f"{other}.ended").exists())
    assert {int(Path(f"{name}.ended").read_text()) for name in (one, other)} == workers
    until(lambda: not any(there(pid) for pid in workers), 5.0)
    assert not Path(f"{waiting}.begun").exists()


def test_without_a_limit_it_may_take_as_long_as_it_likes(tmp_path):
    file = str(tmp_path / "a")
    workers = killed_when(begun(file), started(tmp_path, "slowly", [(4.0, file)], "Terms(outlives=True)"))
    time.sleep(2.5)
    assert all(there(pid) for pid in workers)
    until(Path(f"{file}.ended").exists)
    until(lambda: not any(there(pid) for pid in workers), 5.0)


def test_on_other_terms_it_dies_with_its_parent(tmp_path):
    file = str(tmp_path / "a")
    workers = killed_when(begun(file), started(tmp_path, "slowly", [(3.0, file)], "Terms(seconds=60)"))
    until(lambda: not any(there(pid) for pid in workers), 2.5)
    assert not Path(f"{file}.ended").exists()


def test_an_orphan_keeps_to_its_time_with_all_that_it_started(tmp_path):
    file = tmp_path / "pids"
    running = started(tmp_path, "hanging", [(str(file),)], "Terms(seconds=3.0, outlives=True)")
    workers = killed_when(lambda: file.exists() and len(file.read_text().split()) == 3, running)
    killed = time.monotonic()
    pids = {int(line) for line in file.read_text().split()}
    assert pids & workers
    time.sleep(0.5)
    assert all(there(pid) for pid in pids), "it has its time"
    until(lambda: not any(there(pid) for pid in pids | workers))
    assert time.monotonic() - killed < 3.0 + 2.0 + 2.0


def test_an_idle_worker_beside_it_leaves_at_once(tmp_path):
    file = str(tmp_path / "a")
    short = str(tmp_path / "b")
    tasks = [(3.0, file), (0.0, short)]
    running = started(tmp_path, "slowly", tasks, "Terms(outlives=True)")
    until(lambda: Path(f"{short}.ended").exists() and begun(file)())
    workers = killed_when(begun(file), running)
    assert len(workers) == 2
    idle = int(Path(f"{short}.ended").read_text())
    until(lambda: not there(idle), 2.0)
    assert all(there(pid) for pid in workers - {idle})
    until(Path(f"{file}.ended").exists)


def test_the_orderly_end_of_the_parent_ends_it(tmp_path):
    file = str(tmp_path / "a")
    with started(tmp_path, "slowly", [(60.0, file)], "Terms(outlives=True)") as parent:
        until(begun(file))
        workers = descendants(parent.pid)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(10) != 0
    assert len(workers) == 1
    until(lambda: not any(there(pid) for pid in workers), 2.0)


def test_a_worker_of_a_stopped_parent_keeps_to_its_time_too(tmp_path):
    file = str(tmp_path / "a")
    with started(tmp_path, "slowly", [(60.0, file)], "Terms(seconds=1.0)") as parent:
        until(begun(file))
        workers = descendants(parent.pid)
        parent.send_signal(signal.SIGSTOP)
        until(lambda: not any(there(pid) for pid in workers))
        parent.send_signal(signal.SIGCONT)
        told = parent.communicate(timeout=10)[0]
    assert "kind='timeout'" in told
    assert "limits.seconds=1;" in told


@pytest.mark.slow
def test_an_orphan_that_lets_no_thread_run_ends_too(tmp_path):
    file = str(tmp_path / "a")
    terms = "Terms(seconds=1.0, outlives=True)"
    workers = killed_when(begun(file), started(tmp_path, "holding_all_threads", [(60, file)], terms))
    time.sleep(0.5)
    assert all(there(pid) for pid in workers)
    until(lambda: not any(there(pid) for pid in workers), 15.0)
