"""`mobilenet data`: the book's data folder for a library that was installed without the book."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Data:
    """Copy or fetch the book's data folder; with no source and place, look whether it is whole.

    The library then finds it: in MOBILENET_DATA where that is set, else among the user's own files.
    """

    source: tyro.conf.Positional[str | None] = None
    """The book's folder or its data folder, an archive of one (.zip, .tar.gz), or its address."""
    to: str | None = None
    """Folder to put it in, in place of the one where the library looks."""

    def run(self) -> int:
        """Print where the data is; the exit code is 1 if files of it are missing or changed."""
        from ..files import DATA_VARIABLE, find_data
        from ..manifest import few, problems
        from ..release import get_data

        if self.source is None and self.to is None:
            try:
                found = find_data()
            except FileNotFoundError:
                pass  # so it is fetched
            else:
                wrong = problems(found)
                print(f"{found}: {'missing or changed: ' + few(wrong) if wrong else 'whole'}")
                return int(bool(wrong))
        entries = get_data(self.source, self.place())
        size = sum(entry.size for entry in entries) / 1e6
        print(f"{self.place()}: {len(entries)} files, {size:.0f} MB, as the book has them")
        if self.to is not None:
            print(f"For the library to find them, set {DATA_VARIABLE} to that folder.")
        return 0

    def place(self) -> Path:
        """The folder that the data goes to."""
        from ..files import own_data

        if self.to is not None:
            return Path(self.to).expanduser().absolute()
        try:
            return own_data()
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}; choose a place with --to") from None
