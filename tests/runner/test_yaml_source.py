from __future__ import annotations

from pathlib import Path

import pytest

from tfgnn_ext.runner import InputError
from tfgnn_ext.runner.yaml_source import parse_yaml, read_yaml


def test_positions_of_keys_and_items() -> None:
    source = parse_yaml("a: 1\nb:\n  - {c: 2, d: [3, 4]}\n", "x.yaml")
    assert source.data == {"a": 1, "b": [{"c": 2, "d": [3, 4]}]}
    assert source.where(("b", 0, "d")) == "x.yaml:3:12"
    assert source.where(("b", 0, "d", 1)) == "x.yaml:3:19"
    # What is not there is at its parent.
    assert source.where(("b", 0, "e", "f")) == "x.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("2E5", 2e5),
        ("-.5", -0.5),
        ("010", 10),
        ("-7", -7),
        ("yes", "yes"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("2013-01-01", "2013-01-01"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "x:3:1: `a` must be given once. Got it at line 1 too."),
        ("a:\n  b: {c: 1, c: 2}", "x:2:13: `a.b.c` must be given once. Got it at line 2 too."),
        ("a: [1, 2", "x:1:9: must be YAML. Got: expected ',' or ']', but got '<stream end>'."),
        ("a: &x [*x]", "x:1:4: must not hold itself. Got an alias."),
        ("[1, 2]: 3", "x:1:1: a key must be text. Got a collection."),
        ("a: !!python/name:os.system", "x:1:4: must be YAML. Got: could not determine"),
        ("a: \x00", "x:1:1: must be YAML. Got: unacceptable character"),
    ],
)
def test_problems_have_places(text: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        parse_yaml(text, "x")
    assert str(error.value).startswith(problem)


def test_all_repeated_keys_at_once() -> None:
    with pytest.raises(InputError) as error:
        parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}")
    assert len(error.value.problems) == 2


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a file"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("a: \xe9".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_yaml(tmp_path / "latin.yaml")
    assert parse_yaml("").data == {}
