"""The example that came with Prefect classic."""

from flowkit import Flow, Parameter, task


@task
def say_hello(name: str) -> None:
    """Greet somebody."""
    print(f"Hello, {name}!")


@task
def capitalize(text: str) -> str:
    """The same text with capitals."""
    return text.title()


with Flow("hello-world") as hello_flow:
    name = Parameter("name", default="world")
    say_hello(capitalize(name))
