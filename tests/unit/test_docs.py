"""What pages and messages say of the program, held against the program."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from local.emulator import gaps
from release import engine

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def texts(*patterns: str) -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return ((name, (ROOT / name).read_text(encoding="utf-8")) for name in listed.stdout.splitlines())


def test_a_release_has_as_many_phases_as_pages_say() -> None:
    said = [
        (name, number)
        for name, text in texts("*.md", "release/*.py")
        for number in re.findall(rf"\b({'|'.join(NUMBERS)})\s+phases", text)
    ]
    assert said
    assert [(name, number) for name, number in said if NUMBERS.index(number) != len(engine.PHASES)] == []


def test_workflows_are_called_as_github_shows_them() -> None:
    titles = {yaml.safe_load(text)["name"] for _, text in texts(".github/workflows/*.yml")}
    said = [
        (name, title)
        for name, text in texts("*.md", "cli/*.py", "release/*.py")
        for title in re.findall(r"Actions > \*?([^*>]+?)\*?(?: >|\*)", text)
    ]
    assert said
    assert [(name, title) for name, title in said if title not in titles] == []


def test_the_stacks_page_names_outputs_that_there_are() -> None:
    named = re.findall(r"\$\{outputs\.(\w+)", (ROOT / "Pulumi.README.md").read_text(encoding="utf-8"))
    exported = re.findall(r'pulumi\.export\("(\w+)"', (ROOT / "__main__.py").read_text(encoding="utf-8"))
    assert named
    assert set(named) <= set(exported)


def test_the_page_of_facts_names_every_gap_of_the_emulator_and_tests_that_there_are() -> None:
    page = (ROOT / "docs" / "aws-facts.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert [row for row in rows if len(row) != len(rows[0])] == []
    assert sorted(set(gaps.NAMES) - set(re.findall(r"`gaps/(\w+)`", page))) == []
    named = {name for row in rows[1:] for name in re.findall(r"`(\w[\w/]*\.py)`", row[2] + row[4])}
    files = {name for name, _ in texts("*.py")}
    assert [name for name in sorted(named) if not any(f"/{file}".endswith(f"/{name}") for file in files)] == []


def anchor(heading: str) -> str:
    """How GitHub names a heading in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for name, text in texts("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            path, _, section = target.partition("#")
            page = (ROOT / name).parent / path if path else ROOT / name
            text_there = page.read_text(encoding="utf-8") if page.suffix == ".md" and page.is_file() else ""
            headings = re.findall(r"^#+ (.+)$", text_there, re.M)
            if not page.exists() or (section and section not in map(anchor, headings)):
                broken.append(f"{name}: {target}")
    assert broken == []


def test_every_page_and_decision_is_in_the_index_and_decisions_have_one_head() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [Path(name).relative_to("docs") for name, _ in texts("docs/*.md") if "examples" not in name]
    assert [page for page in pages if page.name != "README.md" and f"({page})" not in index] == []
    for name, text in texts("docs/decisions/*.md"):
        head = re.match(r"# (.+)\n\n- \*\*Status:\*\* (.+)\n- \*\*Date:\*\* ([\d-]+).*\n- \*\*Considered:\*\* .", text)
        assert head, name
        number, _, title = head[1].partition(". ")
        assert f"({Path(name).relative_to('docs')}) | {title} | {head[2]} | {head[3]} |" in index, name
        assert Path(name).name.startswith(f"{int(number):04d}-")


def test_the_diagram_of_a_release_has_its_phases_in_order() -> None:
    diagram = (ROOT / "README.md").read_text(encoding="utf-8").partition("```mermaid")[2].partition("```")[0]
    assert re.findall(r'"\d+ ([^"]+)"', diagram) == [name for name, _ in engine.PHASES]


def test_figures_of_the_readme_are_those_that_were_measured() -> None:
    readme, measured, failures = (
        (ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/benchmarks.md", "docs/failures.md")
    )
    compared = readme.partition("## Compared with other tools")[2].partition("\n## ")[0]
    figures = set(re.findall(r"\d+(?:[.,]\d+)? (?:s|requests)\b", compared))
    assert figures
    assert sorted(figure for figure in figures if figure not in measured) == []
    assert re.findall(r"Killed at (\d+) points", compared) == re.findall(r"SIGKILL at (\d+) requests", failures)


def test_messages_and_comments_name_pages_that_there_are() -> None:
    named = {
        (name, page)
        for name, text in texts("*.py", "*.yml", "*.yaml", "Makefile", ":!tests/", ":!local/")
        for page in re.findall(r"\bdocs/[\w/-]+\.(?:md|yaml)\b", text)
    }
    assert len(named) > 10
    assert sorted((name, page) for name, page in named if not (ROOT / page).is_file()) == []
