"""The folder of training pictures, test sets and frozen features: $CAESR_DATA."""

import os
from pathlib import Path

from zoo.messages import Message


def data_folder() -> Path:
    """Return $CAESR_DATA, by default ../shared/data.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    folder = Path(os.environ.get("CAESR_DATA", "../shared/data"))
    if not folder.is_dir():
        message = "{folder} does not exist. Set CAESR_DATA to the folder with the train/ and test/ pictures."
        raise FileNotFoundError(Message(message, folder=folder))
    return folder
