"""Messages of every foreign format, made up here, that use every row of every adapter's table."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.adapters.snowplow import COLUMNS

T0 = 1_700_000_000_000  # 2023-11-14T22:13:20Z
ISO = "2023-11-14T22:13:20Z"
Document = dict[str, Any]

FOOTFALL: Document = {
    "sent_at_ms": T0 + 1_000,
    "anonymous_id": "a-1",
    "user_id": "u-1",
    "session_hint": "s-1",
    "context": {"device": "mobile", "language": "de"},
    "release": "tracker 1.2",
    "events": [
        {"event_id": "f-1", "event_type": "page_view", "event_time_ms": T0, "context": {"path": "/"}},
        {
            "event_id": "f-2",
            "event_type": "add_to_cart",
            "event_time_ms": T0 + 500,
            "sequence": 1,
            "anonymous_id": "a-2",
            "user_id": "u-2",
            "session_hint": "s-2",
            "product": {"product_id": "p-1", "price": 5.5},
            "properties": {"list": "home"},
            "experiment": "b",
        },
        {"event_type": "search", "event_time_ms": T0 + 600, "visitor_id": "v-1"},
    ],
}
FOOTFALL_VISITOR: Document = {
    "sent_at_ms": T0,
    "visitor_id": "v-9",
    "events": [{"event_type": "custom:hello", "event_time_ms": T0}],
}
SEGMENT_ADDED: Document = {
    "type": "track",
    "event": "Product Added",
    "messageId": "m-1",
    "anonymousId": "a-1",
    "timestamp": ISO,
    "originalTimestamp": "2023-11-14T22:00:00Z",
    "sentAt": ISO,
    "receivedAt": ISO,
    "context": {
        "page": {"url": "https://shop.example/p", "path": "/p", "referrer": "https://r.example"},
        "device": {"type": "ios"},
        "os": {"name": "iOS", "version": "17"},
        "locale": "de-DE",
        "campaign": {"medium": "email", "name": "May"},
        "sessionId": "s-1",
        "consent": {"categoryPreferences": {"Analytics": True, "Advertising": True}},
    },
    "properties": {
        "product_id": "p-1", "category": "Games", "brand": "Acme", "price": 18.99, "quantity": 1,
        "currency": "usd", "coupon": "MAY",
    },
}  # fmt: skip
SEGMENT_ORDER: Document = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-2",
    "userId": "u-1",
    "originalTimestamp": ISO,
    "sentAt": ISO,
    "properties": {
        "order_id": "o-1", "total": 27.5, "currency": "USD",
        "products": [{"sku": "g-32", "category": "Games", "brand": "Acme", "price": 19, "quantity": 1}],
    },
}  # fmt: skip
SEGMENT_REFUND: Document = {
    "type": "track",
    "event": "Order Refunded",
    "messageId": "m-3",
    "userId": "u-1",
    "timestamp": ISO,
    "properties": {"order_id": "o-1", "revenue": 2, "currency": "USD", "products": [{"product_id": "p-1"}]},
}
SEGMENT_BATCH: Document = {
    "sentAt": ISO,
    "context": {"locale": "fr"},
    "writeKey": "not a secret",
    "batch": [
        {"type": "page", "anonymousId": "a", "timestamp": ISO, "properties": {"url": "https://shop.example/", "path": "/"}},
        {"type": "identify", "userId": "u", "anonymousId": "a", "timestamp": ISO, "traits": {"plan": "gold"}},
        {"type": "alias", "userId": "u", "previousId": "a", "timestamp": ISO},
        {"type": "track", "event": "Jumped", "userId": "u", "timestamp": ISO, "properties": {"sku": "g-1"}},
    ],
}  # fmt: skip
GA360: Document = {
    "fullVisitorId": "0423043652415339154",
    "userId": "u-7",
    "visitId": 1_700_000_000,
    "visitStartTime": 1_700_000_000,
    "totals": {"hits": 3},
    "device": {"deviceCategory": "mobile", "operatingSystem": "iOS", "browser": "Safari", "isMobile": True},
    "geoNetwork": {"country": "Chile", "city": "(not set)"},
    "channelGrouping": "Social",
    "trafficSource": {"source": "youtube.com"},
    "hits": [
        {
            "hitNumber": 1, "time": 0, "type": "PAGE", "eCommerceAction": {"action_type": "0", "step": 1},
            "page": {"pagePath": "/home", "pageTitle": "Home", "searchKeyword": "gopher"},
            "product": [{"isImpression": True, "productSKU": "x"}],
        },
        {
            "hitNumber": 2, "time": 1_500, "type": "EVENT", "eCommerceAction": {"action_type": "3", "step": 1},
            "product": [
                {"isImpression": True, "productSKU": "x"},
                {
                    "productSKU": "y", "v2ProductCategory": "Home/Office/", "productBrand": "Acme",
                    "productPrice": 16_990_000, "productQuantity": 2, "productVariant": "XL",
                },
            ],
        },
        {
            "hitNumber": 3, "time": 2_500, "type": "PAGE", "eCommerceAction": {"action_type": "6", "step": 1},
            "transaction": {"transactionId": "o-1", "transactionRevenue": 33_980_000, "currencyCode": "USD"},
        },
    ],
}  # fmt: skip
GA4_ROW: Document = {
    "event_name": "add_to_cart",
    "event_timestamp": T0 * 1_000,
    "user_pseudo_id": "123.456",
    "user_id": "u-1",
    "batch_ordering_id": 3,
    "batch_event_index": 2,
    "privacy_info": {"analytics_storage": "Yes", "ads_storage": "No", "uses_transient_token": "No"},
    "event_params": [
        {"key": "ga_session_id", "value": {"string_value": None, "int_value": 99}},
        {"key": "page_location", "value": {"string_value": "https://shop.example/p"}},
        {"key": "page_path", "value": {"string_value": "/p"}},
        {"key": "page_referrer", "value": {"string_value": "https://r.example"}},
        {"key": "currency", "value": {"string_value": "EUR"}},
        {"key": "engagement", "value": {"double_value": 1.5}},
        {"key": "search_term", "value": {"string_value": "pens"}},
    ],
    "device": {"category": "mobile", "operating_system": "Android", "language": "de", "web_info": {"browser": "Chrome"}},
    "geo": {"country": "Germany", "city": "Berlin"},
    "traffic_source": {"medium": "cpc", "source": "g"},
    "items": [
        {"item_id": "p-1", "item_category": "Pens", "item_brand": "Acme", "price": 2.5, "quantity": 3, "currency": "EUR"},
        {"item_id": "p-2"},
    ],
}  # fmt: skip
GA4_PURCHASE: Document = {
    "event_name": "purchase",
    "timestamp_micros": str(T0 * 1_000),
    "user_pseudo_id": "123.456",
    "event_timestamp": None,
    "device": {"browser": "Safari"},
    "ecommerce": {"transaction_id": "o-1", "purchase_revenue": 12.5},
}
GA4_REFUND: Document = {
    "event_name": "refund",
    "event_timestamp": str(T0 * 1_000),
    "user_pseudo_id": "123.456",
    "ecommerce": {"transaction_id": "o-1", "refund_value": 2},
}
GA4_REQUEST: Document = {
    "client_id": "123.456",
    "user_id": "u-1",
    "timestamp_micros": T0 * 1_000,
    "user_properties": {"tier": {"value": "gold"}},
    "consent": {"ad_user_data": "GRANTED", "ad_personalization": "GRANTED"},
    "events": [
        {
            "name": "view_item",
            "params": {"session_id": "77", "items": [{"item_id": "p-1"}], "currency": "EUR"},
        },
        {"name": "purchase", "params": {"transaction_id": "o-1", "value": 9.5, "currency": "EUR"}},
    ],
}
GA4_APP: Document = {
    "app_instance_id": "i-1",
    "events": [{"name": "screen_view"}],
    "timestamp_micros": T0 * 1_000,
}
_PREFIX = "contexts_com_snowplowanalytics_snowplow_"
SNOWPLOW: Document = {
    "event_id": "e-1",
    "event_name": "snowplow_ecommerce_action",
    "user_id": "u-1",
    "domain_userid": "d-1",
    "domain_sessionid": "s-1",
    "derived_tstamp": "2023-11-14 22:13:20.000",
    "dvce_created_tstamp": "2023-11-14 22:00:00.000",
    "dvce_sent_tstamp": "2023-11-14 22:00:01.000",
    "collector_tstamp": "2023-11-14 22:13:21.000",
    "page_url": "https://shop.example/p", "page_urlpath": "/p", "page_referrer": "https://r.example",
    "geo_country": "GR", "br_name": "Chrome", "br_lang": "el", "os_name": "macOS", "dvce_type": "Computer",
    "mkt_medium": "cpc", "geo_city": "Athens",
    "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_0_0": '{"type": "transaction"}',
    _PREFIX + "ecommerce_product_1_0_0": '[{"id": "p-1", "category": "Hats", "brand": "Acme", "price": "12.0", "quantity": "2", "currency": "EUR"}, {"id": "p-2"}]',
    _PREFIX + "ecommerce_transaction_1_0_0": '[{"transaction_id": "o-1", "revenue": "24.0", "currency": "EUR", "tax": "1"}]',
}  # fmt: skip
SNOWPLOW_APP: Document = {
    "event_id": "e-2",
    "event_name": "snowplow_ecommerce_action",
    "dvce_created_tstamp": "1970-01-01 00:00:05.000",
    "dvce_sent_tstamp": "1970-01-01 00:00:06.000",
    "collector_tstamp": "2023-11-14 22:13:21.000",
    "refr_medium": "search",
    _PREFIX + "client_session_1_0_1": [{"userId": "d-2", "sessionId": "s-2", "eventIndex": 11}],
    "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_0_1": {
        "type": "refund"
    },
    _PREFIX + "ecommerce_refund_1_0_0": [{"transaction_id": "o-1", "refund_amount": 3, "currency": "EUR"}],
}
SNOWPLOW_OLD: Document = {
    "event_id": "e-3", "event_name": "page_view", "event": "page_view", "network_userid": "n-1",
    "collector_tstamp": "2023-11-14 22:13:21.000", "tr_orderid": "o-2", "tr_total": "5", "tr_currency": "EUR",
}  # fmt: skip
_LINE = {
    "event": "unstruct", "event_name": "snowplow_ecommerce_action", "event_id": "e-4", "domain_userid": "d-4",
    "collector_tstamp": "2023-11-14 22:13:21.000", "derived_tstamp": "2023-11-14 22:13:20.000",
    "contexts": '{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{"schema":"iglu:com.snowplowanalytics.snowplow.ecommerce/product/jsonschema/1-0-0","data":{"id":"p-4"}},{"schema":"iglu:com.snowplowanalytics.snowplow.ecommerce/checkout_step/jsonschema/1-0-0","data":{"step":1}}]}',
    "unstruct_event": '{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.snowplowanalytics.snowplow.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-1","data":{"type":"checkout_step"}}}',
}  # fmt: skip
SNOWPLOW_LINE = "\t".join(_LINE.get(name, "") for name in COLUMNS).encode()
OTTO: Document = {
    "session": 12,
    "events": [{"aid": 1, "ts": T0, "type": "clicks"}, {"aid": 2, "ts": T0, "type": "orders"}],
}
CANONICAL: Document = {
    "schema": "event/1", "event_id": "c-1", "event_type": "purchase", "event_time_ms": T0, "visitor_id": "v",
    "properties": {"coupon": "MAY"},
}  # fmt: skip

SAMPLES: tuple[tuple[str, bytes], ...] = (
    *(
        (name, orjson.dumps(message))
        for name, message in (
            ("footfall", FOOTFALL), ("footfall", FOOTFALL_VISITOR), ("segment", SEGMENT_ADDED),
            ("segment", SEGMENT_ORDER), ("segment", SEGMENT_REFUND), ("segment", SEGMENT_BATCH),
            ("ga360", GA360), ("ga4", GA4_ROW), ("ga4", GA4_PURCHASE), ("ga4", GA4_REFUND), ("ga4", GA4_REQUEST),
            ("ga4", GA4_APP), ("snowplow", SNOWPLOW), ("snowplow", SNOWPLOW_APP), ("snowplow", SNOWPLOW_OLD),
            ("otto", OTTO), ("canonical", CANONICAL),
        )
    ),
    ("snowplow", SNOWPLOW_LINE),
)  # fmt: skip
