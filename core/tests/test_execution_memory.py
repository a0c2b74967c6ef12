"""Memory of tasks: limited, and told as such when it was not enough, in whatever way that shows."""

import sys
from pathlib import Path

import pytest

from eltanin.errors import ConfigurationError
from eltanin.execution import Inline, Processes, memory
from eltanin.terms import FREELY, Terms

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
import toy_tasks  # noqa: E402

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="elsewhere there is less to be promised"
)


def ordered(executor, function, tasks, terms=FREELY):
    return [result for _, result in sorted(executor.run(function, tasks, terms), key=lambda pair: pair[0])]


def one(function, *arguments, terms=FREELY):
    return ordered(Processes(1), function, [arguments], terms)[0]


def test_a_task_that_needs_too_much_memory_costs_its_own_result():
    terms = Terms(gigabytes=0.5)
    results = ordered(Processes(2), toy_tasks.greedy, [(0.01,), (0.7,), (0.02,)], terms)
    assert results[0] == 1_250_000
    assert results[2] == 2_500_000
    assert results[1].kind == "memory"
    assert "limits.gigabytes=0.5:" in results[1].message
    assert "raise limits.gigabytes" in results[1].message
    assert results[1].output == "asking for 0.7"
    assert one(toy_tasks.greedy, 0.6) == 75_000_000, "and without a limit there is none"


def test_memory_taken_a_little_at_a_time_is_limited_too_and_the_limit_ends_with_the_task():
    before = one(toy_tasks.data_limit)
    assert one(toy_tasks.creeping, terms=Terms(gigabytes=0.5)).kind == "memory"
    assert one(toy_tasks.data_limit, terms=Terms(gigabytes=0.5))[0] == 500_000_000
    assert one(toy_tasks.data_limit) == before


def test_a_limit_below_what_the_process_has_already_is_told_as_such():
    failure = one(toy_tasks.square, 2, terms=Terms(gigabytes=0.001))
    assert failure.kind == "memory"
    assert "limits.gigabytes=0.001:" in failure.message
    assert "GB before it began" in failure.message


@pytest.mark.parametrize("executor", [Inline(), Processes(1)])
def test_lack_of_memory_is_a_failure_in_whatever_words_it_is_told(executor):
    words = ["MemoryError", "OSError", "RuntimeError", "RuntimeError: thread"]
    for failure in ordered(executor, toy_tasks.starved, [(word,) for word in words]):
        assert failure.kind == "memory"
        assert "run fewer tasks at a time" in failure.message
    with pytest.raises(RuntimeError, match="something else"):
        ordered(executor, toy_tasks.starved, [("something else",)])


def test_a_worker_that_had_too_little_memory_is_replaced():
    (before,) = ordered(Processes(1), toy_tasks.process, [()])
    assert one(toy_tasks.starved, "MemoryError").kind == "memory"
    assert one(toy_tasks.process) != before


def write_counts(tmp_path, monkeypatch, version):
    """Lay out control groups; return the file that counts what the kernel has killed."""
    groups = tmp_path / "groups"
    line, counts = {
        1: ("4:cpu,memory:/job/7", groups / "memory/job/7/memory.oom_control"),
        2: ("0::/job/7", groups / "job/7/memory.events"),
        0: ("0::/elsewhere", tmp_path / "vmstat"),
    }[version]
    counts.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cgroup").write_text(f"3:cpuset:/\n{line}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "CGROUPS", groups)
    monkeypatch.setattr(memory, "KERNEL", tmp_path / "vmstat")
    counts.write_text("oom 9\noom_kill 3\n")
    return counts


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_worker_killed_for_lack_of_memory_is_told_from_one_killed_by_hand(version, tmp_path, monkeypatch):
    counts = write_counts(tmp_path, monkeypatch, version)
    running = Processes(1).run(toy_tasks.killed, [(n, 1) for n in range(3)])
    assert next(running) == (0, 0)
    counts.write_text("oom 9\noom_kill 4\n")
    _, failure = next(running)
    assert failure.kind == "memory"
    assert "no memory left" in failure.message
    assert list(running) == [(2, 2)]
    assert one(toy_tasks.killed, 1, 1).kind == "crash"


def test_each_process_that_the_kernel_killed_is_told_of_once(tmp_path, monkeypatch):
    counts = write_counts(tmp_path, monkeypatch, 2)
    kills = memory.Kills()
    assert not kills.another()
    counts.write_text("oom_kill 5\n")
    assert [kills.another() for _ in range(3)] == [True, True, False]


def test_where_memory_cannot_be_limited_that_is_said_before_anything_is_done(monkeypatch):
    monkeypatch.setattr(memory, "resource", None)
    with pytest.raises(ConfigurationError, match=r"limits.gigabytes=1: .* has no way to enforce it"):
        Processes(1).run(toy_tasks.square, [(1,)], Terms(gigabytes=1.0))
    assert one(toy_tasks.square, 2) == 4
