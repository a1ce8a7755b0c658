"""Tenants never meet: the ids under which their runs are kept are apart, whatever ids they choose."""

from __future__ import annotations

import pytest
from docugen_core.domain.identity import is_bundle_run_id
from docugen_core.domain.tenant import (
    DEFAULT_TENANT,
    EVERYBODY,
    TENANT,
    Caller,
    Role,
    is_kept_id,
    is_tenant,
    kept_id,
    tenant_of,
)
from hypothesis import assume, given
from hypothesis import strategies as st

tenants = st.just(DEFAULT_TENANT) | st.from_regex(TENANT, fullmatch=True)
run_ids = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True).filter(is_bundle_run_id)


@given(tenants, run_ids, tenants, run_ids)
def test_two_runs_are_kept_under_one_id_only_if_tenant_and_id_are_the_same(
    tenant: str, run_id: str, other: str, other_id: str
) -> None:
    same = (tenant, run_id) == (other, other_id)
    assert (kept_id(tenant, run_id) == kept_id(other, other_id)) is same


@given(tenants, run_ids)
def test_whose_a_run_is_can_be_read_off_its_id_alone(tenant: str, run_id: str) -> None:
    kept = kept_id(tenant, run_id)
    assert tenant_of(kept) == tenant
    assert is_kept_id(kept)


@given(tenants, tenants, run_ids)
def test_a_caller_gets_back_the_id_it_wrote(tenant: str, other: str, run_id: str) -> None:
    ordinary = Caller(tenant, frozenset({Role.SUBMIT, Role.READ}))
    kept = ordinary.kept(run_id)
    assert kept is not None
    assert ordinary.shown(kept) == run_id
    operator = Caller(other, frozenset({Role.OPERATE}))
    assert operator.kept(operator.shown(kept)) == kept


@given(tenants, tenants, run_ids)
def test_a_caller_cannot_write_the_id_of_another_tenants_run(tenant: str, other: str, run_id: str) -> None:
    assume(tenant != other)
    ordinary = Caller(tenant, frozenset({Role.SUBMIT, Role.READ}))
    assert ordinary.kept(f"{other}~{run_id}") is None
    assert Caller(tenant, frozenset({Role.OPERATE})).kept(f"{other}~{run_id}") == kept_id(other, run_id)


def test_without_tokens_everybody_is_the_default_tenant_and_ids_are_as_they_are_written() -> None:
    assert (EVERYBODY.kept("march"), EVERYBODY.shown("march")) == ("march", "march")
    assert EVERYBODY.sees_all


@pytest.mark.parametrize("text", ["", "A", "acme corp", "-a", "a" * 33, "a~b", "a/b", "..", "ä", "a\n"])
def test_other_texts_name_no_tenant(text: str) -> None:
    assert not is_tenant(text)


@pytest.mark.parametrize(
    "text", ["~march", "acme~", "acme~~march", "a~b~c", "../x~march", "acme~../x", "acme~Ma", "a\n~b"]
)
def test_other_texts_are_no_place_of_a_run(text: str) -> None:
    assert not is_kept_id(text)
