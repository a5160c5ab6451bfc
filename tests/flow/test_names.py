"""What can name a flow or a parameter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import DefinitionError
from flowkit.flow.flow import Flow
from flowkit.flow.names import LONGEST_NAME, check_name
from flowkit.flow.parameter import Parameter

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=LONGEST_NAME)


@given(printable.filter(str.strip))
def test_any_printable_text_is_a_name_and_stays_as_it_is(name: str) -> None:
    assert check_name(name) == name
    assert Flow(name).name == name


@pytest.mark.parametrize("name", ["../x", "/abs", "..", "a/b", "C:\\x", "CON", "naïve ☃", "-x", "'; drop"])
def test_a_name_is_never_a_path_so_paths_are_names(name: str) -> None:
    assert Flow(name).name == name


@pytest.mark.parametrize("name", ["", " ", "\u2003 "])
def test_an_empty_name_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="not empty"):
        Flow(name)


def test_a_name_of_5000_characters_is_refused_without_repeating_it() -> None:
    with pytest.raises(DefinitionError, match="5000 characters") as refused:
        Flow("n" * 5000)
    assert len(str(refused.value)) < 150


def test_the_longest_name_is_allowed_and_one_more_is_not() -> None:
    assert check_name("n" * LONGEST_NAME)
    with pytest.raises(DefinitionError):
        check_name("n" * (LONGEST_NAME + 1))


@given(st.characters(categories=["Cc", "Cs"]))
def test_control_characters_are_refused_and_shown_escaped(char: str) -> None:
    with pytest.raises(DefinitionError, match="control characters") as refused:
        check_name(f"a{char}b")
    assert char not in str(refused.value)


@pytest.mark.parametrize("name", [None, 3, b"flow", ["flow"]])
def test_a_name_is_text(name: object) -> None:
    with pytest.raises(DefinitionError, match=f"not `{type(name).__name__}`"):
        check_name(name)


def test_the_message_says_what_the_name_is_of() -> None:
    with pytest.raises(DefinitionError, match="a parameter needs a name"):
        Parameter("")
