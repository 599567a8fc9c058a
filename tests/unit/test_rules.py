"""Rules as data: what is refused, with file, line, field and what to do; what the shipped ones become."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from jobs.active_rules import CART_SPANS
from jobs.patterns import program
from jobs.settings import Settings
from state.rules import schema
from state.rules.literals import interval, literal
from state.rules.model import KINDS
from state.rules.pack import SHIPPED, BadRule, Loaded, changed_meaning, load, load_file
from state.rules.program import Program

GOLDEN = Path(__file__).parent / "golden_rules"
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
    ("text", "old", "new", "told"),
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
        # Not YAML, not a rule.
        (INTEREST, "version: 1", "version: 1: 2", "rule.yaml:2: not YAML"),
        (INTEREST, INTEREST, "- a\n- b\n", "a rule is a mapping"),
        (INTEREST, "version: 1", "version: 1\nversion: 2", "not YAML"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_where_it_is_bad(
    tmp_path: Path, text: str, old: str, new: str, told: str
) -> None:
    assert old in text
    assert told in refused(tmp_path, text.replace(old, new))


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
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


def test_the_settings_of_the_cart_are_its_rules_own_spans() -> None:
    (cart,) = (one.rule for one in PACK if one.rule.name == "cart_abandoned")
    settings = Settings()
    assert {"within": cart.within, "recovered_within": cart.recovered_within} == CART_SPANS
    assert {"within": settings.cart_timeout_ms, "recovered_within": settings.cart_recovery_ms} == CART_SPANS


@pytest.mark.parametrize("one", PACK, ids=lambda one: one.rule.name)
def test_the_schema_for_editors_accepts_the_pack(one: Loaded) -> None:
    jsonschema.validate(YAML(typ="safe").load(one.path), schema.schema())


def test_the_schema_refuses_what_no_rule_has() -> None:
    rule = YAML(typ="safe").load(INTEREST)
    for broken in ({**rule, "mroe": 1}, {**rule, "where": {"product.sku": "a"}}, {**rule, "within": 30}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema.schema())


def test_the_schema_lies_beside_the_rules() -> None:
    assert schema.PATH.read_text(encoding="utf-8") == schema.text(), "run python -m state.rules.schema"


@pytest.mark.parametrize("one", PACK, ids=lambda one: one.rule.name)
def test_each_rule_becomes_the_sql_that_was_read(one: Loaded) -> None:
    """The statements with the rule's own words; a change shows in the diff of the golden file."""
    views = [view for view in Program([one.rule], 1_800_000).views if view.rules]
    text = "".join(f"-- {view.name}\n{view.sql}\n\n" for view in views)
    assert text == (GOLDEN / f"{one.rule.name}.sql").read_text(encoding="utf-8")


def test_a_rule_has_one_statement_of_its_own_for_each_thing_that_remembers() -> None:
    views = Program([one.rule for one in PACK], 1_800_000).views
    told = [(view.name, name) for view in views for name in view.rules]
    assert len(told) == len(set(told))
    assert {name for _, name in told} == {one.rule.name for one in PACK}
    assert views[-1].name == "rule_matches"


def test_views_stand_behind_what_they_read() -> None:
    views = program(Settings()).views
    names = [view.name for view in views]
    assert len(names) == len(set(names))
    for number, view in enumerate(views):
        later = [name for name in names[number:] if re.search(rf"(FROM|JOIN|TABLE) {name}\b", view.sql)]
        assert later == [], view.name


HOSTILE = "x' OR '1'='1'; DROP TABLE y; -- \\"


def test_a_value_cannot_leave_its_quotes(tmp_path: Path) -> None:
    text = WAIT.replace("{event_type: search}", "{event_type: search, context.country: HOSTILE}")
    rule = _loaded(tmp_path, text.replace("HOSTILE", '"' + HOSTILE.replace("\\", "\\\\") + '"')).rule
    (view,) = [view for view in Program([rule], 1).views if view.name == "wait_events_600000"]
    assert "'x'' OR ''1''=''1''; DROP TABLE y; -- \\'" in view.sql
    # Outside of its quotes nothing of it is left.
    assert "DROP" not in re.sub(r"'(?:[^']|'')*'", "", view.sql)


@pytest.mark.parametrize("value", [True, None, float("inf"), float("nan"), "a\0b", ["a"]])
def test_only_texts_and_numbers_become_literals(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        literal(value)  # type: ignore[arg-type]


def test_an_interval_is_days_to_milliseconds() -> None:
    assert interval(1) == "INTERVAL '0 00:00:00.001' DAY(3) TO SECOND(3)"
    with pytest.raises(ValueError, match="at most 999 days"):
        interval(1_000 * 86_400_000)
