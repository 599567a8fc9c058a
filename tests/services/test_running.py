"""A server ends in order at a signal, and says so by its status."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SERVER = """
from services.running import server

async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        print(message["type"], flush=True)
        if message["type"] == "lifespan.shutdown":
            return

server(app, "127.0.0.1", 0, 1000, "", lambda: print("ending", flush=True)).run()
"""


@pytest.mark.parametrize("ends_with", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_status_0(ends_with: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "lifespan.startup\n"
        process.send_signal(ends_with)
        assert process.stdout.read() == "ending\nlifespan.shutdown\n"
        assert process.wait(30) == 0
