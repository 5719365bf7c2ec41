"""Render every table of README.md and docs/ anew."""

from benchmarks.tables import PAGES, render

if __name__ == "__main__":
    for page in PAGES:
        before = page.read_text()
        after = render(before)
        if after != before:
            page.write_text(after)
            print(f"Rendered anew: {page}")
