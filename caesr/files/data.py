"""Where training pictures, test sets and frozen features lie: $CAESR_DATA."""

import os
from pathlib import Path


def data_folder() -> Path:
    """Return $CAESR_DATA, by default ../shared/data.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    folder = Path(os.environ.get("CAESR_DATA", "../shared/data"))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} does not exist. Set CAESR_DATA to the folder with the train/ and test/ pictures."
        )
    return folder
