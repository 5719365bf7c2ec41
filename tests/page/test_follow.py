"""Events of which the latest counts, without a browser."""

from collections import Counter

import pytest

from caesr.page.app import page
from caesr.page.device import Device

pytestmark = pytest.mark.slow


def test_no_event_has_two_listeners_that_gradio_would_dispatch_anew_for_one_another():
    listeners = Counter(
        (target, event)
        for one in page(Device()).get_config_file()["dependencies"]
        if one["backend_fn"] and one["trigger_mode"] == "always_last"
        for target, event in one["targets"]
        if event != "then"  # is dispatched by itself
    )
    assert [event for event, count in listeners.items() if count > 1] == []
