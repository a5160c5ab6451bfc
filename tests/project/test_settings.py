"""Settings: which source wins, where each value came from, and every problem at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowkit.errors import UsageError
from flowkit.project.config import Config
from flowkit.project.limit import Limit
from flowkit.project.root import Project
from flowkit.project.settings import ADDRESSED, KEYS, Resolved, Settings, resolve, user_file


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    return Project(root)


def write_user_file(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "config" / "flowkit" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_without_any_source_all_are_defaults() -> None:
    resolved = resolve(None, environ={"XDG_CONFIG_HOME": "/nowhere"})
    assert resolved == Resolved(Settings(), {})
    assert ("switch_interval", 0.0005, "default") in list(resolved.rows())
    assert [key for key, _, _ in resolved.rows()] == list(KEYS)


def test_each_source_wins_over_the_one_before(tmp_path: Path, project: Project) -> None:
    """default < user < project < environment < Python < flags."""
    environ = write_user_file(tmp_path, 'workers = 2\nbackend = "local"\n')
    sources: dict[str, Any] = {"environ": environ, "assigned": {}, "flags": {"workers": None}}

    def workers() -> tuple[object, str]:
        resolved = resolve(project, **sources)
        return resolved.settings.workers, resolved.origins["workers"]

    assert workers() == (2, f"{tmp_path}/config/flowkit/config.toml:1")
    (project.root / "flowkit.toml").write_text("\n# mine\nworkers = 3\n")
    assert workers() == (3, f"{project.root}/flowkit.toml:3")
    environ["FLOWKIT_WORKERS"] = "4"
    assert workers() == (4, "FLOWKIT_WORKERS")
    sources["assigned"]["workers"] = 5
    assert workers() == (5, "set in Python")
    sources["flags"]["workers"] = 6
    assert workers() == (6, "--workers")


def test_pyproject_has_the_same_keys(project: Project) -> None:
    text = (
        '[project]\nname = "x"\n[tool.flowkit]\nexecutor = "inline"\n'
        '[tool.flowkit.logging]\nlevel = "DEBUG"\n'
    )
    (project.root / "pyproject.toml").write_text(text)
    resolved = resolve(project, environ={})
    assert (resolved.settings.executor, resolved.settings.logging.level) == ("inline", "DEBUG")
    assert resolved.origins["logging.level"] == f"{project.root}/pyproject.toml:6"


def test_flowkit_toml_hides_pyproject_and_says_so(project: Project) -> None:
    (project.root / "pyproject.toml").write_text('[tool.flowkit]\nexecutor = "inline"\n')
    (project.root / "flowkit.toml").write_text("workers = 3\n")
    resolved = resolve(project, environ={})
    assert resolved.settings.executor == "threads"
    assert resolved.warnings == ("`[tool.flowkit]` in `pyproject.toml` is ignored: `flowkit.toml` is there",)


def test_environment_texts_become_typed_values() -> None:
    environ = {"FLOWKIT_LOGGING__LEVEL": "ERROR", "FLOWKIT_RUN__TIMEOUT": "1.5", "FLOWKIT_WORKERS": "none"}
    settings = resolve(None, environ=environ).settings
    assert (settings.logging.level, settings.run.timeout, settings.workers) == ("ERROR", 1.5, None)


def test_unknown_environment_is_warned_of_and_the_home_is_not() -> None:
    environ = {"FLOWKIT_HOME": "/x", "FLOWKIT_WORKRES": "4", "OTHER": "1"}
    warnings = resolve(None, environ=environ).warnings
    assert warnings == ("`FLOWKIT_WORKRES` is ignored: no such setting; did you mean `workers`?",)


def test_all_problems_are_reported_at_once_with_file_line_and_key(project: Project) -> None:
    file = project.root / "flowkit.toml"
    file.write_text(
        'workres = 2\nworkers = 0\nexecutor = "thread"\n[logging]\nlevel = true\n[run]\ntimeout = nan\n'
    )
    with pytest.raises(UsageError) as caught:
        resolve(project, environ={"FLOWKIT_SWITCH_INTERVAL": "fast"})
    assert caught.value.message == (
        f"`{file}:1`: there is no setting `workres`; did you mean `workers`? (and 5 more)"
    )
    assert caught.value.hints == (
        f"`{file}:2`: `workers` must be a whole number above 0 or `none`, not `0`",
        f"`{file}:3`: `executor` must be one of `threads`, `processes`, `inline`, `coroutines`, "
        "`dask`, `ray`, `dask:ADDRESS`, `ray:ADDRESS`, not `'thread'`",
        f"`{file}:5`: `logging.level` must be one of `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`, "
        "not `True`",
        f"`{file}:7`: `run.timeout` must be a number above 0 or `none`, not `nan`",
        "`FLOWKIT_SWITCH_INTERVAL`: `switch_interval` must be a number above 0, not `'fast'`",
    )


@pytest.mark.parametrize("content", [b"workers = = 3", b"\xff\xfe", b"a = " + b"[" * 5000])
def test_a_settings_file_that_is_not_toml_is_named(project: Project, content: bytes) -> None:
    (project.root / "flowkit.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"flowkit\.toml` is not valid TOML") as caught:
        resolve(project, environ={})
    assert caught.value.exit_code == 2


def test_a_setting_where_a_section_belongs_is_named(project: Project) -> None:
    (project.root / "flowkit.toml").write_text('logging = "DEBUG"\n')
    with pytest.raises(UsageError, match=r"no setting `logging`; did you mean `logging\.level`"):
        resolve(project, environ={})


def test_a_setting_in_the_table_of_others_is_known_by_its_own_name(project: Project) -> None:
    (project.root / "flowkit.toml").write_text('[retention]\nruns = 5\nexecutr = "threads"\n')
    with pytest.raises(UsageError, match=r"no setting `retention.executr`; did you mean `executor`"):
        resolve(project, environ={})


def test_a_relative_xdg_folder_is_ignored_and_no_home_is_fine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_file({"XDG_CONFIG_HOME": "relative"}) == tmp_path / ".config" / "flowkit" / "config.toml"
    monkeypatch.delenv("HOME")
    assert resolve(None, environ={}).settings == Settings()


# -- flowkit.config ------------------------------------------------------------------------------


@pytest.fixture
def config(project: Project, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    return Config()


def test_config_reads_the_project_at_first_use(project: Project, config: Config) -> None:
    (project.root / "flowkit.toml").write_text('logging.level = "ERROR"\n')
    assert config.logging.level == "ERROR"
    assert config.workers is None


def test_assignment_wins_over_files_and_environment_but_not_over_flags(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWKIT_LOGGING__LEVEL", "ERROR")
    config.backend = "local"
    config.logging.level = "DEBUG"
    assert (config.backend, config.logging.level) == ("local", "DEBUG")
    resolved = config.resolve(None)
    assert (resolved.settings.logging.level, resolved.origins["logging.level"]) == ("DEBUG", "set in Python")
    assert config.resolve(None, {"logging.level": "INFO"}).settings.logging.level == "INFO"


def test_assignment_does_not_read_a_broken_file(project: Project, config: Config) -> None:
    (project.root / "flowkit.toml").write_text("???")
    config.backend = "local"
    with pytest.raises(UsageError, match="is not valid TOML"):
        _ = config.workers


def test_unknown_attributes_name_the_nearest(config: Config) -> None:
    with pytest.raises(AttributeError, match="no setting `wrokers`; did you mean `workers`"):
        _ = config.wrokers
    with pytest.raises(AttributeError, match=r"no setting `logging.levle`; did you mean `logging.level`"):
        config.logging.levle = "DEBUG"
    with pytest.raises(UsageError, match=r"`flowkit.config.workers` must be a whole number"):
        config.workers = "many"


def test_config_lists_what_it_has(config: Config) -> None:
    assert "workers" in dir(config)
    assert "level" in dir(config.logging)
    config.workers = 3
    assert repr(config) == "<flowkit.config: workers set>"


# -- limits -----------------------------------------------------------------------------------


def test_limits_have_names_of_the_user_and_each_knows_where_it_comes_from(
    tmp_path: Path, project: Project
) -> None:
    environ = write_user_file(tmp_path, '[limits]\ngpu = { slots = 1, across = "machine" }\ndb = 9\n')
    (project.root / "flowkit.toml").write_text('[limits]\ndb = 4\n"a.b" = 2\n\n[limits.api]\nslots = 3\n')
    environ["FLOWKIT_LIMITS__DISK"] = '{ slots = 2, across = "machine" }'
    environ["FLOWKIT_LIMITS__NET"] = "7"
    resolved = resolve(project, environ=environ)
    assert resolved.settings.limits == {
        "gpu": Limit(1, "machine"),
        "db": Limit(4),
        "a.b": Limit(2),
        "api": Limit(3),
        "disk": Limit(2, "machine"),
        "net": Limit(7),
    }
    rows = {key: (value, origin) for key, value, origin in resolved.rows() if key not in KEYS}
    assert rows["limits.db"] == (4, f"{project.root}/flowkit.toml:2")
    assert rows["limits.gpu"] == (
        {"slots": 1, "across": "machine"},
        f"{tmp_path}/config/flowkit/config.toml:2",
    )
    assert rows["limits.net"] == (7, "FLOWKIT_LIMITS__NET")


@pytest.mark.parametrize(
    "wrong",
    [
        "0",
        "-1",
        "1.5",
        "true",
        '"many"',
        "{}",
        '{ across = "machine" }',
        '{ slots = 1, across = "world" }',
        "{ slots = 1, more = 2 }",
        "[1]",
    ],
)
def test_a_limit_that_cannot_be_is_told_with_its_place(project: Project, wrong: str) -> None:
    (project.root / "flowkit.toml").write_text(f"[limits]\ndb = {wrong}\n")
    with pytest.raises(
        UsageError, match=r"flowkit\.toml:2`: `limits\.db` must be a whole number above 0, or"
    ):
        resolve(project, environ={"XDG_CONFIG_HOME": "/nowhere"})


def test_a_limit_of_the_environment_that_cannot_be_is_told(project: Project) -> None:
    environ = {"XDG_CONFIG_HOME": "/nowhere", "FLOWKIT_LIMITS__DB": "{ slots"}
    with pytest.raises(
        UsageError, match=r"`FLOWKIT_LIMITS__DB`: `limits\.db` must be a whole number above 0"
    ):
        resolve(project, environ=environ)


def test_limits_are_read_and_set_in_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Project
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (project.root / "flowkit.toml").write_text("[limits]\ndb = 4\n")
    config = Config()
    config.limits.api = {"slots": 2, "across": "machine"}
    assert config.limits.to_dict() == {"api": Limit(2, "machine"), "db": Limit(4)}
    assert config.limits.db == Limit(4)
    config.limits.db = 1
    assert config.resolve(project).settings.limits == {"db": Limit(1), "api": Limit(2, "machine")}
    with pytest.raises(AttributeError, match=r"no setting `limits\.net`"):
        _ = config.limits.net
    with pytest.raises(UsageError, match=r"`flowkit\.config\.limits\.db` must be"):
        config.limits.db = 0


def test_an_executor_may_be_an_address(project: Project) -> None:
    for lane in ADDRESSED:
        (project.root / "flowkit.toml").write_text(f'executor = "{lane}:tcp://10.0.0.1:8786"\n')
        assert resolve(project, environ={}).settings.executor == f"{lane}:tcp://10.0.0.1:8786"
        with pytest.raises(UsageError, match=f"`{lane}:ADDRESS`.*, not `'{lane}:'`"):
            resolve(project, environ={"FLOWKIT_EXECUTOR": f"{lane}:"})
