"""The plan of docs/scale.md, computed: measured rates in benchmarks/results times the assumptions below.

    python docs/scale.py

What stands between `<!-- plan: NAME -->` and `<!-- end -->` is written anew; the rest of the page is left alone.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "scale.md"
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
SLOT = re.compile(r"(<!-- plan: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
WAYS = (("caesr-lite-x4", "jpg"), ("caesr-lite-x4", "webp"), ("caesr-lite-x4", "png"), ("caesr-base-x4", "jpg"))
SCALE = 4
BUSY = 0.2  # cores; if other programs used as many while rates were measured, the page says so


@dataclass(frozen=True)
class Assumptions:
    """What is assumed, not measured. Prices in US dollars, of the order of public list prices; put in your own."""

    pictures: int = 100_000_000
    megapixels: float = 0.25  # of a picture; JPEGs
    machines: int = 100
    vcpus: int = 64  # of a machine
    vcpu_hour: float = 0.015  # $ for a vCPU that may be taken away at any time
    million_puts: float = 5.0  # $ for writing a million objects
    million_gets: float = 0.4  # $ for reading as many
    gigabyte_month: float = 0.023  # $ for keeping one
    puts_a_second: int = 3500  # under one prefix of a store
    gigabits: float = 12.5  # a second, of a machine's network


ASSUMED = Assumptions()
MEANINGS = {
    "pictures": "pictures",
    "megapixels": "megapixels of a picture, a JPEG",
    "machines": "machines at once",
    "vcpus": "vCPUs of a machine",
    "vcpu_hour": "$ for an hour of a vCPU, interruptible",
    "million_puts": "$ for writing a million objects",
    "million_gets": "$ for reading a million objects",
    "gigabyte_month": "$ for keeping a gigabyte for a month",
    "puts_a_second": "objects written a second under one prefix",
    "gigabits": "gigabits a second of a machine's network",
}


def results(name: str) -> Any:
    """A file of benchmarks/results."""
    return json.loads((RESULTS / f"{name}.json").read_text())


@dataclass(frozen=True)
class Way:
    """A network and a format of results: what a picture costs."""

    network: str
    format: str

    @property
    def seconds(self) -> dict[str, float]:
        """Of a vCPU, by what they go to. The network's threads were vCPUs; so were the cores that files took."""
        speed, formats = results("speed"), results("files")["formats"]
        threads = int(re.search(r"(\d+) threads", speed["cpu"])[1])  # type: ignore[index]
        ms = next(row["ms_per_mp"] for row in speed["networks"] if row["name"] == self.network)
        larger = ASSUMED.megapixels * SCALE**2
        return {
            "network": threads * ms / 1000 * larger,
            "reading": formats["jpg"]["read_core_s"] * ASSUMED.megapixels,
            "writing": formats[self.format]["write_core_s"] * larger,
            "driver": results("files")["driver_core_s"],
        }

    @property
    def total(self) -> float:
        """Seconds of a vCPU for a picture."""
        return sum(self.seconds.values())

    @property
    def vcpu_hours(self) -> float:
        """For all pictures."""
        return self.total * ASSUMED.pictures / 3600

    @property
    def rate(self) -> float:
        """Pictures a second of all machines."""
        return ASSUMED.machines * ASSUMED.vcpus / self.total

    @property
    def megabytes(self) -> tuple[float, float]:
        """Of a picture and of its result."""
        formats = results("files")["formats"]
        larger = ASSUMED.megapixels * SCALE**2
        return formats["jpg"]["megabytes"] * ASSUMED.megapixels, formats[self.format]["megabytes"] * larger

    @property
    def dollars(self) -> dict[str, float]:
        """For all pictures, by what they go to."""
        return {
            "machines": self.vcpu_hours * ASSUMED.vcpu_hour,
            "requests": ASSUMED.pictures / 1e6 * (ASSUMED.million_puts + ASSUMED.million_gets),
            "a month of results": ASSUMED.pictures * self.megabytes[1] / 1000 * ASSUMED.gigabyte_month,
        }


def assumed() -> str:
    """The assumptions as a table."""
    rows = [f"| {MEANINGS[f.name]} | {getattr(ASSUMED, f.name):,} |" for f in fields(ASSUMED)]
    return "\n".join(["| assumed | |", "| --- | --- |", *rows]) + "\n"


def plan() -> str:
    """Machines, hours and cost of every way."""
    head = ["×4 by, written as", "vCPU s a picture", "vCPU hours", f"hours on {ASSUMED.machines} machines"]
    head += ["machines ($)", "requests ($)", "results (TB)", "a month of them ($)"]
    rows = []
    for way in ways():
        terabytes = ASSUMED.pictures * way.megabytes[1] / 1e6
        hours = way.vcpu_hours / (ASSUMED.machines * ASSUMED.vcpus)
        cells = [f"`{way.network}`, {way.format}", f"{way.total:.2f}", f"{way.vcpu_hours:,.0f}", f"{hours:.1f}"]
        machines, requests, month = way.dollars.values()
        rows.append([*cells, f"{machines:,.0f}", f"{requests:,.0f}", f"{terabytes:,.0f}", f"{month:,.0f}"])
    speed, files = results("speed"), results("files")
    busy = speed.get("busy", BUSY)
    note = f"Rates: `{speed['command']}`, {speed['date']}, {speed['cpu']}; `{files['command']}`, {files['date']}."
    if busy >= BUSY:
        note += f" **Other programs used {busy:g} cores while networks were timed: hours and cost are too high.**"
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + f"\n\n{note}\n"


def bottleneck() -> str:
    """What the time of each way goes to, and what else might be short."""
    lines = []
    for way in ways():
        most = max(way.seconds, key=way.seconds.__getitem__)
        dearest = max(way.dollars, key=way.dollars.__getitem__)
        share = way.seconds[most] / way.total
        lines.append(
            f"- `{way.network}`, {way.format}: {share:.0%} of the time goes to the {most}; dearest: {dearest}."
        )
    fast = max(ways(), key=lambda way: way.rate)
    gigabits = max(way.rate * sum(way.megabytes) for way in ways()) * 8 / 1000 / ASSUMED.machines
    lines += [
        f"- Network: {gigabits:.2f} of {ASSUMED.gigabits:g} gigabits a second of a machine, at most.",
        f"- The store: {fast.rate:,.0f} results a second at most, so at least "
        f"{math.ceil(fast.rate / ASSUMED.puts_a_second)} prefixes.",
        f"- The driver lists and records {1 / results('files')['driver_core_s']:,.0f} pictures a second of a core; "
        "what Ray itself takes to hand out a job comes to that and is not measured yet.",
    ]
    return "\n".join(lines) + "\n"


def graphics() -> str:
    """What a GPU would change, as far as it is measured."""
    rows = results("speed").get("cuda", {}).get("networks", {})
    if not rows:
        return "No GPU has been measured yet (`python benchmarks/speed.py cuda`), so none is planned with.\n"
    lines = []
    for way in ways():
        if ms := rows.get(way.network, {}).get("ms_per_mp"):
            files = way.seconds["reading"] + way.seconds["writing"]
            cores = files / (ms / 1000 * ASSUMED.megapixels * SCALE**2)
            lines.append(f"- `{way.network}`, {way.format}: a GPU is busy only if {cores:.0f} vCPUs read and write.")
    return "\n".join(lines) + "\n"


def ways() -> list[Way]:
    """Those that were measured."""
    measured = {row["name"] for row in results("speed")["networks"]}
    return [Way(network, format) for network, format in WAYS if network in measured]


TEXTS: dict[str, Callable[[], str]] = {
    "assumed": assumed,
    "plan": plan,
    "bottleneck": bottleneck,
    "graphics": graphics,
}


def rendered(text: str) -> str:
    """The page with all of its figures as they are now."""
    return SLOT.sub(lambda slot: slot[1] + TEXTS[slot[2]]() + slot[3], text)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
