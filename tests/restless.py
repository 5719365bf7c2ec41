"""Let a restless visitor loose on the page, over a network with jitter: it has to come to rest, and to be right.

    python tests/restless.py --rounds 100 --seed 1

A round is some actions, drawn from the seed, that do not wait for one another: pictures dropped and removed, settings
changed, runs begun and cancelled. Then the page has to stop asking its server, and what it says, shows and offers has
to be of one picture. What is not so is printed with the actions that led there, and with a screenshot; the exit code
is 1.
"""

import argparse
import re
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from random import Random

from PIL import Image
from playwright.sync_api import Browser, Request, sync_playwright
from playwright.sync_api import Error as BrowserError

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.browsing import CAT, FLAGS, find_chromium, visit  # noqa: E402 - found by the path above
from tests.proxy import Proxy  # noqa: E402
from tests.serving import served  # noqa: E402

SIDES = {"a.png": (60, 40), "b.jpg": (50, 70), "c.webp": (80, 30)}
BROKEN = "d.png"
REST_SECONDS, MAX_SECONDS = 2.0, 60.0  # without a call: the page is at rest; until then at most
UNDER_WAY = re.compile(r"\d\.\ds|\d %$")  # the clock of a call, and a percentage
RESULT = re.compile(r"×[\d.]+ · (\d+) × (\d+)")


class Visitor:
    """One who does not wait: a page in a browser, and the actions upon it."""

    def __init__(self, browser: Browser, url: str, pictures: Path, random: Random) -> None:
        self.page, self.pictures, self.random = visit(browser, url, locale="en"), pictures, random
        self.errors: list[str] = []
        self.last_call = time.monotonic()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self.note)

    def note(self, request: Request) -> None:
        if "/queue/join" in request.url:
            self.last_call = time.monotonic()

    def act(self) -> str:
        """Do one thing that is possible now; returns what."""
        things = (self.drop, self.drop, self.remove, self.set, self.set, self.run, self.run, self.invented, self.recent)
        thing = self.random.choice((*things, self.wait))
        with suppress(BrowserError):  # gone in the meantime
            thing()
        return thing.__name__

    def drop(self) -> None:
        name = self.random.choice([*SIDES, *SIDES, BROKEN])
        self.page.set_input_files("#picture input[type=file]", self.pictures / name)

    def remove(self) -> None:
        self.click("#picture .remove")

    def set(self) -> None:
        settings = [f"#scales label:has-text('×{n}')" for n in (2, 3, 4)]
        settings += [f"#model label:has-text('{name}')" for name in ("Auto", "Faithful", "Photo", "Texture")]
        self.click(self.random.choice(settings))

    def run(self) -> None:
        self.click("#run")

    def invented(self) -> None:
        self.click("#viewer .invented input")

    def recent(self) -> None:
        pictures = self.page.locator("#recent button")
        if count := pictures.count():
            pictures.nth(self.random.randrange(count)).click(timeout=2000)

    def wait(self) -> None:
        self.page.wait_for_timeout(1500 * self.random.random())

    def click(self, what: str) -> None:
        one = self.page.locator(what).first
        if one.is_visible() and one.is_enabled():
            one.click(timeout=2000, no_wait_after=True)

    def comes_to_rest(self) -> bool:
        """Wait until nothing is asked for and no run is under way; returns whether that came."""
        end = time.monotonic() + MAX_SECONDS
        while time.monotonic() < end:
            self.page.wait_for_timeout(200)
            said = " ".join(self.page.locator("#facts, #status, #stale, #run, #viewer .note").all_inner_texts())
            if "Cancel" in said or UNDER_WAY.search(said):
                self.last_call = time.monotonic()
            if time.monotonic() - self.last_call > REST_SECONDS:
                return True
        return False

    def findings(self) -> list[str]:
        """Return what is wrong with a page at rest."""
        has_picture = self.page.locator("#picture .remove").is_visible()
        name, said = self.page.inner_text("#picture .what"), self.page.inner_text("#facts")
        said += self.page.inner_text("#problem")
        status = self.page.inner_text("#status") if self.page.locator("#status [data-result]").count() else ""
        found = [f"an error: {error}" for error in self.errors]
        found += [f"a message: {text}" for text in self.page.locator(".toast-body").all_inner_texts()]
        if has_picture and name not in said:
            found.append(f"{name} is there, but this is said: {said!r}")
        if not has_picture and (said.strip() or self.page.locator("#run").is_enabled()):
            found.append(f"no picture is there, but this is said: {said!r}")
        if status:
            size = [int(side) for side in RESULT.search(status).groups()]
            after = "i => i.getAttribute('src') ? [i.naturalWidth, i.naturalHeight] : []"
            if (shown := self.page.locator("#viewer .after").evaluate(after)) != size:
                found.append(f"{status!r} is said, but a picture of {shown} is shown")
            if not self.page.locator("#download").is_enabled():
                found.append(f"{status!r} is said, but there is no download")
        return found


def say(*lines: object) -> None:
    sys.stdout.write("\n    ".join(map(str, lines)) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jitter", type=float, default=0.15, help="seconds by which a part of a stream is late at most"
    )
    asked = parser.parse_args()
    random, bad = Random(asked.seed), 0
    home, pictures = (Path(tempfile.mkdtemp()) for _ in range(2))
    for name, size in SIDES.items():
        Image.open(CAT).convert("RGB").resize(size).save(pictures / name)
    (pictures / BROKEN).write_bytes(CAT.read_bytes()[:900])
    with (
        served(home, CUDA_VISIBLE_DEVICES="") as server,
        Proxy(server.url, "", asked.jitter) as proxy,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        visitor = Visitor(browser, proxy.url, pictures, random)
        for number in range(asked.rounds):
            actions = [visitor.act() for _ in range(random.randrange(3, 12))]
            found = [] if visitor.comes_to_rest() else ["the page goes on asking"]
            found += visitor.findings()
            if found:
                bad += 1
                screenshot = home / f"round-{number}.png"
                visitor.page.screenshot(path=screenshot)
                say(f"Round {number}, {', '.join(actions)}:", *found, screenshot)
                visitor.page.context.close()
                visitor = Visitor(browser, proxy.url, pictures, random)
        if "Traceback" in server.log.read_text():
            bad += 1
            say(server.log.read_text())
    say(f"{bad} of {asked.rounds} rounds went wrong.")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
