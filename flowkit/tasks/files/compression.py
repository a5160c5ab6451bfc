"""Archives of zip. zipfile is imported when a task runs.

Source of the vocabulary: Prefect classic, 21.3.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowkit.errors import CallError, DefinitionError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.files.paths import StrPath, path_of

if TYPE_CHECKING:
    from zipfile import ZipFile

_METHODS = {"deflate": "ZIP_DEFLATED", "store": "ZIP_STORED", "bzip2": "ZIP_BZIP2", "lzma": "ZIP_LZMA"}


class Zip(Task):
    """Pack files and folders into an archive; it appears when it is whole.

    Each goes in under its own name, a folder with all that is in it; links to files are followed.
    Left out are links to folders, and what is neither file nor folder.

    Args:
        source_path: what to pack: a path, or a list of them.
        zip_path: the archive; one that is there is replaced.
        compression_method: `deflate`, `store`, `bzip2` or `lzma`.
        compression_level: 0 to 9 for `deflate`, 1 to 9 for `bzip2`.
        **options: those of `Task`.

    Raises:
        DefinitionError: an unknown method.
    """

    def __init__(
        self,
        source_path: StrPath | Iterable[StrPath] = "",
        zip_path: StrPath = "",
        compression_method: str = "deflate",
        compression_level: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.source_path = source_path
        self.zip_path = zip_path
        self.compression_method = compression_method
        self.compression_level = compression_level
        self._check_method(compression_method)

    @defaults_from_attrs("source_path", "zip_path", "compression_method", "compression_level")
    def run(
        self,
        source_path: StrPath | Iterable[StrPath] = "",
        zip_path: StrPath = "",
        compression_method: str = "deflate",
        compression_level: int | None = None,
    ) -> Path:
        """Pack them.

        Returns:
            The path of the archive.

        Raises:
            OSError: with the path.
            CallError: an argument is missing, or two sources have one name.
        """
        import zipfile

        self._check_method(compression_method)
        given = [source_path] if isinstance(source_path, str | os.PathLike) else list(source_path)
        sources = [path_of(each, "source_path", self.name) for each in given]
        target = path_of(zip_path, "zip_path", self.name)
        method = getattr(zipfile, _METHODS[compression_method])
        made = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
        try:
            with zipfile.ZipFile(
                made, "x", method, compresslevel=compression_level, strict_timestamps=False
            ) as archive:
                for path, name in self._members(sources, {target.absolute(), made.absolute()}):
                    archive.write(path, name)
            made.replace(target)
        finally:
            made.unlink(missing_ok=True)
        return target

    def _members(self, sources: Iterable[Path], left_out: set[Path]) -> Iterator[tuple[Path, str]]:
        """Files and folders, with their names in the archive."""
        seen: dict[str, Path] = {}
        for source in sources:
            top = source.resolve().name if source.name in ("", "..") else source.name
            if top in seen:
                raise CallError(f"`{seen[top]}` and `{source}` would have the same name in the archive")
            seen[top] = source
            yield source, top
            for folder, folders, files in os.walk(source):
                for name in sorted(folders) + sorted(files):
                    path = Path(folder, name)
                    if path.absolute() not in left_out and _goes_in(path):
                        yield path, str(Path(top, path.relative_to(source)))

    def _check_method(self, method: str) -> None:
        if method not in _METHODS:
            raise DefinitionError(
                f"`compression_method` of the task `{self.name}` is {', '.join(_METHODS)}, not `{method}`"
            )


class Unzip(Task):
    """Unpack an archive. One with a name that leads out of the folder is refused before anything is written.

    Args:
        zip_path: the archive.
        extract_dir: the folder to unpack into, which is made; default: the working directory.
        zip_password: of an encrypted one.
        remove_after_unzip: remove the archive when all is unpacked.
        **options: those of `Task`.
    """

    def __init__(
        self,
        zip_path: StrPath = "",
        extract_dir: StrPath = "",
        zip_password: str | bytes | None = None,
        remove_after_unzip: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.zip_path = zip_path
        self.extract_dir = extract_dir
        self.zip_password = zip_password
        self.remove_after_unzip = remove_after_unzip

    @defaults_from_attrs("zip_path", "extract_dir", "zip_password", "remove_after_unzip")
    def run(
        self,
        zip_path: StrPath = "",
        extract_dir: StrPath = "",
        zip_password: str | bytes | None = None,
        remove_after_unzip: bool = False,
    ) -> Path:
        """Unpack it.

        Returns:
            The folder.

        Raises:
            ValueError: it is no archive, or leads out of the folder; with the path.
            OSError: with the path.
            RuntimeError: the password is missing or wrong.
            CallError: an argument is missing.
        """
        import zipfile

        source = path_of(zip_path, "zip_path", self.name)
        folder = Path(extract_dir or Path.cwd())
        password = zip_password.encode() if isinstance(zip_password, str) else zip_password
        try:
            with zipfile.ZipFile(source) as archive:
                _check_names(archive, source, folder)
                folder.mkdir(parents=True, exist_ok=True)
                archive.extractall(folder, pwd=password)
        except zipfile.BadZipFile as error:
            raise ValueError(f"`{source}` cannot be unpacked: {error}") from error
        if remove_after_unzip:
            source.unlink()
        return folder


def _goes_in(path: Path) -> bool:
    if path.is_dir():
        return not path.is_symlink()
    return path.is_file() or not path.exists()  # a link that leads nowhere is an error


def _check_names(archive: ZipFile, source: Path, folder: Path) -> None:
    """Refuse names that lead out of the folder, by themselves or over a link that is in it already."""
    inside = folder.resolve()
    for name in archive.namelist():
        plain = name.replace("\\", "/")
        if plain.startswith("/") or ".." in plain.split("/") or not _lies_in(inside, plain):
            raise ValueError(
                f"`{source}` is not unpacked: its member `{name}` would lie outside of `{folder}`"
            )


def _lies_in(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder)
