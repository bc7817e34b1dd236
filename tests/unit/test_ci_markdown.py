"""What goes into a comment or a summary: nothing in it is markup that is not ours, and all of it fits."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from cli import markdown
from cli.events import Change, Preview
from cli.markdown import Block, Part

ROUTINE = Change(
    name="backend",
    type="aws:ecs/taskDefinition:TaskDefinition",
    because=("containerDefinitions",),
    note="a new revision; the old one stays registered",
)
BALANCER = Change(name="backend", type="aws:lb/loadBalancer:LoadBalancer", because=("name",))


def preview(**given: object) -> Preview:
    values: dict[str, object] = {
        "stack": "prod",
        "version": "3f2c1aa0" * 5,
        "counts": {"update": 3, "replace": 1},
        "diff": "  ~ a: 1 => 2",
    }
    return Preview(**{**values, **given})  # type: ignore[arg-type] # every test gives what it is about


def shown(given: Preview) -> str:
    return markdown.join(markdown.parts_of(given))


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


@pytest.mark.parametrize("text", ["plain", "``` inside", "a ````` b ``` c", "```\n</details>\n```", "ends with `"])
def test_no_backticks_of_a_text_end_its_fence(text: str) -> None:
    made = rendered(markdown.fence(text, "diff") + "\n\nafter")
    assert made.count("<pre>") == 1
    assert made.rstrip().endswith("</code></pre>\n<p>after</p>")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a | b",
        "*bold* _thin_ ~~gone~~ `code`",
        "[link](https://example.org) ![picture](x)",
        "# title",
        "- item",
        "1. item",
        "1) item",
        "+ item",
        "===",
        "</details><!-- release:preview -->",
        "&lt;b&gt;",
        "back\\slash",
        "> quoted",
    ],
)
@pytest.mark.parametrize("marked", [markdown.escape, markdown.code])
def test_a_text_that_is_not_ours_stays_a_text(text: str, marked: object) -> None:
    assert callable(marked)
    for document in (marked(text), markdown.table(["a"], [[marked(text)]])):
        tokens = [
            each
            for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(document)
            for each in [token, *(token.children or [])]
        ]
        kinds = {token.type for token in tokens} - {"inline", "text", "paragraph_open", "paragraph_close"}
        assert {kind for kind in kinds if not kind.startswith(("table", "thead", "tbody", "tr", "th", "td"))} <= {
            "html_inline",
            "text_special",
        }
        assert {token.content for token in tokens if token.type == "html_inline"} <= {"<code>", "</code>"}
        shown = "".join(token.content for token in tokens if token.type in {"text", "text_special"})
        assert text in shown.replace("\u200b", "")


def test_nobody_is_called_and_no_issue_is_mentioned() -> None:
    made = rendered(markdown.escape("ask @everyone about #12"))
    assert "@everyone" not in made
    assert "#12" not in made
    assert "ask @\u200beveryone about #\u200b12" in made


def test_a_document_that_fits_is_whole() -> None:
    parts: list[Part] = ["first", Block(text="x" * 100), "last"]
    assert markdown.fit(parts, 1000) == markdown.join(parts)


def test_the_longest_block_loses_its_end_first_and_says_where_all_of_it_is() -> None:
    parts: list[Part] = ["first", Block(text="short"), Block(text="line\n" * 1000, whole="See the run."), "last"]
    made = markdown.fit(parts, 800)
    assert markdown.characters(made) <= 800
    assert "```\nshort\n```" in made
    assert made.startswith("first")
    assert made.endswith("last")
    shown = made.count("line\n")
    assert shown > 80
    assert f"**{1000 - shown} of 1000 lines are left out**, as GitHub shows no more here. See the run." in made


def test_a_block_that_does_not_fit_at_all_says_so() -> None:
    made = markdown.fit(["first", Block(text="x" * 5000)], 200)
    assert "```" not in made
    assert "**1 of 1 lines are left out**" in made


def test_a_document_without_blocks_is_cut_as_well() -> None:
    made = markdown.fit(["word " * 1000], 300)
    assert markdown.characters(made) <= 300
    assert made.endswith("**The rest is left out, as GitHub shows no more here.**")


def test_a_size_in_bytes_counts_bytes() -> None:
    made = markdown.fit([Block(text="é\n" * 1000)], 1000, markdown.octets)
    assert len(made.encode()) <= 1000
    assert "left out" in made


def test_characters_beyond_the_first_plane_count_twice() -> None:
    assert markdown.characters("a😀") == 3


def test_signs_are_where_github_colors_them() -> None:
    diff = "  ~ a: 1 => 2\n      + b: 3\n      - c: 4\n    +-aws:x (replace)\n        same\n  -     [0]: {"
    assert markdown.colored(diff).splitlines() == [
        "!  ~ a: 1 => 2",
        "+        b: 3",
        "-        c: 4",
        "!    +-aws:x (replace)",
        "         same",
        "-        [0]: {",
    ]


def test_no_change_is_one_line() -> None:
    assert shown(preview(counts={}, diff="Resources:\n    96 unchanged")) == "**prod**: no change"


def test_a_preview_begins_with_what_it_is_and_folds_the_diff() -> None:
    replaced, deleted = (BALANCER, ROUTINE), (Change(name="old", type="aws:s3:B"),)
    counts = {"update": 3, "replace": 2, "delete": 1}
    comes = "prod: 1111111 -> 3f2c1aa, 3 commits, proven in impl 13:18 UTC"
    made = shown(preview(counts=counts, replaced=replaced, deleted=deleted, headline=comes))
    lines = [line for line in made.splitlines() if line]
    assert lines[0] == "### prod: 3 to update, 1 to replace, 1 to delete, 1 replaced as in every release"
    assert lines[1] == f"**{markdown.escape(comes)}**"
    assert lines[2] == (
        "- **replace** <code>backend</code> <code>aws:lb/loadBalancer:LoadBalancer</code>, because of <code>name</code>"
    )
    assert lines[3] == "- **delete** <code>old</code> <code>aws:s3:B</code>"
    assert lines[4].startswith("As in every release: **replace** <code>backend</code> <code>aws:ecs/taskDefinition")
    assert lines[4].endswith("<code>containerDefinitions</code> (a new revision; the old one stays registered)")
    assert lines[5:] == ["<details><summary>Diff of prod</summary>", "```diff", "!  ~ a: 1 => 2", "```", "</details>"]


def test_many_replaced_resources_are_counted() -> None:
    many = tuple(Change(name=f"n{number}", type="aws:x:Y") for number in range(30))
    made = markdown.dangers(preview(replaced=many))
    assert len(made) == 21
    assert made[-1] == "… and 10 more"


def test_the_gate_s_refusal_is_one_line_that_unfolds() -> None:
    made = shown(preview(gate="prod refused 3f2c: impl has not proven it.\n  to prove it there:  x"))
    assert "<summary>The gate would stop <code>pulumi up</code>: prod refused 3f2c: impl has not proven it.</s" in made
    assert "```\nprod refused 3f2c: impl has not proven it.\n  to prove it there:  x\n```" in made
    assert "would change with <code>3f2c1aa03f2c</code>" in made


def test_the_gate_is_told_where_nothing_would_change_but_no_diff() -> None:
    made = shown(preview(counts={}, gate="prod refused 3f2c.", diff="Resources:\n    96 unchanged"))
    assert made.startswith("### prod: no change\n\n<details><summary>The gate")
    assert "unchanged" not in made


def test_the_error_of_a_failed_preview_is_not_folded() -> None:
    made = shown(preview(failed=True, counts={}, errors=("boom <b>",), diff=""))
    assert made == "### prod: the preview failed\n\n```\nboom <b>\n```"


def test_names_of_variables_and_warnings_are_shown() -> None:
    made = shown(preview(variables=("+ TOKEN", "~ LEVEL"), warnings=("a *warning*",)))
    assert "values are not shown: <code>&#43; TOKEN</code>, <code>&#126; LEVEL</code>" in made
    assert "- warning: a &#42;warning&#42;" in made


def test_what_every_release_replaces_is_counted_apart() -> None:
    assert markdown.summarize(preview(counts={"replace": 1}, replaced=(ROUTINE,))) == "1 replaced as in every release"
    assert markdown.dangers(preview(replaced=(ROUTINE,))) == []


def test_a_summary_is_in_the_order_of_danger_and_names_what_it_does_not_know() -> None:
    assert markdown.summarize(preview(counts={"read": 1, "delete": 2, "create": 3})) == (
        "3 to create, 2 to delete, 1 to read"
    )
