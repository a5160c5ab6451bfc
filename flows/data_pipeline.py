"""Predict the species of penguins: clean a field study's CSV, train a classifier, test it on unseen birds.

Only the standard library is used. The data and its licence are described in `data/README.md`.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from os.path import relpath
from pathlib import Path
from statistics import fmean, pstdev
from typing import Annotated, Any
from uuid import uuid4

from pydantic import FilePath

from flowkit import flow, task

HERE = Path(__file__).resolve().parent

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
SEXES = ("female", "male")
SURPLUS = "cells beyond the last column"
MISSING = ("", ".", "na", "n/a", "nan")

# What an adult of these species can measure: a slipped decimal point lies outside, an unusual bird inside.
MEASURES = {
    "Culmen Length (mm)": (20.0, 80.0),
    "Culmen Depth (mm)": (8.0, 30.0),
    "Flipper Length (mm)": (120.0, 280.0),
    "Body Mass (g)": (1500.0, 9000.0),
}
COLUMNS = ("studyName", "Sample Number", "Species", "Island", "Sex", *MEASURES)


@dataclass(frozen=True)
class Penguin:
    """One bird; `measures` are in the order and the units of `MEASURES`."""

    study: str
    sample: str
    island: str
    sex: str
    species: str
    measures: tuple[float, ...]


@dataclass(frozen=True)
class Model:
    """k nearest neighbours over standardised measures, with the birds that were held out to test it."""

    neighbours: int
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    known: tuple[tuple[tuple[float, ...], str], ...]
    held_out: tuple[Penguin, ...]

    def predict(self, penguin: Penguin) -> tuple[str, float]:
        """The species that most neighbours have, and their share of the votes; a tie goes to the nearest."""
        point = standardised(penguin, self.centre, self.spread)
        nearest = sorted(self.known, key=lambda bird: math.dist(bird[0], point))[: self.neighbours]
        species, votes = Counter(species for _, species in nearest).most_common(1)[0]
        return species, votes / self.neighbours


@task(max_retries=3, retry_delay=timedelta(seconds=2))
def get_data(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text; tried again when the disk or the network behind it fails."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, restkey=SURPLUS, restval=""))
    print(f"{len(rows)} rows from {relpath(path)}")
    return rows


@task
def preprocess_data(rows: list[dict[str, str]]) -> list[Penguin]:
    """The birds that can be used, each once; what is left out is counted by reason and said.

    Raises:
        ValueError: a column is missing, or no usable row is left.
    """
    if rows and (absent := [column for column in COLUMNS if column not in rows[0]]):
        raise ValueError(f"the data has no column {', '.join(f'`{column}`' for column in absent)}")
    penguins: dict[Penguin, None] = {}
    left_out: Counter[str] = Counter()
    for row in rows:
        try:
            penguin = cleaned(row)
        except ValueError as reason:
            left_out[str(reason)] += 1
            continue
        if penguin in penguins:
            left_out["written twice"] += 1
        penguins[penguin] = None
    if not penguins:
        raise ValueError(f"none of the {len(rows)} rows is a penguin with species and measurements")
    reasons = "; ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    print(f"{len(penguins)} of {len(rows)} penguins kept" + (f", left out: {reasons}" if reasons else ""))
    return list(penguins)


@task
def run_model(penguins: list[Penguin], neighbours: int, test_share: float, seed: int) -> Model:
    """Train on one part of the birds and hold the other out, the same birds for the same seed.

    Args:
        penguins: birds of known species.
        neighbours: how many of the nearest birds vote, at least 1.
        test_share: share of each species that is held out, between 0 and 1.
        seed: which birds these are.

    Raises:
        ValueError: an argument is out of its range, or there are too few birds for it.
    """
    known, held_out = stratified(penguins, test_share, seed)
    if not 1 <= neighbours <= len(known):
        raise ValueError(
            f"`neighbours` is {neighbours}, but must be from 1 to {len(known)}, the birds trained on"
        )
    columns = list(zip(*(penguin.measures for penguin in known), strict=True))
    centre = tuple(fmean(column) for column in columns)
    spread = tuple(pstdev(column) or 1.0 for column in columns)
    points = tuple((standardised(penguin, centre, spread), penguin.species) for penguin in known)
    print(f"{len(known)} penguins to learn from, {len(held_out)} held out")
    return Model(neighbours, centre, spread, points, tuple(held_out))


@task
def make_predictions(model: Model, target: Path) -> dict[str, object]:
    """Predict the species of the birds held out, write a row for each, and say how many were right."""
    predictions = [(penguin, *model.predict(penguin)) for penguin in model.held_out]
    mistaken = Counter(
        f"{penguin.species} taken for {species}"
        for penguin, species, _ in predictions
        if species != penguin.species
    )
    accuracy = 1 - mistaken.total() / len(predictions)
    write_whole(target, as_csv(predictions))
    print(f"accuracy {accuracy:.3f} on {len(predictions)} unseen penguins, written to {relpath(target)}")
    return {
        "accuracy": accuracy,
        "held_out": len(predictions),
        "mistaken": dict(mistaken),
        "target": str(target),
    }


@flow
def data_pipeline(
    path: Annotated[FilePath, "CSV of the raw field data"] = HERE / "data" / "penguins.csv",
    neighbours: Annotated[int, "How many of the nearest penguins vote"] = 5,
    test_share: Annotated[float, "Share of each species that is held out, between 0 and 1"] = 0.25,
    seed: Annotated[int, "Which penguins are held out"] = 1,
    target: Annotated[Path, "CSV of predictions to write"] = HERE.parent
    / "build"
    / "penguin-predictions.csv",
) -> Any:
    """Predict the species of a penguin from its measurements.

    Cleans the raw data of three seasons at Palmer Station, Antarctica, trains a nearest-neighbour
    classifier on three quarters of the birds and predicts the species of the others.
    """
    penguins = preprocess_data(get_data(path))
    model = run_model(penguins, neighbours, test_share, seed)
    return make_predictions(model, target)


def cleaned(row: dict[str, str]) -> Penguin:
    """The bird of a row; a ValueError tells in a few words why there is none."""
    if SURPLUS in row:
        raise ValueError("with more cells than columns")
    name = row["Species"].split()[:1]
    species = name[0].capitalize() if name else ""
    if species not in SPECIES:
        raise ValueError("of unknown species")
    sex = row["Sex"].strip().lower()
    return Penguin(
        study=row["studyName"].strip(),
        sample=row["Sample Number"].strip(),
        island=row["Island"].strip(),
        sex=sex if sex in SEXES else "unknown",
        species=species,
        measures=tuple(measure(row[column], low, high) for column, (low, high) in MEASURES.items()),
    )


def measure(text: str, low: float, high: float) -> float:
    """A number in its range; a ValueError tells in a few words what is wrong with it."""
    if text.strip().lower() in MISSING:
        raise ValueError("without measurements")
    try:
        value = float(text)
    except ValueError:
        raise ValueError("with a measurement that is no number") from None
    if not low <= value <= high:
        raise ValueError("with an impossible measurement")
    return value


def standardised(penguin: Penguin, centre: tuple[float, ...], spread: tuple[float, ...]) -> tuple[float, ...]:
    """Measures as multiples of their spread, so that a gram and a millimetre weigh the same."""
    return tuple((x - c) / s for x, c, s in zip(penguin.measures, centre, spread, strict=True))


def stratified(penguins: list[Penguin], share: float, seed: int) -> tuple[list[Penguin], list[Penguin]]:
    """Birds to train on and birds held out, the same share of every species; none is held out entirely."""
    if not 0 < share < 1:
        raise ValueError(f"`test_share` is {share:g}, but must be between 0 and 1")
    dice = random.Random(seed)
    known: list[Penguin] = []
    held_out: list[Penguin] = []
    for species in SPECIES:
        flock = [penguin for penguin in penguins if penguin.species == species]
        dice.shuffle(flock)
        cut = min(round(len(flock) * share), max(len(flock) - 1, 0))
        held_out += flock[:cut]
        known += flock[cut:]
    if not held_out:
        raise ValueError(f"`test_share` is {share:g}, which holds out none of {len(penguins)} penguins")
    return known, held_out


def as_csv(predictions: list[tuple[Penguin, str, float]]) -> str:
    """One line a bird: what it is, what it was predicted to be, and how many of the neighbours said so."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["study", "sample", "island", "sex", *MEASURES, "species", "predicted", "votes"])
    for bird, predicted, votes in predictions:
        table.writerow(
            [
                bird.study,
                bird.sample,
                bird.island,
                bird.sex,
                *bird.measures,
                bird.species,
                predicted,
                f"{votes:.2f}",
            ]
        )
    return text.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: whoever reads it sees the old text or the new, whatever is interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid4().hex}.part")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


if __name__ == "__main__":
    data_pipeline.run()
