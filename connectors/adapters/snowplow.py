"""Snowplow's enriched events: JSON objects of columns, or the tab-separated line. Pure.

`derived_tstamp` is right already; without it the device's time is corrected by `dvce_sent_tstamp` and
`collector_tstamp`. All its times are UTC. Warehouses have the same event in their own spelling: names of
columns in capitals (Snowflake), fields of entities in snake_case (BigQuery, Databricks), ` UTC` behind times
(BigQuery).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from connectors.adapters import consent
from connectors.adapters.adapter import Adapter, clamp_sequence, one
from connectors.adapters.mapping import Field, move, snake
from connectors.adapters.reading import (
    currency,
    event_identifier,
    helping_time_ms,
    identifier,
    integer,
    number,
    order_identifier,
    person,
    receipt_ms,
    text,
    time_text_ms,
)
from connectors.contracts.messages import Document

FIELDS = (
    Field("event_id", "event_id", event_identifier),
    Field("user_id", "user_id", person),
    Field("domain_userid", "anonymous_id", person),
    Field("session.userId", "anonymous_id", person),
    Field("session.user_id", "anonymous_id", person),
    Field("network_userid", "anonymous_id", person),
    Field("domain_sessionid", "session_hint", identifier),
    Field("session.sessionId", "session_hint", identifier),
    Field("session.session_id", "session_hint", identifier),
    Field("session.eventIndex", "sequence", integer, keep=True),
    Field("session.event_index", "sequence", integer, keep=True),
    Field("derived_tstamp", "clock.derived", time_text_ms),
    Field("dvce_created_tstamp", "clock.event", helping_time_ms),
    Field("dvce_sent_tstamp", "clock.sent", helping_time_ms),
    Field("collector_tstamp", "clock.received", receipt_ms),
    Field("page_url", "context.url", text),
    Field("page_urlpath", "context.path", text),
    Field("page_referrer", "context.referrer", text),
    Field("geo_country", "context.country", text),
    Field("br_name", "context.browser", text),
    Field("br_lang", "context.language", text),
    Field("os_name", "context.os", text),
    Field("dvce_type", "context.device", text),
    Field("mkt_medium", "context.channel", text),
    Field("refr_medium", "context.channel", text),
    Field("product.id", "product.product_id", identifier),
    Field("product.category", "product.category", text),
    Field("product.brand", "product.brand", text),
    Field("product.price", "product.price", number),
    Field("product.quantity", "product.quantity", integer),
    Field("product.currency", "product.currency", currency),
    Field("transaction.transaction_id", "order.order_id", order_identifier),
    Field("transaction.revenue", "order.revenue", number),
    Field("transaction.currency", "order.currency", currency),
    Field("refund.transaction_id", "order.order_id", order_identifier),
    Field("refund.refund_amount", "order.revenue", number),
    Field("refund.currency", "order.currency", currency),
    Field("tr_orderid", "order.order_id", order_identifier),
    Field("tr_total", "order.revenue", number),
    Field("tr_currency", "order.currency", currency),
)
# The action of an e-commerce event, else the event's name.
TYPES = {
    "product_view": "product_view",
    "list_click": "product_click",
    "list_view": "product_list_view",
    "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "checkout_step": "checkout_step",
    "transaction": "purchase",
    "refund": "refund",
    "promo_view": "promo_view",
    "promo_click": "promo_click",
    "page_view": "page_view",
    "screen_view": "page_view",
    "site_search": "search",
    "link_click": "click",
    "button_click": "click",
    "submit_form": "form_submit",
    "focus_form": "form_start",
    "consent_preferences": "consent",
    "consent_granted": "consent",
    "consent_withdrawn": "consent",
}
_ACTION = "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action"
# Contexts that the table above reads, by the name their columns begin with.
_CONTEXTS = {
    "contexts_com_snowplowanalytics_snowplow_ecommerce_product": "product",
    "contexts_com_snowplowanalytics_snowplow_ecommerce_checkout_step": "checkout_step",
    "contexts_com_snowplowanalytics_snowplow_ecommerce_transaction": "transaction",
    "contexts_com_snowplowanalytics_snowplow_ecommerce_refund": "refund",
    "contexts_com_snowplowanalytics_snowplow_client_session": "session",
}
# What a visitor has chosen in the dialogue (consent_preferences), as one word.
_CHOICES = {
    "allow_all": consent.GRANTED,
    "implicit_consent": consent.GRANTED,
    "deny_all": consent.DENIED,
    "withdrawn": consent.DENIED,
    "expired": consent.DENIED,
}
_CONSENT = "unstruct_event_com_snowplowanalytics_snowplow_consent_preferences"
_VERSION = re.compile(r"(_\d+)(_\d+_\d+)?$")
_SCHEMA = re.compile(r"iglu:([\w.-]+)/([\w.-]+)/jsonschema/(\d+)-\d+-\d+")


def recognises(document: Document) -> bool:
    """Whether it has the columns of an enriched event."""
    columns = _lower(document)
    return "collector_tstamp" in columns and ("event_name" in columns or "domain_userid" in columns)


def _lower(document: Document) -> Document:
    """With names of columns as Snowplow has them; Snowflake has them in capitals."""
    return {name.lower(): value for name, value in document.items()} if "EVENT_ID" in document else document


def convert(element: Document, _message: Document, _index: int) -> tuple[Document, Document]:
    """One enriched event."""
    columns: Document = {}
    for name, value in _lower(element).items():
        _take(columns, name, value)
    _unfold_contexts(columns)
    action = columns.pop(_ACTION, None)
    event: Document = {"event_type": _type(columns, action)}
    move(columns, FIELDS, event)
    _settle_clock(event.get("clock", {}))
    if "sequence" in event:
        event["sequence"] = clamp_sequence(event["sequence"])
    if action:
        columns["action"] = action
    consent.settle(event, _consent(columns))
    return event, columns


def _consent(columns: Document) -> consent.Words:
    """The word of a consent event: what was granted, withdrawn or chosen."""
    name = columns.get("event_name")
    if name in ("consent_granted", "consent_withdrawn"):
        return consent.all_of(consent.GRANTED if name == "consent_granted" else consent.DENIED)
    chosen = columns.get(_CONSENT)
    if name != "consent_preferences" or not isinstance(chosen, dict):
        return consent.Words()
    choice = str(chosen.get("event_type") or chosen.get("eventType"))
    if choice == "allow_selected":
        scopes = chosen.get("consent_scopes") or chosen.get("consentScopes")
        return consent.words(dict.fromkeys(map(str, scopes), True) if isinstance(scopes, list) else None)
    return consent.all_of(_CHOICES.get(choice))


def _take(columns: Document, name: str, value: Any) -> None:
    """A column; JSON in text is unfolded, a schema's minor version is no part of the name."""
    if not name.startswith(("contexts_", "unstruct_event_")):
        if value not in ("", None):
            columns[name] = value
        return
    unfolded = _unfolded(value)
    if unfolded not in (None, "", [], {}):
        columns.setdefault(_VERSION.sub("", name), unfolded)


def _unfolded(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _unfold_contexts(columns: Document) -> None:
    """Self-describing JSON of the line becomes columns; what the table reads gets short names."""
    for name in ("contexts", "derived_contexts", "unstruct_event"):
        wrapped = _unfolded(columns.get(name))
        if isinstance(wrapped, dict) and "data" in wrapped:
            del columns[name]
            _unwrap(columns, name, wrapped["data"])
    for name, short in _CONTEXTS.items():
        rows = columns.pop(name, None)
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            columns[short] = rows[0]
            if rows[1:]:
                columns[f"other_{short}s"] = rows[1:]
        elif rows is not None:
            columns[short] = rows


def _unwrap(columns: Document, kind: str, data: Any) -> None:
    prefix = "unstruct_event" if kind == "unstruct_event" else "contexts"
    for inner in data if isinstance(data, list) else [data]:
        schema = _SCHEMA.fullmatch(str(inner.get("schema"))) if isinstance(inner, dict) else None
        if schema is None:
            columns.setdefault(f"other_{prefix}", []).append(inner)
            continue
        name = f"{prefix}_{schema[1].replace('.', '_')}_{snake(schema[2])}"
        if prefix == "unstruct_event":
            columns[name] = inner.get("data")
        else:
            columns.setdefault(name, []).append(inner.get("data"))


def _type(columns: Document, action: Any) -> str | None:
    kind = action.get("type") if isinstance(action, dict) else None
    if kind == "checkout_step" and _step(columns) == 1:
        return "checkout_start"
    name = kind or columns.get("event_name") or columns.get("event")
    if not isinstance(name, str):
        return None
    return TYPES.get(name) or f"custom:{snake(name)}"


def _step(columns: Document) -> int | None:
    step = columns.get("checkout_step")
    return integer(step.get("step"), "checkout_step") if isinstance(step, dict) else None


def _settle_clock(clock: dict[str, int]) -> None:
    if (derived_ms := clock.pop("derived", None)) is not None:
        clock["event"] = derived_ms
        clock.pop("sent", None)


def from_line(line: str) -> Document | None:
    """The columns of a tab-separated enriched event; None when it is none (131 columns; older ones fewer).

    >>> from_line("a b") is None
    True
    """
    values = line.rstrip("\r\n").split("\t")
    if not len(COLUMNS) - 8 <= len(values) <= len(COLUMNS):
        return None
    return {name: value for name, value in zip(COLUMNS, values, strict=False) if value}


_ORDER = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid
geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp
ip_organization ip_domain ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost
page_urlport page_urlpath page_urlquery page_urlfragment refr_urlscheme refr_urlhost refr_urlport
refr_urlpath refr_urlquery refr_urlfragment refr_medium refr_source refr_term mkt_medium mkt_source mkt_term
mkt_content mkt_campaign contexts se_category se_action se_label se_property se_value unstruct_event
tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country ti_orderid ti_sku ti_name
ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent
br_name br_family br_version br_type br_renderengine br_lang br_features_pdf br_features_flash
br_features_java br_features_director br_features_quicktime br_features_realplayer br_features_windowsmedia
br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight os_name
os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset
doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base
base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp refr_domain_userid
refr_dvce_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name event_format
event_version event_fingerprint true_tstamp
"""
COLUMNS = tuple(_ORDER.split())

ADAPTER = Adapter(
    name="snowplow",
    help="Snowplow enriched events, e-commerce contexts included: objects of columns or tab-separated lines",
    recognises=recognises,
    elements=one,
    convert=convert,
    fields=FIELDS,
    types=TYPES,
    time="derived_tstamp",
)
