"""A typed client of Footfall's API."""

from footfall_client.clients import AsyncClient, Client
from footfall_client.errors import FootfallError, Refused, Unavailable
from footfall_client.models import Change, Decision, Item, Signal, Slot, Snapshot, Taken, Visitor

__all__ = [
    "AsyncClient",
    "Change",
    "Client",
    "Decision",
    "FootfallError",
    "Item",
    "Refused",
    "Signal",
    "Slot",
    "Snapshot",
    "Taken",
    "Unavailable",
    "Visitor",
]
