"""The plan of docs/scale.md, computed: measured rates in benchmarks/results times the assumptions below."""

import math
import re
from dataclasses import dataclass, fields

from benchmarks import results
from benchmarks.tables.markdown import IDLE_CORES, bullets, dated, table

NETWORKS_AND_FORMATS = (
    ("caesr-lite-x4", "jpg"),
    ("caesr-lite-x4", "webp"),
    ("caesr-lite-x4", "png"),
    ("caesr-base-x4", "jpg"),
)
SCALE = 4


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


@dataclass(frozen=True)
class Scenario:
    """All pictures upscaled by one network into one format."""

    network: str
    format: str

    @property
    def seconds(self) -> dict[str, float]:
        """Return the vCPU seconds of a picture, by what they go to.

        The network's threads were vCPUs; so were the cores that files took.
        """
        speed, formats = results.read("speed"), results.read("files")["formats"]
        threads = int(re.search(r"(\d+) threads", speed["cpu"])[1])  # type: ignore[index]
        ms = next(row["ms_per_mp"] for row in speed["networks"] if row["name"] == self.network)
        output_megapixels = ASSUMED.megapixels * SCALE**2
        return {
            "network": threads * ms / 1000 * output_megapixels,
            "reading": formats["jpg"]["read_core_s"] * ASSUMED.megapixels,
            "writing": formats[self.format]["write_core_s"] * output_megapixels,
            "driver": results.read("files")["driver_core_s"],
        }

    @property
    def total_seconds(self) -> float:
        """Return the vCPU seconds of a picture."""
        return sum(self.seconds.values())

    @property
    def vcpu_hours(self) -> float:
        """Return the vCPU hours of all pictures."""
        return self.total_seconds * ASSUMED.pictures / 3600

    @property
    def rate(self) -> float:
        """Return the pictures a second of all machines."""
        return ASSUMED.machines * ASSUMED.vcpus / self.total_seconds

    @property
    def megabytes(self) -> tuple[float, float]:
        """Return the size of a picture and of its result."""
        formats = results.read("files")["formats"]
        picture = formats["jpg"]["megabytes"] * ASSUMED.megapixels
        return picture, formats[self.format]["megabytes"] * ASSUMED.megapixels * SCALE**2

    @property
    def dollars(self) -> dict[str, float]:
        """Return the cost of all pictures, by what it goes to."""
        return {
            "machines": self.vcpu_hours * ASSUMED.vcpu_hour,
            "requests": ASSUMED.pictures / 1e6 * (ASSUMED.million_puts + ASSUMED.million_gets),
            "a month of results": ASSUMED.pictures * self.megabytes[1] / 1000 * ASSUMED.gigabyte_month,
        }


def scenarios() -> list[Scenario]:
    """Return the scenarios whose network was measured."""
    measured = {row["name"] for row in results.read("speed")["networks"]}
    return [Scenario(network, format) for network, format in NETWORKS_AND_FORMATS if network in measured]


def assumed() -> str:
    """Render the assumptions."""
    return table(["assumed", ""], [[MEANINGS[f.name], f"{getattr(ASSUMED, f.name):,}"] for f in fields(ASSUMED)])


def plan() -> str:
    """Render machines, hours and cost of every scenario."""
    head = ["×4 by, written as", "vCPU s a picture", "vCPU hours", f"hours on {ASSUMED.machines} machines"]
    head += ["machines ($)", "requests ($)", "results (TB)", "a month of them ($)"]
    rows = []
    for scenario in scenarios():
        terabytes = ASSUMED.pictures * scenario.megabytes[1] / 1e6
        hours = scenario.vcpu_hours / (ASSUMED.machines * ASSUMED.vcpus)
        times = [f"{scenario.total_seconds:.2f}", f"{scenario.vcpu_hours:,.0f}", f"{hours:.1f}"]
        machines, requests, month = (f"{dollars:,.0f}" for dollars in scenario.dollars.values())
        name = f"`{scenario.network}`, {scenario.format}"
        rows.append([name, *times, machines, requests, f"{terabytes:,.0f}", month])
    speed, files = results.read("speed"), results.read("files")
    note = f"Rates: {dated(speed)}, {speed['cpu']}; {dated(files)}."
    busy = speed.get("busy", IDLE_CORES)
    if busy >= IDLE_CORES:
        note += f" **Other programs used {busy:g} cores while networks were timed: hours and cost are too high.**"
    return table(head, rows, note)


def bottleneck() -> str:
    """Render what the time of each scenario goes to, and what else may be short."""
    lines = []
    for scenario in scenarios():
        seconds, dollars = scenario.seconds, scenario.dollars
        most, dearest = max(seconds, key=seconds.__getitem__), max(dollars, key=dollars.__getitem__)
        share = seconds[most] / scenario.total_seconds
        name = f"`{scenario.network}`, {scenario.format}"
        lines.append(f"{name}: {share:.0%} of the time goes to the {most}; dearest: {dearest}.")
    results_a_second = max(scenario.rate for scenario in scenarios())
    megabytes_a_second = max(scenario.rate * sum(scenario.megabytes) for scenario in scenarios())
    gigabits = megabytes_a_second * 8 / 1000 / ASSUMED.machines
    prefixes = math.ceil(results_a_second / ASSUMED.puts_a_second)
    recorded = 1 / results.read("files")["driver_core_s"]
    lines += [
        f"Network: {gigabits:.2f} of {ASSUMED.gigabits:g} gigabits a second of a machine, at most.",
        f"The store: {results_a_second:,.0f} results a second at most, so at least {prefixes} prefixes.",
        f"The driver lists and records {recorded:,.0f} pictures a second of a core; "
        "what Ray itself takes to hand out a job comes to that and is not measured yet.",
    ]
    return bullets(lines)


def graphics() -> str:
    """Render what a GPU would change, as far as it is measured."""
    networks = results.read("speed").get("cuda", {}).get("networks", {})
    if not networks:
        command = "`python -m benchmarks.measure.speed cuda`"
        return f"No GPU has been measured yet ({command}), so none is planned with.\n"
    lines = []
    for scenario in scenarios():
        ms = networks.get(scenario.network, {}).get("ms_per_mp")
        if ms:
            file_seconds = scenario.seconds["reading"] + scenario.seconds["writing"]
            cores = file_seconds / (ms / 1000 * ASSUMED.megapixels * SCALE**2)
            name = f"`{scenario.network}`, {scenario.format}"
            lines.append(f"{name}: a GPU is busy only if {cores:.0f} vCPUs read and write.")
    return bullets(lines)
