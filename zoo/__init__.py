"""The zoo: where CAESR's checkpoints are, and how to fetch them. Needs neither torch nor caesr."""

__version__ = "0.1.0"  # of caesr and zoo; above the imports, because zoo.client sends it to the Hub

from zoo.catalogue import Entry, ZooError, info, names
from zoo.checkpoint_files import CheckpointError
from zoo.hub import entry_of, fell_back, fetch, fetch_blend, fetch_family, locations

__all__ = [
    "CheckpointError",
    "Entry",
    "ZooError",
    "entry_of",
    "fell_back",
    "fetch",
    "fetch_blend",
    "fetch_family",
    "info",
    "locations",
    "names",
]
