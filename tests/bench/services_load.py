"""Asks the API as many visitors at a time do, from a process of its own in the services' environment.

`decide` is an open loop: questions leave by the clock, whatever the answers do, and are timed from when they should
have left. `listen` opens streams and times changes from the record in Kafka to the event at the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

Found = dict[str, Any]


def percentiles(milliseconds: list[float]) -> Found:
    """Of the sorted times, in milliseconds."""
    ordered = sorted(milliseconds)
    places = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    found = {
        name: ordered[min(len(ordered) - 1, int(place * len(ordered)))] for name, place in places.items()
    }
    return {**{name: round(value, 2) for name, value in found.items()}, "max": round(ordered[-1], 2)}


async def decide(url: str, key: str, visitors: int, per_second: int, seconds: int) -> Found:
    """So many decisions a second; each visitor in turn."""
    times: list[float] = []
    wrong, degraded = [], 0
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(number: int, due: float) -> None:
            nonlocal degraded
            body = {"visitor_id": f"v-{number % visitors}", "slots": ["cart_banner", "home_hero"]}
            async with session.post(f"{url}/v1/decide", json=body) as response:
                answer = await response.json()
            times.append((time.perf_counter() - due) * 1000)
            if response.status != 200:
                wrong.append(response.status)
            degraded += bool(answer.get("degraded"))

        began = time.perf_counter() + 0.1
        asked = []
        for number in range(per_second * seconds):
            due = began + number / per_second
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            asked.append(asyncio.create_task(ask(number, due)))
        await asyncio.gather(*asked)
    return {"asked": len(times), "wrong": len(wrong), "degraded": degraded, "ms": percentiles(times)}


async def listen(url: str, key: str, streams: int, changes: int) -> Found:
    """Opens the streams, says so, and then hears `changes` of them each."""
    lags: list[float] = []
    opened = asyncio.Semaphore(50)
    ready = 0
    headers = {"authorization": f"Bearer {key}"}
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as session:

        async def hear(number: int) -> None:
            nonlocal ready
            await opened.acquire()
            async with session.get(f"{url}/v1/stream", params={"visitor_id": f"v-{number}"}) as response:
                heard, data = 0, b""
                async for line in response.content:
                    if line.startswith(b"event: snapshot"):
                        ready += 1
                        opened.release()
                        if ready == streams:
                            print("ready", flush=True)
                    elif line.startswith(b"data: ") and b'"kind":"heard"' in line:
                        data = line[6:]
                        lags.append(time.time() * 1000 - json.loads(data)["occurred_at_ms"])
                        heard += 1
                        if heard == changes:
                            return

        await asyncio.gather(*(hear(number) for number in range(streams)))
    return {"streams": streams, "heard": len(lags), "ms": percentiles(lags)}


def main() -> None:
    """`decide|listen URL KEY NUMBER NUMBER [NUMBER]`; prints what was found as JSON."""
    what, url, key, *numbers = sys.argv[1:]
    call = {"decide": decide, "listen": listen}[what]
    print(json.dumps(asyncio.run(call(url, key, *map(int, numbers)))), flush=True)


if __name__ == "__main__":
    main()
