"""The page about the command line cannot lie: it is compared with the program."""

import re
from pathlib import Path

import pytest
import typer

from assay.cli.main import app
from assay.cli.promotion_views import STATE_EXITS
from assay.cli.terminal import EXIT_CODES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The page by its headings."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in parts[1:]}


def options_of(command) -> set[str]:
    names = {
        name
        for each in command.params
        if each.param_type_name == "option"
        for name in (*each.opts, *each.secondary_opts)
    }
    return names - {"-h", "--help"}


def test_the_page_has_every_command_and_no_other(sections, commands):
    documented = {name.removeprefix("assay ") for name in sections if name.startswith("assay ")}
    assert documented == set(commands)


def test_each_command_is_described_as_it_describes_itself(sections, commands):
    for name, command in commands.items():
        summary = command.help.strip().splitlines()[0]
        assert sections[f"assay {name}"].strip().startswith(summary), name


def test_each_command_has_every_option_and_no_other(sections, commands):
    for name, command in commands.items():
        rows = [line for line in sections[f"assay {name}"].splitlines() if line.startswith("| `-")]
        written = {option for row in rows for option in re.findall(r"`(--?[a-z-]+)`", row.split(" | ")[0])}
        assert written == options_of(command), name


def test_each_command_has_every_argument(sections, commands):
    for name, command in commands.items():
        for each in command.params:
            if each.param_type_name == "argument":
                assert f"| `{each.metavar or each.name.upper()}` |" in sections[f"assay {name}"], name


def test_every_row_says_what_it_means(sections):
    rows = [line for text in sections.values() for line in text.splitlines() if line.startswith("| `")]
    assert [
        row for row in rows if not re.search(r"[a-z]", row.split(" |", 1)[1].replace("*(optional)*", ""))
    ] == []


def test_every_exit_code_is_in_the_table(sections):
    written = {int(code) for code in re.findall(r"^\| (\d) \|", sections["Exit codes"], flags=re.MULTILINE)}
    assert written == {0, 1, *EXIT_CODES.values(), *STATE_EXITS.values()}


def test_the_options_before_the_command_are_told():
    page = PAGE.read_text(encoding="utf-8")
    for option in options_of(typer.main.get_command(app)):
        assert option in page, option


def test_every_command_takes_json_but_those_that_only_run(commands):
    without = {name for name, command in commands.items() if "--json" not in options_of(command)}
    assert without == {"serve", "worker"}


def test_every_option_and_argument_says_what_it_is_for(commands):
    silent = [
        f"{name} {each.opts[0]}"
        for name, command in commands.items()
        for each in command.params
        if not each.help
    ]
    assert silent == []
