"""Rules as data: what is refused, with file, line, field and what to do; what the shipped ones are."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from jobs.offline.rules.trial import options_of
from jobs.settings import Settings
from state.rules.language import schema
from state.rules.language.loading import SHIPPED, BadRule, Loaded, changed_meaning, load, load_file
from state.rules.language.model import KINDS
from tests.rule_stories import PLAIN_CART
from udfs.rules import with_cart_spans

SCENARIOS = Path(__file__).parents[1] / "scenarios"
PACK = load([SHIPPED])
INTEREST = """\
name: interest
version: 1
description: more than three views of one category
kind: count
where:
  event_type: {in: [product_view, page_view]}
  product.category: {exists: true}
key: product.category
within: session
more_than: 3
"""
WAIT = """\
name: wait
version: 1
description: something that nothing follows
kind: absence
where: {event_type: search}
without: {event_type: product_view}
within: 10 min
"""
FUNNEL = """\
name: steps
version: 1
description: how far a session comes
kind: funnel
steps:
  - {name: view, where: {event_type: product_view}}
  - {name: cart, where: {event_type: add_to_cart}}
within: session
"""
DEVIATION = """\
name: unsteady
version: 1
description: sessions that do not agree
kind: deviation
of: product.category
sessions: 3
distinct: 3
within: 30 d
"""
DWELL = """\
name: stays
version: 1
description: long with videos
kind: dwell
where: {event_type: video_progress}
within: session
at_least: 15 s
"""
CART = """\
name: left
version: 1
description: a cart that is left behind
kind: absence
cart: true
where: {event_type: add_to_cart}
without: {event_type: purchase}
within: 10 min
value: {price: product.price, quantity: product.quantity, bands: [50]}
"""
SUM = """\
name: rich
version: 1
description: orders of a certain worth
kind: count
where: {event_type: purchase}
within: session
sum: revenue
at_least: 200
at: session_end
"""
SEQUENCE = """\
name: steps
version: 1
description: one after the other
kind: sequence
steps:
  - {event_type: add_to_cart}
  - {event_type: remove_from_cart}
within: 24 h
"""


def refused(folder: Path, text: str) -> str:
    path = folder / "rule.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadRule) as error:
        load([path])
    return str(error.value).replace(str(path), "rule.yaml")


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        # No bound, no unit, no sense.
        (INTEREST, "within: session\n", "", "rule.yaml:1: within: required: without a bound"),
        (INTEREST, "within: session", "within: 30", "rule.yaml:9: within: a span of time is a whole number and its unit"),
        (INTEREST, "within: session", "within: 0 s", "rule.yaml:9: within: a span of time must be longer than nothing"),
        (INTEREST, "within: session", "within: 500 d", "rule.yaml:9: within: state would be kept for 500 d; at most 400 d"),
        (WAIT, "within: 10 min", "within: 60 d", "rule.yaml:7: within: state would be kept for 60 d; at most 30 d"),
        # Unknown words.
        (INTEREST, "product_view,", "prduct_view,", "rule.yaml:6: where.event_type: no event has the type 'prduct_view'"),
        (INTEREST, "product.category: {", "product.categry: {", "rule.yaml:7: where.product.categry: no event has a field"),
        (INTEREST, "key: product.category", "key: product.sku", "rule.yaml:8: key: no event has a field 'product.sku'"),
        (INTEREST, "more_than: 3", "mroe_than: 3", "rule.yaml:10: mroe_than: unknown key"),
        (INTEREST, "kind: count", "kind: cont", "kind: must be one of count, absence, sequence"),
        (INTEREST, "kind: count\n", "", "kind: must be one of count"),
        (INTEREST, "name: interest", "name: In-terest", "rule.yaml:1: name: "),
        # Filters.
        (WAIT, "where: {event_type: search}", "where: {}", "rule.yaml:5: where: an empty filter matches nothing"),
        (INTEREST, "{exists: true}", "{gt: 5}", "rule.yaml:7: where.product.category: product.category is text"),
        (INTEREST, "{exists: true}", "[shoes]", "rule.yaml:7: where.product.category: a list needs its operator"),
        (INTEREST, "{exists: true}", "{}", "rule.yaml:7: where.product.category: a condition needs an operator"),
        (INTEREST, "{exists: true}", "{like: 5}", "unknown key"),
        (INTEREST, "product.category: {exists: true}", "product.price: {gt: '5'}", "where.product.price"),
        (INTEREST, "product.category: {exists: true}", "any: []", "rule.yaml:7: where.any"),
        # Can never fire.
        (INTEREST, "{exists: true}", "{exists: false, eq: shoes}", "the rule can never fire"),
        (INTEREST, "product.category: {exists: true}", "product.price: {gt: 9, lt: 5}", "the rule can never fire"),
        (INTEREST, "product.category: {exists: true}", "all: [{event_type: purchase}]", "the rule can never fire"),
        (INTEREST, "more_than: 3", "more_than: 5000", "a session ends after 5000 events"),
        (WAIT, "without: {event_type: product_view}", "without: {event_type: {in: [search, click]}}", "also ends it"),
        (DWELL, "15 s", "24 h", "rule.yaml:7: at_least: a session ends after 1 d"),
        (DEVIATION, "distinct: 3", "distinct: 4", "3 sessions cannot have 4 values"),
        # Contradicts itself.
        (INTEREST, "more_than: 3", "more_than: 3\nat_least: 4", "exactly one of more_than, at_least and exactly"),
        (INTEREST, "more_than: 3", "exactly: 4", "rule.yaml:10: exactly: only known when the session is over"),
        (INTEREST, "within: session", "within: session\nat: session_end", "a session's end knows no single values"),
        (INTEREST, "within: session\nmore_than: 3", "within: 5 min\nat_least: 1", "one event is always within the span"),
        (INTEREST, "within: session\nmore_than: 3", "within: 5 min\nat_least: 51", "at most 50 within a span"),
        (WAIT, "within: 10 min", "within: session\nrecovered_within: 1 h", "needs `within` a span of time"),
        (WAIT, "without: {event_type: product_view}\n", "", "rule.yaml:5: where: a silence is one of all events"),
        (FUNNEL, "add_to_cart", "product_view", "product_view is in an earlier step already"),
        (FUNNEL, "name: cart", "name: view", "two steps have one name"),
        (FUNNEL, "{event_type: add_to_cart}", "{product.brand: x}", "knows counts by type only"),
        # Unbounded state.
        (INTEREST, "key: product.category", "key: order.order_id", "state without end"),
        (SEQUENCE, "within: 24 h\n", "", "within: required"),
        # Carts.
        (CART, "where: {event_type: add_to_cart}", "where: {event_type: purchase}", "rule.yaml:6: where: with `cart: true` it must be {event_type: add_to_cart}"),
        (CART, "{event_type: add_to_cart}", "{event_type: {in: [add_to_cart, cart_view]}}", "with `cart: true` it must be {event_type: add_to_cart}"),
        (CART, "{event_type: add_to_cart}", "{event_type: add_to_cart, product.price: {gt: 5}}", "with `cart: true` it must be"),
        (CART, "without: {event_type: purchase}", "without: {event_type: remove_from_cart}", "rule.yaml:7: without: with `cart: true`"),
        (CART, "without: {event_type: purchase}\n", "", "without: with `cart: true` it must be {event_type: purchase}"),
        (CART, "within: 10 min", "within: session", "rule.yaml:5: cart: needs `within` a span of time and `since: last`"),
        (CART, "within: 10 min", "within: 10 min\nsince: first", "rule.yaml:5: cart: needs"),
        (CART, "price: product.price,", "price: properties.price,", "rule.yaml:9: value.price: with `cart: true` it must be product.price"),
        (CART, "quantity: product.quantity, ", "", "value.quantity: with `cart: true` it must be product.quantity"),
        (CART, "cart: true", "cart: maybe", "rule.yaml:5: cart: "),
        (INTEREST, "more_than: 3", "more_than: 3\ncart: true", "rule.yaml:11: cart: unknown key"),
        # Currencies.
        (SUM, "sum: revenue", "sum: revenue\ncurrency: euro", "rule.yaml:8: currency"),
        (SUM, "sum: revenue", "sum: revenue\ncurrency: eur", "rule.yaml:8: currency"),
        (SUM, "sum: revenue", "sum: revenue\ncurrency: []", "rule.yaml:8: currency"),
        (SUM, "sum: revenue", "sum: revenue\ncurrency: [EUR, dollars]", "rule.yaml:8: currency"),
        (INTEREST, "more_than: 3", "more_than: 3\ncurrency: EUR", "rule.yaml:11: currency: the rule looks at none of product.price, order.revenue"),
        # Texts that no event holds.
        (WAIT, "{event_type: search}", '{event_type: search, context.country: "a\\0b"}', "must not hold the character 0"),
        (WAIT, "{event_type: search}", "{event_type: search, product.price: .inf}", "a number must be finite"),
        # Not YAML, not a rule.
        (INTEREST, "version: 1", "version: 1: 2", "rule.yaml:2: not YAML"),
        (INTEREST, INTEREST, "- a\n- b\n", "a mapping of name, version, kind … is required, an array came"),
        (INTEREST, "version: 1", "version: 1\nversion: 2", "not YAML"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_where_it_is_bad(
    tmp_path: Path, text: str, old: str, new: str, message: str
) -> None:
    assert old in text
    assert message in refused(tmp_path, text.replace(old, new))


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    text = INTEREST.replace("product_view,", "prduct_view,").replace(
        "key: product.category", "key: product.sku"
    )
    assert len(refused(tmp_path, text).splitlines()) == 2


def test_a_name_and_a_kind_of_signal_are_given_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(INTEREST)
    (tmp_path / "b.yaml").write_text(INTEREST)
    with pytest.raises(BadRule, match="interest is the rule of .*a.yaml already"):
        load([tmp_path])
    (tmp_path / "b.yaml").write_text(WAIT + "emits: interest\n")
    with pytest.raises(BadRule, match="signals of kind interest are those of rule interest"):
        load([tmp_path])


def test_a_name_keeps_its_meaning(tmp_path: Path) -> None:
    old = _loaded(tmp_path, INTEREST)
    assert changed_meaning(old, old) is None
    assert changed_meaning(_loaded(tmp_path, INTEREST.replace("views of", "looks at")), old) is None
    changed = INTEREST.replace("more_than: 3", "more_than: 4")
    assert "a change needs version 2 or more" in str(changed_meaning(_loaded(tmp_path, changed), old))
    assert changed_meaning(_loaded(tmp_path, changed.replace("version: 1", "version: 2")), old) is None
    other = WAIT.replace("name: wait", "name: interest").replace("version: 1", "version: 2")
    assert "another meaning needs another name" in str(changed_meaning(_loaded(tmp_path, other), old))


def _loaded(folder: Path, text: str) -> Loaded:
    path = folder / "one.yaml"
    path.write_text(text)
    return load_file(path)


def test_the_pack_has_every_kind() -> None:
    assert {one.rule.kind for one in PACK} == set(KINDS)
    assert [one.path.stem for one in PACK] == [one.rule.name for one in PACK]


@pytest.mark.parametrize("currency", ["EUR", "[EUR, USD]"])
@pytest.mark.parametrize(
    "text",
    [SUM, CART, WAIT.replace("event_type: search", "event_type: search, product.price: {gte: 50}"),
     INTEREST.replace("product.category: {exists: true}", "order.revenue: {gt: 9}")],
)  # fmt: skip
def test_what_looks_at_money_may_name_its_currency(tmp_path: Path, text: str, currency: str) -> None:
    rule = _loaded(tmp_path, f"{text}currency: {currency}\n").rule
    assert rule.currencies == frozenset(currency.strip("[]").split(", "))


def test_the_settings_of_the_cart_are_its_rules_own_spans() -> None:
    (found,) = (one.rule for one in PACK if one.rule.name == "cart_abandoned")
    settings = Settings()
    assert (found.within, found.recovered_within) == (settings.cart_timeout_ms, settings.cart_recovery_ms)
    assert with_cart_spans([found], options_of(settings)) == [found]
    (changed,) = with_cart_spans([found], options_of(settings.replace(cart_timeout_ms=5_000)))
    assert (changed.within, changed.recovered_within) == (5_000, settings.cart_recovery_ms)


@pytest.mark.parametrize("one", PACK, ids=lambda one: one.rule.name)
def test_the_schema_for_editors_accepts_the_pack(one: Loaded) -> None:
    jsonschema.validate(YAML(typ="safe").load(one.path), schema.schema())


def test_the_schema_refuses_what_no_rule_has() -> None:
    rule = YAML(typ="safe").load(INTEREST)
    for broken in ({**rule, "mroe": 1}, {**rule, "where": {"product.sku": "a"}}, {**rule, "within": 30}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema.schema())


def test_the_schema_lies_beside_the_rules() -> None:
    assert schema.PATH.read_text(encoding="utf-8") == schema.text(), (
        "run python -m state.rules.language.schema"
    )


def test_the_plain_cart_is_a_rule_as_well() -> None:
    plain = load_file(PLAIN_CART)
    assert (plain.rule.cart, plain.rule.signal_kind) == (False, "cart_abandoned_plain")
    jsonschema.validate(YAML(typ="safe").load(PLAIN_CART), schema.schema())
