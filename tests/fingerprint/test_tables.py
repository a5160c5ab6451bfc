"""Arrays, tables, models: what libraries make, recognised without importing them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowkit.fingerprint import UndigestibleError, digest


def differ(*values: Any) -> None:
    """Each differs from all others, and is what it is after a round trip."""
    assert len({digest(value) for value in values}) == len(values)
    for value in values:
        assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


def test_no_library_is_imported_to_make_a_digest() -> None:
    script = """
import sys
from flowkit.fingerprint import digest
digest([1])
print({"numpy", "pandas", "polars", "attrs"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_arrays_differ_by_type_shape_and_values() -> None:
    np = pytest.importorskip("numpy")
    differ(
        *(
            np.array([1, 2]),
            np.array([1, 3]),
            np.array([1, 2], "i4"),
            np.array([1.0, 2.0]),
            np.array([[1, 2]]),
        ),
        *(np.array([[1], [2]]), [1, 2], np.array([], "f8"), np.array([], "i8")),
        *(
            np.array(["a", "b"]),
            np.array(["a", None], object),
            np.array(["a", "b"], object),
            np.zeros((0, 3)),
        ),
        *(np.array("2020-01-01", "M8[s]"), np.array("2020-01-01", "M8[ms]"), np.array([True]), np.array(1)),
        *(
            np.int64(1),
            np.int32(1),
            np.float64(1),
            1,
            1.0,
            np.str_("a"),
            np.bool_(True),
            np.datetime64(1, "s"),
        ),
        *(np.array([(1, 2.0)], [("a", "i1"), ("b", "f8")]), np.array([(1, 2.0)], [("a", "i1"), ("c", "f8")])),
        *(
            np.ma.array([1, 2], mask=[0, 1]),
            np.ma.array([1, 2], mask=[1, 0]),
            np.rec.array([(1, 2.0)], [("a", "i1"), ("b", "f8")]),
        ),
        *(np.longdouble(1), np.array([1], "g"), np.dtype("i4"), np.dtype("i8")),
    )


def test_the_order_in_memory_does_not_count() -> None:
    np = pytest.importorskip("numpy")
    assert digest(np.array([1, 2], ">i8")) == digest(np.array([1, 2], "<i8"))
    for shape in ((3, 4), (70_000, 3), (2, 3, 5)):
        array = np.arange(np.prod(shape), dtype="f8").reshape(shape)
        assert digest(array) == digest(np.asfortranarray(array)) == digest(array[::-1][::-1].copy())
        assert digest(array[:, ::-1]) == digest(array[:, ::-1].copy()) != digest(array)


def test_what_no_array_shows_does_not_count() -> None:
    np = pytest.importorskip("numpy")
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    one, other = (np.frombuffer(bytes([fill]) * 32, kind).copy() for fill in (0, 255))
    for name in ("a", "b"):
        one[name] = other[name] = 1
    assert digest(one) == digest(other)
    assert digest(np.ma.array([1, 2], mask=[0, 1])) == digest(np.ma.array([1, 9], mask=[0, 1]))


def test_tables_differ_by_names_types_values_and_index() -> None:
    pd = pytest.importorskip("pandas")
    np = pytest.importorskip("numpy")
    times = pd.date_range("2020", periods=2)
    differ(
        *(pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]})),
        *(pd.DataFrame({"a": [1, 2]}, index=[1, 2]), pd.DataFrame({"a": ["x", "y"]}), pd.DataFrame()),
        *(
            pd.DataFrame({"a": [1], "b": [2]}),
            pd.DataFrame({"b": [2], "a": [1]}),
            pd.DataFrame([[1, 1]], columns=["a", "a"]),
        ),
        *(
            pd.Series([1, 2]),
            pd.Series([1, 2], name="a"),
            pd.Series([1, 2], dtype="Int64"),
            pd.Series([1, None], dtype="Int64"),
        ),
        *(
            pd.Series(["a", None]),
            pd.Series(["a", None], dtype=object),
            pd.Series(["a", "b"], dtype="category"),
        ),
        *(
            pd.Series(times),
            pd.Series(times.tz_localize("UTC")),
            pd.Series(times.tz_localize("Europe/Berlin")),
        ),
        *(
            pd.Index([1, 2]),
            pd.RangeIndex(2),
            pd.Index(["a"]),
            times,
            times.rename("t"),
            pd.period_range("2020", periods=2),
        ),
        *(
            pd.MultiIndex.from_tuples([(1, "a")]),
            pd.MultiIndex.from_tuples([(1, "b")]),
            pd.Categorical(["a"]),
        ),
        *(
            pd.Timestamp("2020"),
            pd.Timestamp("2020", tz="UTC"),
            pd.Timedelta(1),
            pd.NaT,
            pd.NA,
            pd.Period("2020"),
        ),
        *(
            pd.Interval(0, 1),
            pd.arrays.SparseArray([0, 1]),
            np.datetime64("2020"),
            pd.IntervalIndex.from_breaks([0, 1, 2]),
        ),
    )


def test_what_no_table_shows_does_not_count() -> None:
    pd = pytest.importorskip("pandas")
    wide = pd.MultiIndex.from_product([[1, 2], ["a", "b"]])
    assert digest(wide[:2]) == digest(pd.MultiIndex.from_product([[1], ["a", "b"]]))
    one, other = pd.Series([1, 2], dtype="Int64"), pd.Series([1, 3], dtype="Int64")
    one[1] = other[1] = pd.NA
    assert digest(one) == digest(other)
    assert digest(pd.DataFrame({"a": [1], "b": [2]})[["a"]]) == digest(pd.DataFrame({"a": [1]}))


def test_frames_of_polars_differ_by_names_types_and_values() -> None:
    pl = pytest.importorskip("polars")
    import datetime

    differ(
        *(
            pl.DataFrame({"a": [1, 2]}),
            pl.DataFrame({"b": [1, 2]}),
            pl.DataFrame({"a": [1.0, 2.0]}),
            pl.DataFrame(),
        ),
        *(
            pl.DataFrame({"a": [1], "b": [2]}),
            pl.DataFrame({"b": [2], "a": [1]}),
            pl.Series([1, 2]),
            pl.Series("a", [1, 2]),
        ),
        *(
            pl.Series([1, None]),
            pl.Series([None, 1]),
            pl.Series(["a", None]),
            pl.Series([True, None]),
            pl.Series([[1], [2]]),
        ),
        *(
            pl.Series([{"a": 1}]),
            pl.Series([{"a": 2}]),
            pl.Series(["a"], dtype=pl.Categorical),
            pl.Series(["a"]),
        ),
        *(
            pl.Series([datetime.date(2020, 1, 1)]),
            pl.Series([datetime.datetime(2020, 1, 1)]),
            pl.Series([b"a"]),
        ),
        *(
            pl.Series([datetime.timedelta(1)]),
            pl.Series([datetime.time(1)]),
            pl.Series([None]),
            pl.Series([1], dtype=pl.UInt8),
        ),
    )
    with pytest.raises(UndigestibleError, match="collected"):
        digest(pl.LazyFrame({"a": [1]}))


def test_models_differ_by_their_fields_and_not_by_which_were_given() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        model_config = pydantic.ConfigDict(extra="allow")
        number: int = 1
        names: list[str] = []
        _private: int = pydantic.PrivateAttr(default=0)

    other = Model()
    other._private = 2
    found = [Model(), Model(number=2), Model(names=["a"]), Model(more=1), other]
    assert len({digest(each) for each in found}) == len(found)
    assert digest(Model()) == digest(Model(number=1)) == digest(copy.deepcopy(Model()))
    assert digest(pydantic.SecretStr("a")) != digest(pydantic.SecretStr("b"))


def test_instances_of_attrs_differ_by_their_attributes() -> None:
    attrs: Any = pytest.importorskip("attrs")

    fields = {"number": attrs.field(), "names": attrs.field(factory=list)}
    Slotted = attrs.make_class("Slotted", fields, slots=True)  # noqa: N806
    Hashed = attrs.make_class("Hashed", ["number"], frozen=True, slots=False, cache_hash=True)  # noqa: N806
    differing = [Slotted(1), Slotted(2), Slotted(1, ["a"]), Hashed(1), Hashed(2)]
    assert len({digest(each) for each in differing}) == len(differing)
    hashed = Hashed(1)
    assert hash(hashed) == hash(Hashed(1))
    assert digest(hashed) == digest(Hashed(1))
    assert digest(copy.deepcopy(Slotted(1))) == digest(Slotted(1))


def test_a_ufunc_of_numpy_counts_by_the_function_inside() -> None:
    np: Any = pytest.importorskip("numpy")

    def made(step: int, **given: Any) -> bytes:
        return digest(np.frompyfunc(lambda x, y: x + y + step, 2, 1, **given))

    assert made(1) == made(1) != made(2)
    assert made(1, identity=0) != made(1, identity=1)
    assert digest(np.frompyfunc(hex, 1, 1)) != digest(np.frompyfunc(oct, 1, 1))
    assert digest(np.frompyfunc(max, 2, 1)) != digest(np.frompyfunc(max, 3, 1))
    assert digest(np.frompyfunc(max, 2, 1).reduce) != digest(np.frompyfunc(min, 2, 1).reduce)
    assert digest(np.add) == digest(np.add) != digest(np.multiply)
