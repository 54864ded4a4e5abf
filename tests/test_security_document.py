"""`docs/security.md` names the test that holds each answer: all ten risks have some, and each of them exists."""

import ast
import re

import pytest

from settings import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("risk", range(1, 11))
def test_every_risk_has_its_tests(risk: int) -> None:
    row = re.search(rf"^\| API{risk} .*$", TEXT, re.MULTILINE)
    assert row is not None
    assert "::test_" in row[0]
