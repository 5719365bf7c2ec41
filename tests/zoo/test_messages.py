"""Messages: sentences that keep their template and parameters, for translation."""

import copy
import pickle

import pytest

from zoo import ZooError
from zoo.messages import Message

WHY = Message("the Hub is not well ({status})", status=503)
MESSAGE = Message("{name}: {why}.", name="caesr-lite-x2", why=WHY)


def test_a_message_is_its_sentence():
    assert MESSAGE == "caesr-lite-x2: the Hub is not well (503)."
    assert str(ZooError(MESSAGE)) == MESSAGE


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda message: pickle.loads(pickle.dumps(message))])
def test_a_copy_or_another_process_has_the_template_and_the_parameters(duplicate):
    error = duplicate(ZooError(MESSAGE))
    (message,) = error.args
    assert message == MESSAGE
    assert message.template == "{name}: {why}."
    assert message.parameters["why"].template == WHY.template
    assert message.parameters["why"].parameters == {"status": 503}
