"""Nightly: the orders of each shop, cleaned, summed up, and reported when they are worth it."""

import csv
from datetime import timedelta
from pathlib import Path

import prefect
from prefect import Flow, Parameter, case, flatten, task, unmapped
from prefect.engine.results import LocalResult
from prefect.engine.state import Failed
from prefect.executors import LocalDaskExecutor
from prefect.run_configs import KubernetesRun
from prefect.schedules import CronSchedule
from prefect.storage import GitHub
from prefect.tasks.control_flow import merge
from prefect.tasks.secrets import PrefectSecret
from prefect.tasks.shell import ShellTask


def tell(task, old_state, new_state):
    if isinstance(new_state, Failed):
        prefect.context.get("logger").warning("%s failed: %s", task.name, new_state.message)
    return new_state


count_files = ShellTask(name="count_files", log_stderr=True)


@task
def shops(folder):
    return sorted(str(path) for path in Path(folder).glob("*.csv"))


@task(max_retries=2, retry_delay=timedelta(seconds=1), state_handlers=[tell])
def extract(path, token):
    if not token:
        raise ValueError("no token")
    with open(path, newline="") as file:  # noqa: PTH123
        return list(csv.DictReader(file))


@task(log_stdout=True)
def clean(row, rate):
    amount = float(row["amount"])
    print(f"{row['order']}: {amount:.2f}")
    return round(amount * rate, 2)


@task(target="{today}/total.txt", result=LocalResult(dir="results"), checkpoint=True)
def total(amounts):
    logger = prefect.context.get("logger")
    logger.info("%s orders in %s", len(amounts), prefect.context.flow_name)
    return sum(amounts)


@task
def is_large(amount, limit):
    return amount > limit


@task
def long_report(amount):
    return f"A good day: {amount:.2f}"


@task
def short_report(amount):
    return f"{amount:.2f}"


@task
def say(text):
    prefect.context.logger.info(text)


with Flow(
    "shop-orders",
    schedule=CronSchedule("0 3 * * *"),
    storage=GitHub(repo="acme/flows", path="shop_orders.py"),
    run_config=KubernetesRun(image="acme/etl:1.2", labels=["prod"]),
    executor=LocalDaskExecutor(scheduler="threads", num_workers=4),
) as flow:
    folder = Parameter("folder", default="data")
    limit = Parameter("limit", default=100)
    token = PrefectSecret("SHOP_TOKEN")
    paths = shops(folder, upstream_tasks=[count_files(command="ls data | wc -l")])
    rows = extract.map(paths, token=unmapped(token))
    amount = total(clean.map(flatten(rows), rate=unmapped(1.19)))
    large = is_large(amount, limit)
    with case(large, True):
        long = long_report(amount)
    with case(large, False):
        short = short_report(amount)
    say(merge(long, short))

flow.register(project_name="sales")

if __name__ == "__main__":
    state = flow.run(parameters={"limit": 50}, run_on_schedule=False)
    assert state.is_successful()
