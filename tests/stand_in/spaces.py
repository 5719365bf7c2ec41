"""What Hugging Face's module `spaces` does on ZeroGPU, as far as that can be done without its GPUs.

CUDA seems to be there and fails when it is used, except in the process that is forked for a call. That process runs
the generator in a thread of its own. Arguments, yields and errors cross pickled; of an error that is not Gradio's only
the name crosses. A generator that is closed stops at its next yield, and closing waits for that.
"""

import inspect
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from functools import partial, wraps
from queue import SimpleQueue
from threading import Thread
from typing import Any

import gradio as gr
import torch

fork = multiprocessing.get_context("fork")
before_call: Callable[[float], None] | None = None  # gets the seconds; raises where there is no quota left
calls: list[dict[str, Any]] = []  # of each call: its process, the seconds asked for, how many yields crossed
cuda_is_available = torch.cuda.is_available
torch.cuda.is_available = lambda: True


def gradio_auto_wrap(function: Callable) -> Callable:
    """Return a function as it is; Gradio asks for this whenever there is a module of this name."""
    return function


def GPU(task: Callable | None = None, *, duration: Callable | None = None) -> Callable:
    """Decorate a generator function: each call runs in a forked process."""
    if task is None:
        return partial(GPU, duration=duration)
    assert inspect.isgeneratorfunction(task)
    assert duration is not None

    @wraps(task)
    def handler(*arguments: Any) -> Iterator[Any]:
        call: dict[str, Any] = {"seconds": duration(*arguments), "yields": 0}
        if before_call:
            before_call(call["seconds"])
        (reader, writer), stop = fork.Pipe(duplex=False), fork.Event()
        call["process"] = process = fork.Process(target=child, args=(task, pickle.dumps(arguments), writer, stop))
        process.start()
        writer.close()
        calls.append(call)
        messages: SimpleQueue[bytes | None] = SimpleQueue()  # without limit, as that of `spaces`
        Thread(target=drain, args=(reader, messages), daemon=True).start()
        try:
            while True:
                message = messages.get()
                if message is None:
                    raise gr.Error("GPU task aborted")
                kind, *value = pickle.loads(message)
                if kind == "end":
                    return
                if kind == "error":
                    raise value[0]
                call["yields"] += 1
                yield value[0]
        finally:
            stop.set()
            process.join()

    return handler


def drain(reader: Any, messages: SimpleQueue) -> None:
    """Take all that the process sends, as soon as it sends it; None at the end."""
    try:
        while True:
            messages.put(reader.recv_bytes())
    except EOFError:
        messages.put(None)


def child(task: Callable, arguments: bytes, writer: Any, stop: Any) -> None:
    """Run a call in the forked process."""
    torch.cuda.is_available = cuda_is_available

    def send(*message: Any) -> None:
        writer.send_bytes(pickle.dumps(message))

    def iterate() -> None:
        generator = task(*pickle.loads(arguments))
        try:
            for value in generator:
                if stop.is_set():
                    return generator.close()
                send("yield", value)
            send("end")
        except gr.Error as error:
            send("error", error)
        except Exception as error:
            send("error", gr.Error(type(error).__name__))

    thread = Thread(target=iterate)
    thread.start()
    thread.join()
    os._exit(0)
