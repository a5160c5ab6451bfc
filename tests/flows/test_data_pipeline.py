from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows(data_pipeline: ModuleType) -> list[Row]:
    read: list[Row] = data_pipeline.get_data.run(data_pipeline.HERE / "data" / "penguins.csv")
    return read


@pytest.fixture(scope="module")
def penguins(data_pipeline: ModuleType, rows: list[Row]) -> Any:
    return data_pipeline.preprocess_data.run(rows)


@pytest.fixture
def row() -> Row:
    return {
        "studyName": "PAL0708",
        "Sample Number": "1",
        "Species": "Adelie Penguin (Pygoscelis adeliae)",
        "Island": "Torgersen",
        "Sex": "MALE",
        "Culmen Length (mm)": "39.1",
        "Culmen Depth (mm)": "18.7",
        "Flipper Length (mm)": "181",
        "Body Mass (g)": "3750",
    }


def accuracy(
    module: ModuleType, penguins: Any, output: Path, neighbours: int = 5, share: float = 0.25, seed: int = 1
) -> float:
    model = module.run_model.run(penguins, neighbours, share, seed)
    found: float = module.make_predictions.run(model, output)["accuracy"]
    return found


def test_the_data_is_what_its_notice_says(data_pipeline: ModuleType) -> None:
    folder = data_pipeline.HERE / "data"
    notice = (folder / "README.md").read_text(encoding="utf-8")
    for name in ("penguins.csv", "seattle-weather.csv"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in notice


def test_only_the_two_birds_that_nobody_measured_are_left_out(
    data_pipeline: ModuleType, rows: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = data_pipeline.preprocess_data.run(rows)
    assert capsys.readouterr().out == "342 of 344 penguins kept, left out: 2 without measurements\n"
    assert Counter(bird.species for bird in kept) == {"Adelie": 151, "Gentoo": 123, "Chinstrap": 68}
    assert Counter(bird.sex for bird in kept) == {"male": 168, "female": 165, "unknown": 9}


@pytest.mark.parametrize("share", [0.15, 0.25, 0.4, 0.6])
@pytest.mark.parametrize("seed", [0, 1, 7, 42, 2014])
def test_accuracy_on_birds_never_seen_is_at_least_0_93(
    data_pipeline: ModuleType, penguins: Any, tmp_path: Path, seed: int, share: float
) -> None:
    assert accuracy(data_pipeline, penguins, tmp_path / "out.csv", share=share, seed=seed) >= 0.93


@pytest.mark.parametrize("neighbours", [1, 3, 9, 25])
def test_accuracy_does_not_hang_on_the_number_of_neighbours(
    data_pipeline: ModuleType, penguins: Any, tmp_path: Path, neighbours: int
) -> None:
    assert accuracy(data_pipeline, penguins, tmp_path / "out.csv", neighbours=neighbours) >= 0.93


def test_with_labels_at_random_the_accuracy_is_that_of_guessing(
    data_pipeline: ModuleType, rows: list[Row], tmp_path: Path
) -> None:
    """Were the held-out birds known to the model, it would know these labels too."""
    labels = [row["Species"] for row in rows]
    shuffled = [
        {**row, "Species": label}
        for row, label in zip(rows, labels[::3] + labels[1::3] + labels[2::3], strict=True)
    ]
    penguins = data_pipeline.preprocess_data.run(shuffled)
    assert accuracy(data_pipeline, penguins, tmp_path / "out.csv") < 0.6


def test_no_bird_is_both_learnt_from_and_held_out(data_pipeline: ModuleType, penguins: Any) -> None:
    known, held_out = data_pipeline.stratified(penguins, 0.25, 1)
    assert not set(known) & set(held_out)
    assert set(known) | set(held_out) == set(penguins)


def test_every_species_is_held_out_by_its_share(data_pipeline: ModuleType, penguins: Any) -> None:
    _, held_out = data_pipeline.stratified(penguins, 0.25, 1)
    assert Counter(bird.species for bird in held_out) == {"Adelie": 38, "Gentoo": 31, "Chinstrap": 17}


def test_a_seed_holds_out_the_same_birds_again_and_another_seed_others(
    data_pipeline: ModuleType, penguins: Any
) -> None:
    first, again, other = (data_pipeline.stratified(penguins, 0.25, seed)[1] for seed in (1, 1, 2))
    assert first == again
    assert set(first) != set(other)


def test_the_predictions_say_what_the_summary_says(
    data_pipeline: ModuleType, penguins: Any, tmp_path: Path
) -> None:
    output = tmp_path / "new folder" / "out.csv"
    summary = data_pipeline.make_predictions.run(data_pipeline.run_model.run(penguins, 5, 0.25, 0), output)
    with output.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    mistakes = Counter(
        f"{line['species']} taken for {line['predicted']}"
        for line in table
        if line["species"] != line["predicted"]
    )
    assert summary["mistaken"] == dict(mistakes)
    assert summary["held_out"] == len(table) == 86
    assert summary["accuracy"] == pytest.approx(1 - mistakes.total() / 86)
    assert summary["target"] == str(output)
    assert all(0 < float(line["votes"]) <= 1 for line in table)


def test_predictions_that_cannot_be_written_leave_nothing_behind(
    data_pipeline: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        data_pipeline.write_whole(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_new_predictions_replace_the_old(data_pipeline: ModuleType, tmp_path: Path) -> None:
    for text in ("old\n", "new\n"):
        data_pipeline.write_whole(tmp_path / "out.csv", text)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.csv", "new\n")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("MALE", "male"),
        (" Female ", "female"),
        ("male", "male"),
        (".", "unknown"),
        ("", "unknown"),
        ("NA", "unknown"),
    ],
)
def test_sex_is_read_in_any_case_and_else_unknown(
    data_pipeline: ModuleType, row: Row, written: str, meant: str
) -> None:
    assert data_pipeline.cleaned({**row, "Sex": written}).sex == meant


@pytest.mark.parametrize("written", ["gentoo", " Gentoo penguin (Pygoscelis papua)", "GENTOO PENGUIN"])
def test_a_species_is_its_first_word(data_pipeline: ModuleType, row: Row, written: str) -> None:
    assert data_pipeline.cleaned({**row, "Species": written}).species == "Gentoo"


@pytest.mark.parametrize(
    ("column", "written", "reason"),
    [
        ("Species", "", "of unknown species"),
        ("Species", "Emperor penguin", "of unknown species"),
        ("Body Mass (g)", "NA", "without measurements"),
        ("Body Mass (g)", " n/a ", "without measurements"),
        ("Body Mass (g)", "", "without measurements"),
        ("Body Mass (g)", "heavy", "with a measurement that is no number"),
        ("Body Mass (g)", "37.5", "with an impossible measurement"),
        ("Body Mass (g)", "-3750", "with an impossible measurement"),
        ("Culmen Depth (mm)", "inf", "with an impossible measurement"),
    ],
)
def test_a_row_that_is_no_use_is_left_out_and_the_reason_said(
    data_pipeline: ModuleType,
    row: Row,
    column: str,
    written: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = data_pipeline.preprocess_data.run([row, {**row, column: written}])
    assert len(kept) == 1
    assert capsys.readouterr().out == f"1 of 2 penguins kept, left out: 1 {reason}\n"


def test_a_bird_written_twice_counts_once(
    data_pipeline: ModuleType, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(data_pipeline.preprocess_data.run([row, dict(row), {**row, "Sample Number": "2"}])) == 2
    assert "1 written twice" in capsys.readouterr().out


def test_a_file_with_a_bom_short_rows_and_surplus_cells_is_read(
    data_pipeline: ModuleType, row: Row, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = ",".join(row.values())
    path = tmp_path / "messy.csv"
    path.write_text(
        "\n".join([",".join(row), full, "", "PAL0708,2,Adelie", f"{full},more,cells"]), encoding="utf-8-sig"
    )
    assert len(data_pipeline.preprocess_data.run(data_pipeline.get_data.run(path))) == 1
    said = capsys.readouterr().out
    assert "1 without measurements" in said
    assert "1 with more cells than columns" in said


def test_a_missing_column_is_named(data_pipeline: ModuleType, row: Row) -> None:
    del row["Sex"]
    with pytest.raises(ValueError, match=r"^the data has no column `Sex`$"):
        data_pipeline.preprocess_data.run([row])


def test_data_without_a_usable_row_is_refused(data_pipeline: ModuleType, row: Row) -> None:
    with pytest.raises(ValueError, match=r"^none of the 0 rows is a penguin"):
        data_pipeline.preprocess_data.run([])
    with pytest.raises(ValueError, match=r"^none of the 1 rows is a penguin"):
        data_pipeline.preprocess_data.run([{**row, "Species": "NA"}])


@pytest.mark.parametrize("neighbours", [0, -1, 257])
def test_a_number_of_neighbours_that_cannot_vote_is_refused(
    data_pipeline: ModuleType, penguins: Any, neighbours: int
) -> None:
    with pytest.raises(ValueError, match=f"^`neighbours` is {neighbours}, but must be from 1 to 256"):
        data_pipeline.run_model.run(penguins, neighbours, 0.25, 1)


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.25, float("nan")])
def test_a_share_that_is_none_is_refused(data_pipeline: ModuleType, penguins: Any, share: float) -> None:
    with pytest.raises(ValueError, match=f"^`test_share` is {share:g}, but must be between 0 and 1$"):
        data_pipeline.run_model.run(penguins, 5, share, 1)


def test_a_share_too_small_to_hold_out_a_bird_is_refused(data_pipeline: ModuleType, penguins: Any) -> None:
    with pytest.raises(ValueError, match="holds out none of 342 penguins"):
        data_pipeline.run_model.run(penguins, 5, 0.0001, 1)


def test_a_species_of_a_single_bird_is_learnt_from(data_pipeline: ModuleType, penguins: Any) -> None:
    adelies = [bird for bird in penguins if bird.species == "Adelie"]
    gentoo = next(bird for bird in penguins if bird.species == "Gentoo")
    known, _ = data_pipeline.stratified([*adelies, gentoo], 0.9, 1)
    assert gentoo in known


def test_measures_without_spread_do_not_divide_by_zero(data_pipeline: ModuleType, row: Row) -> None:
    birds = data_pipeline.preprocess_data.run([{**row, "Sample Number": str(n)} for n in range(4)])
    model = data_pipeline.run_model.run(birds, 2, 0.25, 1)
    assert model.predict(birds[0]) == ("Adelie", 1.0)


def test_a_tie_of_votes_goes_to_the_nearest(data_pipeline: ModuleType, row: Row) -> None:
    bird = data_pipeline.cleaned(row)
    here, near, far = ((x, 0.0, 0.0, 0.0) for x in (0.0, 1.0, 2.0))
    model = data_pipeline.Model(
        2, bird.measures, (1.0, 1.0, 1.0, 1.0), ((far, "Adelie"), (near, "Gentoo"), (here, "Chinstrap")), ()
    )
    assert model.predict(bird) == ("Chinstrap", 0.5)


def test_the_flow_runs_from_any_directory(
    data_pipeline: ModuleType, elsewhere: Path, result_of: Callable[[Any, str], Any]
) -> None:
    output = elsewhere / "predictions.csv"
    state = data_pipeline.data_pipeline.run(target=output)
    assert state.is_successful()
    summary = result_of(state, "make_predictions")
    assert summary["accuracy"] >= 0.93
    assert len(output.read_text(encoding="utf-8").splitlines()) == summary["held_out"] + 1


def test_the_flow_fails_with_the_reason_and_writes_nothing(
    data_pipeline: ModuleType, elsewhere: Path, result_of: Callable[[Any, str], Any]
) -> None:
    state = data_pipeline.data_pipeline.run(neighbours=0, target=elsewhere / "predictions.csv")
    assert not state.is_successful()
    assert "`neighbours` is 0" in str(result_of(state, "run_model"))
    assert list(elsewhere.iterdir()) == []


def test_the_flow_is_one_chain_of_four_tasks(data_pipeline: ModuleType) -> None:
    flow = data_pipeline.data_pipeline
    parameters = set(flow.parameters())
    tasks = [task for task in flow.sorted_tasks() if task not in parameters]
    assert [task.name for task in tasks] == ["get_data", "preprocess_data", "run_model", "make_predictions"]
    for upstream, downstream in pairwise(tasks):
        assert flow.upstream_tasks(downstream) - parameters == {upstream}
