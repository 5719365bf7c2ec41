"""Measurements of CAESR and its peers: measure/ writes results/*.json, which tables/ and figures/ render."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
