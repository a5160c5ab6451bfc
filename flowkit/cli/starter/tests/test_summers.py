"""The flow, run in memory: `pytest` runs this. The fixture `flow_run` comes with flowkit."""

from pathlib import Path

from flowkit.testing import assert_failed, assert_successful

FLOW = f"{Path(__file__).parents[1]}/flows/summers.py:summers"


def test_the_summer_with_the_most_warm_days(flow_run):
    state = flow_run(FLOW, warm=30)
    assert_successful(state)
    best = state.result["compare"].result
    assert (best.year, best.warm_days) == ("2015", 23)


def test_a_folder_without_data_is_named(flow_run, tmp_path):
    state = flow_run(FLOW, folder=tmp_path)
    assert_failed(state, "find", ValueError, match="no .csv file")
