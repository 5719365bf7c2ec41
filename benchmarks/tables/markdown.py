"""Markdown tables, and the sentences that say with what, when and on what machine something was measured."""

import re
from collections.abc import Sequence
from typing import Any

IDLE_CORES = 0.2  # where other programs use more, a measurement is said to be disturbed
OLD_COMMAND = re.compile(r"python (?:benchmarks/(\w+)\.py|-m benchmarks\.(?!measure\.)(\w+))(?: --parts (\w+))?")


def table(head: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> str:
    """Return a Markdown table, with a line below it if there is a note."""
    lines = [head, ["---"] * len(head), *rows]
    text = "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
    return f"{text}\n{note}\n" if note else text


def bullets(lines: Sequence[str]) -> str:
    """Return a Markdown list."""
    return "".join(f"- {line}\n" for line in lines)


def measured(found: dict[str, Any]) -> str:
    """Return with what, when and on what something was measured, and whether the machine was idle."""
    return f"{dated(found)}: {found['cpu']}, torch {found['torch']}.{disturbed(found)}"


def dated(found: dict[str, Any]) -> str:
    """Return the command that repeats a measurement, and its date."""
    return f"`{current_command(found['command'])}`, {found['date']}"


def current_command(recorded: str) -> str:
    """Return the command of today for a recorded one, which may be from before `benchmarks` was a package."""

    def module(match: re.Match[str]) -> str:
        script, old_module, part = match.groups()
        name = part if part and part != "speed" else script or old_module  # engine.py --parts speed is engine
        return f"python -m benchmarks.measure.{name}"

    return OLD_COMMAND.sub(module, recorded)


def disturbed(found: dict[str, Any]) -> str:
    """Return what must be said of the times if other programs ran beside the measurement; else nothing."""
    busy = found.get("busy")
    if busy is not None and busy < IDLE_CORES:
        return ""
    cores = "an unknown number of cores" if busy is None else f"{busy:g} cores"
    return f" **Other programs used {cores}: times are too long, unevenly; to be repeated on an idle machine.**"
