"""What is wrong with a flow file or a name, in one sentence, with the code that says whose turn it is."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from command_shell import Shell

TASKS = """
    from flowkit import Flow, flow, task

    @task
    def a(x=None): return x

    @task
    def b(x=None): return x

    @task
    def c(x=None): return x
"""


def written(body: str) -> str:
    return TASKS + "\n" + "\n".join(f"    {line}" for line in body.splitlines())


NOT_LOADED = {
    "syntax": ("def f(:", "`flows/bad.py:13:7` is not valid Python: invalid syntax"),
    "import": ("import pandaz", "`flows/bad.py:13` imports `pandaz`, which is not installed"),
    "exit": ("import sys; sys.exit()", "`flows/bad.py:13` calls `sys.exit()` while it is loaded"),
    "keyboard": ("input()", "`flows/bad.py:13` reads from the keyboard while it is loaded"),
    "nothing": ("x = 1", "`flows/bad.py` defines no flow"),
    "outside": ("a(1)", "`flows/bad.py:13`: the task `a` was called outside of a flow"),
    "twice": (
        'with Flow("same") as one: a()\nwith Flow("same") as two: a()',
        "`flows/bad.py` has two flows called `same`: `one` and `two`",
    ),
    "arguments": (
        'with Flow("bad") as one:\n    a(1, 2)',
        "`flows/bad.py:14`: the task `a` was called with wrong arguments: too many positional arguments",
    ),
    "itself": (
        'with Flow("bad") as one:\n    x = a()\n    x.set_upstream(x)',
        "`flows/bad.py:15`: the task `a` depends on itself",
    ),
    "cycle": (
        'with Flow("bad") as one:\n    x = a()\n    x.set_upstream(c(upstream_tasks=[b(x)]))',
        "`flows/bad.py`: the flow `bad` has a cycle: `a` → `b` → `c` → `a`",
    ),
}


def test_files_that_cannot_be_loaded_exit_3_and_say_where(shell: Shell) -> None:
    for case, (body, _) in NOT_LOADED.items():
        shell.write(f"flows/{case}.py", written(body))
    said = shell("register", code=3)
    assert said.out.strip() == ""
    sentences = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert sentences == [
        f"error: {sentence.replace('bad.py', f'{case}.py')}"
        for case, (_, sentence) in sorted(NOT_LOADED.items())
    ]


@pytest.mark.parametrize("case", ["syntax", "exit", "keyboard", "cycle"])
def test_a_run_of_a_file_that_cannot_be_loaded_starts_nothing(shell: Shell, case: str) -> None:
    body, sentence = NOT_LOADED[case]
    shell.write("flows/bad.py", written(body))
    said = shell("run", "bad", code=3)
    assert sentence.endswith(said.sentence)
    assert said.out == ""
    assert "START" not in said.err
    if case == "syntax":
        assert "      def f(:\n            ^\n" in said.err


BUILT = {
    "arguments": ("return a(1, 2)", "the task `a` was called with wrong arguments: too many positional"),
    "condition": ("if a(1):\n        return a(2)", "the task `a` has no value while the flow is built"),
    "map": ("return a.map(5)", "the task `a` cannot be mapped over"),
}


@pytest.mark.parametrize("case", BUILT)
def test_a_function_flow_that_cannot_be_built_exits_3(shell: Shell, case: str) -> None:
    body, sentence = BUILT[case]
    shell.write("flows/bad.py", written(f"@flow\ndef bad():\n    {body}"))
    for command in ("run", "graph"):
        said = shell(command, "bad", code=3)
        assert sentence in said.sentence
        assert said.hints
        assert said.out == ""


def test_a_function_flow_that_cannot_be_built_says_where(shell: Shell) -> None:
    shell.write("flows/bad.py", written("@flow\ndef bad():\n    return a(1, 2)"))
    assert "`flows/bad.py:15`" in shell("run", "bad", code=3).sentence


def test_names_that_are_unknown_are_refused_with_the_nearest(shell: Shell) -> None:
    shell.write("flows/etl.py", written("@flow\ndef etl(): return a()"))
    for command in ("run", "graph"):
        near = shell(command, "etll", code=2)
        assert (near.sentence, near.hints) == ("no flow is called `etll`", ["did you mean `etl`?"])
    assert shell("run", "weather", code=2).hints == ["the flows here: `etl`"]
    assert shell("run", "../x", code=2).sentence == "there is no flow file `../x`"
    assert shell("run", "flows/etl.py:nope", code=2).sentence == "`etl.py` has no flow `nope`"
    assert shell("run", "no.such:etl", code=2).sentence.startswith("there is no module `no.such`")
    assert shell("run", "x" * 5000, code=2).sentence.startswith("no flow is called `xxx")


def test_a_name_may_be_a_flow_a_file_a_flow_of_a_file_or_of_a_module(shell: Shell) -> None:
    path = shell.write("flows/etl.py", written("@flow\ndef etl(): return a()"))
    for name in ("etl", "./flows/etl.py", f"{path}:etl", "flows.etl:etl"):
        assert "✓ 1 ok" in shell("run", name, "-q").err
    assert "✓ 1 ok" in shell("run", "etl.py", "-q", cwd="flows").err


def test_a_module_of_the_working_directory_never_stands_in_for_a_library(shell: Shell) -> None:
    shell.write("flows/etl.py", written("@flow\ndef etl(): return a()"))
    for name in ("yaml", "random", "typer", "rich", "json", "pydantic", "networkx", "logging", "tomli_w"):
        shell.write(f"{name}.py", f"raise SystemExit('hijacked by {name}')\n")
    script = [str(Path(sys.executable).parent / "flowkit")]
    for prefix, arguments in (
        ([sys.executable, "-m", "flowkit"], ["run", "etl", "-q"]),
        (script, ["run", "etl", "-q"]),
        (script, ["register"]),
    ):
        assert "hijacked" not in shell(*arguments, prefix=prefix).err


def test_a_file_that_loads_for_long_is_named_and_reads_no_keyboard(shell: Shell) -> None:
    driver = shell.write(
        "impatient.py",
        """
        import sys
        from flowkit.cli import app, loading

        loading.PATIENCE = 0.05
        app.main()
        """,
    )
    shell.write(
        "flows/lazy.py",
        written(
            "import os, threading\nassert os.read(0, 1) == b''\nthreading.Event().wait(0.5)\n"
            "@flow\ndef lazy(): return a()"
        ),
    )
    said = shell("run", "lazy", "-q", prefix=[sys.executable, "-P", str(driver)], stdin="typed ahead\n")
    assert said.err.startswith("still loading flows/lazy.py …  ctrl-c to stop\n")
    assert "✓ 1 ok" in said.err


def test_an_endless_loop_at_import_is_left_by_ctrl_c(shell: Shell) -> None:
    shell.write("flows/hangs.py", "print('loading', flush=True)\nwhile True: pass\n")
    with shell.start("run", "hangs") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in err


def test_what_a_file_prints_while_it_is_loaded_is_not_data(shell: Shell) -> None:
    shell.write("flows/loud.py", written("print('loading')\n@flow\ndef loud(): return a()"))
    assert shell("graph", "loud", "--format", "json").out.startswith("{")
    assert "loading" not in shell("run", "loud", "--json").out


def test_a_file_that_ends_the_process_is_no_success(shell: Shell) -> None:
    shell.write("flows/leaves.py", "import os\nos._exit(0)\n")
    shell("run", "leaves", code=3)


def test_a_removed_working_directory_is_said(shell: Shell) -> None:
    said = shell.line("mkdir gone && cd gone && rmdir ../gone && flowkit list", code=2)
    assert said.sentence == "the working directory does not exist any more"


def test_a_flow_without_a_task_is_run_with_a_word_on_it(shell: Shell) -> None:
    shell.write("flows/forgot.py", written("@flow\ndef forgot(): a"))
    said = shell("run", "forgot")
    assert said.err.startswith(
        "note: the flow `forgot` has no task: one is part of it where it is called, as `a()`\n"
    )
    shell.write("flows/does.py", written("@flow\ndef does(): a()"))
    assert "note: " not in shell("run", "does").err


def test_a_misspelt_name_of_ours_is_said_with_the_nearest(shell: Shell) -> None:
    shell.write("flows/bad.py", "from flowkit import flw\n")
    said = shell("run", "bad", code=3)
    assert said.sentence == "`flows/bad.py:1` imports `flw`, which `flowkit` does not have"
    assert said.hints == ["did you mean `flow`?"]
