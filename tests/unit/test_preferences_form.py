"""Any input of strangers becomes preferences, or an error beside its field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.core.runtime import Runtime
from newsletter.subscribers.preferences import Preferences, time_zones
from newsletter.web.forms.preferences_form import PreferencesForm
from newsletter.web.forms.time_zones import by_region, offered

SECTIONS = ["Law", "Policy"]
TEXT = st.one_of(
    st.sampled_from(["", "0", "7", "23", "24", "-1", "007", "60", "weekly", "Some hype", "UTC", "Europe/Berlin", "de"]),
    st.text(max_size=80),
)
FIELDS = (
    "email cadence breaking which section min_trust max_hype hour zone format language".split()  # noqa: SIM905
)
FORMS = st.lists(st.tuples(st.sampled_from(FIELDS), TEXT), max_size=20)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, lambda inner: st.lists(inner))


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    app = Flask(__name__)
    Runtime(Settings(), Database("sqlite://")).install(app)
    with app.app_context():
        yield


def check(typed: PreferencesForm) -> None:
    preferences, errors = typed.preferences(SECTIONS)
    assert set(errors) <= {"cadence", "sections", "min_trust", "max_hype", "zone", "format", "language"}
    assert all(error.message.endswith(".") for error in errors.values())
    assert Preferences.from_columns(preferences.columns()) == preferences
    assert set(preferences.sections or ()) <= set(SECTIONS)
    again, none = PreferencesForm.showing(preferences).preferences(SECTIONS)
    assert (again, none) == (preferences, {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FORMS)
def test_any_form(fields: list[tuple[str, str]]) -> None:
    check(PreferencesForm.from_signup(MultiDict(fields), "en"))
    check(PreferencesForm.from_preferences(MultiDict(fields)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*FIELDS, "sections"]), JSON))
def test_any_json(data: dict[str, Any]) -> None:
    try:
        typed = PreferencesForm.from_json(data)
    except InvalidError:
        return
    check(typed)


@pytest.mark.parametrize(
    "data",
    [{"max_hype": False}, {"hour": 7.5, "zone": "UTC"}, {"hour": 7, "zone": []}, {"language": None}, {"min_trust": {}}],
)
def test_wrong_values_in_json_are_errors(data: dict[str, object]) -> None:
    assert PreferencesForm.from_json(data).preferences(SECTIONS)[1]


def test_a_sign_up_has_no_fields_that_its_page_cannot_show() -> None:
    preferences, errors = PreferencesForm.from_signup(MultiDict({"hour": "99", "format": "x"}), "en").preferences(
        SECTIONS
    )
    assert (preferences, errors) == (Preferences(), {})


def test_a_sign_up_without_a_language_gets_the_page_s() -> None:
    """As from another site's form with an address alone."""
    assert PreferencesForm.from_signup(MultiDict({}), "de").language == "de"
    assert PreferencesForm.from_signup(MultiDict({"language": "en"}), "de").language == "en"


def test_the_list_of_zones() -> None:
    assert {"Africa", "America", "Asia", "Europe", "Pacific Ocean"} < set(by_region("en"))
    assert ("Europe/Berlin", "Berlin") in by_region("en")["Europe"]
    assert ("America/Argentina/Buenos_Aires", "Buenos Aires (Argentina)") in by_region("en")["America"]
    assert ("Europe/Vienna", "Wien") in by_region("de")["Europa"]
    assert 400 < len(offered()) < 450
    assert offered() <= time_zones()


def test_the_publication_s_lowest_trust_counts_for_those_who_choose_none() -> None:
    app = Flask(__name__)
    Runtime(Settings(min_trust=45), Database("sqlite://")).install(app)
    with app.app_context():
        forms = (
            PreferencesForm(),
            PreferencesForm.from_signup(MultiDict({"email": "a@example.org"}), "en"),
            PreferencesForm.from_json({"email": "a@example.org"}),
        )
        assert {form.min_trust for form in forms} == {"45"}
        assert forms[0].trust_steps() == [0, 45, 50, 60, 70, 80, 90]
        chosen = PreferencesForm.from_signup(MultiDict({"min_trust": "0"}), "en")
        assert chosen.preferences(SECTIONS)[0].min_trust == 0
