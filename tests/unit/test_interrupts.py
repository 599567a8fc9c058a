"""Ctrl-C ends a run quickly: a running job, a call that blocks signals, a second Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from stack.package import ROOT
from stack.runs.interrupts import STATUS

# A main thread that is deaf: it hears every interrupt, and goes on. (A handler, because a KeyboardInterrupt that
# comes while the one before is being printed would end the program.)
DEAF = """
import os, signal, sys, time
from stack.runs.interrupts import ended_in_time

signal.signal(signal.SIGINT, lambda *_: os.write(1, b"heard\\n"))
with ended_in_time(float(sys.argv[1])):
    print("ready", flush=True)
    while True:
        time.sleep(60)
"""
OBEDIENT = """
import time
from stack.runs.interrupts import ended_in_time

try:
    with ended_in_time(60.0):
        print("ready", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("heard", flush=True)
    time.sleep(0.5)  # no longer watched
    raise SystemExit(7) from None
"""


def hears_interrupts() -> None:
    """In the child: what runs in the background of a shell ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended(program: str, patience_s: float, interrupts: int) -> tuple[int, float]:
    """Exit status, and seconds from the first interrupt to the end."""
    command = [sys.executable, "-c", program, str(patience_s)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=hears_interrupts
    ) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for _ in range(interrupts):
            os.kill(process.pid, signal.SIGINT)
            assert process.stdout.readline() in ("heard\n", "")
        return process.wait(20), time.monotonic() - began


def test_the_first_interrupt_is_given_its_time() -> None:
    status, seconds = ended(DEAF, 1.0, interrupts=1)
    assert status == STATUS and 0.9 < seconds < 5


def test_the_second_interrupt_ends_at_once() -> None:
    status, seconds = ended(DEAF, 60.0, interrupts=2)
    assert status == STATUS and seconds < 5


def test_a_process_that_obeys_the_signal_ends_by_itself() -> None:
    assert ended(OBEDIENT, 60.0, interrupts=1)[0] == 7
