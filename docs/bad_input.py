"""Writes the table of bad input into docs/reliability.md, from the cases that are tested.

With --check it writes nothing, and ends with 1 if the page is not up to date.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- bad input: made by docs/bad_input.py -->\n", "<!-- end of bad input -->\n"
sys.path.append(str(ROOT / "tests" / "faults"))

import bad_files  # noqa: E402
import bad_runs  # noqa: E402
import bad_settings  # noqa: E402

SECTIONS = {"Settings": bad_settings.CASES, "Structures and labels": bad_files.CASES, "Places and runs": bad_runs.CASES}
HEAD = "| what is wrong | said | the answer names | exit code |\n|---|---|---|---|\n"


def table() -> str:
    """Return all sections in Markdown."""
    parts: list[str] = []
    for title, cases in SECTIONS.items():
        parts.append(f"\n### {title} ({len(cases)})\n\n{HEAD}" + "".join(f"{shortened(case.row)}\n" for case in cases))
    return "".join(parts) + "\n"


def shortened(row: str) -> str:
    """Return a row without the long runs of one letter that some cases are made of."""
    return re.sub(r"([\[x9])\1{11,}", r"\1\1\1\1\1\1…", row)


def main() -> None:
    """Write the table, or look whether it is there."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    wanted = before + BEGIN + table() + END + rest.partition(END)[2]
    if "--check" in sys.argv and page != wanted:
        sys.exit("docs/reliability.md is not up to date: run docs/bad_input.py")
    if page != wanted:
        PAGE.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
