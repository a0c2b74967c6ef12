"""The report: what it says is what the run folder says, whatever is missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

from eltanin.batch import Batch, Properties
from eltanin.hooks import relay
from eltanin.protocols import Dataset, Failure, Feedback, Reason
from eltanin.report import (
    Section,
    Table,
    calibration,
    deviations,
    failures,
    headline,
    learning,
    phrases,
    provenance,
    style,
    timing,
    write_report,
)
from eltanin.report import rounds as rounds_section
from eltanin.store import lines


@dataclass(frozen=True)
class Points(Batch):
    """Numbers, and where they come from."""

    x: np.ndarray
    evidence: dict = field(default_factory=dict)


class Line:
    """A domain of numbers y."""

    measure = "deviation, m/s"

    def error(self, predicted, labels):
        both = predicted.has("y") & labels.has("y")
        return np.where(both, np.abs(predicted.values["y"] - labels.values["y"]), np.nan)

    def panels(self, run):
        return [Section("Panel of the domain", f"{len(run.rounds)} rounds & <b>more</b>")]


def record(number, validation=True, audits=True, members=4, labelled=20):
    accurate = min(90, 10 * number)
    spread = {"q05": 0.02, "q25": 0.05, "q50": 0.1, "q75": 0.2, "q95": 0.5, "max": 2.0}
    return {
        "round": number,
        "explored": 100,
        "different": 50,
        "accurate": accurate if members > 1 else 0,
        "candidate": 95 - accurate if members > 1 else 100,
        "rejected": 5 if members > 1 else 0,
        "initial": labelled if number == 0 else 0,
        "labelled": labelled,
        "audited": 2 if audits and number else 0,
        "cached": 4,
        "failed": {"unconverged": 1} if number % 2 else {},
        "labels_total": labelled * (number + 1),
        "deviation": {k: v / (1 + number) for k, v in spread.items()} if members > 1 and number else {},
        "training": {"loss": 0.1},
        "curves": {"loss": list(np.exp(-np.linspace(0, 3, 50)))},
        "validation": {"flux_rmse": 2.0 / (1 + number), "flux_rmse_shock": 3.0 / (1 + number)} if validation else {},
        "audit": {
            "audits": 22, "failures": 0, "failure_rate_at_most": 0.0994, "confidence": 0.9, "tolerance": 0.3,
            "converged": True,
        } if audits and number else {},
        "seconds": {"explore": 1.0, "select": 0.5, "label": 5.0, "train": 3.0, "validate": 0.25, "core": 0.25},
    }  # fmt: skip


def dataset(n, members=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    reason = np.arange(n) % 3
    score = np.where(reason == 0, np.nan, rng.uniform(0.01, 0.5, n)) if members > 1 else np.full(n, np.nan)
    evidence = {
        "region": np.array(["calm", "shock"])[np.arange(n) % 2],
        "speed": np.linspace(1, 9, n),
        "blank": np.full(n, ""),
    }
    predicted = Properties.of(y=truth + 2 * np.nan_to_num(score, nan=1.0))
    return Dataset(Points(truth, evidence), Properties.of(y=truth), np.zeros(n, int), reason, score, predicted)


def simulated(path: Path, n: int = 3, members: int = 4, validation: bool = True, audits: bool = True, status="budget"):
    rng = np.random.default_rng(1)
    rounds = [record(i, validation, audits, members) for i in range(n)]
    config = {"seed": 5, "committee": members, "selector": {"_name_": "trust_levels", "low": 0.05, "high": 0.3}}
    path.mkdir(exist_ok=True)
    (path / "config.yaml").write_text("seed: 5\nname: <script>config</script>\n")
    pools = [
        Feedback({}, np.zeros(100, int), rng.uniform(0.01, 1, 100) if i and members > 1 else np.full(100, np.nan),
                 np.zeros(100, bool))
        for i in range(n)
    ]  # fmt: skip
    summary = {"status": status, "stop_reason": "told <so>", "command": "elt run seed=5", "validation": {}}
    return SimpleNamespace(
        path=path, config=config, plugins={"model=line": "eltanin-line 0.1.0"}, rounds=rounds, summary=summary,
        data=dataset(60, members) if n else None, pools=pools, validation=None, domain=Line(), damaged=[],
    )  # fmt: skip


def log(folder, *told):
    for failure in told:
        lines.append(folder / failures.FILE, {"round": 1, **failure._asdict(), "key": "0a" * 32})


def titles(page):
    return [unescape(title) for title in re.findall(r"<h2>(.*?)</h2>", page)]


def words(page):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))).split())


def settings():
    return {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}  # to ask for it chooses one


FULL = [
    "Explored and labelled", "Deviation of the committee", "Learning", "Panel of the domain", "Calibration",
    "Labels that failed", "Time", "Model card", "Provenance",
]  # fmt: skip


# -- the page --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "missing"),
    [
        ({}, set()),
        ({"n": 30}, set()),
        ({"n": 200}, set()),
        ({"n": 1}, {"Deviation of the committee", "Labels that failed"}),
        ({"n": 0, "status": "failed"}, set(FULL) - {"Panel of the domain", "Provenance"}),
        ({"members": 1, "audits": False}, {"Deviation of the committee", "Calibration"}),
        ({"validation": False}, set()),
        ({"audits": False, "status": "failed"}, set()),
    ],
)
def test_a_page_shows_what_there_is_and_no_more(tmp_path, case, missing):
    page = write_report(simulated(tmp_path, **case)).read_text()
    assert titles(page) == [title for title in FULL if title not in missing]
    assert page.count("data:image/svg+xml;base64,") == page.count("<figure>")
    assert not re.search(r"\b(nan|None)\b", words(page))


def test_a_page_needs_nothing_else_and_runs_nothing(tmp_path):
    run = simulated(tmp_path)
    log(tmp_path, Failure("unconverged", "<script>alert(1)</script> & more"))
    page = write_report(run).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "&lt;script&gt;config" in page
    assert "Told &lt;so&gt;." in page
    links = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", page)
    assert links
    assert all(link.startswith(("data:image/svg+xml;base64,", "#")) for link in links)


def test_a_page_is_the_same_each_time_and_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # another test may have imported it
    before = settings()
    run = simulated(tmp_path)
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first
    assert settings() == before
    assert "matplotlib.pyplot" not in sys.modules


def test_watching_a_campaign_imports_nothing_slow():
    code = "import sys, eltanin.report, eltanin.report.progress as p; p.watcher(open('/dev/null', 'w'))"
    code += "; assert not {'matplotlib', 'jinja2', 'rich'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_panel_that_fails_does_not_cost_the_page(tmp_path):
    run = simulated(tmp_path)
    run.domain.panels = lambda r: [1 / 0]
    page = write_report(run).read_text()
    assert "Not shown: the panels of the domain" in titles(page)
    assert "ZeroDivisionError" in words(page)
    assert titles(page)[-1] == "Provenance"


def test_observers_add_sections(tmp_path):
    class Third:
        def report_sections(self, run):
            return [Section("Third", "a < b\n\nsecond", tables=[Table(["k"], [["<v>"]])], html="<hr class='own'>")]

    page = write_report(simulated(tmp_path), relay([Third()])).read_text()
    assert titles(page)[-2:] == ["Third", "Provenance"]
    assert "<p>a &lt; b</p>" in page
    assert "<p>second</p>" in page
    assert "<td>&lt;v&gt;</td>" in page
    assert "<hr class='own'>" in page


def test_the_page_tells_how_to_do_it_again(tmp_path):
    run = simulated(tmp_path)
    assert "elt run seed=5" in words(write_report(run).read_text())
    run.summary = {}
    assert provenance.command(run) == f"elt resume {tmp_path}"
    run.summary = {"command": ["elt", "run", "data=a b"]}
    assert provenance.command(run) == "elt run 'data=a b'"


# -- what is said ----------------------------------------------------------------------------------


def test_convergence_is_stated_in_plain_words(tmp_path):
    assert headline.headline(simulated(tmp_path)).statement == (
        "Of 22 configurations drawn at random from what the selector called accurate, none failed (error above "
        "0.3 m/s): the failure rate is at most 9.94 % at 90 % confidence."
    )
    assert "nothing is known" in headline.headline(simulated(tmp_path, audits=False)).statement


def test_failed_audits_are_counted():
    audit = {"audits": 30, "failures": 4, "failure_rate_at_most": 0.251, "confidence": 0.95, "tolerance": 0.1}
    told = phrases.statement(audit, "eV/Å")
    assert "4 failed (error above 0.1 eV/Å)" in told
    assert "at most 25.1 % at 95 % confidence" in told


def test_the_headline_adds_up(tmp_path):
    figures = {figure.name: figure for figure in headline.headline(simulated(tmp_path, n=4)).figures}
    assert figures["labels paid for"].value == str(4 * 20 + 2 - 4 * 4)
    assert figures["labels paid for"].about == "2 of them failed, 16 more from the store"
    assert figures["labelled of explored"].value == "40 %"
    assert figures["time"].value == "40.0 s"
    assert figures["flux RMSE"].value == "0.5"
    assert figures["flux RMSE"].about == "at most 0.75, shock"


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("force_rmse_mev_per_angstrom", "force RMSE (meV/Å)"),
        ("energy_mae_ev_per_atom", "energy MAE (eV/atom)"),
        ("stress_rmse_gpa", "stress RMSE (GPa)"),
        ("relative_flux_error", "relative flux error"),
        ("loss", "loss"),
    ],
)
def test_units_stand_at_the_end_of_a_key(key, label):
    assert str(phrases.quantity(key)) == label


def test_regions_are_told_from_quantities():
    keys = ["e_mev_hot_solid", "e_mev", "f_rmse_solid", "e_mev_solid", "f_rmse", "e_mevx"]
    assert phrases.by_region(keys) == {
        "e_mev": {"": "e_mev", "solid": "e_mev_solid", "hot_solid": "e_mev_hot_solid"},
        "e_mevx": {"": "e_mevx"},
        "f_rmse": {"": "f_rmse", "solid": "f_rmse_solid"},
    }


def test_numbers_are_said_with_three_digits():
    told = [phrases.number(x) for x in (0.123456, 41.26, 1234567, 1.23456e-7, None, float("nan"), np.int64(3), 0.0)]
    assert told == ["0.123", "41.3", "1\u202f234\u202f567", "1.23e-07", "–", "–", "3", "0"]
    bars = ((-2.90369512, 2.4e-4), (-5.7586, 0.04187), (1234.5, 12.0), (1.0, 0.0), (1.0, None), (float("nan"), 1.0))
    told = ["-2.90370 ± 0.00024", "-5.759 ± 0.042", "1234 ± 12", "1", "1", phrases.UNKNOWN]
    assert [phrases.with_bar(*one) for one in bars] == told
    assert [phrases.percent(x) for x in (0.5, 0.0994, 1.0, 0.9995, 0.00041)] == [
        "50 %", "9.94 %", "100 %", "99.95 %", "0.041 %",
    ]  # fmt: skip
    assert [phrases.duration(s) for s in (0.0004, 59.94, 60, 3725, 200_000)] == [
        "0.4 ms", "59.9 s", "1 min 00 s", "1 h 02 min", "2 d 7 h",
    ]  # fmt: skip


# -- what is drawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 7, 30, 333])
def test_bars_add_up_to_what_was_explored_and_asked_for(tmp_path, n):
    run = simulated(tmp_path, n=n)
    with style.styled():
        left, right = rounds_section.draw(run.rounds).axes
    assert sum(bar.get_height() for bar in left.patches) == sum(r["explored"] for r in run.rounds)
    asked = sum(r["labelled"] + sum(r["failed"].values()) for r in run.rounds)
    stored = sum(r["cached"] for r in run.rounds)
    assert sum(bar.get_height() for bar in right.patches) == asked + stored
    assert len({round(bar.get_x(), 6) for bar in left.patches}) <= 60


def test_trust_levels_are_drawn_where_they_are(tmp_path):
    run = simulated(tmp_path)
    with style.styled():
        axes = deviations.section(run).drawings[0].figure.axes
    assert sorted(line.get_ydata()[0] for line in axes[0].lines if line.get_linestyle() == "--") == [0.05, 0.3]
    low, high = axes[0].get_ylim()
    assert low < 0.02 / 3
    assert high > 1.0
    assert axes[0].get_ylabel() == "deviation (m/s)"


def test_distributions_are_shares_of_the_pool(tmp_path):
    run = simulated(tmp_path, n=12)
    shown = deviations.distributions(run.pools)
    assert list(shown) == [1, 3, 6, 9, 11]
    with style.styled():
        axes = deviations.section(run).drawings[0].figure.axes[1]
    assert [sum(patch.get_data().values) for patch in axes.patches] == pytest.approx([100.0] * 5)


def test_learning_curves_have_a_line_for_each_region(tmp_path):
    with style.styled():
        figure = learning.section(simulated(tmp_path, n=5)).drawings[0].figure
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert set(lines) == {"all", "shock"}
    assert list(lines["shock"].get_xdata()) == [20, 40, 60, 80, 100]
    assert lines["shock"].get_ydata()[-1] == pytest.approx(0.6)
    assert figure.axes[0].get_ylabel() == "flux RMSE"


def test_courses_are_drawn_over_steps_where_these_are_told(tmp_path):
    told = learning.courses([record(0) | {"curves": {"step": [10, 20, 30], "loss": [3.0, 2.0, 1.0]}}])
    untold = learning.courses([record(0)])
    assert [a.get_xlabel() for a in (told.axes[0], untold.axes[0])] == ["step", "part of the training (%)"]
    assert list(told.axes[0].lines[0].get_xdata()) == [10, 20, 30]
    assert untold.axes[0].lines[0].get_xdata()[-1] == 100
    long = {"loss": list(range(100_000))}
    assert len(learning.course(long, "loss")[1]) <= learning.POINTS


def test_audits_and_candidates_are_calibrated_apart(tmp_path):
    run = simulated(tmp_path)
    audits, candidates = calibration.split(run)
    assert (audits.name, len(audits.score)) == ("audits", int(np.sum(run.data.reason == Reason.AUDIT)))
    assert (candidates.name, len(candidates.score)) == ("candidates", 20)
    assert candidates.error == pytest.approx(2 * candidates.score)
    assert calibration.words(audits, alike=True) == (
        "Audits (20 labels): the error is 2 times the deviation in the median, and larger than it for 100 %; "
        "rank correlation 1."
    )


def test_a_selector_that_scores_by_a_measure_of_its_own_is_not_compared_in_the_unit_of_the_domain(
    tmp_path, monkeypatch
):
    run = simulated(tmp_path)
    assert deviations.scored(run).unit == "m/s"
    monkeypatch.setattr(deviations, "options", lambda role: ["trust_levels"])
    monkeypatch.setattr(deviations, "load", lambda role, name: type("Grades", (), {"measure": "grade"}))
    assert str(deviations.scored(run)) == "grade"
    told = calibration.section(run)
    assert "Audits (20 labels); rank correlation 1." in told.words
    assert "diagonal" not in told.drawings[0].caption
    assert [a.get_xlabel() for a in told.drawings[0].figure.axes] == ["grade at selection"] * 2


def test_labels_without_an_error_are_left_out_of_the_calibration(tmp_path):
    run = simulated(tmp_path)
    nothing = Properties({"y": np.full(60, np.nan)}, {"y": np.zeros(60, bool)})
    run.data = Dataset(
        *(getattr(run.data, k) for k in ("configurations", "labels", "round", "reason", "score")), nothing
    )
    assert calibration.section(run) is None


def test_time_is_split_by_stage(tmp_path):
    section = timing.section(simulated(tmp_path, n=4))
    assert section.words == "4 rounds took 40.0 s. The core itself took 2.5 %, 250 ms a round."


def test_few_of_many_are_spread_evenly():
    assert style.spread(0, 5) == []
    assert style.spread(1, 5) == [0]
    assert style.spread(3, 5) == [0, 1, 2]
    assert style.spread(101, 5) == [0, 25, 50, 75, 100]


# -- labels that failed ----------------------------------------------------------------------------


def test_failures_are_told_by_kind_with_their_messages(tmp_path):
    run = simulated(tmp_path, n=6)
    log(tmp_path, *(Failure("unconverged", f"after {n} cycles") for n in (100, 100, 200, 300, 400)))
    with (tmp_path / failures.FILE).open("a") as file:
        file.write(json.dumps({"round": 2})[:-3])  # as a sudden death leaves it
    section = failures.section(run)
    said = "after 100 cycles\nafter 200 cycles\nafter 300 cycles"
    assert section.tables[0].rows == [["unconverged", "3", said, f"elt repeat {tmp_path} {'0a' * 6}"]]
    assert section.words.startswith("3 labels of 123 asked for failed (2.44 %).")


def test_failures_without_a_log_are_counted_still(tmp_path):
    assert failures.section(simulated(tmp_path)).tables[0].rows == [["unconverged", "1", "–", "–"]]


def test_what_is_damaged_is_told_and_nothing_where_all_is_whole(tmp_path):
    run = simulated(tmp_path)
    run.damaged = ["rounds.jsonl: <2> lines"]
    page = write_report(run).read_text()
    assert "Damaged files" in titles(page)
    assert "rounds.jsonl: &lt;2&gt; lines" in page


def test_the_model_card_says_where_it_was_explored(tmp_path):
    tables = provenance.card(simulated(tmp_path)).tables
    assert tables[1].rows == [["region", "calm (30), shock (30)"], ["speed", "1 to 9"]]
    assert ["learned from", "60 labels"] in [list(row) for row in tables[0].rows]
