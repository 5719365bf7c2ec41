"""The tables of docs/reliability.md: damaged files, memory of reading, and the page under load and over time."""

from benchmarks import results
from benchmarks.tables.markdown import dated, table


def fuzz() -> str:
    """Render what became of damaged files, by format; tests/fuzz.py writes the results."""
    found = results.read("fuzz")
    formats: dict[str, int] = {}
    for kind, cases in found["kinds"].items():
        name = kind.split()[0]
        formats[name] = formats.get(name, 0) + cases
    outcomes = ", ".join(f"{cases:,} {outcome}" for outcome, cases in found["outcomes"].items())
    slowest, largest = found["slowest"], found["largest"]
    note = (
        f"{found['cases']:,} cases: {outcomes}. Slowest: {slowest['seconds']} s ({slowest['kind']}). "
        f"Most memory: {largest['mebibytes']} MiB ({largest['kind']}). {dated(found)}, libvips {found['libvips']}."
    )
    return table(["damaged", "cases"], [[name, f"{cases:,}"] for name, cases in formats.items()], note)


def reading() -> str:
    """Render the memory that reading takes, by kind of file."""
    found = results.read("reading")
    rows = []
    for kind, size in found["kinds"].items():
        name, _, format = kind.rpartition(".")
        cells = [f"{size[key] / size['pixels']:.1f}" for key in ("result", "taken", "said")]
        rows.append([f"{format}, {name}", *cells])
    note = f"Bytes a pixel. {dated(found)}, libvips {found['libvips']}."
    return table(["file", "pixels themselves", "taken at most", "said beforehand"], rows, note)


def load() -> str:
    """Render what many programs at the page got, and those that came after one had left in mid-run."""
    found = results.read("load")
    together, leaving = found["together"], found["leaving"]
    trials = {
        f"{together['clients']} at once for {together['minutes']:g} minutes": together,
        f"one after each of {leaving['left']} that left in mid-run": leaving,
    }
    rows = []
    for trial, seen in trials.items():
        answers, memory, seconds = dict(seen["answers"]), seen["resident_mib"], seen["seconds"]
        known = [answers.pop(answer, 0) for answer in ("right", "wrong", "busy")]
        sampled = " / ".join(f"{memory[at]:.0f}" for at in (0, len(memory) // 2, -1))
        rows.append([trial, *known, sum(answers.values()), seconds["median"], seconds["longest"], sampled])
    head = ["programs", "right", "wrong", "busy", "other", "median (s)", "longest (s)", "memory (MiB)"]
    note = (
        "Seconds: until the right answer. Memory: the server's, first, half-way, last. "
        f"Left behind: {len(found['folders_left'])} folders, {found['tracebacks']} tracebacks in the log. "
        f"{dated(found)}, on {found['machine']} that {found['others']:g} other processes wanted, too."
    )
    return table(head, rows, note)


def page() -> str:
    """Render the page's memory over many jobs."""
    found = results.read("page")
    memory = found["resident_mib"]
    step = found["jobs"] // len(memory)
    head = ["jobs", *(str(step * n) for n in range(1, len(memory) + 1))]
    return table(head, [["MiB", *(f"{mib:.0f}" for mib in memory)]], f"Memory of the page's process. {dated(found)}.")


def large() -> str:
    """Render a large photograph through the page."""
    found = results.read("large")
    before, after = ("×".join(map(str, found[name])) for name in ("picture", "result"))
    head = ["JPEG of", "becomes", "seconds", "memory before (MiB)", "at most (MiB)"]
    row = [before, after, found["seconds"], found["peak_mib_before"], found["peak_mib"]]
    return table(head, [row], f"{dated(found)}.")
