"""The page as a program of its own, for Spaces, Docker and `python app.py`; `caesr demo` starts the same."""

from caesr.page.app import main

if __name__ == "__main__":
    main()
