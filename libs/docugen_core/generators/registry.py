"""The installed generators, by name. Listing them reads package metadata only; code is imported when one is asked for.

An entry point is trusted: whoever can install a distribution beside DocuGen can run code in it anyway. What is checked is
that it holds what it promises, so that a mistake is named at its source and not in a caller's document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from docugen_core.errors import ConfigurationError, NotFound
from docugen_core.generators.generator import Generator

ENTRY_POINT_GROUP = "docugen.generators"


@dataclass(frozen=True, slots=True)
class GeneratorRegistry:
    """Generators by name. Make one by `load()`, once a process: what is installed later is not seen."""

    entries: Mapping[str, EntryPoint]

    @classmethod
    def load(cls) -> GeneratorRegistry:
        """The generators of every installed distribution. Raises ConfigurationError when two claim one name."""
        return cls.of(entry_points(group=ENTRY_POINT_GROUP))

    @classmethod
    def of(cls, found: Iterable[EntryPoint]) -> GeneratorRegistry:
        """A registry of exactly these entry points. Raises ConfigurationError when two claim one name."""
        entries: dict[str, EntryPoint] = {}
        for entry in found:
            first = entries.setdefault(entry.name, entry)
            # The same distribution may be seen twice on sys.path (an editable install): that is no conflict.
            if first.value != entry.value:
                raise ConfigurationError(
                    f"two generators are called {entry.name!r}: {first.value} and {entry.value}",
                    code="GENERATOR_AMBIGUOUS",
                    hint="Uninstall one of the distributions, or rename its entry point.",
                )
        return cls(entries)

    def names(self) -> tuple[str, ...]:
        """All names, sorted. Imports nothing."""
        return tuple(sorted(self.entries))

    def get(self, name: str) -> Generator:
        """The generator called `name`; its module is imported now if it was not before.

        Raises NotFound (GENERATOR_NOT_FOUND; the message offers the nearest name and lists all) and ConfigurationError
        (GENERATOR_BROKEN: the entry point names nothing, or something that is no generator of this name).
        """
        entry = self.entries.get(name)
        if entry is None:
            raise self._unknown(name)
        try:
            generator = entry.load()
        except (ImportError, AttributeError) as error:
            raise _broken(entry, f"cannot be imported: {error}") from error
        if not isinstance(generator, Generator):
            raise _broken(entry, f"is a {type(generator).__name__}, not a Generator")
        if generator.name != name:
            raise _broken(entry, f"calls itself {generator.name!r}")
        return generator

    def _unknown(self, name: str) -> NotFound:
        near = get_close_matches(name, self.names(), n=1)
        question = f" Did you mean {near[0]!r}?" if near else ""
        return NotFound(
            f"no generator is called {name!r}.{question} Installed: {', '.join(self.names()) or 'none'}.",
            code="GENERATOR_NOT_FOUND",
            hint="Name an installed generator, or install the distribution that provides this one.",
            details={"generator": name},
        )


def _broken(entry: EntryPoint, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"generator {entry.name!r} ({entry.value}) {problem}",
        code="GENERATOR_BROKEN",
        hint="Repair or uninstall the distribution that declares this entry point.",
    )
