"""A bundle as people write it becomes the message of the contract, and nothing is lost or guessed on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from docugen.client import Refused
from docugen.client.bundle_message import bundle_message
from docugen.v1.bundle_pb2 import BundleSpec

DOCUMENT = {"name": "note.txt", "format": "txt", "template": "note/note"}


def test_objects_of_the_file_become_json_text_of_the_message() -> None:
    spec = bundle_message(
        {
            "schema": "docugen.bundle/v1",
            "documents": [
                {**DOCUMENT, "data": {"text": "é", "big": 9007199254740991}, "optional": True},
                {**DOCUMENT, "page": 2, "ppi": 96, "attachments": ["a.csv"]},
            ],
            "data": {"a": [1, 2.5]},
            "generate": {"name": "household_account", "params": {"months": 3}},
            "seed": "s",
        }
    )
    assert json.loads(spec.documents[0].data_json) == {"text": "é", "big": 9007199254740991}
    assert json.loads(spec.data_json) == {"a": [1, 2.5]}
    assert (spec.generate.name, json.loads(spec.generate.params_json)) == ("household_account", {"months": 3})
    assert spec.documents[0].optional
    image = spec.documents[1]
    assert (image.page, image.ppi, list(image.attachments)) == (2, 96, ["a.csv"])
    assert spec.seed == "s"


def test_a_message_is_taken_as_it_is() -> None:
    spec = BundleSpec(seed="mine")
    assert bundle_message(spec) is spec


def test_an_empty_generate_is_still_sent_so_that_the_server_can_refuse_it() -> None:
    assert bundle_message({"generate": {}}).HasField("generate")


@pytest.mark.parametrize(
    ("bundle", "path", "description"),
    [
        ({"documets": []}, "documets", "unknown field"),
        ({"documents": {}}, "documents", "must be an array"),
        ({"documents": ["note.txt"]}, "documents[0]", "must be an object"),
        ({"documents": [{"name": 3}]}, "documents[0].name", "must be a string"),
        ({"documents": [{"optional": "yes"}]}, "documents[0].optional", "must be true or false"),
        ({"documents": [{"members": ["a.txt", 1]}]}, "documents[0].members", "must be an array of strings"),
        ({"documents": [{"page": "2"}]}, "documents[0].page", "must be a whole number"),
        ({"documents": [{"page": True}]}, "documents[0].page", "must be a whole number"),
        ({"documents": [{"ppi": 72.0}]}, "documents[0].ppi", "must be a whole number"),
        ({"documents": [{"page": 0}]}, "documents[0].page", "must be at least 1"),
        ({"documents": [{"page": 2**31}]}, "documents[0].page", "is too large"),
        ({"documents": [{"attachments": "a.csv"}]}, "documents[0].attachments", "must be an array of strings"),
        ({"documents": [{"name": "\ud800"}]}, "documents[0].name", "holds half of a surrogate pair"),
        ({"data": []}, "data", "must be an object"),
        ({"data": None}, "data", "must be an object"),
        ({"seed": 7}, "seed", "must be a string"),
        ({"specimen": 1}, "specimen", "must be true or false"),
        ({"generate": "household_account"}, "generate", "must be an object"),
        ({"generate": {"parms": {}}}, "generate.parms", "unknown field"),
        ({"schema": "docugen.bundle/v2"}, "schema", 'must be "docugen.bundle/v1"'),
        ({"data_json": "{}"}, "data_json", "unknown field"),
    ],
)
def test_what_the_message_cannot_hold_is_refused_at_its_path(
    bundle: dict[str, Any], path: str, description: str
) -> None:
    with pytest.raises(Refused) as refused:
        bundle_message(bundle)
    assert [(v.path, v.description) for v in refused.value.violations] == [(path, description)]
    assert refused.value.reason == "INVALID_SPEC"


def test_a_number_without_json_form_is_refused() -> None:
    with pytest.raises(Refused, match="data: is not JSON"):
        bundle_message({"data": {"x": float("nan")}})


def test_all_faults_are_reported_at_once_with_the_remedy() -> None:
    with pytest.raises(Refused) as refused:
        bundle_message({"sed": "x", "zzzz": 1, "locale": 1, "documents": [{"nam": "a"}]})
    assert [str(v) for v in refused.value.violations] == [
        "sed: unknown field (did you mean `seed`?)",
        "zzzz: unknown field (remove it)",
        "locale: must be a string",
        "documents[0].nam: unknown field (did you mean `name`?)",
    ]
